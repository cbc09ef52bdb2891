package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 value.
type Hash = tlog.Hash

// ID is the 16 bytes of an organization, a wallet, an authenticator or a shard.
type ID = [16]byte

// ErrEncoding says that bytes are not the one canonical encoding of what they should be.
var ErrEncoding = errors.New("not canonical CBOR of this format")

// Encode returns the deterministic CBOR of v.
func Encode(v any) ([]byte, error) {
	mode, err := encoder()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// Decode reads deterministic CBOR into v and refuses everything that would not re-encode to the same bytes: unknown
// fields, tags, indefinite lengths, duplicate keys, longer integers than needed, trailing bytes.
func Decode(b []byte, v any) error {
	if err := DecodeFrame(b, v); err != nil {
		return err
	}
	again, err := Encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return ErrEncoding
	}
	return nil
}

// DecodeFrame is Decode without the comparison of bytes, for messages that are not signed and not stored.
func DecodeFrame(b []byte, v any) error {
	mode, err := decoder()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return nil
}

// sum hashes b under a context, so that no two formats can be taken for one another.
func sum(context string, b []byte) Hash {
	h := sha256.New()
	h.Write([]byte(context))
	h.Write([]byte{0})
	h.Write(b)
	return Hash(h.Sum(nil))
}

// Sign signs b under a context with an Ed25519 key.
func Sign(key ed25519.PrivateKey, context string, b []byte) []byte {
	return ed25519.Sign(key, append(append([]byte(context), 0), b...))
}

// Verify checks a signature made by Sign.
func Verify(key ed25519.PublicKey, context string, b, signature []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	return ed25519.Verify(key, append(append([]byte(context), 0), b...), signature)
}
