package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/proof"
)

// attested is what a server attests to, verified down to its manifest.
type attested struct {
	manifest   proof.Manifest
	hash       string
	receipt    proof.Receipt
	checkpoint proof.Checkpoint
	policy     proof.Certificate
}

const maxAnswer = 16 << 20

func get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", address, response.StatusCode)
	}
	return b, err
}

// readAttestation verifies an attestation: manifest by its operators, certificates, receipt and checkpoint by the
// manifest's certifier.
func readAttestation(b []byte) (attested, error) {
	var a attested
	var body struct {
		Manifest, Receipt, Checkpoint string
		Certificates                  []string
	}
	if err := json.Unmarshal(b, &body); err != nil {
		return a, fmt.Errorf("attestation: %w", err)
	}
	var manifest proof.SignedManifest
	if err := errors.Join(decode64(body.Manifest, &manifest), manifest.Verify()); err != nil {
		return a, err
	}
	a.manifest = manifest.Manifest
	hash, err := a.manifest.Hash()
	if err != nil {
		return a, err
	}
	a.hash = hex.EncodeToString(hash[:])
	var receipt proof.SignedReceipt
	if err := errors.Join(decode64(body.Receipt, &receipt), receipt.Verify(a.manifest.Certifier)); err != nil {
		return a, err
	}
	a.receipt = receipt.Receipt
	if a.receipt.Manifest != hash || a.receipt.Head.Shard != a.manifest.Shard {
		return a, errors.New("the receipt was given under another manifest")
	}
	if a.checkpoint, err = proof.OpenCheckpoint(a.manifest.Certifier, a.manifest.Shard, body.Checkpoint); err != nil {
		return a, err
	}
	return a, a.certificates(body.Certificates)
}

func (a *attested) certificates(encoded []string) error {
	for _, text := range encoded {
		var c proof.SignedCertificate
		if err := decode64(text, &c); err != nil {
			return err
		}
		// The receipt beside them says when they were in force: an attestation that was kept stays good.
		if err := c.Verify(a.manifest, c.Certificate.Role, time.UnixMilli(int64(a.receipt.Time))); err != nil {
			return err
		}
		if c.Certificate.Role == proof.RolePolicy {
			a.policy = c.Certificate
		}
	}
	if len(a.policy.SigningKey) == 0 {
		return errors.New("the attestation names no policy engine")
	}
	return nil
}

func decode64(text string, into any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return err
	}
	return proof.Decode(b, into)
}

// verifyServer reads all leaves of a server's log and checks that they have the root that the certifier signed.
func verifyServer(ctx context.Context, address string) (verified, error) {
	address = strings.TrimSuffix(address, "/")
	b, err := get(ctx, address+"/attestation")
	if err != nil {
		return verified{}, err
	}
	a, err := readAttestation(b)
	if err != nil {
		return verified{}, err
	}
	if a.receipt.Head.Size == a.checkpoint.Size && a.receipt.Head.Root != a.checkpoint.Root {
		return verified{}, errors.New("receipt and checkpoint disagree about the root")
	}
	root, err := rootOfTiles(ctx, address, a.checkpoint.Size)
	if err != nil {
		return verified{}, err
	}
	if root != a.checkpoint.Root {
		return verified{}, fmt.Errorf("the %d entries that the server shows do not have the root that its certifier signed", a.checkpoint.Size)
	}
	note := "note: the server chose the manifest; compare its hash with the one that you were given, or pass it as --manifest"
	return verified{size: a.checkpoint.Size, root: root, manifest: a.hash, notes: []string{note}}, nil
}

// rootOfTiles computes the root from the leaf hashes alone.
func rootOfTiles(ctx context.Context, address string, size uint64) (proof.Hash, error) {
	const height = 8
	var hashes storedHashes
	for at := int64(0); at < int64(size); {
		tile := tlog.TileForIndex(height, tlog.StoredHashIndex(0, at))
		tile.W = int(min(1<<height, int64(size)-tile.N<<height))
		data, err := get(ctx, address+"/log/"+tile.Path())
		if err != nil {
			return proof.Hash{}, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return proof.Hash{}, fmt.Errorf("tile %s has %d bytes", tile.Path(), len(data))
		}
		for leaf := range slices.Chunk(data, tlog.HashSize) {
			more, err := tlog.StoredHashesForRecordHash(at, tlog.Hash(leaf), hashes)
			if err != nil {
				return proof.Hash{}, err
			}
			hashes = append(hashes, more...)
			at++
		}
	}
	return tlog.TreeHash(int64(size), hashes)
}

type storedHashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = h[x]
	}
	return out, nil
}
