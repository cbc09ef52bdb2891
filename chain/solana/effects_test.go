package solana_test

import (
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/solana"
)

const (
	systemID    = "11111111111111111111111111111111"
	tokenID     = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	token2022ID = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
	ataID       = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
	budgetID    = "ComputeBudget111111111111111111111111111111"
	stakeID     = "Stake11111111111111111111111111111111111111"
	memoID      = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
)

var bigInt = cmp.Comparer(func(a, b *big.Int) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0)
})

// step is one instruction by keys; the first account of the transaction is self.
type step struct {
	program  string
	accounts []solana.Key
	data     []byte
}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func data(parts ...[]byte) []byte { return slices.Concat(parts...) }

func raw(k solana.Key) []byte { return k[:] }

// effects runs steps in one transaction that self pays and signs alone.
func effects(t *testing.T, steps ...step) chain.Effects {
	t.Helper()
	me := self()
	return parse(t, steps...).Effects(me[:])
}

func parse(t *testing.T, steps ...step) *solana.Transaction {
	t.Helper()
	d := draft{header: [3]byte{1, 0, 0}, keys: []solana.Key{self()}}
	index := func(k solana.Key) byte {
		if i := slices.Index(d.keys, k); i >= 0 {
			return byte(i)
		}
		d.keys = append(d.keys, k)
		return byte(len(d.keys) - 1)
	}
	for _, s := range steps {
		c := call{program: index(mustKey(t, s.program)), data: s.data}
		for _, k := range s.accounts {
			c.accounts = append(c.accounts, index(k))
		}
		d.calls = append(d.calls, c)
	}
	tx, err := solana.Parse(d.message())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func moved(asset string, from, to solana.Key, amount int64) chain.Effects {
	return chain.Effects{Transfers: []chain.Transfer{
		{Asset: asset, From: from.String(), To: to.String(), Amount: big.NewInt(amount)},
	}}
}

func changed(subject solana.Key, kind, to string) chain.Effects {
	return chain.Effects{AuthorityChanges: []chain.AuthorityChange{{Subject: subject.String(), Kind: kind, To: to}}}
}

func allowed(asset string, spender solana.Key, amount *big.Int) chain.Effects {
	return chain.Effects{Approvals: []chain.Approval{
		{Asset: asset, Owner: self().String(), Spender: spender.String(), Amount: amount},
	}}
}

func unknown(e chain.Effects) chain.Effects {
	e.Unknown = true
	return e
}

func with(e, more chain.Effects) chain.Effects {
	e.AuthorityChanges = append(e.AuthorityChanges, more.AuthorityChanges...)
	return e
}

func seed(s string) []byte { return append(u64(uint64(len(s))), s...) }

type effectCase struct {
	name     string
	data     []byte
	accounts []solana.Key
	want     chain.Effects
}

func runEffects(t *testing.T, program string, cases []effectCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Programs = []string{program}
			tc.want.FeeMax = big.NewInt(5000)
			got := effects(t, step{program, tc.accounts, tc.data})
			if diff := cmp.Diff(tc.want, got, bigInt); diff != "" {
				t.Error(diff)
			}
			// A byte more than the arguments still runs on chain, but is not ours to name.
			if got := effects(t, step{program, tc.accounts, append(tc.data, 0)}); !got.Unknown {
				t.Error("a byte after the arguments is known")
			}
			if got := effects(t, step{program, tc.accounts, tc.data[:max(0, len(tc.data)-1)]}); len(tc.data) > 0 && !got.Unknown {
				t.Error("arguments less a byte are known")
			}
			if len(tc.accounts) > 0 {
				if got := effects(t, step{program, nil, tc.data}); !got.Unknown {
					t.Error("a call without accounts is known")
				}
			}
		})
	}
}

