package solana

import (
	"math/big"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Parsed is an instruction in words: what program is called, by which instruction, with which arguments.
type Parsed struct {
	Program string // system, token, token2022, associatedToken, computeBudget, stake, memo, lighthouse
	Name    string
	Args    []Arg // accounts first, then what stands in the data
}

// Arg is an argument of an instruction.
type Arg struct {
	Name string
	// Value is a string (an address, which is empty if it comes out of a lookup table or is left out; or a text), an
	// uint64 or an int64.
	Value any
}

// Arg is an argument by its name.
func (p Parsed) Arg(name string) (any, bool) {
	for _, a := range p.Args {
		if a.Name == name {
			return a.Value, true
		}
	}
	return nil, false
}

// layout says what an instruction looks like.
type layout struct {
	name     string
	accounts []string
	fields   []string // name:type
	prefix   string   // of the data, which tells instructions of a program apart
}

// layouts are the instructions that have names, by program.
var layouts = sync.OnceValue(func() map[string][]layout {
	all := make(map[string][]layout)
	for line := range strings.Lines(layoutTable) {
		program, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		tag, rest, more := strings.Cut(rest, " ")
		if !ok || !more {
			continue
		}
		name, rest, _ := strings.Cut(rest, "(")
		accounts, data, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "|")
		all[program] = append(all[program], layout{name, strings.Fields(accounts), strings.Fields(data), tagBytes(program, tag)})
	}
	return all
})

// tagBytes are how a program tells its instructions apart: 32-bit numbers, or bytes with a dot between them.
func tagBytes(program, tag string) string {
	var out []byte
	for part := range strings.SplitSeq(tag, ".") {
		n, _ := strconv.ParseUint(part, 10, 8) // the table is a constant; "-" is no number
		out = append(out, byte(n))
	}
	if program == "system" || program == "stake" {
		out = append(out, 0, 0, 0)
	}
	if tag == "-" {
		out = nil
	}
	return string(out)
}

// layoutTable has a line for each instruction: program, number, name, accounts, arguments in the data with their types.
const layoutTable = `
system 0 createAccount(from to|lamports:u64 space:u64 owner:key)
system 1 assign(account|owner:key)
system 2 transfer(from to|lamports:u64)
system 3 createAccountWithSeed(from to|base:key seed:text lamports:u64 space:u64 owner:key)
system 4 advanceNonceAccount(nonce recentBlockhashes authority|)
system 5 withdrawNonceAccount(nonce to recentBlockhashes rent authority|lamports:u64)
system 6 initializeNonceAccount(nonce|authority:key)
system 7 authorizeNonceAccount(nonce authority|newAuthority:key)
system 8 allocate(account|space:u64)
system 9 allocateWithSeed(account|base:key seed:text space:u64 owner:key)
system 10 assignWithSeed(account|base:key seed:text owner:key)
system 11 transferWithSeed(from base to|lamports:u64 seed:text fromOwner:key)
system 12 upgradeNonceAccount(nonce|)
token 0 initializeMint(mint|decimals:u8 mintAuthority:key freezeAuthority:option)
token 1 initializeAccount(account mint owner|)
token 3 transfer(source destination owner|amount:u64)
token 4 approve(source delegate owner|amount:u64)
token 5 revoke(source owner|)
token 6 setAuthority(account authority|authorityType:u8 newAuthority:option)
token 7 mintTo(mint account authority|amount:u64)
token 8 burn(account mint authority|amount:u64)
token 9 closeAccount(account destination owner|)
token 10 freezeAccount(account mint authority|)
token 11 thawAccount(account mint authority|)
token 12 transferChecked(source mint destination owner|amount:u64 decimals:u8)
token 13 approveChecked(source mint delegate owner|amount:u64 decimals:u8)
token 14 mintToChecked(mint account authority|amount:u64 decimals:u8)
token 15 burnChecked(account mint authority|amount:u64 decimals:u8)
token 16 initializeAccount2(account mint|owner:key)
token 17 syncNative(account|)
token 18 initializeAccount3(account mint|owner:key)
token 20 initializeMint2(mint|decimals:u8 mintAuthority:key freezeAuthority:option)
token 22 initializeImmutableOwner(account|)
token2022 26.1 transferCheckedWithFee(source mint destination owner|amount:u64 decimals:u8 fee:u64)
associatedToken - create(payer account wallet mint systemProgram tokenProgram|)
associatedToken 0 create(payer account wallet mint systemProgram tokenProgram|)
associatedToken 1 createIdempotent(payer account wallet mint systemProgram tokenProgram|)
computeBudget 1 requestHeapFrame(|bytes:u32)
computeBudget 2 setComputeUnitLimit(|units:u32)
computeBudget 3 setComputeUnitPrice(|microLamports:u64)
computeBudget 4 setLoadedAccountsDataSizeLimit(|bytes:u32)
stake 0 initialize(stake|staker:key withdrawer:key lockupTime:i64 lockupEpoch:u64 custodian:key)
stake 1 authorize(stake clock authority|newAuthority:key stakeAuthorize:u32)
stake 2 delegateStake(stake vote|)
stake 3 split(stake destination staker|lamports:u64)
stake 4 withdraw(stake destination clock stakeHistory withdrawer|lamports:u64)
stake 5 deactivate(stake|)
stake 7 merge(destination source|)
stake 9 initializeChecked(stake rent staker withdrawer|)
stake 10 authorizeChecked(stake clock authority newAuthority|stakeAuthorize:u32)
stake 16 moveStake(source destination staker|lamports:u64)
stake 17 moveLamports(source destination staker|lamports:u64)
memo - memo(|text:rest)
lighthouse 0 memoryWrite(program systemProgram payer memory source|)
lighthouse 1 memoryClose(program payer memory|memoryId:u8 bump:u8)
`

