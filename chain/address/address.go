// Package address writes public keys as addresses: Solana (base58 of the key), Ethereum (EIP-55), Bitcoin P2WPKH
// (BIP-84 outputs, BIP-173 text), P2WPKH nested in P2SH (BIP-49 outputs, base58check), Taproot key path (BIP-86 outputs,
// BIP-350 text) and Sui (BLAKE2b-256 of the scheme flag and the key). Bitcoin addresses are those of mainnet.
package address

import (
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Errors of Encode.
var (
	ErrFormat    = errors.New("unknown address format")
	ErrPublicKey = errors.New("public key does not fit the address format")
)

const flagEd25519 = 0x00 // Sui's scheme flag

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
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot:
		return encodeBitcoin(format, publicKey)
	case api.AddressNone:
		return "", nil
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
	output, err := script.Output(format, publicKey)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return script.Address(output), nil
}
