package evm_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

const (
	self    = "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F" // of testKey
	dead    = "0x000000000000000000000000000000000000dEaD"
	beef    = "0x000000000000000000000000000000000000bEEF"
	usdc    = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
	usdcID  = "/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
	usdc721 = "/erc721:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
)

var big256 = cmp.Comparer(func(a, b *big.Int) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0)
})

func word(s string) string { return strings.Repeat("0", 64-len(s)) + s }

func addressWord(s string) string { return word(strings.ToLower(strings.TrimPrefix(s, "0x"))) }

// effectsOf gives the effects of a call on chain 1 that costs ten gas at a fee cap of three.
func effectsOf(t *testing.T, to string, value int64, data string) chain.Effects {
	t.Helper()
	f := evm.DynamicFee{
		ChainID: big.NewInt(1), GasLimit: 10, MaxFeePerGas: big.NewInt(3), Value: big.NewInt(value), Data: unhex(t, data),
	}
	if to != "" {
		a, err := eip55.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		f.To = &a
	}
	tx, err := evm.NewDynamicFee(f)
	if err != nil {
		t.Fatal(err)
	}
	return tx.Effects(publicKey())
}

func moved(asset, from, to string, amount int64) []chain.Transfer {
	return []chain.Transfer{{Asset: asset, From: from, To: to, Amount: big.NewInt(amount)}}
}

func approved(asset, owner, spender string, amount *big.Int) []chain.Approval {
	return []chain.Approval{{Asset: asset, Owner: owner, Spender: spender, Amount: amount}}
}

