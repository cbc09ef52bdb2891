package derivation

import (
	"errors"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
)

// The steps that say what a path is for: purpose (BIP-43) and coin type (SLIP-44).
const (
	purpose44 = 44 + Hardened
	purpose49 = 49 + Hardened
	purpose84 = 84 + Hardened
	purpose86 = 86 + Hardened

	coinBitcoin  = 0 + Hardened
	coinEthereum = 60 + Hardened
	coinSolana   = 501 + Hardened
	coinSui      = 784 + Hardened
)

var (
	errCoin     = errors.New("the path belongs to no known chain")
	errHardened = errors.New("every step of an Ed25519 path must be hardened")
	errAccount  = errors.New("path, curve and address format do not belong together")
	errKeypair  = errors.New("curve and address format do not belong together")
)

// InferAccount says which curve and address format belong to a path. Clients may send a path alone, and those
// who send all three must not get one key into two protocols, where a signature for one could mean something
// in the other.
func InferAccount(path Path) (api.Curve, api.AddressFormat, error) {
	if len(path) < 2 {
		return "", "", errCoin
	}
	switch [2]uint32(path[:2]) {
	case [2]uint32{purpose44, coinEthereum}:
		return api.CurveSecp256k1, api.AddressEthereum, nil
	case [2]uint32{purpose49, coinBitcoin}:
		return api.CurveSecp256k1, api.AddressBitcoinNestedSegwit, nil
	case [2]uint32{purpose84, coinBitcoin}:
		return api.CurveSecp256k1, api.AddressBitcoinSegwit, nil
	case [2]uint32{purpose86, coinBitcoin}:
		return api.CurveSecp256k1, api.AddressBitcoinTaproot, nil
	case [2]uint32{purpose44, coinSolana}:
		return hardened(path, api.AddressSolana)
	case [2]uint32{purpose44, coinSui}:
		return hardened(path, api.AddressSui)
	}
	return "", "", errCoin
}

// hardened is the answer for the chains with Ed25519 keys.
func hardened(path Path, format api.AddressFormat) (api.Curve, api.AddressFormat, error) {
	if !path.AllHardened() {
		return "", "", errHardened
	}
	return api.CurveEd25519, format, nil
}

// CheckAccount refuses a curve or an address format other than those of the path. Keys of Secp256r1, which no chain uses,
// have any path: they descend from a root of their own.
func CheckAccount(path Path, c api.Curve, format api.AddressFormat) error {
	if c == api.CurveSecp256r1 && format == api.AddressNone && len(path) > 0 {
		return nil
	}
	wantCurve, wantFormat, err := InferAccount(path)
	if err != nil {
		return err
	}
	if c != wantCurve || format != wantFormat {
		return errAccount
	}
	return nil
}

// KeypairFormat says which address format a keypair wallet of the curve gets when it asks for format, or for
// none: "" stands for the first chain of the curve. Such a wallet has no path, so the format is fixed when it
// is made.
func KeypairFormat(c api.Curve, format api.AddressFormat) (api.AddressFormat, error) {
	var formats []api.AddressFormat
	switch c {
	case api.CurveEd25519:
		formats = []api.AddressFormat{api.AddressSolana, api.AddressSui}
	case api.CurveK256:
		formats = []api.AddressFormat{
			api.AddressEthereum, api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot,
		}
	case api.CurveSecp256k1, api.CurveSecp256r1:
		return "", errKeypair // the one is spelt K256 here, the other has no keypair wallets
	default:
		return "", errKeypair
	}
	if format == "" {
		return formats[0], nil
	}
	if slices.Contains(formats, format) {
		return format, nil
	}
	return "", errKeypair
}
