package solana_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/chaintest"
	"github.com/redoubt-kms/redoubt/chain/solana"
)

func privateKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

// self is the account of privateKey, which pays in all samples.
func self() solana.Key { return solana.Key(privateKey().Public().(ed25519.PublicKey)) }

func key(b byte) solana.Key { return solana.Key(bytes.Repeat([]byte{b}, 32)) }

func mustKey(t testing.TB, s string) solana.Key {
	t.Helper()
	k, err := solana.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// call is one instruction by the indexes of its accounts.
type call struct {
	program  byte
	accounts []byte
	data     []byte
}

// draft is a message to be written.
type draft struct {
	v0      bool
	header  [3]byte
	keys    []solana.Key
	calls   []call
	lookups []solana.Lookup
}

func vector(out, b []byte) []byte { return append(append(out, byte(len(b))), b...) }

func (d draft) message() []byte {
	var out []byte
	if d.v0 {
		out = append(out, 0x80)
	}
	out = append(out, d.header[:]...)
	out = append(out, byte(len(d.keys)))
	for _, k := range d.keys {
		out = append(out, k[:]...)
	}
	out = append(out, bytes.Repeat([]byte{0xbb}, 32)...)
	out = append(out, byte(len(d.calls)))
	for _, c := range d.calls {
		out = vector(vector(append(out, c.program), c.accounts), c.data)
	}
	if d.v0 {
		out = append(out, byte(len(d.lookups)))
		for _, l := range d.lookups {
			out = vector(vector(append(out, l.Table[:]...), l.Writable), l.Readonly)
		}
	}
	return out
}

// full puts empty signature slots in front.
func (d draft) full() []byte {
	return append(append([]byte{d.header[0]}, make([]byte, 64*int(d.header[0]))...), d.message()...)
}

// transfer is a System transfer of five lamports.
func transfer() draft {
	data := []byte{2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0}
	return draft{
		header: [3]byte{1, 0, 1}, keys: []solana.Key{self(), key(1), {}},
		calls: []call{{program: 2, accounts: []byte{0, 1}, data: data}},
	}
}

// sponsored has two signers and takes its receiver out of a table.
func sponsored() draft {
	d := transfer()
	d.v0, d.header, d.keys = true, [3]byte{2, 1, 1}, []solana.Key{key(9), self(), {}}
	d.calls[0].accounts = []byte{1, 3}
	d.lookups = []solana.Lookup{{Table: key(8), Writable: []byte{4}, Readonly: []byte{2, 3}}}
	return d
}

func fullFormat() chaintest.Format {
	return chaintest.Format{
		Parse:  func(b []byte) (chain.Transaction, error) { return solana.Parse(b) },
		Encode: func(tx chain.Transaction) []byte { return tx.(*solana.Transaction).Bytes() },
		Reparse: func(signed []byte) ([]byte, error) {
			tx, err := solana.Parse(signed)
			if err != nil {
				return nil, err
			}
			return tx.SigningBytes(), nil
		},
		Sign: func(tx chain.Transaction) ([]byte, []byte) {
			return privateKey().Public().(ed25519.PublicKey), ed25519.Sign(privateKey(), tx.SigningBytes())
		},
	}
}

func messageFormat() chaintest.Format {
	f := fullFormat()
	f.Encode = func(tx chain.Transaction) []byte { return tx.(*solana.Transaction).Message() }
	return f
}

func TestConformance(t *testing.T) {
	foreign := sponsored().full()
	copy(foreign[1:], bytes.Repeat([]byte{0x5a}, 64))
	chaintest.Run(t, fullFormat(), transfer().full(), sponsored().full(), foreign)
	chaintest.Run(t, messageFormat(), transfer().message(), sponsored().message())
}

// TestCapturedForms reads a legacy message as web3.js sends it, in both forms.
func TestCapturedForms(t *testing.T) {
	d := transfer()
	full, err := solana.Parse(d.full())
	if err != nil {
		t.Fatal(err)
	}
	bare, err := solana.Parse(d.message())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(full.Bytes(), bare.Bytes()) || full.FeePayer() != self() || full.Version() != solana.Legacy {
		t.Errorf("forms differ: %s, %s", base64.StdEncoding.EncodeToString(full.Bytes()), full.FeePayer())
	}
}

func TestAttachKeepsForeignSignatures(t *testing.T) {
	raw := sponsored().full()
	foreign := bytes.Repeat([]byte{0x5a}, 64)
	copy(raw[1:], foreign)
	tx, err := solana.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	me := self()
	if i, ok := tx.SignerIndex(me[:]); i != 1 || !ok {
		t.Errorf("slot %d, %v", i, ok)
	}
	ours := ed25519.Sign(privateKey(), tx.SigningBytes())
	signed, err := tx.Attach(me[:], ours)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat([]byte{2}, foreign, ours, tx.Message())
	if !bytes.Equal(signed, want) {
		t.Errorf("signed = %x, want %x", signed, want)
	}
	stranger := key(1)
	if _, err := tx.Attach(stranger[:], ours); !errors.Is(err, solana.ErrNotSigner) {
		t.Errorf("error = %v, want ErrNotSigner", err)
	}
	if _, err := tx.Attach(me[:], ours[1:]); !errors.Is(err, solana.ErrSignature) {
		t.Errorf("error = %v, want ErrSignature", err)
	}
	if id, err := solana.ID(signed); err != nil || len(id) < 86 {
		t.Errorf("id %q, %v", id, err)
	}
	if id, err := solana.ID(tx.Bytes()[:1]); err == nil {
		t.Errorf("id %q of nothing", id)
	}
}

func TestParseRefuses(t *testing.T) {
	edit := func(f func(*draft)) []byte {
		d := transfer()
		f(&d)
		return d.message()
	}
	lookup := func(f func(*draft)) []byte {
		d := sponsored()
		f(&d)
		return d.message()
	}
	msg := transfer().message()
	alias := slices.Concat(msg[:3], []byte{0x83, 0}, msg[4:])
	for _, tc := range []struct {
		name   string
		in     []byte
		reason string
	}{
		{"empty", nil, "empty"},
		{"version 1", append([]byte{0x81}, msg...), "version 1 messages"},
		{"version 2", append([]byte{0x82}, msg...), "unknown message version 2"},
		{"version 127", append([]byte{0xff}, msg...), "unknown message version 127"},
		{"alias of a length", alias, "not minimal"},
		{"length of three bytes", slices.Concat(msg[:3], []byte{0x83, 0x80, 0}, msg[4:]), "not minimal"},
		{"length of 17 bits", slices.Concat(msg[:3], []byte{0xff, 0xff, 0x7f}, msg[4:]), "exceeds"},
		{"no signer", edit(func(d *draft) { d.header[0] = 0 }), "no signer"},
		{"no payer", edit(func(d *draft) { d.header[1] = 1 }), "no writable signer"},
		{"header too long", edit(func(d *draft) { d.header = [3]byte{2, 0, 2} }), "more accounts than"},
		{"account twice", edit(func(d *draft) { d.keys[1] = d.keys[0] }), "appears twice"},
		{"account out of range", edit(func(d *draft) { d.calls[0].accounts[1] = 3 }), "out of range"},
		{"program out of range", edit(func(d *draft) { d.calls[0].program = 3 }), "not a static account"},
		{"program is the payer", edit(func(d *draft) { d.calls[0].program = 0 }), "fee payer"},
		{"program out of a table", lookup(func(d *draft) { d.calls[0].program = 3 }), "not a static account"},
		{"looked-up account out of range", lookup(func(d *draft) { d.calls[0].accounts[1] = 6 }), "out of range"},
		{"lookup of nothing", lookup(func(d *draft) { d.lookups[0].Writable, d.lookups[0].Readonly = nil, nil }), "of no account"},
		{"lookup twice", lookup(func(d *draft) { d.lookups[0].Readonly[0] = 4 }), "appears twice"},
		{"too many accounts", lookup(func(d *draft) {
			d.lookups = nil
			for i := range byte(3) {
				l := solana.Lookup{Table: key(i)}
				for j := range byte(85) {
					l.Writable = append(l.Writable, j)
				}
				d.lookups = append(d.lookups, l)
			}
		}), "more than 256 accounts"},
		{"much too long", make([]byte, 1<<20), "1232 at most"},
		{"too long", edit(func(d *draft) {
			for range 11 {
				d.calls = append(d.calls, call{program: 2, data: make([]byte, 100)})
			}
		}), "1232 at most"},
		{"wrong signature count", append(append([]byte{2}, make([]byte, 128)...), msg...), "2 signatures for 1"},
		{"no signatures", append([]byte{0}, msg...), "0 signatures for 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := solana.Parse(tc.in)
			if !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error = %v, want %q", err, tc.reason)
			}
		})
	}
}

