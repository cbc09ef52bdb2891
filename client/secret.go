package client

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tyler-smith/go-bip39"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// Secret is a mnemonic or a private key. It never prints.
type Secret = envelope.Secret

// Mnemonic is a secret by its words, however they are spaced and in whichever case.
func Mnemonic(words []byte) *Secret {
	return &Secret{Kind: envelope.Mnemonic, Bytes: bytes.Join(bytes.Fields(bytes.ToLower(words)), []byte(" "))}
}

var errKeyText = errors.New("not a private key of this curve in base58, in hexadecimal, or as a JSON list of bytes")

// PrivateKey reads the text of a private key as other wallets write it: base58 or a JSON list of the 64 bytes of seed and
// public key for Ed25519, hexadecimal for either curve. Errors quote nothing of it.
func PrivateKey(curve api.Curve, text []byte) (*Secret, error) {
	b := keyBytes(string(bytes.TrimSpace(text)))
	switch {
	case curve == api.CurveEd25519 && (len(b) == 32 || len(b) == 64):
		return &Secret{Kind: envelope.Ed25519, Bytes: b}, nil
	case curve == api.CurveK256 && len(b) == 32:
		return &Secret{Kind: envelope.Secp256k1, Bytes: b}, nil
	}
	clear(b)
	return nil, errKeyText
}

// keyBytes tries the spellings; 64 or more digits of hexadecimal are never base58 of a key.
func keyBytes(text string) []byte {
	if b, err := hex.DecodeString(strings.TrimPrefix(text, "0x")); err == nil {
		return b
	}
	if strings.HasPrefix(text, "[") {
		var list []uint8
		var numbers []uint16
		if json.Unmarshal([]byte(text), &numbers) != nil {
			return nil
		}
		for _, n := range numbers {
			if n > 255 {
				return nil
			}
			list = append(list, byte(n))
		}
		return list
	}
	b, err := base58.Decode(text)
	if err != nil {
		return nil
	}
	return b
}

// SecretText writes a secret as PrivateKey and Mnemonic read it: words, base58 of seed and public key, or 0x and
// hexadecimal.
func SecretText(s *Secret) (string, error) {
	switch s.Kind {
	case envelope.Mnemonic:
		return string(s.Bytes), nil
	case envelope.Entropy:
		return bip39.NewMnemonic(s.Bytes)
	case envelope.Ed25519:
		return base58.Encode(ed25519.NewKeyFromSeed(s.Bytes[:ed25519.SeedSize])), nil
	case envelope.Secp256k1:
		return "0x" + hex.EncodeToString(s.Bytes), nil
	}
	return "", envelope.ErrSecret
}
