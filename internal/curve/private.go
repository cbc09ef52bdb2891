package curve

import (
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
)

var (
	errSecret = errors.New("curve: not a private key of this curve")
	errZeroed = errors.New("curve: the private key has been wiped")
	errDigest = errors.New("curve: a secp256k1 key signs digests of 32 bytes")
	errFault  = errors.New("curve: a signature failed its check and was withheld")
)

// PrivateKey is the key of one account. Whatever prints, logs or encodes it says REDACTED.
//
// Sign may be called from several goroutines at once, Zero by the last user only.
type PrivateKey interface {
	// Curve is CurveEd25519, CurveSecp256k1 or CurveSecp256r1.
	Curve() api.Curve

	// Public is a copy of the public key: 32 bytes for Ed25519, 33 (compressed) for secp256k1 and P-256.
	Public() []byte

	// Sign signs the message (Ed25519: R‖S, 64 bytes) or the digest of 32 bytes (secp256k1: r‖s‖recovery id,
	// 65 bytes, s low, the id 0 to 3; P-256: r‖s, 64 bytes, s low). The same input always gives the same signature.
	Sign(signingBytes []byte) ([]byte, error)

	// Zero wipes the key. It signs nothing afterwards.
	Zero()

	fmt.Formatter
}

// New makes the private key of a curve from its 32 bytes, an Ed25519 seed or a secp256k1 scalar, and keeps no
// reference to them. The public key is always computed, never taken from a caller: an Ed25519 signature under
// a foreign public key gives the private key away.
func New(c api.Curve, secret []byte) (PrivateKey, error) {
	if len(secret) != 32 {
		return nil, errSecret
	}
	switch c {
	case api.CurveEd25519:
		return newEd25519(secret), nil
	case api.CurveSecp256k1, api.CurveK256:
		return newSecp256k1(secret)
	case api.CurveSecp256r1:
		return newP256(secret)
	}
	return nil, errSecret
}

// Redacted makes a type that embeds it keep its contents to itself, in every verb of fmt, in structured logs
// and in encoders.
type Redacted struct{}

const redacted = "REDACTED"

// String hides the value.
func (Redacted) String() string { return redacted }

// GoString hides the value.
func (Redacted) GoString() string { return redacted }

// Format hides the value, whatever the verb.
func (Redacted) Format(f fmt.State, _ rune) {
	// A failing writer is reported to whoever called the fmt function.
	_, _ = f.Write([]byte(redacted))
}

// MarshalText hides the value; loggers use it, too.
func (Redacted) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON hides the value.
func (Redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalBinary refuses: an encoding that cannot say that something is missing shall have nothing.
func (Redacted) MarshalBinary() ([]byte, error) {
	return nil, errors.New("curve: secrets have no encoding")
}
