package fact_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	self  = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf" // of the secret 1
	other = "0x1111111111111111111111111111111111111111"
	token = "eip155:1/erc20:0xaa00000000000000000000000000000000000000"
)

// call is a transaction of the secret 1 on chain 1 with call data and a value, for a fee of 100,000 wei at most.
func call(t *testing.T, value int64, data string) *evm.Transaction {
	t.Helper()
	b, err := hex.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: big.NewInt(1), GasLimit: 100_000, MaxFeePerGas: big.NewInt(1), MaxPriorityFeePerGas: big.NewInt(1), To: &[20]byte{0xaa}, Value: big.NewInt(value), Data: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func of(t *testing.T, p chain.Payload) *fact.Facts {
	t.Helper()
	key, err := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	return &fact.Facts{Payload: p, PublicKey: key, Address: self, Request: fact.Request{Index: -1}}
}

// word is an argument of a call.
func word(hexadecimal string) string {
	return strings.Repeat("0", 64-len(hexadecimal)) + hexadecimal
}

const (
	transferOf = "a9059cbb"
	approvalOf = "095ea7b3"
)

// What is spent of an asset are transfers, approvals at their cap and the fee, in all or to one destination; not what comes
// back.
func TestSpent(t *testing.T) {
	most := strings.Repeat("f", 64)
	for name, c := range map[string]struct {
		value       int64
		data        string
		asset, to   string
		want        string
		assets      []string
		destination []string
	}{
		"a transfer":            {0, transferOf + word(other[2:]) + word("5"), token, "", "5", []string{token, "ETH"}, []string{other}},
		"its fee":               {0, transferOf + word(other[2:]) + word("5"), "ETH", "", "100000", []string{token, "ETH"}, []string{other}},
		"to whom":               {0, transferOf + word(other[2:]) + word("5"), token, other, "5", []string{token, "ETH"}, []string{other}},
		"to somebody else":      {0, transferOf + word(other[2:]) + word("5"), token, "0x2222222222222222222222222222222222222222", "0", []string{token, "ETH"}, []string{other}},
		"the fee is to nobody":  {0, transferOf + word(other[2:]) + word("5"), "ETH", other, "0", []string{token, "ETH"}, []string{other}},
		"another asset":         {0, transferOf + word(other[2:]) + word("5"), "SOL", "", "0", []string{token, "ETH"}, []string{other}},
		"a transfer to oneself": {0, transferOf + word(self[2:]) + word("5"), token, "", "0", []string{token, "ETH"}, nil},
		"an approval":           {0, approvalOf + word(other[2:]) + word("7"), token, "", "7", []string{token, "ETH"}, []string{other}},
		"to a spender":          {0, approvalOf + word(other[2:]) + word("7"), token, other, "7", []string{token, "ETH"}, []string{other}},
		"without limit":         {0, approvalOf + word(other[2:]) + most, token, "", amount.Max().String(), []string{token, "ETH"}, []string{other}},
		"coins":                 {9, "", "ETH", "", "100009", []string{"ETH"}, []string{"0xaa00000000000000000000000000000000000000"}},
	} {
		f := of(t, call(t, c.value, c.data))
		got, err := f.Spent(c.asset, c.to)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
		if diff := cmp.Diff(c.assets, f.Assets(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.destination, f.Destinations(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	nothing := of(t, nil)
	if got, err := nothing.Spent("ETH", ""); err != nil || got.String() != "0" || nothing.Assets() != nil || nothing.Destinations() != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

// Asset names have one spelling.
func TestAsset(t *testing.T) {
	for name, want := range map[string]string{
		"ETH": "ETH", "Eth": "Eth", "": "", "eip155:1/erc20:0xAB": "eip155:1/erc20:0xab", "EIP155:1/x": "EIP155:1/x",
		"token:Mint": fact.SolanaMainnet + "/token:Mint", "solana:devnet/token:Mint": fact.SolanaMainnet + "/token:Mint",
		fact.SolanaMainnet + "/token:Mint": fact.SolanaMainnet + "/token:Mint", "solana:devnet": "solana:devnet",
	} {
		if got := fact.Asset(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// read follows fields of variables as an expression does.
func read(t *testing.T, f *fact.Facts, path string) any {
	t.Helper()
	names := strings.Split(path, ".")
	v, ok := f.ResolveName(names[0])
	if !ok {
		return "absent"
	}
	value, _ := v.(ref.Val)
	for _, name := range names[1:] {
		in, ok := value.(traits.Indexer)
		if !ok {
			return "no fields"
		}
		if tester, ok := value.(traits.FieldTester); ok && !types.IsError(tester.IsSet(types.String(name))) && tester.IsSet(types.String(name)) != types.Bool(!types.IsError(in.Get(types.String(name)))) {
			t.Errorf("%s: has() does not agree with what is there", path)
		}
		if value = in.Get(types.String(name)); types.IsError(value) {
			return "absent"
		}
	}
	if a, ok := value.(*amount.Amount); ok {
		return a.String()
	}
	return value.Value()
}

// Each variable is there when the request has it, with what it says.
func TestVariables(t *testing.T) {
	full := of(t, call(t, 3, transferOf+word(other[2:])+word("5")))
	full.Message, full.Wallet = []byte("hi"), &org.Wallet{ID: proof.ID{1}}
	full.User, full.Organization, full.Authenticator = &org.User{Username: "ann"}, &org.Organization{Name: "O"}, &org.Authenticator{Kind: "keypair"}
	full.Request = fact.Request{Method: api.ExportWallet, Target: "bob", Recipient: "key", PolicyName: "mail", Origin: "here", Path: &org.Path{}, Index: 4, PathText: "m/4"}
	empty := of(t, nil)
	creation, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 100_000, MaxFeePerGas: big.NewInt(2), MaxPriorityFeePerGas: big.NewInt(1), Value: big.NewInt(3), Data: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    *fact.Facts
		path string
		want any
	}{
		{full, "message", "hi"},
		{empty, "message", "absent"},
		{empty, "wallet", "absent"},
		{empty, "user", "absent"},
		{empty, "org.name", "absent"},
		{empty, "authenticator", "absent"},
		{empty, "effects", "absent"},
		{empty, "typedData", "absent"},
		{empty, "usage", "absent"},
		{empty, "other", "absent"},
		{full, "request.username", "bob"},
		{full, "request.recipientKey", "key"},
		{full, "request.policyName", "mail"},
		{full, "request.origin", "here"},
		{full, "request.method", "exportWallet"},
		{full, "request.derivation.index", int64(4)},
		{full, "request.derivation.path", "m/4"},
		{empty, "request.derivation", "absent"},
		{full, "request.walletId", "01000000-0000-0000-0000-000000000000"},
		{empty, "request.walletId", ""},
		{empty, "request.time", "absent"},
		{full, "tx.chain", "evm"},
		{empty, "tx.chain", ""},
		{full, "tx.solana", "absent"},
		{full, "tx.evm.value", "3"},
		{full, "tx.evm.maxFeePerGas", "1"},
		{full, "tx.evm.to", "0xaa00000000000000000000000000000000000000"},
		{full, "tx.evm.createsContract", false},
		{full, "tx.evm.chainId", int64(1)},
		{full, "tx.evm.selector", "0xa9059cbb"},
		{full, "tx.evm.call.name", "transfer"},
		{full, "tx.evm.nothing", "absent"},
		{full, "tx.evm.call.args.amount", "5"},
		{of(t, creation), "tx.evm.to", ""},
		{of(t, creation), "tx.evm.createsContract", true},
		{of(t, creation), "tx.evm.call", "absent"},
		{of(t, creation), "tx.evm.selector", ""},
		{of(t, call(t, 0, transferOf+word(other[2:])+word("5")+"00")), "tx.evm.call", "absent"},
		{full, "effects.feeMax", "100000"},
		{full, "effects.unknown", false},
		{of(t, call(t, 0, transferOf+word(other[2:])+word("5"))), "effects.unknown", false},
		{of(t, call(t, 0, "12345678")), "effects.unknown", true},
	} {
		if got := read(t, c.f, c.path); got != c.want {
			t.Errorf("%s: %v, want %v", c.path, got, c.want)
		}
	}
}

// An approval without limit says so, and counts as the most there is.
func TestApprovals(t *testing.T) {
	for amountHex, want := range map[string][2]any{"5": {"5", false}, strings.Repeat("f", 64): {amount.Max().String(), true}} {
		f := of(t, call(t, 0, approvalOf+word(other[2:])+word(amountHex)))
		v, _ := f.ResolveName("effects")
		effects, _ := v.(traits.Indexer)
		list, ok := effects.Get(types.String("approvals")).(traits.Lister)
		if !ok || list.Size() != types.Int(1) {
			t.Fatalf("%v", v)
		}
		one, _ := list.Get(types.Int(0)).(traits.Indexer)
		a, _ := one.Get(types.String("amount")).(*amount.Amount)
		if a.String() != want[0] || one.Get(types.String("unlimited")) != types.Bool(want[1] == true) || one.Get(types.String("spender")) != types.String(other) {
			t.Errorf("%s: %v", amountHex, one)
		}
	}
}

// A registered interface reads the calls of its contract and of no other, and where it knows none, nobody else is asked.
func TestRegisteredInterface(t *testing.T) {
	mine, err := abi.Signatures("give(int256 n,bool ok)")
	if err != nil {
		t.Fatal(err)
	}
	selector := abi.SelectorOf("give(int256,bool)")
	give := hex.EncodeToString(selector[:])
	contract := func(at, address string) *abi.Contract {
		if at == "eip155:1" && address == "0xaa00000000000000000000000000000000000000" {
			return mine
		}
		return nil
	}
	for _, c := range []struct {
		data       string
		registered bool
		path       string
		want       any
	}{
		{give + word("5") + word("1"), true, "tx.evm.call.args.n", "5"},
		{give + word("5") + word("1"), true, "tx.evm.call.args.ok", true},
		{give + word("5") + word("0"), true, "tx.evm.call.args.ok", false},
		{give + strings.Repeat("f", 64) + word("1"), true, "tx.evm.call.args.n", int64(-1)},
		{give + "80" + strings.Repeat("0", 62) + word("1"), true, "tx.evm.call.args.n", "absent"}, // too low for a number of ours
		{give + word("5") + word("1"), false, "tx.evm.call", "absent"},
		{transferOf + word(other[2:]) + word("5"), true, "tx.evm.call", "absent"},
		{transferOf + word(other[2:]) + word("5"), false, "tx.evm.call.name", "transfer"},
	} {
		f := of(t, call(t, 0, c.data))
		if c.registered {
			f.Contract = contract
		}
		if got := read(t, f, c.path); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.path, c.data, got, c.want)
		}
	}
}
