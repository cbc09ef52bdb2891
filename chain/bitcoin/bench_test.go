package bitcoin_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
)

// BenchmarkHostile refuses what takes longest.
func BenchmarkHostile(b *testing.B) {
	raw := hostile()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bitcoin.Parse(raw); err == nil {
			b.Fatal("accepted")
		}
	}
}

// BenchmarkKeys reads what takes longest of what is accepted: public keys and signatures of others.
func BenchmarkKeys(b *testing.B) {
	own := newParty(b, api.AddressBitcoinSegwit, 1)
	var coins []coin
	for i := range 200 {
		coins = append(coins, newCoin(own, 50_000, byte(i)))
	}
	raw, err := own.sign(b, encode(b, newPSBT(b, coins, wire.NewTxOut(60_000, own.script))))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bitcoin.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParse50 reads a PSBT with 50 inputs, by ours and by btcd's library.
func BenchmarkParse50(b *testing.B) {
	own := newParty(b, api.AddressBitcoinSegwit, 1)
	var coins []coin
	for i := range 50 {
		coins = append(coins, newCoin(own, 50_000, byte(i)))
	}
	raw := encode(b, newPSBT(b, coins, wire.NewTxOut(60_000, own.script), wire.NewTxOut(39_000, own.script)))
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bitcoin.Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("btcd", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := psbt.NewFromRawBytes(bytes.NewReader(raw), false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ours with digests", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := bitcoin.ParseSpend(own.format, raw)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Digests(own.key.Public()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
