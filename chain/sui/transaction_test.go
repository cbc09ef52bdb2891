package sui_test

import (
	"bytes"
	"crypto/ed25519"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fardream/go-bcs/bcs"
	"golang.org/x/crypto/blake2b"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/chaintest"
	"github.com/redoubt-kms/redoubt/chain/sui"
)

func privateKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func publicKey() []byte { return privateKey().Public().(ed25519.PublicKey) }

// self is the address of publicKey.
func self() [32]byte { return blake2b.Sum256(append([]byte{0}, publicKey()...)) }

func addr(n byte) [32]byte { return [32]byte{0: 0xa0, 31: n} }

func ref(n byte) objectRef {
	return objectRef{ID: addr(n), Version: 9, Digest: bytes.Repeat([]byte{n}, 32)}
}

func some[T any](v T) *T { return &v }

func gas() argument               { return argument{Gas: &none{}} }
func in(i uint16) argument        { return argument{Input: &i} }
func result(i uint16) argument    { return argument{Result: &i} }
func nested(i, j uint16) argument { return argument{Nested: &[2]uint16{i, j}} }
func pure(b []byte) callArg       { return callArg{Pure: &b} }
func number(n uint64) callArg     { return pure(binary.LittleEndian.AppendUint64(nil, n)) }
func to(a [32]byte) callArg       { return pure(a[:]) }
func owned(n byte) callArg        { return callArg{Object: &objectArg{Owned: some(ref(n))}} }
func split(coin argument, amounts ...argument) command {
	return command{Split: &coinCommand{coin, amounts}}
}

func merge(into argument, from ...argument) command { return command{Merge: &coinCommand{into, from}} }

func transfer(to argument, objects ...argument) command {
	return command{Transfer: &transferCommand{objects, to}}
}

func call(pkg byte, module, function string, arguments ...argument) command {
	return command{MoveCall: &callCommand{Package: [32]byte{31: pkg}, Module: module, Function: function, Arguments: arguments}}
}

// payment splits 5 MIST from the gas and sends them to an address.
func payment() txV1 {
	return draft([]callArg{number(5), to(addr(1))}, split(gas(), in(0)), transfer(in(1), nested(0, 0)))
}

// draft is a transaction that self sends and pays with one gas object.
func draft(inputs []callArg, commands ...command) txV1 {
	return txV1{
		Kind: txKind{&programmable{inputs, commands}}, Sender: self(),
		Gas:        gasData{Payment: []objectRef{ref(0xee)}, Owner: self(), Price: 1000, Budget: 2_000_000},
		Expiration: expiration{None: &none{}},
	}
}