// TestBothForms makes bytes that read as a transaction and as a message: a message whose keys and data spell one.
func TestBothForms(t *testing.T) {
	inner := draft{header: [3]byte{1, 0, 1}, keys: []solana.Key{key(3), {}}}.message()
	// As a message: one signer, two accounts (the second one holds the inner message's beginning), one call whose data is the rest.
	outer := slices.Concat([]byte{1, 0, 0, 2}, bytes.Repeat([]byte{4}, 32), bytes.Repeat([]byte{5}, 29))
	outer = append(outer, inner...)
	rest := outer[4+64+32:]
	if rest[0] != 0 { // the inner blockhash continues here; make it say: one call of program 1 with the rest as data
		copy(rest, []byte{1, 1, 0, byte(len(rest) - 4)})
	}
	if _, err := solana.Parse(outer); !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), "both") {
		t.Errorf("error = %v, want a refusal of both readings", err)
	}
}

func TestInstructions(t *testing.T) {
	tx, err := solana.Parse(sponsored().message())
	if err != nil {
		t.Fatal(err)
	}
	in := tx.Instructions()[0]
	if a := in.Accounts[0]; !a.Resolved || !a.Signer || a.Writable || a.Key != self() {
		t.Errorf("first account %+v", a)
	}
	if a := in.Accounts[1]; a.Resolved || a.Signer || !a.Writable || a.Table != key(8) || a.Index != 4 || a.String() != "" {
		t.Errorf("second account %+v", a)
	}
}

func TestIsMessage(t *testing.T) {
	m := sponsored().message()
	alias := append(append(append([]byte{}, m[:4]...), m[4]|0x80, 0), m[5:]...) // the number of keys in two bytes
	for name, b := range map[string][]byte{
		"full": transfer().full(), "message": transfer().message(), "v0": sponsored().message(), "v0 full": sponsored().full(),
		"trailing": append(transfer().message(), 0), "longer length": alias, "version 1": append([]byte{0x81}, make([]byte, 100)...),
	} {
		if !solana.IsMessage(b) {
			t.Errorf("%s passes for a text", name)
		}
	}
	for _, s := range []string{"", "hello", "\xffsolana offchain", strings.Repeat("sign in to example.com ", 80), "\x01\x00\x00"} {
		if solana.IsMessage([]byte(s)) {
			t.Errorf("text %.20q passes for a message", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range []draft{transfer(), sponsored()} {
		f.Add(d.full())
		f.Add(d.message())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := solana.Parse(b)
		if err != nil {
			if !errors.Is(err, chain.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(tx.Bytes(), b) && !bytes.Equal(tx.Message(), b) {
			t.Fatal("accepted bytes are written back differently")
		}
		if !solana.IsMessage(b) {
			t.Fatal("a transaction passes the screen")
		}
		me := self()
		tx.Effects(me[:])
		tx.Instructions()
		tx.DurableNonce()
	})
}
