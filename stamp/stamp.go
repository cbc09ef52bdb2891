// Package stamp makes and verifies the stamp of a request body: the signature by which an authenticator
// vouches for exactly those bytes (docs/spec/stamp.md).
//
// A stamp travels in the header [api.HeaderStamp] as the base64url of a small JSON object. It covers the raw body and
// nothing else, neither URL nor method nor any other header, so it must be checked over the bytes as they were
// received and never over a re-encoding of them.
//
// This package also holds the one verifier of Ed25519 and P-256 signatures in the system. Implementations of
// Ed25519 disagree on hundreds of crafted inputs; two of them side by side would be a way to slip between.
package stamp

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
)

// Kind says how the key of a stamp came to be trusted.
type Kind string

// The kinds of stamps that clients send.
const (
	PKI  Kind = "PKI"  // the key itself is a registered authenticator
	OIDC Kind = "OIDC" // an identity token vouches for the key through its nonce
	// Passkey is ours: a registered authenticator of Web Authentication signed. No client of the contract sends it.
	Passkey Kind = "PASSKEY"
)

// Errors of this package. What else their text says is for people; it never quotes the stamp.
var (
	ErrMalformed = errors.New("stamp: malformed")
	ErrSignature = errors.New("stamp: the signature does not fit the body and the key")
)

// Stamp is a decoded stamp. Nothing in it is trusted before Verify, and the key not even then: who owns it is
// for the caller to look up.
type Stamp struct {
	Kind      Kind
	Algorithm api.Algorithm // Ed25519 or Secp256r1
	PublicKey []byte        // 32 bytes, or the 65 of an uncompressed point
	Signature []byte        // 64 bytes: R‖S or r‖s
	IDToken   string        // OIDC only: the JWT that names the key
	Salt      string        // OIDC only: hashed with the key into the token's nonce; clients send ""
	Passkey   Assertion     // PASSKEY only, and then nothing else
}

// Verify checks that the stamp's key signed these very body bytes. A stamp of kind PASSKEY has no key, and is refused.
//
// An ECDSA signature has a second valid form, and real clients send either, so a stamp identifies no request:
// a guard against replay must key on the body, not on the stamp.
func (s Stamp) Verify(body []byte) error {
	ok := false
	switch s.Algorithm {
	case api.Ed25519:
		ok = VerifyEd25519(s.PublicKey, body, s.Signature)
	case api.Secp256r1:
		ok = VerifyP256(s.PublicKey, body, s.Signature)
	case api.Secp256k1, api.Secp256k1Keccak256, api.Secp256k1Schnorr:
		// Wallet algorithms; no authenticator uses them.
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// Nonce is what the nonce claim of the identity token must equal: base64url(SHA-256(key ‖ salt)). Key lengths
// are fixed per algorithm, else key and salt could shift against each other.
func (s Stamp) Nonce() string {
	h := sha256.New()
	h.Write(s.PublicKey)
	h.Write([]byte(s.Salt))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// check refuses what is not a whole stamp, whatever it signs.
func (s Stamp) check() error {
	if s.Kind == Passkey {
		return s.checkAssertion()
	}
	if len(s.Passkey.CredentialID)+len(s.Passkey.AuthenticatorData)+len(s.Passkey.ClientDataJSON)+len(s.Passkey.Signature) > 0 {
		return malformed("only a passkey stamp carries an assertion")
	}
	switch s.Kind {
	case Passkey: // above
	case PKI:
		if s.IDToken != "" || s.Salt != "" {
			return malformed("a PKI stamp carries no token")
		}
	case OIDC:
		if s.IDToken == "" {
			return malformed("an OIDC stamp needs a token")
		}
	default:
		return malformed("unknown kind")
	}
	size := keySize(s.Algorithm)
	switch {
	case size == 0:
		return malformed("unknown algorithm")
	case len(s.PublicKey) != size:
		return malformed("wrong length of publicKey")
	case len(s.Signature) != signatureSize:
		return malformed("wrong length of signature")
	}
	return nil
}

// keySize is the one accepted length of a public key; 0 when no stamp may use the algorithm.
func keySize(alg api.Algorithm) int {
	switch alg {
	case api.Ed25519:
		return ed25519KeySize
	case api.Secp256r1:
		return p256KeySize
	case api.Secp256k1, api.Secp256k1Keccak256, api.Secp256k1Schnorr:
	}
	return 0
}

func malformed(reason string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, reason)
}