func encode(t testing.TB, v txV1) []byte {
	t.Helper()
	b, err := bcs.Marshal(txData{&v})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything uses every variant of the format once.
func everything() txV1 {
	deep := typeTag{Struct: &structTag{addr(3), "pool", "LP", []typeTag{
		{Bool: &none{}},
		{U8: &none{}},
		{U64: &none{}},
		{U128: &none{}},
		{Address: &none{}},
		{Signer: &none{}},
		{Vector: &typeTag{U16: &none{}}},
		{U32: &none{}},
		{U256: &none{}},
	}}}
	v := draft([]callArg{
		number(5), to(addr(1)), owned(2),
		{Object: &objectArg{Shared: &sharedRef{addr(3), 4, true}}},
		{Object: &objectArg{Receiving: some(ref(5))}},
		{Withdrawal: &withdrawal{reservation{some(uint64(7))}, withdrawalType{&deep}, withdrawFrom{Allowance: &[2][32]byte{addr(6), addr(7)}}}},
		{Withdrawal: &withdrawal{reservation{some(uint64(8))}, withdrawalType{&typeTag{U8: &none{}}}, withdrawFrom{Sponsor: &none{}}}},
	},
		split(gas(), in(0), in(0)), merge(nested(0, 0), nested(0, 1)), transfer(in(1), in(2), in(4)),
		command{MakeVec: &vecCommand{optionalType{Some: &deep}, []argument{nested(0, 0)}}},
		command{MoveCall: &callCommand{addr(8), "m", "_f9", []typeTag{deep}, []argument{result(3), in(3)}}},
		command{Publish: &publishCommand{[][]byte{{1, 2}, {}}, [][32]byte{addr(9)}}},
		command{Upgrade: &upgradeCommand{[][]byte{{3}}, nil, addr(10), in(2)}},
		command{MakeVec: &vecCommand{Type: optionalType{None: &none{}}, Elements: []argument{in(5)}}},
	)
	v.Gas.Owner = addr(0x77)
	bounds := [4]optionalU64{{Some: some(uint64(1))}, {None: &none{}}, {Some: some(uint64(2))}, {None: &none{}}}
	v.Expiration = expiration{Validity: &validity{bounds, make([]byte, 32), 6, optionalProposers{Some: &proposers{7, []uint32{1, 5}}}}}
	return v
}

func format() chaintest.Format {
	return chaintest.Format{
		Parse:  func(b []byte) (chain.Transaction, error) { return sui.Parse(b) },
		Encode: func(tx chain.Transaction) []byte { return tx.(*sui.Transaction).Bytes() },
		Reparse: func(signed []byte) ([]byte, error) {
			tx, err := sui.Parse(signed)
			if err != nil {
				return nil, err
			}
			return tx.SigningBytes(), nil
		},
		Sign: func(tx chain.Transaction) ([]byte, []byte) {
			return publicKey(), ed25519.Sign(privateKey(), tx.SigningBytes())
		},
	}
}

func parse(t testing.TB, b []byte) *sui.Transaction {
	t.Helper()
	tx, err := sui.Parse(b)
	if err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	return tx
}

func TestConformance(t *testing.T) {
	bare := encode(t, everything())
	half := slices.Concat([]byte{1, 0, 0, 0}, bare, []byte{1, 97, 0}, make([]byte, 96)) // a stranger signed
	chaintest.Run(t, format(), encode(t, payment()), bare, half)
}

// Signatures: the sender's comes first, a stranger's stays, one's own is replaced, and a third has no place.
func TestAttach(t *testing.T) {
	tx := parse(t, encode(t, everything()))
	if _, err := tx.Attach(make([]byte, 32), make([]byte, 64)); !errors.Is(err, sui.ErrNotSigner) {
		t.Errorf("a stranger's signature: %v", err)
	}
	stranger := append([]byte{0}, bytes.Repeat([]byte{9}, 96)...)
	with := slices.Concat([]byte{1, 0, 0, 0}, tx.Data(), []byte{1, 97}, stranger)
	signature := ed25519.Sign(privateKey(), tx.SigningBytes())
	want, err := sui.SerializeSignature(publicKey(), signature)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time replaces the signature that is there
		signed, err := parse(t, with).Attach(publicKey(), signature)
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(t, signed).Signatures(); len(got) != 2 || !bytes.Equal(got[0], want) || !bytes.Equal(got[1], stranger) {
			t.Fatalf("signatures %x", got)
		}
		with = signed
	}
	two := slices.Concat([]byte{1, 0, 0, 0}, tx.Data(), []byte{2, 97}, stranger, []byte{97}, stranger)
	if _, err := parse(t, two).Attach(publicKey(), signature); !errors.Is(err, sui.ErrNotSigner) {
		t.Errorf("a third signature: %v", err)
	}
	sponsor := payment()
	sponsor.Sender, sponsor.Gas.Owner = addr(1), self()
	if tx := parse(t, encode(t, sponsor)); !tx.Signs(publicKey()) || tx.Signs(make([]byte, 32)) || tx.Signs(publicKey()[1:]) {
		t.Error("the owner of the gas signs, and nobody else")
	}
}

//go:embed testdata/mysten.txt
var vectors string

// The transactions that the public library built, with the digests that it computes: e2e/js/suirandom.mjs made them.
func TestMystenVectors(t *testing.T) {
	n := 0
	for line := range strings.Lines(vectors) {
		text, digest, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if tx := parse(t, b); tx.ID() != digest {
			t.Errorf("vector %d: digest %s, want %s", n, tx.ID(), digest)
		}
		againstOracle(t, b)
		n++
	}
	if n != 100 {
		t.Errorf("%d vectors, want 100", n)
	}
}

// againstOracle holds accepted bytes against another BCS library: it reads them whole, and writes the same ones.
func againstOracle(t *testing.T, b []byte) {
	t.Helper()
	var v txData
	if err := bcs.UnmarshalAll(b, &v); err != nil {
		t.Fatalf("we accept %x, another reader says %v", b, err)
	}
	if again, err := bcs.Marshal(v); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%x is written back as %x, %v", b, again, err)
	}
}

