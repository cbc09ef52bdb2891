// Package script knows the output scripts of Bitcoin that accounts here own or pay to: it makes them from public keys,
// tells their forms apart, and writes them as addresses of mainnet (base58check, BIP-173, BIP-350). It runs no scripts.
package script

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/ripemd160" //nolint:staticcheck // HASH160 is what BIP-141 asks for

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bech32"
)

// Errors of Output.
var (
	ErrFormat    = errors.New("not an address format of Bitcoin")
	ErrPublicKey = errors.New("not a compressed public key of secp256k1")
)

// Form is the form of an output script.
type Form int

// The forms.
const (
	Other             Form = iota
	PubKeyHash             // P2PKH
	ScriptHash             // P2SH
	WitnessKeyHash         // P2WPKH, BIP-141
	WitnessScriptHash      // P2WSH, BIP-141
	Taproot                // P2TR, BIP-341
	WitnessUnknown         // a witness program that no rule gives a meaning yet
	Data                   // OP_RETURN: nobody can spend it
)

const (
	opReturn      = 0x6a
	opDup         = 0x76
	opEqual       = 0x87
	opEqualVerify = 0x88
	opHash160     = 0xa9
	opCheckSig    = 0xac
	op1           = 0x51
	op16          = 0x60

	mainnet        = "bc"
	versionKeyHash = 0x00 // base58check
	versionScript  = 0x05
)

// Classify says of which form a script is.
func Classify(s []byte) Form {
	switch {
	case len(s) == 25 && s[0] == opDup && s[1] == opHash160 && s[2] == 20 && s[23] == opEqualVerify && s[24] == opCheckSig:
		return PubKeyHash
	case len(s) == 23 && s[0] == opHash160 && s[1] == 20 && s[22] == opEqual:
		return ScriptHash
	case len(s) > 0 && s[0] == opReturn:
		return Data
	}
	version, program, ok := witness(s)
	switch {
	case !ok:
		return Other
	case version == 0 && len(program) == 20:
		return WitnessKeyHash
	case version == 0 && len(program) == 32:
		return WitnessScriptHash
	case version == 0:
		return Other // no such program can be spent
	case version == 1 && len(program) == 32:
		return Taproot
	}
	return WitnessUnknown
}

// witness splits a witness program: one version opcode and one push of 2 to 40 bytes.
func witness(s []byte) (version byte, program []byte, ok bool) {
	if len(s) < 4 || len(s) > 42 || int(s[1]) != len(s)-2 {
		return 0, nil, false
	}
	switch {
	case s[0] == 0:
		return 0, s[2:], true
	case s[0] >= op1 && s[0] <= op16:
		return s[0] - op1 + 1, s[2:], true
	}
	return 0, nil, false
}

// Output is the script to which the account of a public key is paid, by its address format.
func Output(format api.AddressFormat, publicKey []byte) ([]byte, error) {
	key, err := parse(publicKey)
	if err != nil {
		return nil, err
	}
	switch format {
	case api.AddressBitcoinSegwit:
		return Program(0, Hash160(publicKey)), nil
	case api.AddressBitcoinNestedSegwit:
		hash := Hash160(Program(0, Hash160(publicKey)))
		return append(append([]byte{opHash160, 20}, hash...), opEqual), nil
	case api.AddressBitcoinTaproot:
		x, err := taprootOutput(key)
		return Program(1, x), err
	case api.AddressSolana, api.AddressEthereum, api.AddressSui, api.AddressNone:
	}
	return nil, fmt.Errorf("%w: %q", ErrFormat, format)
}

// Program is the output script of a witness program.
func Program(version byte, program []byte) []byte {
	if version > 0 {
		version += op1 - 1
	}
	return append([]byte{version, byte(len(program))}, program...) //nolint:gosec // 20 or 32 bytes
}

// PayKeyHash is the script that asks for a key of a hash and its signature: P2PKH, and what BIP-143 signs for P2WPKH.
func PayKeyHash(hash []byte) []byte {
	return append(append([]byte{opDup, opHash160, 20}, hash...), opEqualVerify, opCheckSig)
}

// Address writes a script as an address of mainnet; scripts that have none give the empty string.
func Address(s []byte) string {
	switch Classify(s) {
	case PubKeyHash:
		return check(versionKeyHash, s[3:23])
	case ScriptHash:
		return check(versionScript, s[2:22])
	case WitnessKeyHash, WitnessScriptHash, Taproot, WitnessUnknown:
		version, program, _ := witness(s)
		if text, err := bech32.Encode(mainnet, version, program); err == nil {
			return text
		}
	case Other, Data:
	}
	return ""
}

// check is base58check.
func check(version byte, payload []byte) string {
	b := append([]byte{version}, payload...)
	sum := sha256.Sum256(b)
	sum = sha256.Sum256(sum[:])
	return base58.Encode(append(b, sum[:4]...))
}

// Hash160 is RIPEMD-160 of SHA-256.
func Hash160(b []byte) []byte {
	inner := sha256.Sum256(b)
	h := ripemd160.New()
	h.Write(inner[:])
	return h.Sum(nil)
}

// TaggedHash is the hash of BIP-340.
func TaggedHash(tag string, parts ...[]byte) [32]byte {
	name := sha256.Sum256([]byte(tag))
	h := sha256.New()
	h.Write(name[:])
	h.Write(name[:])
	for _, p := range parts {
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

func parse(publicKey []byte) (*secp256k1.PublicKey, error) {
	if len(publicKey) != secp256k1.PubKeyBytesLenCompressed {
		return nil, fmt.Errorf("%w: %d bytes, need 33", ErrPublicKey, len(publicKey))
	}
	key, err := secp256k1.ParsePubKey(publicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return key, nil
}

// taprootOutput is the x coordinate of P + H_TapTweak(x(P))·G for the even-Y P, which commits to no script (BIP-86).
func taprootOutput(key *secp256k1.PublicKey) ([]byte, error) {
	x := key.SerializeCompressed()[1:]
	even, err := secp256k1.ParsePubKey(append([]byte{secp256k1.PubKeyFormatCompressedEven}, bytes.Clone(x)...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	sum := TaggedHash("TapTweak", x)
	var tweak secp256k1.ModNScalar
	if overflow := tweak.SetBytes(&sum); overflow != 0 {
		return nil, fmt.Errorf("%w: tweak out of range", ErrPublicKey)
	}
	var p, t, q secp256k1.JacobianPoint
	even.AsJacobian(&p)
	secp256k1.ScalarBaseMultNonConst(&tweak, &t)
	secp256k1.AddNonConst(&p, &t, &q)
	if (q.X.IsZero() && q.Y.IsZero()) || q.Z.IsZero() {
		return nil, fmt.Errorf("%w: tweaked key is the point at infinity", ErrPublicKey)
	}
	q.ToAffine()
	return q.X.Bytes()[:], nil
}