// programName is what a program is called in words.
func programName(program Key) string {
	switch programText(program) {
	case systemProgram:
		return "system"
	case tokenProgram:
		return "token"
	case token2022Program:
		return "token2022"
	case ataProgram:
		return "associatedToken"
	case budgetProgram:
		return "computeBudget"
	case stakeProgram:
		return "stake"
	case memoProgram, memo1Program:
		return "memo"
	case lighthouse:
		return "lighthouse"
	}
	return ""
}

// Parse puts the instruction in words; false if it is not one that has a name, or its bytes are not exactly its own.
func (in Instruction) Parse() (Parsed, bool) {
	p := Parsed{Program: programName(in.Program)}
	if p.Program == "lighthouse" && len(in.Data) > 0 && in.Data[0] > lighthouseClose && in.Data[0] <= lighthouseLastAssert {
		p.Name = "assert"
		return p, true
	}
	tables := [][]layout{layouts()[p.Program]}
	if p.Program == "token2022" {
		tables = append(tables, layouts()["token"])
	}
	for _, table := range tables {
		for _, l := range table {
			if !strings.HasPrefix(string(in.Data), l.prefix) || len(in.Accounts) < len(l.accounts) {
				continue
			}
			args, ok := l.read(in)
			if ok = ok || l.name == "memoryWrite"; ok { // what it writes is of many forms
				p.Name, p.Args = l.name, args
				return p, true
			}
		}
	}
	return Parsed{}, false
}

// read takes the arguments of a layout, all bytes of which must be there and no more.
func (l layout) read(in Instruction) ([]Arg, bool) {
	args := make([]Arg, 0, len(l.accounts)+len(l.fields))
	for i, name := range l.accounts {
		args = append(args, Arg{name, in.Accounts[i].String()})
	}
	f := fields{buf: in.Data[len(l.prefix):]}
	for _, field := range l.fields {
		name, typ, _ := strings.Cut(field, ":")
		v, ok := f.value(typ)
		if !ok || f.short {
			return nil, false
		}
		args = append(args, Arg{name, v})
	}
	return args, f.whole()
}

// Budget is what the Compute Budget instructions of a transaction ask for.
type Budget struct {
	UnitLimit   uint64   // compute units that the fee is for
	UnitPrice   uint64   // micro-lamports for a unit
	FeeMax      *big.Int // the network's fee in lamports, the priority fee included
	PriorityMax *big.Int // the priority fee in lamports
}

// ComputeBudget reads the Compute Budget instructions.
func (t *Transaction) ComputeBudget() Budget {
	w := &walk{}
	for _, in := range t.Instructions() {
		w.instruction(in, programText(in.Program))
	}
	fee := w.budget.fee(len(t.signatures))
	base := big.NewInt(lamportsPerSignature * int64(len(t.signatures)+w.budget.extra))
	return Budget{w.budget.units(), w.budget.price, fee, base.Sub(fee, base)}
}

// value reads a value by the name of its type.
func (f *fields) value(typ string) (any, bool) {
	switch typ {
	case "u8":
		return uint64(f.u8()), true
	case "u32":
		return uint64(f.u32()), true
	case "u64":
		return f.u64(), true
	case "i64":
		return int64(f.u64()), true //nolint:gosec // two's complement is meant
	case "key":
		return f.key().String(), true
	case "option":
		switch f.u8() {
		case 0:
			return "", true
		case 1:
			return f.key().String(), true
		}
		return nil, false
	case "text":
		n := f.u64()
		if n > uint64(len(f.buf)) {
			return nil, false
		}
		return textOf(f.take(int(n))) //nolint:gosec // at most what there is
	case "rest":
		return textOf(f.take(len(f.buf)))
	}
	return nil, false
}

func textOf(b []byte) (any, bool) { return string(b), utf8.Valid(b) }