func TestEffects(t *testing.T) {
	two := word("2")
	for _, tc := range []struct {
		name, to string
		value    int64
		data     string
		want     chain.Effects
	}{
		{"native", dead, 5, "", chain.Effects{Transfers: moved("ETH", self, dead, 5)}},
		{"native of nothing", dead, 0, "", chain.Effects{Transfers: moved("ETH", self, dead, 0)}},
		{"creation", "", 5, "6000", chain.Effects{Transfers: moved("ETH", self, "", 5), Unknown: true}},
		{"unknown call", usdc, 0, "12345678", chain.Effects{Unknown: true}},
		{"short call", usdc, 0, "a9059c", chain.Effects{Unknown: true}},
		{
			"transfer", usdc, 0, "a9059cbb" + addressWord(dead) + two,
			chain.Effects{Transfers: moved("eip155:1"+usdcID, self, dead, 2)},
		},
		{"transfer with coin", usdc, 7, "a9059cbb" + addressWord(dead) + two, chain.Effects{
			Transfers: append(moved("ETH", self, usdc, 7), moved("eip155:1"+usdcID, self, dead, 2)...),
		}},
		{"transfer and a byte", usdc, 0, "a9059cbb" + addressWord(dead) + two + "00", chain.Effects{Unknown: true}},
		{"transfer less a byte", usdc, 0, "a9059cbb" + addressWord(dead) + two[2:], chain.Effects{Unknown: true}},
		{"transfer with dirt", usdc, 0, "a9059cbb01" + addressWord(dead)[2:] + two, chain.Effects{Unknown: true}},
		{
			"transferFrom", usdc, 0, "23b872dd" + addressWord(beef) + addressWord(dead) + two,
			chain.Effects{Transfers: moved("eip155:1"+usdcID, beef, dead, 2)},
		},
		{
			"approve", usdc, 0, "095ea7b3" + addressWord(dead) + two,
			chain.Effects{Approvals: approved("eip155:1"+usdcID, self, dead, big.NewInt(2))},
		},
		{
			"approve all", usdc, 0, "095ea7b3" + addressWord(dead) + strings.Repeat("f", 64),
			chain.Effects{Approvals: approved("eip155:1"+usdcID, self, dead, nil)},
		},
		{
			"increaseAllowance", usdc, 0, "39509351" + addressWord(dead) + two,
			chain.Effects{Approvals: approved("eip155:1"+usdcID, self, dead, big.NewInt(2))},
		},
		{
			"permit", usdc, 0, "d505accf" + addressWord(beef) + addressWord(dead) + two + strings.Repeat(two, 4),
			chain.Effects{Approvals: approved("eip155:1"+usdcID, beef, dead, big.NewInt(2))},
		},
		{
			"operator", usdc, 0, "a22cb465" + addressWord(dead) + word("1"),
			chain.Effects{Approvals: approved("eip155:1"+usdc721, self, dead, nil)},
		},
		{
			"operator off", usdc, 0, "a22cb465" + addressWord(dead) + word("0"),
			chain.Effects{Approvals: approved("eip155:1"+usdc721, self, dead, new(big.Int))},
		},
		{"operator neither", usdc, 0, "a22cb465" + addressWord(dead) + two, chain.Effects{Unknown: true}},
		{
			"collectible", usdc, 0, "42842e0e" + addressWord(beef) + addressWord(dead) + two,
			chain.Effects{Transfers: moved("eip155:1"+usdc721+"/2", beef, dead, 1)},
		},
		{
			"collectible with data", usdc, 0,
			"b88d4fde" + addressWord(beef) + addressWord(dead) + two + word("80") + word("1") + "ab" + strings.Repeat("0", 62),
			chain.Effects{Transfers: moved("eip155:1"+usdc721+"/2", beef, dead, 1)},
		},
		{
			"collectible with a gap", usdc, 0,
			"b88d4fde" + addressWord(beef) + addressWord(dead) + two + word("a0") + word("") + word(""),
			chain.Effects{Unknown: true},
		},
		{
			"collectible with another offset", usdc, 0,
			"b88d4fde" + addressWord(beef) + addressWord(dead) + two + word("60") + word("1") + "ab" + strings.Repeat("0", 62),
			chain.Effects{Unknown: true},
		},
		{
			"collectible with dirt", usdc, 0,
			"b88d4fde" + addressWord(beef) + addressWord(dead) + two + word("80") + word("1") + "ab" + word("1")[2:],
			chain.Effects{Unknown: true},
		},
		{
			"collectible with a long length", usdc, 0,
			"b88d4fde" + addressWord(beef) + addressWord(dead) + two + word("80") + strings.Repeat("f", 64),
			chain.Effects{Unknown: true},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.FeeMax = big.NewInt(30)
			if tc.data != "" && tc.to != "" {
				tc.want.Programs = []string{usdc}
			}
			if diff := cmp.Diff(tc.want, effectsOf(t, tc.to, tc.value, tc.data), big256); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBatchEffects(t *testing.T) {
	asset := "eip155:1/erc1155:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
	single := "f242432a" + addressWord(beef) + addressWord(dead) + word("2") + word("3") + word("a0") + word("")
	got := effectsOf(t, usdc, 0, single)
	if diff := cmp.Diff(moved(asset+"/2", beef, dead, 3), got.Transfers, big256); diff != "" || got.Unknown {
		t.Error(diff, got.Unknown)
	}
	lists := word("2") + word("5") + word("6") + word("2") + word("7") + word("8") + word("")
	batch := "2eb2c2d6" + addressWord(beef) + addressWord(dead) + word("a0") + word("100") + word("160") + lists
	got = effectsOf(t, usdc, 0, batch)
	want := append(moved(asset+"/5", beef, dead, 7), moved(asset+"/6", beef, dead, 8)...)
	if diff := cmp.Diff(want, got.Transfers, big256); diff != "" || got.Unknown {
		t.Error(diff, got.Unknown)
	}
	shared := "2eb2c2d6" + addressWord(beef) + addressWord(dead) + word("a0") + word("a0") + word("100") + word("1") + word("5")
	if got := effectsOf(t, usdc, 0, shared); !got.Unknown || got.Transfers != nil {
		t.Error("two lists in one place are read")
	}
}

func TestNativeAsset(t *testing.T) {
	for id, want := range map[int64]string{1: "ETH", 8453: "ETH", 137: "eip155:137/slip44:60", 10143: "eip155:10143/slip44:60"} {
		if got := evm.NativeAsset(big.NewInt(id)); got != want {
			t.Errorf("chain %d: %s, want %s", id, got, want)
		}
	}
}

func TestOldestFormIsUnknown(t *testing.T) {
	tx, err := evm.ParseUnsigned(samples(t)["oldest"])
	if err != nil {
		t.Fatal(err)
	}
	if e := tx.Effects(publicKey()); !e.Unknown || tx.ChainID() != nil || e.Transfers[0].Asset != "eip155:0/slip44:60" {
		t.Errorf("%+v", e)
	}
}

// permitDocument writes typed data on chain 1 for the given contract.
func permitDocument(contract, types, primary, message string) string {
	return `{"types":{` + types + `},"primaryType":"` + primary + `","domain":{"name":"X","chainId":1,"verifyingContract":"` +
		contract + `"},"message":` + message + `}`
}

func TestTypedEffects(t *testing.T) {
	const (
		permit2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
		permit  = `"Permit":[{"name":"owner","type":"address"},{"name":"spender","type":"address"},` +
			`{"name":"value","type":"uint256"},{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}]`
		permitMessage = `{"owner":"` + self + `","spender":"` + dead + `","value":"9","nonce":0,"deadline":1}`
		authorization = `[{"name":"from","type":"address"},{"name":"to","type":"address"},{"name":"value","type":"uint256"},` +
			`{"name":"validAfter","type":"uint256"},{"name":"validBefore","type":"uint256"},{"name":"nonce","type":"bytes32"}]`
		details = `"PermitDetails":[{"name":"token","type":"address"},{"name":"amount","type":"uint160"},` +
			`{"name":"expiration","type":"uint48"},{"name":"nonce","type":"uint48"}]`
		permissions = `"TokenPermissions":[{"name":"token","type":"address"},{"name":"amount","type":"uint256"}]`
		spender     = `{"name":"spender","type":"address"}`
		single      = details + `,"PermitSingle":[{"name":"details","type":"PermitDetails"},` + spender +
			`,{"name":"sigDeadline","type":"uint256"}]`
		batch = permissions + `,"PermitBatchTransferFrom":[{"name":"permitted","type":"TokenPermissions[]"},` + spender +
			`,{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}]`
		singleMessage = `{"details":{"token":"` + usdc + `","amount":"0xffffffffffffffffffffffffffffffffffffffff",` +
			`"expiration":1,"nonce":2},"spender":"` + dead + `","sigDeadline":3}`
		batchMessage = `{"permitted":[{"token":"` + usdc + `","amount":4},{"token":"` + beef + `","amount":5}],"spender":"` +
			dead + `","nonce":1,"deadline":2}`
		authMessage = `{"from":"` + self + `","to":"` + dead + `","value":9,"validAfter":0,"validBefore":1,"nonce":"0x` +
			"0101010101010101010101010101010101010101010101010101010101010101" + `"}`
	)
	usdcAsset, beefAsset := "eip155:1"+usdcID, "eip155:1/erc20:0x000000000000000000000000000000000000beef"
	for _, tc := range []struct {
		name, contract, types, primary, message string
		want                                    chain.Effects
	}{
		{
			"EIP-2612", usdc, permit, "Permit", permitMessage,
			chain.Effects{Approvals: approved(usdcAsset, self, dead, big.NewInt(9))},
		},
		{
			"EIP-3009", usdc, `"TransferWithAuthorization":` + authorization, "TransferWithAuthorization", authMessage,
			chain.Effects{Transfers: moved(usdcAsset, self, dead, 9)},
		},
		{
			"EIP-3009 receive", usdc, `"ReceiveWithAuthorization":` + authorization, "ReceiveWithAuthorization", authMessage,
			chain.Effects{Transfers: moved(usdcAsset, self, dead, 9)},
		},
		{
			"Permit2 single", permit2, single, "PermitSingle", singleMessage,
			chain.Effects{Approvals: approved(usdcAsset, self, dead, nil)},
		},
		{"Permit2 batch transfer", permit2, batch, "PermitBatchTransferFrom", batchMessage, chain.Effects{
			Approvals: append(approved(usdcAsset, self, dead, big.NewInt(4)), approved(beefAsset, self, dead, big.NewInt(5))...),
		}},
		{
			"Permit2 elsewhere", usdc, single, "PermitSingle", singleMessage,
			chain.Effects{Approvals: approved(usdcAsset, self, dead, nil), Unknown: true},
		},
		{"another message", usdc, `"Permit":[]`, "Permit", `{}`, chain.Effects{Unknown: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := typedjson.Parse([]byte(permitDocument(tc.contract, tc.types, tc.primary, tc.message)))
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Programs = []string{tc.contract}
			if diff := cmp.Diff(tc.want, d.Effects(publicKey()), big256); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPersonalMessage(t *testing.T) {
	m := evm.PersonalMessage([]byte("héllo")) // six bytes
	const want = "\x19Ethereum Signed Message:\n6héllo"
	if got := m.SigningBytes(); string(got) != string(keccak(want)) {
		t.Errorf("digest %x", got)
	}
	if diff := cmp.Diff(chain.Effects{}, m.Effects(publicKey())); diff != "" {
		t.Error(diff)
	}
}
