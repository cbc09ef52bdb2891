package policy

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
)

// Ways around a policy that others' users found, each of which must be denied.
func TestPolicyAttacks(t *testing.T) {
	c := newCases(t)
	friend, foe := common.HexToAddress(treasury), common.HexToAddress(outsider)
	const multicallABI = `[{"type":"function","name":"multicall","inputs":[{"name":"data","type":"bytes[]"}]}]`
	nested := evmCall{chain: 1, to: usdc, data: pack(t, multicallABI, "multicall", [][]byte{
		pack(t, erc20ABI, "transfer", friend, big.NewInt(1)), pack(t, erc20ABI, "transfer", foe, big.NewInt(5)),
	})}.request(t)
	deep := evmCall{chain: 1, to: usdc, data: pack(t, multicallABI, "multicall", [][]byte{
		pack(t, multicallABI, "multicall", [][]byte{pack(t, erc20ABI, "transfer", foe, big.NewInt(5))}),
	})}.request(t)
	to := [20]byte(foe)
	transfer, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 21000, MaxFeePerGas: new(big.Int), MaxPriorityFeePerGas: new(big.Int), To: &to, Value: big.NewInt(1e18)})
	if err != nil {
		t.Fatal(err)
	}
	raw := request{api.SignRawPayload, object{"derivationInfo": "m/44'/60'/0'/0/0", "payload": b64(transfer.Unsigned()), "algorithm": "Secp256k1Keccak256"}}
	nonceAdvance := instruction{systemProgram, []string{another + " w", "SysvarRecentB1ockHashes11111111111111111111", c.solana + " sw"}, []byte{4, 0, 0, 0}}
	create := instruction{systemProgram, []string{c.solana + " sw", another + " sw"}, append([]byte{0, 0, 0, 0, 0, 202, 154, 59, 0, 0, 0, 0}, make([]byte, 40)...)}
	known := "request.method == 'signTransaction' && !effects.unknown && size(effects.transfers) > 0 && effects.transfers.all(t, t.to == friend)"
	for name, a := range map[string]struct {
		rule      string
		constants object
		request   request
	}{
		"a transfer inside a multicall":      {known, object{"friend": treasury}, nested},
		"a multicall inside a multicall":     {known, object{"friend": treasury}, deep},
		"a transaction as raw bytes":         {"request.method == 'signTransaction' && effects.transfers.all(t, t.to == friend) && size(effects.transfers) > 0 || request.method == 'signRawPayload' && tx.evm.to == friend", object{"friend": treasury}, raw},
		"raw bytes beyond a limit":           {"!effects.unknown && usage.spent('ETH', 'day') <= ether('0.5')", nil, raw},
		"an address in other letters":        {"request.method == 'signTransaction' && tx.evm.to != bad", object{"bad": strings.ToLower(outsider)}, evmCall{chain: 1, to: outsider, value: "1"}.request(t)},
		"a durable nonce":                    {"request.method == 'signTransaction' && !tx.solana.usesDurableNonce", nil, c.solanaTx(nonceAdvance, c.lamports(payee, 1))},
		"a new account that takes the value": {"request.method == 'signTransaction' && size(effects.transfers) > 0 && effects.transfers.all(t, t.to == friend)", object{"friend": payee}, c.solanaTx(create)},
		"two payments that are one too many": {"request.method == 'signTransaction' && usage.spent('SOL', 'day') <= sol('1')", nil, c.solanaTx(c.lamports(payee, 600_000_000), c.lamports(payee, 600_000_000))},
		"a fee that is the payment":          {"request.method == 'signTransaction' && usage.spent('SOL', 'day') <= sol('1')", nil, c.solanaTx(unitLimit(1_000_000), unitPrice(5_000_000_000), c.lamports(payee, 1))},
		"an amount that overflows":           {"request.method == 'signTransaction' && tx.evm.value + uint256('0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff') > 0", nil, evmCall{chain: 1, to: treasury, value: "1"}.request(t)},
		"a division by nothing":              {"request.method == 'signTransaction' && 10 / size(effects.approvals) > 0", nil, evmCall{chain: 1, to: treasury, value: "1"}.request(t)},
		"an asset that has no price":         {"request.method == 'signTransaction' && usage.spent('USD', 'day') <= usd('1000000')", nil, evmCall{chain: 1, to: treasury, value: "1"}.request(t)},
	} {
		p := policyCase{rules: rules("ALLOW " + a.rule), constants: a.constants}
		if d := c.outcomeOf(t, p.policy(), a.request, nil); d.Decision != "DENY" {
			t.Errorf("%s: %s %s %s", name, d.Decision, d.Rule, d.Reason)
		}
	}
	long := object{
		"organizationId": c.id, "walletId": c.wallet, "derivationInfo": "m/44'/60'/0'/0/0",
		"transaction": object{"kind": "RLP_ENCODED", "bytes": "0x" + hex.EncodeToString(append(transfer.Unsigned(), 0))},
	}
	if a := c.call(t, c.tenant.key, api.SignTransaction, long); a.Status != 400 {
		t.Errorf("trailing bytes: %d %s", a.Status, a.Result)
	}
}
