package stamp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
)

const p256KeySize = 65 // 0x04 ‖ X ‖ Y

// VerifyP256 reports whether signature, the raw r‖s of 64 bytes, is one by publicKey over SHA-256(message).
//
// Both forms of s are accepted: browsers do not normalise it, and half of their stamps would be lost. DER is
// never tried.
func VerifyP256(publicKey, message, signature []byte) bool {
	if len(signature) != signatureSize {
		return false
	}
	key, err := parseP256(publicKey)
	if err != nil {
		return false
	}
	r := new(big.Int).SetBytes(signature[:32])
	s := new(big.Int).SetBytes(signature[32:])
	digest := sha256.Sum256(message)
	return ecdsa.Verify(key, digest[:], r, s)
}

// VerifyP256DER reports whether signature, in the DER form that authenticators of passkeys write, is one by publicKey over
// SHA-256(message). Both forms of s are accepted, and the raw form is never tried.
func VerifyP256DER(publicKey, message, signature []byte) bool {
	key, err := parseP256(publicKey)
	if err != nil {
		return false
	}
	digest := sha256.Sum256(message)
	return ecdsa.VerifyASN1(key, digest[:], signature)
}

// CheckP256 says whether publicKey may be registered: the uncompressed form of a point of P-256 other than the
// identity. A compressed or hybrid spelling would be a second name of the same key.
func CheckP256(publicKey []byte) error {
	_, err := parseP256(publicKey)
	return err
}

func parseP256(publicKey []byte) (*ecdsa.PublicKey, error) {
	if len(publicKey) != p256KeySize || publicKey[0] != 4 {
		return nil, errKey
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), publicKey)
	if err != nil {
		return nil, errKey
	}
	return key, nil
}
