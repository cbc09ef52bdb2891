// Package address writes public keys as addresses: Solana (base58 of the key), Ethereum (EIP-55), Bitcoin P2WPKH
// (BIP-84 outputs, BIP-173 text), Bitcoin Taproot key path (BIP-86 outputs, BIP-350 text) and Sui (BLAKE2b-256 of the
// scheme flag and the key). Bitcoin addresses are those of mainnet.
package address

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/ripemd160" //nolint:staticcheck // HASH160 is what BIP-141 asks for

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bech32"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Errors of Encode.
var (
	ErrFormat    = errors.New("unknown address format")
	ErrPublicKey = errors.New("public key does not fit the address format")
)

const (
	mainnet     = "bc"
	flagEd25519 = 0x00 // Sui's scheme flag
)

// Encode writes publicKey as an address: 32 raw bytes for Solana and Sui, 33 compressed bytes for the others.
func Encode(format api.AddressFormat, publicKey []byte) (string, error) {
	switch format {
	case api.AddressSolana, api.AddressSui:
		return encodeEd25519(format, publicKey)
	case api.AddressEthereum:
		a, err := eip55.FromPublicKey(publicKey)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrPublicKey, err)
		}
		return eip55.Encode(a), nil
	case api.AddressBitcoinSegwit, api.AddressBitcoinTaproot:
		return encodeBitcoin(format, publicKey)
	default:
		return "", fmt.Errorf("%w: %q", ErrFormat, format)
	}
}

func encodeEd25519(format api.AddressFormat, publicKey []byte) (string, error) {
	if len(publicKey) != 32 {
		return "", fmt.Errorf("%w: %d bytes, need 32", ErrPublicKey, len(publicKey))
	}
	if format == api.AddressSolana {
		return base58.Encode(publicKey), nil
	}
	sum := blake2b.Sum256(append([]byte{flagEd25519}, publicKey...))
	return "0x" + hex.EncodeToString(sum[:]), nil
}

func encodeBitcoin(format api.AddressFormat, publicKey []byte) (string, error) {
	if len(publicKey) != secp256k1.PubKeyBytesLenCompressed {
		return "", fmt.Errorf("%w: %d bytes, need 33", ErrPublicKey, len(publicKey))
	}
	key, err := secp256k1.ParsePubKey(publicKey)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	if format == api.AddressBitcoinSegwit {
		return bech32.Encode(mainnet, 0, hash160(publicKey))
	}
	output, err := taprootOutput(key)
	if err != nil {
		return "", err
	}
	return bech32.Encode(mainnet, 1, output)
}

func hash160(b []byte) []byte {
	inner := sha256.Sum256(b)
	h := ripemd160.New()
	h.Write(inner[:])
	return h.Sum(nil)
}

// taprootOutput is the x coordinate of P + H_TapTweak(x(P))·G for the even-Y P, which commits to no script (BIP-86).
func taprootOutput(key *secp256k1.PublicKey) ([]byte, error) {
	x := key.SerializeCompressed()[1:]
	even, err := secp256k1.ParsePubKey(append([]byte{secp256k1.PubKeyFormatCompressedEven}, x...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	tag := sha256.Sum256([]byte("TapTweak"))
	preimage := append(append(append([]byte{}, tag[:]...), tag[:]...), x...)
	sum := sha256.Sum256(preimage)
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
