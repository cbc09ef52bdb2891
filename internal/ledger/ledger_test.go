package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// chain is a head and the row that follows it.
func chain(t *testing.T, edit func(*proof.Head, *ledger.Commit)) (proof.Head, ledger.Row) {
	t.Helper()
	previous, err := state.Genesis(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	previous.Index, previous.Size, previous.Epoch = 999, 70_000, 4
	head, commit := previous, testCommit()
	head.Index, head.Size, head.Epoch = 1000, 70_001, 5
	if head.Previous, err = previous.Hash(); err != nil {
		t.Fatal(err)
	}
	blob := encode(t, commit)
	head.Commit = sha256.Sum256(blob)
	if edit != nil {
		edit(&head, &commit)
		if again := encode(t, commit); !bytes.Equal(again, blob) {
			blob, head.Commit = again, sha256.Sum256(again)
		}
	}
	encoded := encode(t, head)
	return previous, ledger.Row{Index: 1000, Head: encoded, Tag: ledger.Tag(filled(7), encoded), Blob: blob}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := proof.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A stored commit that is not yet anchored is believed only when the policy engine made it, right after this head.
func TestFollow(t *testing.T) {
	previous, row := chain(t, nil)
	head, commit, err := ledger.Follow(filled(7), previous, row)
	if err != nil || head.Index != 1000 || len(commit.Records) != 2 {
		t.Fatalf("head %d, %v", head.Index, err)
	}
	if _, _, err := ledger.Follow(filled(8), previous, row); !errors.Is(err, ledger.ErrChain) {
		t.Errorf("under another key: %v", err)
	}
	for why, edit := range map[string]func(*proof.Head, *ledger.Commit){
		"another shard":         func(h *proof.Head, _ *ledger.Commit) { h.Shard[0]++ },
		"a gap":                 func(h *proof.Head, c *ledger.Commit) { h.Index++; c.Index++ },
		"the same number":       func(h *proof.Head, c *ledger.Commit) { h.Index--; c.Index-- },
		"another history":       func(h *proof.Head, _ *ledger.Commit) { h.Previous[0]++ },
		"an older epoch":        func(h *proof.Head, _ *ledger.Commit) { h.Epoch = 3 },
		"another size":          func(h *proof.Head, _ *ledger.Commit) { h.Size++ },
		"an entry too many":     func(_ *proof.Head, c *ledger.Commit) { c.Entries = append(c.Entries, c.Entries[0]) },
		"a shifted first entry": func(h *proof.Head, c *ledger.Commit) { c.First++; h.Size++ },
		"another version":       func(_ *proof.Head, c *ledger.Commit) { c.Version = 2 },
		"the number of another": func(_ *proof.Head, c *ledger.Commit) { c.Index = 5 },
	} {
		previous, row := chain(t, edit)
		if _, _, err := ledger.Follow(filled(7), previous, row); !errors.Is(err, ledger.ErrChain) {
			t.Errorf("%s: %v", why, err)
		}
	}
	for i := range row.Head {
		bad := row
		bad.Head = bytes.Clone(row.Head)
		bad.Head[i] ^= 1
		if _, _, err := ledger.Follow(filled(7), previous, bad); !errors.Is(err, ledger.ErrChain) {
			t.Fatalf("byte %d of the head: %v", i, err)
		}
	}
	for i := range row.Blob {
		bad := row
		bad.Blob = bytes.Clone(row.Blob)
		bad.Blob[i] ^= 1
		if _, _, err := ledger.Follow(filled(7), previous, bad); !errors.Is(err, ledger.ErrChain) {
			t.Fatalf("byte %d of the commit: %v", i, err)
		}
	}
}

// Keys sort by kind, then by the first identifier, so that a listing can be shown to be complete.
func TestKeysSort(t *testing.T) {
	ordered := []ledger.Key{
		ledger.NewKey(1, testID(0xff), testID(0xff)), ledger.NewKey(2, testID(0), testID(0)), ledger.NewKey(2, testID(0), testID(1)),
		ledger.NewKey(2, testID(1), testID(0)), ledger.NewKey(2, testID(1), testID(0xff)), ledger.NewKey(2, testID(2), testID(0)), ledger.NewKey(3, proof.ID{}, proof.ID{}),
	}
	for i := 1; i < len(ordered); i++ {
		if bytes.Compare(ordered[i-1][:], ordered[i][:]) >= 0 {
			t.Errorf("keys %d and %d are out of order", i-1, i)
		}
	}
	if k := ordered[4]; k.Kind() != 2 || k.First() != testID(1) || k.Second() != testID(0xff) {
		t.Error("a key does not say what it was made of")
	}
}

// Salts differ by organization, index and key, and a commitment by each of its two parts: nobody can guess an entry.
func TestCommitmentsDiffer(t *testing.T) {
	seen := map[proof.Hash]string{}
	for name, h := range map[string]proof.Hash{
		"salt": ledger.Salt(filled(1), testID(1), 1), "of another entry": ledger.Salt(filled(1), testID(1), 2),
		"of another organization": ledger.Salt(filled(1), testID(2), 1), "of another key": ledger.Salt(filled(2), testID(1), 1),
		"commitment": ledger.Commitment(filled(1), []byte("a")), "with another salt": ledger.Commitment(filled(2), []byte("a")), "to another entry": ledger.Commitment(filled(1), []byte("b")),
	} {
		if other, taken := seen[h]; taken {
			t.Errorf("%s and %s are one", name, other)
		}
		seen[h] = name
	}
	contexts := map[string]bool{}
	for kind := range ledger.Kind(6) {
		for version := range uint64(3) {
			contexts[string(ledger.Context(ledger.NewKey(kind, testID(1), testID(2)), version))] = true
			contexts[string(ledger.EntryContext(uint64(kind)*3+version))] = true
		}
	}
	if len(contexts) != 36 {
		t.Errorf("%d of 36 contexts of seals differ", len(contexts))
	}
}

// A stored commit that is accepted has one spelling; anything else is refused without harm.
func FuzzReadStored(f *testing.F) {
	f.Add(encode(f, testCommit()))
	f.Add(encode(f, ledger.Commit{}))
	f.Add([]byte{0x86, 1, 2, 3, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := wire.ReadStored(b)
		if err != nil {
			return
		}
		if again := encode(t, c); !bytes.Equal(again, b) {
			t.Errorf("%x is accepted and written as %x", b, again)
		}
	})
}

// The same for entries.
func FuzzEntry(f *testing.F) {
	f.Add(encode(f, testEntry()))
	f.Add(encode(f, ledger.Entry{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e ledger.Entry
		if proof.Decode(b, &e) != nil {
			return
		}
		if again := encode(t, e); !bytes.Equal(again, b) {
			t.Errorf("%x is accepted and written as %x", b, again)
		}
	})
}
