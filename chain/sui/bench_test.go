package sui_test

import (
	"slices"
	"testing"

	"github.com/fardream/go-bcs/bcs"

	"github.com/redoubt-kms/redoubt/chain/sui"
)

func BenchmarkParse(b *testing.B) {
	raw := encode(b, everything())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sui.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEffects(b *testing.B) {
	tx := parse(b, encode(b, everything()))
	b.ReportAllocs()
	for b.Loop() {
		tx.Effects(publicKey())
	}
}

// BenchmarkOtherLibrary reads the same bytes with go-bcs.
func BenchmarkOtherLibrary(b *testing.B) {
	raw := encode(b, everything())
	b.ReportAllocs()
	for b.Loop() {
		var v txData
		if err := bcs.UnmarshalAll(raw, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// worst are transactions near the bounds, of the kinds that cost most.
func worst() map[string]txV1 {
	receivers := make([]callArg, 1000)
	payments := []command{split(gas(), slices.Repeat([]argument{in(0)}, 512)...), split(gas(), slices.Repeat([]argument{in(0)}, 512)...)}
	for i := range receivers {
		receivers[i] = to([32]byte{byte(i), byte(i >> 8)})
		payments = append(payments, transfer(in(uint16(i)+1), nested(uint16(i/512), uint16(i%512))))
	}
	programs := make([]command, 1024)
	for i := range programs {
		programs[i] = command{MoveCall: &callCommand{Package: [32]byte{byte(i), byte(i >> 8)}, Module: "m", Function: "f"}}
	}
	objects := make([]callArg, 1700)
	for i := range objects {
		r := ref(byte(i))
		r.ID[1], r.Digest = byte(i>>8), make([]byte, 32)
		objects[i] = callArg{Object: &objectArg{Owned: &r}}
	}
	var vectors []command
	for i := range 500 {
		from := gas()
		if i > 0 {
			from = result(uint16(i - 1))
		}
		vectors = append(vectors, command{MakeVec: &vecCommand{optionalType{None: &none{}}, []argument{from, in(uint16(i)), in(uint16(i + 500))}}})
	}
	return map[string]txV1{
		"payments": draft(append([]callArg{number(1)}, receivers...), payments...),
		"programs": draft(nil, programs...), "vectors": draft(objects[:1000], vectors...), "objects": draft(objects),
	}
}

func BenchmarkWorst(b *testing.B) {
	for name, v := range worst() {
		raw := encode(b, v)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				parse(b, raw).Effects(publicKey())
			}
		})
	}
}

// Transactions near the bounds are still read; how long that takes is what the benchmark tells.
func TestWorst(t *testing.T) {
	for name, v := range worst() {
		raw := encode(t, v)
		if e := parse(t, raw).Effects(publicKey()); len(e.Transfers) > 2048 || len(e.Programs) > 1024 {
			t.Errorf("%s: %d transfers, %d programs", name, len(e.Transfers), len(e.Programs))
		}
	}
}
