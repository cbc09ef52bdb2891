package solana_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	bin "github.com/gagliardetto/binary"
	oracle "github.com/gagliardetto/solana-go"

	"github.com/redoubt-kms/redoubt/chain/solana"
)

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

// randomDraft makes a message that is well formed unless it draws the same number twice.
func randomDraft(g *rand.Rand) draft {
	signers := 1 + g.IntN(3)
	others := 1 + g.IntN(5)
	d := draft{v0: g.IntN(2) == 0, header: [3]byte{byte(signers), byte(g.IntN(signers)), byte(g.IntN(others))}}
	for range signers + others {
		var k solana.Key
		for i := range k {
			k[i] = byte(g.Uint32())
		}
		d.keys = append(d.keys, k)
	}
	total := len(d.keys)
	if d.v0 {
		for i := range g.IntN(3) {
			l := solana.Lookup{Table: key(byte(i)), Writable: indexes(g, 0), Readonly: indexes(g, 100)}
			l.Writable = append(l.Writable, 99)
			total += len(l.Writable) + len(l.Readonly)
			d.lookups = append(d.lookups, l)
		}
	}
	for range g.IntN(4) {
		c := call{program: byte(1 + g.IntN(len(d.keys)-1)), data: make([]byte, g.IntN(40))}
		for range g.IntN(6) {
			c.accounts = append(c.accounts, byte(g.IntN(total)))
		}
		d.calls = append(d.calls, c)
	}
	return d
}

// indexes are up to two different ones.
func indexes(g *rand.Rand, from int) []byte {
	out := []byte{}
	for i := range g.IntN(3) {
		out = append(out, byte(from+10*i+g.IntN(10)))
	}
	return out
}

// TestAgainstSolanaGo compares random messages, and what remains of them after a change of a byte, with solana-go:
// everything that we accept, it accepts with the same meaning and writes back to the same bytes.
func TestAgainstSolanaGo(t *testing.T) {
	g := rand.New(rand.NewPCG(3, 1))
	accepted, n := 0, rounds(20_000, 500_000) // two messages each
	for i := range n {
		b := randomDraft(g).full()
		if _, err := solana.Parse(b); err != nil {
			t.Fatalf("round %d: %v: %x", i, err, b)
		}
		compare(t, b)
		// The slots hold arbitrary bytes; changes of the message are those that matter.
		b[1+64*int(b[0])+g.IntN(len(b)-1-64*int(b[0]))] ^= 1 << g.IntN(8)
		if _, err := solana.Parse(b); err == nil {
			compare(t, b)
			accepted++
		}
	}
	if accepted < n/4 {
		t.Errorf("only %d changed messages are accepted: the changes test little", accepted)
	}
}

func compare(t *testing.T, b []byte) {
	t.Helper()
	ours, err := solana.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	d := bin.NewBinDecoder(b)
	theirs, err := oracle.TransactionFromDecoder(d)
	if err != nil || d.Remaining() != 0 {
		t.Fatalf("we accept %x, solana-go says %v with %d bytes left", b, err, d.Remaining())
	}
	again, err := theirs.MarshalBinary()
	if err != nil || !bytes.Equal(again, b) || !bytes.Equal(ours.Bytes(), b) {
		t.Fatalf("%x: solana-go writes %x, %v", b, again, err)
	}
	m := theirs.Message
	if len(m.AccountKeys) != len(ours.StaticKeys()) || len(m.Instructions) != len(ours.Instructions()) ||
		len(m.GetAddressTableLookups()) != len(ours.Lookups()) || len(theirs.Signatures) != len(ours.RequiredSigners()) {
		t.Fatalf("%x: parts differ", b)
	}
	accounts := ours.StaticKeys()
	for i, k := range accounts {
		if m.AccountKeys[i] != oracle.PublicKey(k) {
			t.Fatalf("%x: account %d differs", b, i)
		}
	}
	for i, in := range ours.Instructions() {
		want := m.Instructions[i]
		if accounts[want.ProgramIDIndex] != in.Program || !bytes.Equal(want.Data, in.Data) ||
			len(want.Accounts) != len(in.Accounts) {
			t.Fatalf("%x: instruction %d differs", b, i)
		}
		for j, a := range in.Accounts {
			index := int(want.Accounts[j])
			if a.Resolved != (index < len(accounts)) || (a.Resolved && a.Key != accounts[index]) {
				t.Fatalf("%x: account %d of instruction %d differs", b, j, i)
			}
			if a.Resolved && len(ours.Lookups()) == 0 { // solana-go answers only once tables are resolved
				writable, err := m.IsWritable(oracle.PublicKey(a.Key))
				if err != nil || writable != a.Writable || m.IsSigner(oracle.PublicKey(a.Key)) != a.Signer {
					t.Fatalf("%x: rights of account %s differ", b, a)
				}
			}
		}
	}
}

// TestProgramAddresses compares derived addresses with solana-go's.
func TestProgramAddresses(t *testing.T) {
	g := rand.New(rand.NewPCG(4, 1))
	for range 100 {
		seed := make([]byte, g.IntN(33))
		for i := range seed {
			seed[i] = byte(g.Uint32())
		}
		program := key(byte(g.Uint32()))
		want, wantBump, err := oracle.FindProgramAddress([][]byte{seed}, oracle.PublicKey(program))
		if err != nil {
			t.Fatal(err)
		}
		got, bump, err := solana.FindProgramAddress(program, seed)
		if err != nil || got != solana.Key(want) || bump != wantBump {
			t.Fatalf("seed %x: %s %d, want %s %d; %v", seed, got, bump, want, wantBump, err)
		}
	}
	want, _, err := oracle.FindAssociatedTokenAddress(oracle.PublicKey(self()), oracle.PublicKey(key(6)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := solana.AssociatedTokenAddress(self(), mustKey(t, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"), key(6))
	if err != nil || got != solana.Key(want) {
		t.Errorf("%s, want %s; %v", got, want, err)
	}
	if _, err := solana.ProgramAddress(key(1), make([]byte, 33)); err == nil {
		t.Error("a long seed is taken")
	}
}
