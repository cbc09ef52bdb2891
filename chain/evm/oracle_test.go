package evm_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	gethrlp "github.com/ethereum/go-ethereum/rlp"

	"github.com/redoubt-kms/redoubt/chain/evm"
)

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

// generator makes random transactions of go-ethereum.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func (g generator) bytes(limit int) []byte {
	b := make([]byte, g.IntN(limit+1))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// number has a random length, so that short ones and zero are as likely as long ones.
func (g generator) number(limit int) *big.Int { return new(big.Int).SetBytes(g.bytes(limit)) }

func (g generator) word(limit int) uint64 { return g.number(limit).Uint64() }

func (g generator) receiver() *common.Address {
	if g.IntN(8) == 0 {
		return nil
	}
	a := common.BytesToAddress(g.bytes(20))
	return &a
}

func (g generator) accessList() types.AccessList {
	list := types.AccessList{}
	for range g.IntN(4) {
		tuple := types.AccessTuple{Address: *g.address(), StorageKeys: []common.Hash{}}
		for range g.IntN(3) {
			tuple.StorageKeys = append(tuple.StorageKeys, common.BytesToHash(g.bytes(32)))
		}
		list = append(list, tuple)
	}
	return list
}

func (g generator) address() *common.Address {
	a := common.BytesToAddress(g.bytes(20))
	return &a
}

func (g generator) transaction() (*types.Transaction, types.Signer) {
	id := new(big.Int).Add(g.number(6), big.NewInt(1))
	switch g.IntN(6) {
	case 0:
		return types.NewTx(g.legacy()), types.HomesteadSigner{}
	case 1:
		return types.NewTx(g.legacy()), types.NewEIP155Signer(id)
	case 2:
		return types.NewTx(&types.AccessListTx{
			ChainID: id, Nonce: g.word(7), GasPrice: g.number(20), Gas: g.word(8), To: g.receiver(),
			Value: g.number(32), Data: g.bytes(300), AccessList: g.accessList(),
		}), types.NewLondonSigner(id)
	case 3:
		return types.NewTx(g.blob(id)), types.NewPragueSigner(id)
	case 4:
		return types.NewTx(g.setCode(id)), types.NewPragueSigner(id)
	default:
		tip := g.number(12)
		return types.NewTx(&types.DynamicFeeTx{
			ChainID: id, Nonce: g.word(7), GasTipCap: tip, GasFeeCap: new(big.Int).Add(tip, g.number(12)), Gas: g.word(8),
			To: g.receiver(), Value: g.number(32), Data: g.bytes(300), AccessList: g.accessList(),
		}), types.NewLondonSigner(id)
	}
}

func (g generator) legacy() *types.LegacyTx {
	return &types.LegacyTx{
		Nonce: g.word(7), GasPrice: g.number(20), Gas: g.word(8), To: g.receiver(), Value: g.number(32), Data: g.bytes(300),
	}
}

// unsignedBytes writes what clients send for signing, with go-ethereum's encoder.
func unsignedBytes(t *testing.T, tx *types.Transaction, signer types.Signer) []byte {
	t.Helper()
	fields := []any{tx.Nonce(), tx.GasPrice(), tx.Gas(), to(tx), tx.Value(), tx.Data()}
	switch {
	case tx.Type() == types.AccessListTxType:
		fields = append(append([]any{tx.ChainId()}, fields...), tx.AccessList())
	case tx.Type() == types.DynamicFeeTxType:
		fields = []any{
			tx.ChainId(), tx.Nonce(), tx.GasTipCap(), tx.GasFeeCap(), tx.Gas(), to(tx), tx.Value(), tx.Data(), tx.AccessList(),
		}
	case tx.Type() == types.BlobTxType, tx.Type() == types.SetCodeTxType:
		fields = []any{
			tx.ChainId(), tx.Nonce(), tx.GasTipCap(), tx.GasFeeCap(), tx.Gas(), to(tx), tx.Value(), tx.Data(), tx.AccessList(),
		}
		if tx.Type() == types.SetCodeTxType {
			fields = append(fields, tx.SetCodeAuthorizations())
		} else {
			fields = append(fields, tx.BlobGasFeeCap(), tx.BlobHashes())
		}
	case signer.ChainID() != nil:
		fields = append(fields, signer.ChainID(), uint(0), uint(0))
	}
	b, err := gethrlp.EncodeToBytes(fields)
	if err != nil {
		t.Fatal(err)
	}
	if tx.Type() != types.LegacyTxType {
		b = append([]byte{tx.Type()}, b...)
	}
	return b
}

