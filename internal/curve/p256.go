package curve

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
)

// p256Key signs raw payloads for whoever verifies P-256, which no chain of ours does. Its secret hangs on a pointer for
// the reason given at ed25519Key.
type p256Key struct {
	Redacted
	secret *ecdsa.PrivateKey
	public []byte           // compressed
	check  *ecdsa.PublicKey // the same, apart from the secret, so that a fault there does not reach it

	// testOnlyFault may spoil a signature (r ‖ s) before the check.
	testOnlyFault func(signature []byte)
}

var _ PrivateKey = (*p256Key)(nil)

func newP256(scalar []byte) (*p256Key, error) {
	secret, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return nil, errSecret
	}
	public, err := secret.PublicKey.Bytes()
	if err != nil {
		return nil, errSecret
	}
	check, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return nil, errSecret
	}
	return &p256Key{secret: secret, public: compressed(public), check: check}, nil
}

// compressed is the short form of an uncompressed point: the parity of Y, and X.
func compressed(point []byte) []byte {
	return append([]byte{2 | point[64]&1}, point[1:33]...)
}

func (k *p256Key) Curve() api.Curve { return api.CurveSecp256r1 }

func (k *p256Key) Public() []byte { return slices.Clone(k.public) }

// Sign derives the nonce by RFC 6979: without a source of randomness, the library is deterministic.
func (k *p256Key) Sign(digest []byte) ([]byte, error) {
	if k.secret == nil {
		return nil, errZeroed
	}
	if len(digest) != 32 {
		return nil, errDigest
	}
	der, err := k.secret.Sign(nil, digest, crypto.SHA256)
	if err != nil {
		return nil, errFault
	}
	var made struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &made); err != nil || len(rest) > 0 {
		return nil, errFault
	}
	order := elliptic.P256().Params().N
	if made.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		made.S.Sub(order, made.S)
	}
	signature := make([]byte, 64)
	made.R.FillBytes(signature[:32])
	made.S.FillBytes(signature[32:])
	if k.testOnlyFault != nil {
		k.testOnlyFault(signature)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if s.Cmp(new(big.Int).Rsh(order, 1)) > 0 || !ecdsa.Verify(k.check, digest, r, s) {
		return nil, errFault
	}
	return signature, nil
}

// Zero wipes what can be reached of the key; the library keeps a copy that nobody can.
func (k *p256Key) Zero() {
	if k.secret != nil {
		clear(k.secret.D.Bits()) //nolint:staticcheck // deprecated, but the only way to the scalar that is kept
		k.secret = nil
	}
}
