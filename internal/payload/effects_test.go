package payload_test

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// Effects by address are those by public key, whatever the payload is and however it came.
func TestEffects(t *testing.T) {
	key := signer(t, "0000000000000000000000000000000000000000000000000000000000000001")
	account, err := eip55.FromPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: big.NewInt(1), GasLimit: 21000, MaxFeePerGas: big.NewInt(9), MaxPriorityFeePerGas: big.NewInt(1),
		To: &[20]byte{7}, Value: big.NewInt(5),
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := payload.Read(permit.PayloadRaw, api.AddressEthereum, api.Secp256k1Keccak256, tx.Unsigned())
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := payload.Read(permit.PayloadRaw, api.AddressEthereum, api.Secp256k1Keccak256, []byte{0x19, 0x45})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]chain.Payload{"transaction": tx, "raw transaction": raw, "other bytes": unknown} {
		want := p.Effects(key.Public())
		for _, address := range []string{eip55.Encode(account), "", "0x12"} {
			got := payload.Effects(p, key.Public(), address)
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 })); diff != "" {
				t.Errorf("%s by %q: %s", name, address, diff)
			}
		}
	}
	if got := payload.Effects(tx, key.Public(), eip55.Encode(account)); len(got.Transfers) != 1 || got.Transfers[0].From != eip55.Encode(account) {
		t.Errorf("%+v", got)
	}
}
