package txpolicy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
)

const (
	system  = "11111111111111111111111111111111"
	token   = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	token22 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
	ata     = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
	budget  = "ComputeBudget111111111111111111111111111111"
	memo    = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
	anchor  = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
)

func key(n byte) solana.Key { return solana.Key(bytes.Repeat([]byte{n}, 32)) }

func must(t testing.TB, text string) solana.Key {
	t.Helper()
	k, err := solana.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// step is an instruction; accounts with a zero key come out of a lookup table.
type step struct {
	program  string
	accounts []solana.Key
	data     []byte
}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// The payer, who signs, is key 1, and a second signer key 2.
func pay(to solana.Key, lamports uint64) step {
	return step{system, []solana.Key{key(1), to}, slices.Concat(u32(2), u64(lamports))}
}

func sent(program string, mint, to solana.Key, amount uint64) step {
	return step{program, []solana.Key{key(40), mint, to, key(1)}, slices.Concat([]byte{12}, u64(amount), []byte{6})}
}

func price(n uint64) step { return step{budget, nil, append([]byte{3}, u64(n)...)} }
func units(n uint32) step { return step{budget, nil, append([]byte{2}, u32(n)...)} }

// transaction puts steps into a message of version 0.
func transaction(t testing.TB, steps ...step) *solana.Transaction {
	t.Helper()
	keys := []solana.Key{key(1), key(2)}
	index := func(k solana.Key) byte {
		i := slices.Index(keys, k)
		if i < 0 {
			i, keys = len(keys), append(keys, k)
		}
		return byte(i)
	}
	for _, s := range steps {
		for _, a := range append([]solana.Key{must(t, s.program)}, s.accounts...) {
			if a != (solana.Key{}) || s.program == system && a == must(t, s.program) {
				index(a)
			}
		}
	}
	var calls []byte
	looked := 0
	for _, s := range steps {
		var accounts []byte
		for _, a := range s.accounts {
			if a == (solana.Key{}) {
				accounts = append(accounts, byte(len(keys)+looked))
				looked++
				continue
			}
			accounts = append(accounts, index(a))
		}
		calls = append(calls, index(must(t, s.program)), byte(len(accounts)))
		calls = append(append(calls, accounts...), byte(len(s.data)))
		calls = append(calls, s.data...)
	}
	raw := []byte{0x80, 2, 0, 0, byte(len(keys))}
	for _, k := range keys {
		raw = append(raw, k[:]...)
	}
	blockhash := key(99)
	raw = slices.Concat(raw, blockhash[:], []byte{byte(len(steps))}, calls)
	if looked == 0 {
		raw = append(raw, 0)
	} else {
		table := key(98)
		raw = slices.Concat(raw, []byte{1}, table[:], []byte{byte(looked)})
		for i := range looked {
			raw = append(raw, byte(i))
		}
		raw = append(raw, 0)
	}
	tx, err := solana.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func policy(t testing.TB, rules string) *org.TransactionPolicy {
	t.Helper()
	p, err := txpolicy.Read(api.Raw(`{"version":"v0","solana":{"rules":[`+rules+`]}}`), "p")
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	return p
}

func list(rule string, matchers ...string) string {
	return `{"rule":"` + rule + `","instructions":[` + strings.Join(matchers, ",") + `]}`
}

func matcher(program, discriminator string, validate ...string) string {
	if discriminator == "" {
		discriminator = `"Any"`
	}
	return `{"programId":"` + program + `","discriminator":` + discriminator + `,"validate":[` + strings.Join(validate, ",") + `]}`
}

func lamports(bounds string) string {
	return `{"rule":"SystemInstructionLamportsThreshold",` + bounds + `}`
}

func recipients(keys ...solana.Key) string {
	return `{"rule":"SystemInstructionRecipientAllowlist","allowlist":` + names(keys) + `}`
}

func names(keys []solana.Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, `"`+k.String()+`"`)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func constraints(members string) string {
	return `{"rule":"TransferCheckedConstraints",` + members + `}`
}

type verdict struct {
	name  string
	rules string
	steps []step
	want  string // part of the denial, empty when it is allowed
}

func check(t *testing.T, cases []verdict) {
	t.Helper()
	for _, c := range cases {
		err := txpolicy.Check(policy(t, c.rules), transaction(t, c.steps...), key(1))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWholeTransaction(t *testing.T) {
	one := []step{pay(key(5), 1)}
	hidden := []step{pay(solana.Key{}, 1)}
	check(t, []verdict{
		{"all", `{"rule":"AllowAll"}`, one, ""},
		{"a bundle of one", `{"rule":"BundleSizeLimit","max":1}`, one, ""},
		{"a bundle of none", `{"rule":"BundleSizeLimit","max":0}`, one, "1 transaction"},
		{"no tables", `{"rule":"NoAddressLookupTables"}`, one, ""},
		{"a table", `{"rule":"NoAddressLookupTables"}`, hidden, "1 address lookup tables"},
		{"all rules hold, not one of them", `{"rule":"AllowAll"},{"rule":"NoAddressLookupTables"}`, hidden, "rule 1 (NoAddressLookupTables)"},
		{"units asked for, at the limit", `{"rule":"ComputeBudgetLimit","maxComputeUnits":5000}`, append(one, units(5000)), ""},
		{"units asked for, one more", `{"rule":"ComputeBudgetLimit","maxComputeUnits":5000}`, append(one, units(5001)), "5001 compute units"},
		{"units that the network grants", `{"rule":"ComputeBudgetLimit","maxComputeUnits":199999}`, one, "200000 compute units"},
		{"the same at the limit", `{"rule":"ComputeBudgetLimit","maxComputeUnits":200000}`, one, ""},
		{"a price at the limit", `{"rule":"ComputeBudgetLimit","maxComputeUnitPrice":7}`, append(one, price(7)), ""},
		{"a price above", `{"rule":"ComputeBudgetLimit","maxComputeUnitPrice":7}`, append(one, price(8)), "8 micro-lamports"},
		{
			"a price that costs 5 SOL", `{"rule":"ComputeBudgetLimit","maxComputeUnits":1400000,"maxComputeUnitPrice":1000000}`,
			append(one, units(1_000_000), price(5_000_000_000)), "5000000000 lamports",
		},
		{"no limits", `{"rule":"ComputeBudgetLimit","maxComputeUnits":null,"maxComputeUnitPrice":100}`, one, ""},
	})
}

func TestAllowlist(t *testing.T) {
	transfers := list("InstructionAllowlist", matcher(system, `{"Exact":2}`))
	capped := list("InstructionAllowlist", matcher(system, `{"In":[2,11]}`, lamports(`"min":10,"max":100`)))
	to := list("InstructionAllowlist", matcher(system, `{"Exact":2}`, recipients(key(5), key(6))))
	nonce := step{system, []solana.Key{key(5), key(6), key(1)}, u32(4)}
	check(t, []verdict{
		{"on the list", transfers, []step{pay(key(5), 1), pay(key(6), 1)}, ""},
		{"a second instruction is not", transfers, []step{pay(key(5), 1), {memo, nil, []byte("hi")}}, `instruction 1, memo.memo(text "hi") is not on the list`},
		{"a durable nonce first", transfers, []step{nonce, pay(key(5), 1)}, "instruction 0, system.advanceNonceAccount"},
		{"too short for a number", list("InstructionAllowlist", matcher(system, `{"Exact":0}`)), []step{{system, []solana.Key{key(1), key(5)}, []byte{0}}}, "is not on the list"},
		{"any", list("InstructionAllowlist", matcher(memo, "")), []step{{memo, nil, []byte("hi")}}, ""},
		{"another program", list("InstructionAllowlist", matcher(memo, "")), []step{{anchor, nil, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}}}, "program " + anchor + " with data 0x0102030405060708…"},
		{"Create without data", list("InstructionAllowlist", matcher(ata, `{"Exact":0}`)), []step{{ata, []solana.Key{key(1), key(5), key(6), key(7), must(t, system), must(t, token)}, nil}}, ""},
		{"at the maximum", capped, []step{pay(key(5), 100)}, ""},
		{"above", capped, []step{pay(key(5), 101)}, "101 is more than the maximum of 100"},
		{"at the minimum", capped, []step{pay(key(5), 10)}, ""},
		{"below", capped, []step{pay(key(5), 9)}, "9 is less than the minimum of 10"},
		{"two that add up to the maximum", capped, []step{pay(key(5), 60), pay(key(6), 40)}, ""},
		{"two that add up to more", capped, []step{pay(key(5), 60), pay(key(6), 41)}, "2 instructions move 101 together"},
		{
			"a sum that wraps", list("InstructionAllowlist", matcher(system, `{"Exact":2}`, lamports(`"max":9223372036854775807`))),
			[]step{pay(key(5), 1<<63-1), pay(key(5), 1<<63-1), pay(key(5), 4)},
			"move 18446744073709551615 together",
		},
		{
			"another matcher takes both", list("InstructionAllowlist", matcher(system, `{"Exact":2}`, lamports(`"max":5`)), matcher(system, `{"Exact":2}`, lamports(`"max":8`))),
			[]step{pay(key(5), 4), pay(key(5), 4)},
			"",
		},
		{
			"no matcher takes both", list("InstructionAllowlist", matcher(system, `{"Exact":2}`, lamports(`"max":5`)), matcher(system, `{"Exact":2}`, lamports(`"max":7`))),
			[]step{pay(key(5), 4), pay(key(5), 4)},
			"8 together",
		},
		{"an assignment has no amount", list("InstructionAllowlist", matcher(system, "", lamports(`"max":5`))), []step{{system, []solana.Key{key(1)}, slices.Concat(u32(1), make([]byte, 32))}}, "none of those"},
		{"a receiver on the list", to, []step{pay(key(5), 1), pay(key(6), 1)}, ""},
		{"one who is not", to, []step{pay(key(5), 1), pay(key(7), 1)}, "receiver " + key(7).String() + " is not on the list"},
		{"one out of a table", to, []step{pay(solana.Key{}, 1)}, "comes out of a lookup table"},
		{"bytes after the amount", to, []step{{system, []solana.Key{key(1), key(5)}, slices.Concat(u32(2), u64(1), []byte{0})}}, "cannot be read"},
	})
}

func TestTransferChecked(t *testing.T) {
	wallet, mint := key(30), key(31)
	account := func(program string) solana.Key {
		k, err := solana.AssociatedTokenAddress(wallet, must(t, program), mint)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rule := func(members string) string {
		return list("InstructionAllowlist", matcher(token, `{"Exact":12}`, constraints(members)), matcher(token22, `{"In":[12,26]}`, constraints(members)))
	}
	fee := step{token22, []solana.Key{key(40), mint, key(41), key(1)}, slices.Concat([]byte{26, 1}, u64(50), []byte{6}, u64(1))}
	unchecked := step{token, []solana.Key{key(40), key(41), key(1)}, append([]byte{3}, u64(5)...)}
	mints, receivers := `"mintAllowlist":`+names([]solana.Key{mint}), `"recipientAllowlist":`+names([]solana.Key{wallet, key(41)})
	check(t, []verdict{
		{"at the maximum", rule(`"max":50`), []step{sent(token, mint, key(41), 50)}, ""},
		{"above", rule(`"max":50`), []step{sent(token, mint, key(41), 51)}, "51 is more than the maximum of 50"},
		{"below", rule(`"min":5`), []step{sent(token, mint, key(41), 4)}, "4 is less than the minimum of 5"},
		{"Token-2022", rule(`"max":50`), []step{sent(token22, mint, key(41), 51)}, "51 is more"},
		{"with a fee, at the maximum", rule(`"max":50`), []step{fee}, ""},
		{"with a fee, above", rule(`"max":49`), []step{fee}, "50 is more than the maximum of 49"},
		{"two of one mint", rule(`"max":50`), []step{sent(token, mint, key(41), 26), sent(token, mint, key(42), 25)}, "51 together"},
		{"two of two mints", rule(`"max":50`), []step{sent(token, mint, key(41), 26), sent(token, key(32), key(41), 25)}, ""},
		{"a mint on the list", rule(mints), []step{sent(token, mint, key(41), 1)}, ""},
		{"one that is not", rule(mints), []step{sent(token, key(32), key(41), 1)}, "mint " + key(32).String()},
		{"one out of a table", rule(mints), []step{sent(token, solana.Key{}, key(41), 1)}, "lookup table"},
		{"a receiver on the list", rule(receivers), []step{sent(token, mint, key(41), 1)}, ""},
		{"a wallet's account", rule(receivers), []step{sent(token, mint, account(token), 1)}, ""},
		{"of Token-2022", rule(receivers), []step{sent(token22, mint, account(token22), 1)}, ""},
		{"of the other program", rule(receivers), []step{sent(token22, mint, account(token), 1)}, "is not on the list"},
		{"a stranger's", rule(receivers), []step{sent(token, mint, key(43), 1)}, "receiver " + key(43).String()},
		{"a receiver out of a table", rule(receivers), []step{sent(token, mint, solana.Key{}, 1)}, "lookup table"},
		{"a transfer without mint", rule(`"max":50`), []step{unchecked}, "token.transfer(source "},
		{"any instruction, but it has no amount to check", list("InstructionAllowlist", matcher(token, "", constraints(`"max":50`))), []step{unchecked}, "none of those"},
	})
}

func TestSignerUsage(t *testing.T) {
	never, paying := `{"rule":"NoSignerAccountUsage"}`, `{"rule":"NoSignerAccountUsage","allowlist":[`+matcher(system, `{"Exact":2}`, lamports(`"max":5`))+`]}`
	other := step{system, []solana.Key{key(2), key(5)}, slices.Concat(u32(2), u64(1000))}
	check(t, []verdict{
		{"pays the fee only", never, []step{other}, ""},
		{"pays itself", never, []step{other, pay(key(5), 1)}, "instruction 1, it uses the signing account " + key(1).String()},
		{"within the exception", paying, []step{other, pay(key(5), 5)}, ""},
		{"beyond it", paying, []step{other, pay(key(5), 6)}, "6 is more than the maximum of 5"},
		{"beyond it together", paying, []step{pay(key(5), 3), pay(key(5), 3)}, "6 together"},
		{"as an owner of tokens", paying, []step{sent(token, key(31), key(41), 1)}, "token.transferChecked"},
	})
}

func TestDenylist(t *testing.T) {
	large := list("InstructionDenylist", matcher(system, `{"Exact":2}`, lamports(`"min":100`)))
	to := list("InstructionDenylist", matcher(system, "", recipients(key(6))))
	check(t, []verdict{
		{"not on it", list("InstructionDenylist", matcher(system, `{"Exact":1}`)), []step{pay(key(5), 1)}, ""},
		{"on it", list("InstructionDenylist", matcher(system, `{"In":[1,2]}`)), []step{pay(key(5), 1)}, "instruction 0, system.transfer"},
		{"a program", list("InstructionDenylist", matcher(anchor, "")), []step{pay(key(5), 1), {anchor, nil, []byte{1}}}, "instruction 1, program " + anchor},
		{"less than what is denied", large, []step{pay(key(5), 99)}, ""},
		{"what is denied", large, []step{pay(key(5), 100)}, "lamports 100) is on the list"},
		{"in two parts", large, []step{pay(key(5), 50), pay(key(6), 50)}, "2 instructions move 100 together"},
		{"somebody else", to, []step{pay(key(5), 1)}, ""},
		{"whom it denies", to, []step{pay(key(6), 1)}, "is on the list"},
		{"somebody out of a table", to, []step{pay(solana.Key{}, 1)}, "is on the list"},
		{"bytes that a program overlooks", large, []step{{system, []solana.Key{key(1), key(5)}, slices.Concat(u32(2), u64(100), []byte{0})}}, "is on the list"},
		{"what moves nothing", to, []step{{system, []solana.Key{key(6)}, slices.Concat(u32(8), u64(1))}}, ""},
	})
}

// Deriving token accounts is bounded: beyond the bound nothing is allowed, and everything is denied.
func TestManyRecipients(t *testing.T) {
	many := make([]solana.Key, 120)
	for i := range many {
		many[i] = key(byte(100 + i))
	}
	steps := []step{sent(token, key(31), key(41), 1), sent(token, key(32), key(41), 1), sent(token, key(33), key(41), 1)}
	for _, rule := range []string{"InstructionAllowlist", "InstructionDenylist"} {
		rules := list(rule, matcher(token, "", constraints(`"recipientAllowlist":`+names(many))))
		if err := txpolicy.Check(policy(t, rules), transaction(t, steps...), key(1)); err == nil {
			t.Errorf("%s: no denial", rule)
		}
	}
}

func TestDenial(t *testing.T) {
	p := policy(t, `{"rule":"AllowAll"},`+list("InstructionAllowlist", matcher(memo, "")))
	var d *txpolicy.Denial
	if err := txpolicy.Check(p, transaction(t, pay(key(5), 7)), key(1)); !errors.As(err, &d) || d.Rule != 1 || d.Name != "InstructionAllowlist" || d.Instruction != 0 {
		t.Errorf("%v", err)
	}
	if txpolicy.Check(nil, nil, solana.Key{}) != nil {
		t.Error("no policy denies")
	}
	for _, p := range []*org.TransactionPolicy{{Version: "v1"}, {Version: "v0", Solana: []org.TransactionRule{{Rule: "New"}}}} {
		if txpolicy.Check(p, transaction(t, pay(key(5), 7)), key(1)) == nil {
			t.Errorf("what is not known allows: %+v", p)
		}
	}
}
