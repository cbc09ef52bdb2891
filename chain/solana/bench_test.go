package solana_test

import (
	"testing"

	bin "github.com/gagliardetto/binary"
	oracle "github.com/gagliardetto/solana-go"

	"github.com/redoubt-kms/redoubt/chain/solana"
)

// twenty is a message of version 0 with twenty transfers and a look-up table.
func twenty() []byte {
	d := transfer()
	d.v0 = true
	for len(d.calls) < 20 {
		d.calls = append(d.calls, d.calls[0])
	}
	d.lookups = []solana.Lookup{{Table: key(9), Writable: []byte{1, 2}, Readonly: []byte{3}}}
	return d.full()
}

func BenchmarkTransaction(b *testing.B) {
	raw := twenty()
	b.Run("redoubt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := solana.Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("solana-go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := oracle.TransactionFromDecoder(bin.NewBinDecoder(raw)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEffects(b *testing.B) {
	tx, err := solana.Parse(twenty())
	if err != nil {
		b.Fatal(err)
	}
	payer := self()
	b.ReportAllocs()
	for b.Loop() {
		tx.Effects(payer[:])
	}
}

func BenchmarkSimpleEffects(b *testing.B) {
	me := self()
	token := draft{header: [3]byte{1, 0, 1}, keys: []solana.Key{me, key(1), key(2), key(3), tokenKey(b)}, calls: []call{
		{program: 4, accounts: []byte{1, 2, 3, 0}, data: data([]byte{12}, u64(5), []byte{6})},
	}}
	for name, raw := range map[string][]byte{"SOL": transfer().full(), "TransferChecked": token.full()} {
		tx, err := solana.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tx.Effects(me[:])
			}
		})
	}
}

func tokenKey(b *testing.B) solana.Key {
	b.Helper()
	k, err := solana.ParseKey(tokenID)
	if err != nil {
		b.Fatal(err)
	}
	return k
}
