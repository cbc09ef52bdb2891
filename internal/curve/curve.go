// Package curve is the only place where signatures are made and checked: Ed25519 (RFC 8032), ECDSA over secp256k1
// (SEC 1, RFC 6979) and Schnorr signatures over it (BIP-340, with the tweak of BIP-341) for wallets, and P-256 (FIPS 186-5) for stamps.
//
// Wallet keys sign deterministically, so that no random number generator can leak them, and every signature is
// checked before it is released, so that neither can a flipped bit. Verification is strict where a second
// spelling or a second form of a signature could be told apart from the first by somebody else.
package curve

import (
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

var (
	errAlgorithm = errors.New("curve: unknown algorithm")
	errKey       = errors.New("curve: not a canonical public key of this algorithm")
)

// Verify reports whether signature is one by publicKey over message, which it hashes as the algorithm says.
//
//	Ed25519             key of 32 bytes, R‖S of 64, no hash; strict as in stamp.VerifyEd25519
//	Secp256r1           key of 65 bytes, r‖s of 64, SHA-256; either form of s, as browsers send
//	Secp256k1           key of 33 bytes, r‖s of 64, SHA-256; low s only
//	Secp256k1Keccak256  key of 33 bytes, r‖s of 64, Keccak-256; low s only
//	Secp256k1Schnorr    key of 32 bytes, R‖s of 64, SHA-256; BIP-340
func Verify(alg api.Algorithm, publicKey, message, signature []byte) bool {
	switch alg {
	case api.Ed25519:
		return stamp.VerifyEd25519(publicKey, message, signature)
	case api.Secp256r1:
		return stamp.VerifyP256(publicKey, message, signature)
	case api.Secp256k1:
		digest := sha256.Sum256(message)
		return verifySecp256k1(publicKey, digest[:], signature)
	case api.Secp256k1Keccak256:
		return verifySecp256k1(publicKey, Keccak256(message), signature)
	case api.Secp256k1Schnorr:
		return verifySchnorr(publicKey, message, signature)
	}
	return false
}

// CanonicalKey returns a copy of publicKey if it is the one spelling under which the key may be stored: the
// length that Verify wants, on the curve, neither the identity nor of low order.
func CanonicalKey(alg api.Algorithm, publicKey []byte) ([]byte, error) {
	var err error
	switch alg {
	case api.Ed25519:
		err = stamp.CheckEd25519(publicKey)
	case api.Secp256r1:
		err = stamp.CheckP256(publicKey)
	case api.Secp256k1, api.Secp256k1Keccak256:
		_, err = parseSecp256k1(publicKey)
	case api.Secp256k1Schnorr:
		err = errAlgorithm
	default:
		err = errAlgorithm
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(publicKey), nil
}

// Keccak256 is the hash of Ethereum: SHA-3 with the padding from before it was a standard.
func Keccak256(message []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(message)
	return h.Sum(nil)
}

// verifySecp256k1 adds to the library's verifier that s is low, r and s are reduced and the key is compressed.
func verifySecp256k1(publicKey, digest, signature []byte) bool {
	key, err := parseSecp256k1(publicKey)
	if err != nil || len(signature) != 64 {
		return false
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:32]) || s.SetByteSlice(signature[32:]) {
		return false
	}
	if r.IsZero() || s.IsZero() || s.IsOverHalfOrder() {
		return false
	}
	return ecdsa.NewSignature(&r, &s).Verify(digest, key)
}

func parseSecp256k1(publicKey []byte) (*secp256k1.PublicKey, error) {
	if len(publicKey) != secp256k1.PubKeyBytesLenCompressed {
		return nil, errKey
	}
	key, err := secp256k1.ParsePubKey(publicKey)
	if err != nil {
		return nil, errKey
	}
	return key, nil
}