func TestSystemEffects(t *testing.T) {
	me, a, b := self(), key(1), key(2)
	runEffects(t, systemID, []effectCase{
		{"transfer", data(u32(2), u64(5)), []solana.Key{me, a}, moved("SOL", me, a, 5)},
		{"transfer with seed", data(u32(11), u64(5), seed("x"), raw(b)), []solana.Key{a, me, b}, moved("SOL", me, b, 5)},
		{
			"create", data(u32(0), u64(5), u64(9), raw(b)),
			[]solana.Key{me, a},
			with(moved("SOL", me, a, 5), changed(a, "CreateAccount", b.String())),
		},
		{
			"create with seed", data(u32(3), raw(me), seed("xy"), u64(5), u64(9), raw(b)),
			[]solana.Key{me, a},
			with(moved("SOL", me, a, 5), changed(a, "CreateAccountWithSeed", b.String())),
		},
		{"assign", data(u32(1), raw(b)), []solana.Key{me}, changed(me, "Assign", b.String())},
		{"assign with seed", data(u32(10), raw(me), seed("x"), raw(b)), []solana.Key{a}, changed(a, "AssignWithSeed", b.String())},
		{"allocate", data(u32(8), u64(9)), []solana.Key{me}, changed(me, "Allocate", "")},
		{
			"allocate with seed", data(u32(9), raw(me), seed(""), u64(9), raw(b)),
			[]solana.Key{a},
			changed(a, "AllocateWithSeed", b.String()),
		},
		{"advance nonce", u32(4), []solana.Key{a, b, me}, changed(a, "AdvanceNonceAccount", me.String())},
		{"withdraw nonce", data(u32(5), u64(5)), []solana.Key{a, b, b, b, me}, moved("SOL", me, b, 5)},
		{"initialize nonce", data(u32(6), raw(b)), []solana.Key{a}, changed(a, "InitializeNonceAccount", b.String())},
		{"authorize nonce", data(u32(7), raw(b)), []solana.Key{a}, changed(a, "AuthorizeNonceAccount", b.String())},
		{"upgrade nonce", u32(12), []solana.Key{a}, changed(a, "UpgradeNonceAccount", "")},
	})
	if got := effects(t, step{systemID, []solana.Key{me}, u32(13)}); !got.Unknown {
		t.Error("instruction 13 is known")
	}
	long := data(u32(11), u64(5), u64(1<<63), raw(b))
	if got := effects(t, step{systemID, []solana.Key{a, me, b}, long}); !got.Unknown {
		t.Error("a seed longer than the data is known")
	}
}

func TestTokenEffects(t *testing.T) {
	me, source, to, mint := self(), key(1), key(2), key(3)
	asset := "token:" + mint.String()
	account := "token-account:" + source.String()
	checked := []solana.Key{source, mint, to, me}
	for _, program := range []string{tokenID, token2022ID} {
		runEffects(t, program, []effectCase{
			{"transfer checked", data([]byte{12}, u64(5), []byte{6}), checked, moved(asset, me, to, 5)},
			{"approve checked", data([]byte{13}, u64(5), []byte{6}), checked, allowed(asset, to, big.NewInt(5))},
			{"approve all", data([]byte{13}, u64(1<<64-1), []byte{6}), checked, allowed(asset, to, nil)},
			{"transfer", data([]byte{3}, u64(5)), []solana.Key{source, to, me}, unknown(moved(account, me, to, 5))},
			{"approve", data([]byte{4}, u64(5)), []solana.Key{source, to, me}, unknown(allowed(account, to, big.NewInt(5)))},
			{"revoke", []byte{5}, []solana.Key{source, me}, changed(source, "Revoke", "")},
			{
				"set owner", data([]byte{6, 2, 1}, raw(to)),
				[]solana.Key{source, me},
				changed(source, "SetAuthority.AccountOwner", to.String()),
			},
			{"drop mint authority", []byte{6, 0, 0}, []solana.Key{mint, me}, changed(mint, "SetAuthority.MintTokens", "")},
			{"mint", data([]byte{7}, u64(5)), []solana.Key{mint, to, me}, moved(asset, mint, to, 5)},
			{"mint checked", data([]byte{14}, u64(5), []byte{6}), []solana.Key{mint, to, me}, moved(asset, mint, to, 5)},
			{"burn", data([]byte{8}, u64(5)), []solana.Key{source, mint, me}, moved(asset, me, mint, 5)},
			{"burn checked", data([]byte{15}, u64(5), []byte{6}), []solana.Key{source, mint, me}, moved(asset, me, mint, 5)},
			{"close to self", []byte{9}, []solana.Key{source, me, me}, changed(source, "CloseAccount", me.String())},
			{"close to another", []byte{9}, []solana.Key{source, to, me}, unknown(changed(source, "CloseAccount", to.String()))},
			{"freeze", []byte{10}, []solana.Key{source, mint, me}, changed(source, "FreezeAccount", me.String())},
			{"thaw", []byte{11}, []solana.Key{source, mint, me}, changed(source, "ThawAccount", me.String())},
			{"initialize account", []byte{1}, []solana.Key{source, mint, to, me}, changed(source, "InitializeAccount", to.String())},
			{"initialize account 3", data([]byte{18}, raw(to)), []solana.Key{source, mint}, changed(source, "InitializeAccount", to.String())},
			{"initialize mint", data([]byte{20, 6}, raw(to), []byte{0}), []solana.Key{mint}, changed(mint, "InitializeMint.MintTokens", to.String())},
			{
				"initialize mint with freeze", data([]byte{0, 6}, raw(to), []byte{1}, raw(me)),
				[]solana.Key{mint},
				with(changed(mint, "InitializeMint.MintTokens", to.String()), changed(mint, "InitializeMint.FreezeAccount", me.String())),
			},
			{"sync native", []byte{17}, nil, chain.Effects{}},
		})
	}
	fee := data([]byte{26, 1}, u64(5), []byte{6}, u64(1))
	runEffects(t, token2022ID, []effectCase{{"transfer with fee", fee, checked, moved(asset, me, to, 5)}})
	if got := effects(t, step{tokenID, checked, fee}); !got.Unknown || got.Transfers != nil {
		t.Error("classic tokens have a transfer fee")
	}
	hook := append(slices.Clone(checked), key(7))
	if got := effects(t, step{token2022ID, hook, data([]byte{12}, u64(5), []byte{6})}); !got.Unknown {
		t.Error("a transfer hook is known")
	}
	if got := effects(t, step{tokenID, []solana.Key{source, me}, []byte{6, 2, 2}}); !got.Unknown {
		t.Error("an option of 2 is known")
	}
}

