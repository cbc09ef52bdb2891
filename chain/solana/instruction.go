package solana

import "slices"

// Account is one account of an instruction.
type Account struct {
	Key      Key  // zero when the account comes out of a lookup table
	Resolved bool // false when the account comes out of a lookup table: who it is can change until execution
	Table    Key  // the lookup table, when not Resolved
	Index    byte // the place in the table, when not Resolved
	Signer   bool
	Writable bool
}

// String is the address in base 58, empty when the account is not known.
func (a Account) String() string {
	if !a.Resolved {
		return ""
	}
	return a.Key.String()
}

// Instruction is one call of a program.
type Instruction struct {
	Program  Key
	Accounts []Account
	Data     []byte
}

// Instructions returns the calls of the transaction in their order.
func (t *Transaction) Instructions() []Instruction {
	accounts := t.msg.allAccounts()
	out := make([]Instruction, 0, len(t.msg.instructions))
	for _, c := range t.msg.instructions {
		in := Instruction{Program: t.msg.keys[c.program], Data: slices.Clone(c.data), Accounts: make([]Account, 0, len(c.accounts))}
		for _, i := range c.accounts {
			in.Accounts = append(in.Accounts, accounts[i])
		}
		out = append(out, in)
	}
	return out
}

// allAccounts lists what indexes count through: static accounts, then all writable looked-up ones, then all read-only
// looked-up ones.
func (m *message) allAccounts() []Account {
	h := m.header
	out := make([]Account, 0, m.accounts())
	for i, k := range m.keys {
		signer := i < h.signers
		writable := i < h.signers-h.readonlySigners || (!signer && i < len(m.keys)-h.readonlyOthers)
		out = append(out, Account{Key: k, Resolved: true, Signer: signer, Writable: writable})
	}
	for _, l := range m.lookups {
		for _, i := range l.Writable {
			out = append(out, Account{Table: l.Table, Index: i, Writable: true})
		}
	}
	for _, l := range m.lookups {
		for _, i := range l.Readonly {
			out = append(out, Account{Table: l.Table, Index: i})
		}
	}
	return out
}

// DurableNonce says that the transaction stays valid until its nonce account advances: the first instruction is
// AdvanceNonceAccount. Such a signature does not expire with its blockhash.
func (t *Transaction) DurableNonce() bool {
	all := t.Instructions()
	if len(all) == 0 || programText(all[0].Program) != systemProgram {
		return false
	}
	f := fields{buf: all[0].Data}
	return f.u32() == systemAdvanceNonce && !f.short
}
