package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a size and a root of the log, as the certifier signed them (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// ErrCheckpoint says that a checkpoint is not one of this certifier.
var ErrCheckpoint = errors.New("checkpoint refused")

// CheckpointOrigin names the log of a shard.
func CheckpointOrigin(shard ID) string { return fmt.Sprintf("redoubt/%x", shard) }

// noteKeyHash is the key id of signed notes: the first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ key).
func noteKeyHash(name string, public []byte) uint32 {
	hash := sha256.Sum256(append([]byte(name+"\n"), public...))
	return binary.BigEndian.Uint32(hash[:4])
}

// noteKey is an Ed25519 key in the encoding of signed notes: the algorithm's number, then the key.
func noteKey(key []byte) []byte { return append([]byte{1}, key...) }

// SignCheckpoint writes a checkpoint as a signed note.
func SignCheckpoint(certifier ed25519.PrivateKey, c Checkpoint) (string, error) {
	public := certifier.Public().(ed25519.PublicKey)
	private := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", c.Origin, noteKeyHash(c.Origin, noteKey(public)),
		base64.StdEncoding.EncodeToString(noteKey(certifier.Seed())))
	signer, err := note.NewSigner(private)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	return string(signed), err
}

// OpenCheckpoint verifies and reads a checkpoint of a shard.
func OpenCheckpoint(certifier ed25519.PublicKey, shard ID, signed string) (Checkpoint, error) {
	c := Checkpoint{Origin: CheckpointOrigin(shard)}
	key := fmt.Sprintf("%s+%08x+%s", c.Origin, noteKeyHash(c.Origin, noteKey(certifier)), base64.StdEncoding.EncodeToString(noteKey(certifier)))
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != c.Origin || lines[3] != "" {
		return c, fmt.Errorf("%w: want three lines: origin, size, root", ErrCheckpoint)
	}
	if c.Size, err = strconv.ParseUint(lines[1], 10, 63); err != nil || strconv.FormatUint(c.Size, 10) != lines[1] {
		return c, fmt.Errorf("%w: size", ErrCheckpoint)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return c, fmt.Errorf("%w: root", ErrCheckpoint)
	}
	c.Root = Hash(root)
	return c, nil
}