func TestStakeEffects(t *testing.T) {
	me, stake, other := self(), key(1), key(2)
	four := []solana.Key{stake, other, me, other}
	runEffects(t, stakeID, []effectCase{
		{
			"initialize", data(u32(0), raw(me), raw(other), make([]byte, 48)),
			[]solana.Key{stake},
			with(changed(stake, "Initialize.Staker", me.String()), changed(stake, "Initialize.Withdrawer", other.String())),
		},
		{"authorize staker", data(u32(1), raw(other), u32(0)), four, changed(stake, "Authorize.Staker", other.String())},
		{"authorize withdrawer", data(u32(1), raw(other), u32(1)), four, changed(stake, "Authorize.Withdrawer", other.String())},
		{"authorize checked", data(u32(10), u32(1)), four, changed(stake, "AuthorizeChecked.Withdrawer", other.String())},
		{"delegate", u32(2), four, changed(stake, "DelegateStake", other.String())},
		{"split", data(u32(3), u64(5)), four, with(moved("SOL", me, other, 5), changed(other, "Split", stake.String()))},
		{"withdraw", data(u32(4), u64(5)), append(slices.Clone(four), me), moved("SOL", me, other, 5)},
		{"merge", u32(7), four, changed(other, "Merge", stake.String())},
		{
			"initialize checked", u32(9),
			[]solana.Key{stake, other, me, other},
			with(changed(stake, "Initialize.Staker", me.String()), changed(stake, "Initialize.Withdrawer", other.String())),
		},
		{"move stake", data(u32(16), u64(5)), four, moved("SOL", me, other, 5)},
		{"move lamports", data(u32(17), u64(5)), four, moved("SOL", me, other, 5)},
		{"deactivate", u32(5), four, changed(stake, "Deactivate", "")},
	})
	if got := effects(t, step{stakeID, four, data(u32(1), raw(other), u32(2))}); !got.Unknown {
		t.Error("a third authority is known")
	}
}

func TestFee(t *testing.T) {
	memo := step{memoID, nil, []byte("hi")}
	limit := func(n uint32) step { return step{budgetID, nil, data([]byte{2}, u32(n))} }
	price := func(n uint64) step { return step{budgetID, nil, data([]byte{3}, u64(n))} }
	for name, tc := range map[string]struct {
		steps []step
		want  string
	}{
		"no price":         {[]step{memo, limit(1_000_000)}, "5000"},
		"default limit":    {[]step{memo, memo, price(1_000_000)}, "408000"},
		"rounded up":       {[]step{memo, limit(1), price(1)}, "5001"},
		"limit capped":     {[]step{memo, limit(1 << 31), price(1_000_000)}, "1405000"},
		"default capped":   {slices.Repeat([]step{memo, memo, price(1_000_000)}, 4), "1405000"},
		"limit of nothing": {[]step{memo, limit(0), price(1_000_000)}, "5000"},
		"five SOL":         {[]step{memo, limit(1_000_000), price(5_000_000_000)}, "5000005000"},
		"most":             {[]step{memo, limit(1_400_000), price(1<<64 - 1)}, "25825441703193377261"},
	} {
		got := effects(t, tc.steps...)
		if got.FeeMax.String() != tc.want || got.Unknown {
			t.Errorf("%s: %s, %v; want %s", name, got.FeeMax, got.Unknown, tc.want)
		}
	}
	if got := effects(t, step{budgetID, nil, data([]byte{0}, u32(1), u32(1))}); !got.Unknown {
		t.Error("the retired budget request is known")
	}
	precompile := step{"Ed25519SigVerify111111111111111111111111111", nil, []byte{3, 0}}
	if got := effects(t, precompile); got.FeeMax.String() != "20000" || !got.Unknown {
		t.Errorf("precompile: %s, %v", got.FeeMax, got.Unknown)
	}
	stranger := key(1)
	if got := parse(t, memo).Effects(stranger[:]); got.FeeMax != nil {
		t.Errorf("a signer who does not pay is charged %s", got.FeeMax)
	}
}

