package payload_test

import (
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// Keys of a chain sign what is of that chain, and raw bytes; keys of none sign raw bytes alone.
func TestFits(t *testing.T) {
	plain := []permit.PayloadKind{permit.PayloadUTF8, permit.PayloadPersonal, permit.PayloadTypedData, permit.PayloadSolana, permit.PayloadEVM}
	bitcoin := []permit.PayloadKind{permit.PayloadPSBT, permit.PayloadBIP322}
	sui := []permit.PayloadKind{permit.PayloadSui, permit.PayloadSuiText}
	for format, want := range map[api.AddressFormat][]permit.PayloadKind{
		api.AddressNone: nil, api.AddressSolana: plain, api.AddressEthereum: plain, api.AddressSui: sui,
		api.AddressBitcoinSegwit: bitcoin, api.AddressBitcoinNestedSegwit: bitcoin, api.AddressBitcoinTaproot: bitcoin,
	} {
		for _, kind := range slices.Concat(plain, bitcoin, sui, []permit.PayloadKind{permit.PayloadRaw}) {
			if fits := kind == permit.PayloadRaw || slices.Contains(want, kind); payload.Fits(kind, format) != fits {
				t.Errorf("%q signs kind %d: want %v", format, kind, fits)
			}
		}
	}
	for algorithm, good := range map[api.Algorithm]bool{api.Ed25519: true, api.Secp256k1: true, api.Secp256k1Keccak256: true, api.Secp256r1: false, api.Secp256k1Schnorr: false} {
		if _, err := payload.Read(permit.PayloadUTF8, "", algorithm, []byte("hello")); (err == nil) != good {
			t.Errorf("text by %s: %v", algorithm, err)
		}
	}
}
