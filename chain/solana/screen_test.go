package solana_test

import (
	"bytes"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/solana"
)

// A long text whose letters happen to read as lengths is still a text: no validator takes so much.
func TestIsMessageLetsLongTextsPass(t *testing.T) {
	for _, n := range []int{solana.MaxSize + 1, 5_000, 60_000} {
		if solana.IsMessage(bytes.Repeat([]byte("x"), n)) {
			t.Errorf("a text of %d letters is taken for a transaction", n)
		}
	}
}