// Changed bytes of good transactions are refused, or are a transaction to the other library too.
func TestMutants(t *testing.T) {
	g := rand.New(rand.NewPCG(5, 1))
	accepted := 0
	for line := range strings.Lines(vectors) {
		text, _, _ := strings.Cut(line, " ")
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for range rounds(100, 10_000) {
			changed := slices.Clone(b)
			changed[1+g.IntN(len(b)-1)] ^= 1 << g.IntN(8)
			if tx, err := sui.Parse(changed); err == nil {
				accepted++
				againstOracle(t, tx.Data())
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d changed transactions are accepted: the changes test little", accepted)
	}
}

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

func TestRefused(t *testing.T) {
	good := encode(t, payment())
	for why, b := range map[string][]byte{
		"nothing":                {},
		"another version":        append([]byte{2}, good[1:]...),
		"a change of epoch":      append([]byte{0, 1}, good[2:]...),
		"a system transaction":   append([]byte{0, 10}, good[2:]...),
		"two transactions":       append([]byte{2, 0, 0, 0}, good...),
		"a personal message":     slices.Concat([]byte{1, 3, 0, 0}, good, []byte{0}),
		"another app":            slices.Concat([]byte{1, 0, 0, 1}, good, []byte{0}),
		"three signatures":       slices.Concat([]byte{1, 0, 0, 0}, good, []byte{3, 0, 0, 0}),
		"a long length":          append([]byte{0, 0, 0x82, 0x00}, good[3:]...),
		"an endless length":      append([]byte{0, 0, 0x80, 0x80, 0x80, 0x80, 0x01}, good[3:]...),
		"more inputs than bytes": append([]byte{0, 0, 0xff, 0x0f}, good[3:]...),
		"a later result":         encode(t, draft([]callArg{to(addr(1))}, transfer(in(0), result(0)))),
		"an input out of range":  encode(t, draft(nil, transfer(in(0), gas()))),
		"a text for a module":    encode(t, draft(nil, call(2, "co in", "zero"))),
		"a digit for a function": encode(t, draft(nil, call(2, "coin", "0"))),
		"no name":                encode(t, draft(nil, call(2, "", "zero"))),
		"too many commands":      encode(t, draft(nil, make1025()...)),
		"no proposer": encode(t, expiring(expiration{Validity: &validity{
			noBounds(), make([]byte, 32), 0, optionalProposers{Some: &proposers{}},
		}})),
		"proposers out of order": encode(t, expiring(expiration{Validity: &validity{
			noBounds(), make([]byte, 32), 0, optionalProposers{Some: &proposers{1, []uint32{2, 2}}},
		}})),
		"a short digest": encode(t, expiring(expiration{ValidDuring: &validDuring{noBounds(), make([]byte, 31), 0}})),
		"a deep type":    encode(t, deepType(17)),
		"too large":      make([]byte, sui.MaxSize+1),
	} {
		if _, err := sui.Parse(b); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v", why, err)
		}
	}
	parse(t, encode(t, deepType(16)))
}

func make1025() []command { return slices.Repeat([]command{split(gas())}, 1025) }

func noBounds() [4]optionalU64 {
	n := optionalU64{None: &none{}}
	return [4]optionalU64{n, n, n, n}
}

func expiring(e expiration) txV1 {
	v := payment()
	v.Expiration = e
	return v
}

func deepType(depth int) txV1 {
	tag := typeTag{U8: &none{}}
	for range depth - 1 {
		tag = typeTag{Vector: some(tag)}
	}
	return draft(nil, command{MakeVec: &vecCommand{Type: optionalType{Some: &tag}}})
}

func FuzzParse(f *testing.F) {
	f.Add(encode(f, payment()))
	f.Add(encode(f, everything()))
	f.Add(slices.Concat([]byte{1, 0, 0, 0}, encode(f, payment()), []byte{1, 2, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		format().Canonical(t, b)
		tx, err := sui.Parse(b)
		if err != nil {
			return
		}
		againstOracle(t, tx.Data())
		tx.Effects(publicKey())
		if !sui.IsIntentMessage(append([]byte{0, 0, 0}, tx.Data()...)) {
			t.Fatal("a transaction passes the screen")
		}
	})
}
