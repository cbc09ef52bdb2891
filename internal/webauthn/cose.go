package webauthn

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"

	"github.com/redoubt-kms/redoubt/internal/rsakey"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Parameters and values of COSE keys (RFC 9053, RFC 8230, and the registries of IANA).
const (
	paramType, paramAlgorithm  = 1, 3
	paramCurve, paramX, paramY = -1, -2, -3 // of elliptic curves
	paramN, paramE             = -1, -2     // of RSA

	typeOKP, typeEC2, typeRSA = 1, 2, 3
	curveP256, curveEd25519   = 1, 6

	algorithmES256, algorithmEdDSA, algorithmRS256 = -7, -8, -257
)

// key is a public key with the one algorithm that it is for.
type key struct {
	algorithm int64
	public    []byte // ES256: uncompressed point; EdDSA: 32 bytes
	rsa       *rsa.PublicKey
}

// CheckKey says whether a COSE_Key is one that passkeys may have: ES256 on P-256, Ed25519, or RS256 of 2048 to 8192
// bits, in canonical CBOR and without any other parameter.
func CheckKey(b []byte) error {
	_, err := parseKey(b)
	return err
}

// parseKey reads a COSE_Key. A key has one spelling, since people are told apart by its hash.
func parseKey(b []byte) (key, error) {
	var params map[int64]any
	if err := decode(b, &params); err != nil {
		return key{}, refused("the key is not the strict CBOR that authenticators write")
	}
	if again, err := encode(params); err != nil || !bytes.Equal(again, b) {
		return key{}, refused("the key is not in canonical form")
	}
	k := key{}
	k.algorithm, _ = params[paramAlgorithm].(int64)
	ok := false
	switch kind, _ := params[paramType].(int64); {
	case kind == typeEC2 && k.algorithm == algorithmES256:
		ok = len(params) == 5 && k.readES256(params)
	case kind == typeOKP && k.algorithm == algorithmEdDSA:
		ok = len(params) == 4 && k.readEdDSA(params)
	case kind == typeRSA && k.algorithm == algorithmRS256:
		ok = len(params) == 4 && k.readRS256(params)
	}
	if !ok {
		return key{}, refused("the key is not a good one for ES256, EdDSA or RS256")
	}
	return k, nil
}

func (k *key) readES256(params map[int64]any) bool {
	x, _ := params[paramX].([]byte)
	y, _ := params[paramY].([]byte)
	if params[paramCurve] != int64(curveP256) || len(x) != 32 || len(y) != 32 {
		return false
	}
	k.public = append(append([]byte{4}, x...), y...)
	return stamp.CheckP256(k.public) == nil
}

func (k *key) readEdDSA(params map[int64]any) bool {
	k.public, _ = params[paramX].([]byte)
	return params[paramCurve] == int64(curveEd25519) && stamp.CheckEd25519(k.public) == nil
}

// readRS256 takes numbers without leading zeros (RFC 8230, section 4).
func (k *key) readRS256(params map[int64]any) bool {
	n, _ := params[paramN].([]byte)
	e, _ := params[paramE].([]byte)
	if len(n) == 0 || len(n) > rsakey.MaxBits/8 || n[0] == 0 || len(e) == 0 || len(e) > 4 || e[0] == 0 {
		return false
	}
	k.rsa = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	return rsakey.Check(k.rsa) == nil
}

func (k key) verify(message, signature []byte) bool {
	switch k.algorithm {
	case algorithmES256:
		return stamp.VerifyP256DER(k.public, message, signature)
	case algorithmEdDSA:
		return stamp.VerifyEd25519(k.public, message, signature)
	case algorithmRS256:
		digest := sha256.Sum256(message)
		return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}
