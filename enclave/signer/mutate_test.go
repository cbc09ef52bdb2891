package signer

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Ten thousand changes of an order, at random places and combined from two logs: none is signed.
func TestMutatedOrdersAreNeverSigned(t *testing.T) {
	r := newRig(t)
	a, batch := good(t, r)
	original, err := proof.Encode(batch)
	if err != nil {
		t.Fatal(err)
	}
	other := newRig(t)
	other.head.Shard = proof.ID{6}
	_, foreign := good(t, other)
	expired := a.permit
	expired.Expires = testTime
	old := r.log(t, expired, a.payload, nil)
	later := r.receipt(t, nil)
	random := rand.New(rand.NewPCG(11, 12))
	flips, mixes := 0, 0
	for i := range 10_000 {
		var mutated wire.SignBatch
		if i%4 != 0 {
			b := bytes.Clone(original)
			for range 1 + random.IntN(2) {
				b[random.IntN(len(b))] ^= 1 << random.IntN(8)
			}
			if proof.DecodeFrame(b, &mutated) != nil {
				continue // it never reaches the signer's checks
			}
			if again, err := proof.Encode(mutated); err != nil || bytes.Equal(again, original) {
				continue // the flip did not change what it says
			}
			flips++
		} else {
			mutated = mix(random, batch, foreign)
			if i%8 == 0 {
				mutated = wire.SignBatch{Receipt: later, Orders: []wire.SignOrder{r.order(t, old, batch.Orders[0].Sealed)}}
			}
			if again, err := proof.Encode(mutated); err != nil || bytes.Equal(again, original) {
				continue
			}
			mixes++
		}
		if signs(newSigner(t, r.manifest), mutated) != 0 {
			t.Fatalf("mutation %d was signed: %+v", i, mutated)
		}
	}
	if flips < 3000 || mixes < 2000 {
		t.Errorf("only %d flips and %d mixtures reached the signer", flips, mixes)
	}
	if sum := sha256.Sum256(original); signs(newSigner(t, r.manifest), batch) != 1 {
		t.Errorf("the original %x is not signed any more", sum[:4])
	}
}

// mix takes each part of a batch from one of two good ones.
func mix(random *rand.Rand, one, two wire.SignBatch) wire.SignBatch {
	x, y := one.Orders[0], two.Orders[0]
	pick := func() bool { return random.IntN(2) == 0 }
	if pick() {
		x.Permit = y.Permit
	}
	if pick() {
		x.Entry = y.Entry
	}
	if pick() {
		x.Salt = y.Salt
	}
	if pick() {
		x.Path = y.Path
	}
	if pick() {
		x.Payload = append([]byte("x"), y.Payload...)
	}
	receipt := one.Receipt
	if pick() {
		receipt.Receipt = two.Receipt.Receipt
	}
	if pick() {
		receipt.Signature = two.Receipt.Signature
	}
	return wire.SignBatch{Receipt: receipt, Orders: []wire.SignOrder{x}}
}