func to(tx *types.Transaction) []byte {
	if tx.To() == nil {
		return nil
	}
	return tx.To().Bytes()
}

// TestAgainstGeth signs random transactions and compares digest, raw transaction, hash and sender with go-ethereum's.
func TestAgainstGeth(t *testing.T) {
	g := newGenerator(2)
	for i := range rounds(1_500, 200_000) {
		theirs, signer := g.transaction()
		ours, err := evm.ParseUnsigned(unsignedBytes(t, theirs, signer))
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if want := signer.Hash(theirs); !bytes.Equal(ours.SigningBytes(), want[:]) {
			t.Fatalf("round %d: digest %x, want %x", i, ours.SigningBytes(), want)
		}
		key := secp256k1.PrivKeyFromBytes(append(g.bytes(31), 1))
		signature := sign(key, ours.SigningBytes())
		raw, err := ours.Attach(key.PubKey().SerializeCompressed(), signature)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		signed, err := theirs.WithSignature(signer, signature)
		if err != nil {
			t.Fatal(err)
		}
		want, err := signed.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Fatalf("round %d: raw %x, want %x", i, raw, want)
		}
		back, err := evm.ParseSigned(raw)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		sender, err := types.Sender(signer, signed)
		if err != nil || back.Sender != sender || back.Hash != signed.Hash() || ours.Hash(raw) != signed.Hash() {
			t.Fatalf("round %d: sender %x, want %x; hash %x, want %x; %v", i, back.Sender, sender, back.Hash, signed.Hash(), err)
		}
		compareFields(t, back.Tx, signed)
		mutate(t, g, raw)
	}
}

func compareFields(t *testing.T, ours *evm.Transaction, theirs *types.Transaction) {
	t.Helper()
	same := ours.Nonce() == theirs.Nonce() && ours.Gas() == theirs.Gas() && bytes.Equal(ours.Data(), theirs.Data()) &&
		ours.Value().Cmp(theirs.Value()) == 0 && ours.MaxFee().Cmp(theirs.GasFeeCap()) == 0 &&
		ours.MaxPriorityFee().Cmp(theirs.GasTipCap()) == 0 && (ours.To() == nil) == (theirs.To() == nil) &&
		len(ours.AccessList()) == len(theirs.AccessList())
	compareNewerFields(t, ours, theirs)
	if !same || (ours.To() != nil && *ours.To() != [20]byte(*theirs.To())) {
		t.Fatal("fields differ")
	}
}

// mutate changes a byte of a signed transaction: what we still accept, go-ethereum accepts as the same.
func mutate(t *testing.T, g generator, raw []byte) {
	t.Helper()
	for range 4 {
		b := bytes.Clone(raw)
		b[g.IntN(len(b))] ^= byte(1 + g.IntN(255))
		ours, err := evm.ParseSigned(b)
		if err != nil {
			continue
		}
		var theirs types.Transaction
		if err := theirs.UnmarshalBinary(b); err != nil {
			t.Fatalf("we accept %x, go-ethereum says %v", b, err)
		}
		sender, err := types.Sender(types.LatestSignerForChainID(ours.Tx.ChainID()), &theirs)
		if err != nil || sender != ours.Sender {
			t.Fatalf("%x: sender %x, go-ethereum says %x, %v", b, ours.Sender, sender, err)
		}
		compareFields(t, ours.Tx, &theirs)
	}
}
