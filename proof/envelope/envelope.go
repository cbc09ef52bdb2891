// Package envelope is how a wallet's secret travels between its owner and the signer: HPKE of RFC 9180 in base mode, by
// the standard library. The recipient's key says by its length which of two suites is used; what the envelope is for is
// bound into the info of HPKE, so that one opens nowhere but where it was meant to. Both ends use this package; the
// format is docs/spec/envelope.md.
package envelope

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"errors"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// The sizes of recipients' public keys in bytes, by which the suites are told apart.
const (
	SizeX25519 = 32
	SizeHybrid = 1216 // X25519 with ML-KEM-768, X-Wing
)

// MaxSize is the most bytes that an envelope has: the larger encapsulated key, the longest secret, and the tag.
const MaxSize = 1120 + paddedSize + 16

// Errors of this package. They say nothing of what an envelope holds.
var (
	ErrPublicKey = errors.New("not a public key of X25519 (32 bytes) or of X25519 with ML-KEM-768 (1,216 bytes)")
	ErrOpen      = errors.New("the envelope does not open: another key, another purpose or changed bytes")
)

// Purpose is what an envelope is for. It is authenticated with it.
type Purpose struct {
	Method       api.Method // completeImportWallet or exportWallet
	Organization proof.ID
	Subject      proof.ID   // the wallet of an export; zero for an import, whose wallet has no name yet
	Context      proof.Hash // SHA-256: of the import envelope as it was decoded, or of the body that asks for the export
}

// info binds the purpose and the recipient. Only the method has no fixed length, and it has no zero byte.
func (p Purpose) info(recipient []byte) []byte {
	b := append([]byte("redoubt/envelope/v1\x00"), p.Method...)
	b = append(b, 0)
	b = append(b, p.Organization[:]...)
	b = append(b, p.Subject[:]...)
	b = append(b, p.Context[:]...)
	key := sha256.Sum256(recipient)
	return append(b, key[:]...)
}

// kem is the key encapsulation for a size of public keys.
func kem(size int) (hpke.KEM, error) {
	switch size {
	case SizeX25519:
		return hpke.DHKEM(ecdh.X25519()), nil
	case SizeHybrid:
		return hpke.MLKEM768X25519(), nil
	}
	return nil, ErrPublicKey
}

// CheckPublicKey says whether bytes are a public key of one of the suites. That an exchange with it is safe is found out
// by Seal.
func CheckPublicKey(b []byte) error {
	k, err := kem(len(b))
	if err != nil {
		return err
	}
	if _, err := k.NewPublicKey(b); err != nil {
		return ErrPublicKey
	}
	return nil
}

// Seal encrypts a secret to a public key. A key that would make the exchange the same for everybody is refused.
func Seal(publicKey []byte, purpose Purpose, secret *Secret) ([]byte, error) {
	k, err := kem(len(publicKey))
	if err != nil {
		return nil, err
	}
	to, err := k.NewPublicKey(publicKey)
	if err != nil {
		return nil, ErrPublicKey
	}
	plain, err := secret.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), purpose.info(publicKey), plain)
	if err != nil {
		return nil, ErrPublicKey // all that can go wrong here: an all-zero exchange
	}
	return sealed, nil
}

// Key opens envelopes. It never prints.
type Key struct{ private *hpke.PrivateKey }

// SeedSize is the size of what a Key is made from, in bytes.
const SeedSize = 32

// NewKey derives a key from a seed of random bytes: for one of the suites, named by the size of its public keys.
func NewKey(seed []byte, size int) (Key, error) {
	k, err := kem(size)
	if err != nil {
		return Key{}, err
	}
	if len(seed) != SeedSize {
		return Key{}, errors.New("envelope: a seed has 32 bytes")
	}
	private, err := k.DeriveKeyPair(seed)
	return Key{&private}, err
}

// PublicKey is what others encrypt to.
func (k Key) PublicKey() []byte { return (*k.private).PublicKey().Bytes() }

// Open decrypts an envelope that was sealed for a purpose. The caller wipes the secret.
func (k Key) Open(purpose Purpose, sealed []byte) (*Secret, error) {
	if len(sealed) > MaxSize {
		return nil, ErrOpen
	}
	plain, err := hpke.Open(*k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), purpose.info(k.PublicKey()), sealed)
	if err != nil {
		return nil, ErrOpen
	}
	defer clear(plain)
	return decodeSecret(plain)
}

// String says nothing.
func (Key) String() string { return "REDACTED" }

// GoString says nothing.
func (Key) GoString() string { return "REDACTED" }

// MarshalText says nothing.
func (Key) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }
