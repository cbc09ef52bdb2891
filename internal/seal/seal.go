// Package seal is the only place where Redoubt calls an AEAD, but for HPKE in proof/envelope. A record is sealed by
// AES-256-GCM under a key of its own, derived by HMAC-SHA-256 from the owner's root and 24 random bytes (one step of NIST
// SP 800-108 in counter mode).
//
// A key seals exactly one message, so the GCM nonce is fixed at zero and no counter or version enters it: after a crash
// the same version of a record may be sealed twice, with different contents, and that must be harmless. An envelope is
//
//	version (1) | salt (24) | ciphertext and tag
//
// and authenticates the version, the label of the key and the caller's context besides.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

const (
	version  = 1
	saltSize = 24
	// Overhead is what sealing adds to a plaintext, in bytes.
	Overhead = 1 + saltSize + 16
)

// RootSize is the size of a root secret in bytes.
const RootSize = 32

// ErrOpen says that an envelope was not made with this key and context, or was changed since.
var ErrOpen = errors.New("sealed record does not open: wrong key, wrong place or changed bytes")

// Root is an enclave's root secret, from which all its keys derive. It never prints.
type Root struct{ secret *hidden }

// hidden keeps a secret two pointers away from a struct that holds it: out of an unexported field fmt asks no method, and
// follows one pointer when it complains of a verb that does not fit.
type hidden struct{ bytes *[32]byte }

func hide(secret [32]byte) *hidden { return &hidden{&secret} }

// NewRoot takes a root secret of RootSize bytes.
func NewRoot(secret []byte) (Root, error) {
	if len(secret) != RootSize {
		return Root{}, fmt.Errorf("root secret has %d bytes, want %d", len(secret), RootSize)
	}
	return Root{hide([RootSize]byte(secret))}, nil
}

// Derive returns 32 bytes for a label: a key of its own purpose.
func (r Root) Derive(label string) [32]byte {
	mac := hmac.New(sha256.New, r.secret.bytes[:])
	io.WriteString(mac, "redoubt/derive/v1\x00"+label)
	return [32]byte(mac.Sum(nil))
}

// Zero wipes the root secret. Keys that were derived from it go on working.
func (r Root) Zero() { clear(r.secret.bytes[:]) }

// Commitment identifies the root secret without telling anything of it.
func (r Root) Commitment() [32]byte { return r.Derive("commitment") }

// Key returns the sealing key for a label.
func (r Root) Key(label string) Key {
	return Key{hide(r.Derive("seal\x00" + label))}
}

// Format implements fmt.Formatter without the secret.
func (Root) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// MarshalText implements encoding.TextMarshaler without the secret.
func (Root) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

// Key seals and opens envelopes of one kind. It never prints.
type Key struct{ secret *hidden }

// Seal encrypts a plaintext for a context that must be given again to open it.
func (k Key) Seal(context, plaintext []byte) ([]byte, error) {
	out := make([]byte, 1+saltSize, Overhead+len(plaintext))
	out[0] = version
	rand.Read(out[1:])
	aead, err := k.aead(out[1 : 1+saltSize])
	if err != nil {
		return nil, err
	}
	var nonce [12]byte
	return aead.Seal(out, nonce[:], plaintext, authenticated(context)), nil
}

// Open decrypts an envelope. It returns ErrOpen, and nothing more, for whatever is wrong.
func (k Key) Open(context, envelope []byte) ([]byte, error) {
	if len(envelope) < Overhead || envelope[0] != version {
		return nil, ErrOpen
	}
	aead, err := k.aead(envelope[1 : 1+saltSize])
	if err != nil {
		return nil, err
	}
	var nonce [12]byte
	plaintext, err := aead.Open(nil, nonce[:], envelope[1+saltSize:], authenticated(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

func (k Key) aead(salt []byte) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, k.secret.bytes[:])
	mac.Write([]byte{1})
	mac.Write(salt)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func authenticated(context []byte) []byte { return append([]byte{version}, context...) }

// Format implements fmt.Formatter without the secret.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// MarshalText implements encoding.TextMarshaler without the secret.
func (Key) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }
