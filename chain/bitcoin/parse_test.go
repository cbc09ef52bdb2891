package bitcoin_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/chaintest"
)

// single is a PSBT of which an account signs one input, as a transaction with one signature: chaintest knows these.
type single struct {
	*bitcoin.Spend
	own party
	t   testing.TB
}

func (s single) SigningBytes() []byte {
	digests, err := s.Digests(s.own.key.Public())
	if err != nil || len(digests) != 1 {
		s.t.Fatalf("%d digests, %v", len(digests), err)
	}
	return digests[0]
}

func (s single) Attach(publicKey, signature []byte) ([]byte, error) {
	return s.AttachAll(publicKey, [][]byte{signature})
}

func format(t testing.TB, own party) chaintest.Format {
	t.Helper()
	parse := func(b []byte) (chain.Transaction, error) {
		s, err := bitcoin.ParseSpend(own.format, b)
		if err != nil {
			return nil, err
		}
		return single{s, own, t}, nil
	}
	return chaintest.Format{
		Parse:  parse,
		Encode: func(tx chain.Transaction) []byte { return tx.(single).PSBT().Bytes() },
		Reparse: func(signed []byte) ([]byte, error) {
			tx, err := parse(signed)
			if err != nil {
				return nil, err
			}
			return tx.SigningBytes(), nil
		},
		Sign: func(tx chain.Transaction) (publicKey, signature []byte) {
			return own.key.Public(), own.signatures(t, [][]byte{tx.SigningBytes()})[0]
		},
	}
}

func TestConformance(t *testing.T) {
	for _, f := range formats() {
		own := newParty(t, f, 1)
		raw := encode(t, newPSBT(t, []coin{newCoin(own, 50_000, 1)}, wire.NewTxOut(40_000, []byte{0x51})))
		chaintest.Run(t, format(t, own), raw, version2(t, raw))
	}
}

// version2 writes a PSBT of version 0 as one of version 2, by the BIP's description.
func version2(t testing.TB, raw []byte) []byte {
	t.Helper()
	p, err := psbt.NewFromRawBytes(bytes.NewReader(raw), false)
	if err != nil {
		t.Fatal(err)
	}
	pair := func(b *bytes.Buffer, kind byte, value []byte) {
		b.Write([]byte{1, kind, byte(len(value))})
		b.Write(value)
	}
	le := func(n uint64, width int) []byte {
		var b []byte
		for i := range width {
			b = append(b, byte(n>>(8*i)))
		}
		return b
	}
	var b bytes.Buffer
	b.WriteString("psbt\xff")
	pair(&b, 0x02, le(uint64(p.UnsignedTx.Version), 4))
	pair(&b, 0x03, le(uint64(p.UnsignedTx.LockTime), 4))
	pair(&b, 0x04, []byte{byte(len(p.Inputs))})
	pair(&b, 0x05, []byte{byte(len(p.Outputs))})
	pair(&b, 0x06, []byte{7})
	pair(&b, 0xfb, le(2, 4))
	b.WriteByte(0)
	for i, in := range p.Inputs {
		var prev bytes.Buffer
		if err := in.NonWitnessUtxo.Serialize(&prev); err != nil {
			t.Fatal(err)
		}
		pair(&b, 0x00, prev.Bytes())
		tx := p.UnsignedTx.TxIn[i]
		pair(&b, 0x0e, tx.PreviousOutPoint.Hash[:])
		pair(&b, 0x0f, le(uint64(tx.PreviousOutPoint.Index), 4))
		b.WriteByte(0)
	}
	for _, out := range p.UnsignedTx.TxOut {
		pair(&b, 0x03, le(uint64(out.Value), 8))
		pair(&b, 0x04, out.PkScript)
		b.WriteByte(0)
	}
	return b.Bytes()
}

// TestVersion2: the same transaction in either version gets the same signatures, and then nobody may add to it.
func TestVersion2(t *testing.T) {
	for _, f := range formats() {
		own := newParty(t, f, 1)
		raw := encode(t, two(t, own))
		newer := version2(t, raw)
		one, err := own.sign(t, raw)
		if err != nil {
			t.Fatal(err)
		}
		other, err := own.sign(t, newer)
		if err != nil {
			t.Fatal(err)
		}
		a, err := bitcoin.Finalize(one)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bitcoin.Finalize(other)
		if err != nil || a.Transaction == nil || !bytes.Equal(a.Transaction, b.Transaction) {
			t.Errorf("%s: %x and %x, %v", f, a.Transaction, b.Transaction, err)
		}
		if !bytes.Contains(newer, []byte{1, 6, 1, 7}) || !bytes.Contains(other, []byte{1, 6, 1, 4}) {
			t.Error("inputs or outputs may still be added after signing")
		}
	}
}

// TestLockTimes chooses the lock time as BIP-370 says.
func TestLockTimes(t *testing.T) {
	own := newParty(t, api.AddressBitcoinTaproot, 1)
	newer := version2(t, encode(t, two(t, own)))
	height := func(n byte) string { return "\x01\x12\x04" + string([]byte{n, 0, 0, 0}) }
	when := func(n byte) string { return "\x01\x11\x04" + string([]byte{n, 0, 0, 0x60}) }
	sequence := "\x01\x0f\x04\x01\x00\x00\x00"
	for _, c := range []struct {
		one, two string
		want     uint32
		ok       bool
	}{
		{"", "", 0, true},
		{height(5), "", 5, true},
		{height(5), height(9), 9, true},
		{when(5), when(3), 0x60000005, true},
		{when(5) + height(7), height(3), 7, true},
		{when(5) + height(7), when(9), 0x60000009, true},
		{when(5) + height(7), when(9) + height(8), 8, true},
		{when(5), height(3), 0, false},
		{height(0), "", 0, false},
		{"\x01\x11\x04\x01\x00\x00\x00", "", 0, false},
		{"\x01\x12\x04\x01\x00\x00\x60", "", 0, false},
	} {
		parts := strings.Split(string(newer), sequence)
		if len(parts) != 3 {
			t.Fatal("the sample has changed")
		}
		p, err := bitcoin.Parse([]byte(parts[0] + sequence + c.one + parts[1] + sequence + c.two + parts[2]))
		if (err == nil) != c.ok {
			t.Errorf("%q and %q: %v", c.one, c.two, err)
		} else if c.ok && p.LockTime() != c.want {
			t.Errorf("%q and %q: %d, want %d", c.one, c.two, p.LockTime(), c.want)
		}
	}
}

// TestVersionsAreNotMixed: each field belongs to one version, and version 2 must have its own.
func TestVersionsAreNotMixed(t *testing.T) {
	own := newParty(t, api.AddressBitcoinSegwit, 1)
	raw := encode(t, two(t, own))
	newer := version2(t, raw)
	for name, b := range map[string][]byte{
		"no number of inputs":  bytes.Replace(newer, []byte{1, 4, 1, 2}, nil, 1),
		"no number of outputs": bytes.Replace(newer, []byte{1, 5, 1, 1}, nil, 1),
		"no version":           bytes.Replace(newer, []byte{1, 2, 4, 2, 0, 0, 0}, nil, 1),
		"version 1":            bytes.Replace(newer, []byte{1, 0xfb, 4, 2}, []byte{1, 0xfb, 4, 1}, 1),
		"version 3":            bytes.Replace(newer, []byte{1, 0xfb, 4, 2}, []byte{1, 0xfb, 4, 3}, 1),
		"no outpoint":          bytes.Replace(newer, []byte{1, 0x0f, 4, 1, 0, 0, 0}, nil, 1),
		"lock time in 0":       bytes.Replace(raw, []byte("psbt\xff"), []byte("psbt\xff\x01\x03\x04\x00\x00\x00\x00"), 1),
		"transaction in 2":     bytes.Replace(raw, []byte("psbt\xff"), []byte("psbt\xff\x01\xfb\x04\x02\x00\x00\x00"), 1),
		"a size of 3 bytes":    bytes.Replace(newer, []byte{1, 4, 1, 2}, []byte{1, 4, 3, 0xfd, 2, 0}, 1),
		"a key of 3 bytes":     bytes.Replace(newer, []byte{1, 4, 1, 2}, []byte{0xfd, 1, 0, 4, 1, 2}, 1),
		"a type of 3 bytes":    bytes.Replace(newer, []byte{1, 4, 1, 2}, []byte{3, 0xfd, 4, 0, 1, 2}, 1),
	} {
		if bytes.Equal(b, raw) || bytes.Equal(b, newer) {
			t.Fatalf("%s: the sample has changed", name)
		}
		if _, err := bitcoin.Parse(b); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBounds: what is too much is refused before there is work, and allocates next to nothing.
func TestBounds(t *testing.T) {
	many := func(n int) []byte {
		var b bytes.Buffer
		tx := wire.NewMsgTx(2)
		for i := range n {
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: uint32(i)}, nil, nil))
		}
		tx.AddTxOut(wire.NewTxOut(1, nil))
		p, err := psbt.NewFromUnsignedTx(tx)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	fields := func(n int) []byte {
		b := []byte("psbt\xff")
		for i := range n {
			b = append(b, 3, 0x30, byte(i), byte(i>>8), 0)
		}
		return append(b, 0)
	}
	if _, err := bitcoin.Parse(many(bitcoin.MaxCount)); err != nil {
		t.Errorf("%d inputs: %v", bitcoin.MaxCount, err)
	}
	nested := append([]byte("psbt\xff\x01\x00\xfe\x00\x00\x03\x00\x02\x00\x00\x00\xfe\xa0\x86\x01\x00"), make([]byte, 196_600)...)
	for name, b := range map[string][]byte{
		"1,001 inputs": many(bitcoin.MaxCount + 1), "100,000 inputs": many(100_000), "100,000 in words": nested,
		"fields without end": fields(52_000), "fields of all maps": hostile(), "nothing": nil, "too long": make([]byte, bitcoin.MaxSize+1),
		"2^64 bytes": []byte("psbt\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	} {
		_, err := bitcoin.Parse(b)
		if !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(3, func() { _, _ = bitcoin.Parse(b) }); n > 1_200 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// hostile has as many fields as fit, in maps of 1,000: what takes longest to refuse.
func hostile() []byte {
	var tx bytes.Buffer
	msg := wire.NewMsgTx(2)
	for i := range 60 {
		msg.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: uint32(i)}, nil, nil))
	}
	msg.AddTxOut(wire.NewTxOut(1, nil))
	_ = msg.SerializeNoWitness(&tx)
	n := tx.Len()
	b := append([]byte("psbt\xff\x01\x00\xfd"), byte(n), byte(n>>8))
	b = append(append(b, tx.Bytes()...), 0)
	for range 60 {
		for i := range 820 {
			b = append(b, 3, 0x30, byte(i), byte(i>>8), 0)
		}
		b = append(b, 0)
	}
	return append(b, 0)
}

// samples is every PSBT at hand.
func samples(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for _, f := range formats() {
		raw := encode(t, two(t, newParty(t, f, 1)))
		signed, err := newParty(t, f, 1).sign(t, raw)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw, signed, version2(t, raw))
	}
	return all
}

// TestOracle changes bytes at random. What we would sign in version 0, btcd's library must accept as well, and what both
// accept has the same inputs and outputs.
func TestOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	// Where there are signatures of ECDSA, they look whether keys are points, and we do not.
	all := slices.DeleteFunc(samples(t), func(b []byte) bool { return bytes.Contains(b, []byte{0x22, 0x02}) })
	both, neither, stricter := 0, 0, 0
	for range rounds(8_000, 400_000) {
		sample := rng.IntN(len(all))
		b := bytes.Clone(all[sample])
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		ours, err := bitcoin.Parse(b)
		theirs, other := psbt.NewFromRawBytes(bytes.NewReader(b), false)
		switch {
		case err != nil && other != nil:
			neither++
		case err != nil:
			stricter++
		case ours.Version() == 2: // they do not know it
		case other != nil: // they look at previous transactions while they read, we do before we sign
			for _, f := range formats() {
				if _, err := newParty(t, f, 1).sign(t, b); err == nil {
					t.Fatalf("we sign what they refuse: %v: %x", other, b)
				}
			}
			neither++
		default:
			both++
			for i, in := range ours.Inputs() {
				prev := theirs.UnsignedTx.TxIn[i].PreviousOutPoint
				if [32]byte(in.Hash) != [32]byte(prev.Hash) || in.Index != prev.Index || ours.Sequences()[i] != theirs.UnsignedTx.TxIn[i].Sequence {
					t.Fatalf("another input %d: %x", i, b)
				}
			}
			for i, out := range ours.Outputs() {
				if o := theirs.UnsignedTx.TxOut[i]; int64(out.Value) != o.Value || !bytes.Equal(out.Script, o.PkScript) {
					t.Fatalf("another output %d: %x", i, b)
				}
			}
		}
	}
	if both == 0 || neither == 0 || stricter == 0 {
		t.Errorf("%d accepted, %d refused, %d by us alone: the sample is too small", both, neither, stricter)
	}
	t.Logf("%d accepted by both, %d by neither, %d by them alone", both, neither, stricter)
}

func FuzzPSBT(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	own := newParty(f, api.AddressBitcoinTaproot, 1)
	checks := format(f, own)
	f.Fuzz(func(t *testing.T, b []byte) {
		checks.Canonical(t, b)
		s, err := bitcoin.ParseSpend(own.format, b)
		if err != nil {
			return
		}
		s.Effects(own.key.Public())
		if signed, err := own.attach(t, s); err == nil {
			if _, err := bitcoin.Finalize(signed); err != nil {
				t.Fatalf("what was signed does not parse: %v", err)
			}
		}
	})
}