func TestAssociatedAccountEffects(t *testing.T) {
	me := self()
	accounts := []solana.Key{me, key(1), key(2), key(3), mustKey(t, systemID), mustKey(t, tokenID)}
	for _, d := range [][]byte{nil, {0}, {1}} {
		if got := effects(t, step{ataID, accounts, d}); got.Unknown || got.FeeMax.String() != "2044280" || got.Transfers != nil {
			t.Errorf("data %x: %+v", d, got)
		}
	}
	for _, d := range [][]byte{{2}, {0, 0}} {
		if got := effects(t, step{ataID, accounts, d}); !got.Unknown {
			t.Errorf("data %x is known", d)
		}
	}
	accounts[0] = key(9)
	if got := effects(t, step{ataID, accounts, nil}); got.FeeMax.String() != "5000" {
		t.Errorf("another payer's rent is ours: %s", got.FeeMax)
	}
	accounts[5] = key(9)
	if got := effects(t, step{ataID, accounts, nil}); !got.Unknown {
		t.Error("another token program is known")
	}
}

func TestLookedUpReceiver(t *testing.T) {
	tx, err := solana.Parse(sponsored().full())
	if err != nil {
		t.Fatal(err)
	}
	me := self()
	got := tx.Effects(me[:])
	want := chain.Effects{
		Transfers: []chain.Transfer{{Asset: "SOL", From: me.String(), Amount: big.NewInt(5)}},
		Programs:  []string{systemID}, Unknown: true,
	}
	if diff := cmp.Diff(want, got, bigInt); diff != "" {
		t.Error(diff)
	}
}

func TestDurableNonce(t *testing.T) {
	advance := step{systemID, []solana.Key{key(1), key(2), self()}, u32(4)}
	memo := step{memoID, nil, nil}
	if !parse(t, advance, memo).DurableNonce() || parse(t, memo, advance).DurableNonce() || parse(t, memo).DurableNonce() {
		t.Error("durable nonces are not told apart")
	}
}

func TestLighthouseEffects(t *testing.T) {
	const program = "L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95"
	me, memory, other := self(), key(1), key(2)
	write := []solana.Key{mustKey(t, program), mustKey(t, systemID), me, memory, other}
	for name, tc := range map[string]struct {
		accounts []solana.Key
		data     []byte
		fee      int64
		want     chain.Effects
	}{
		"assert":             {[]solana.Key{other}, []byte{5, 0, 1}, 5000, chain.Effects{}},
		"last assert":        {[]solana.Key{other}, []byte{17, 0, 1}, 5000, chain.Effects{}},
		"no assert":          {[]solana.Key{other}, []byte{18, 0, 1}, 5000, unknown(chain.Effects{})},
		"nothing":            {[]solana.Key{other}, nil, 5000, unknown(chain.Effects{})},
		"write a field":      {write, []byte{0, 0, 255, 8, 1, 1}, 5000 + 6960*(128+8+32), changed(memory, "MemoryWrite", me.String())},
		"write account data": {write, []byte{0, 0, 255, 0, 0, 0, 0, 8, 0}, 5000 + 6960*(128+10240), changed(memory, "MemoryWrite", me.String())},
		"write half":         {write, []byte{0, 0, 255, 0x80}, 5000, unknown(chain.Effects{})},
		"close":              {[]solana.Key{mustKey(t, program), me, memory}, []byte{1, 0, 255}, 5000, changed(memory, "MemoryClose", me.String())},
		"close for another":  {[]solana.Key{mustKey(t, program), other, memory}, []byte{1, 0, 255}, 5000, changed(memory, "MemoryClose", other.String())},
	} {
		tc.want.FeeMax, tc.want.Programs = big.NewInt(tc.fee), []string{program}
		if diff := cmp.Diff(tc.want, effects(t, step{program, tc.accounts, tc.data}), bigInt); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
