package certifier

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// openBytes opens an anchor whose file has this contents.
func openBytes(t *testing.T, r *rig, path string, contents []byte) (anchored, error) {
	t.Helper()
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, state, err := openAnchor(f, r.root)
	return state, err
}

// Whatever part of a write reaches the disk, the slot before it stays whole: what was receipted is never lost, and a
// write that was not finished was never receipted.
func TestTornWriteKeepsThePreviousSlot(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	path := filepath.Join(t.TempDir(), "torn")
	for range 4 { // both slots, twice
		before, err := os.ReadFile(r.anchor)
		if err != nil {
			t.Fatal(err)
		}
		previous := r.state
		if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{next(t, r.state.Head, epoch)}}); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(r.anchor)
		if err != nil {
			t.Fatal(err)
		}
		start, end := changed(before, after)
		if start < 0 || start/slotSize != (end-1)/slotSize {
			t.Fatalf("a write touched bytes %d to %d, more than one slot", start, end)
		}
		for cut := start; cut <= end; cut++ {
			torn := append(append([]byte{}, after[:cut]...), before[cut:]...)
			state, err := openBytes(t, r, path, torn)
			if err != nil {
				t.Fatalf("torn at byte %d: %v", cut, err)
			}
			want := previous
			if bytes.Equal(torn, after) {
				want = r.state
			}
			if state != want {
				t.Fatalf("torn at byte %d: sequence %d, want %d", cut, state.Sequence, want.Sequence)
			}
			backward := append(append([]byte{}, before[:cut]...), after[cut:]...) // the end was written, the beginning was not
			if state, err = openBytes(t, r, path, backward); err != nil || state != previous && !bytes.Equal(backward, after) {
				t.Fatalf("torn before byte %d: sequence %d, %v", cut, state.Sequence, err)
			}
		}
	}
}

// changed returns the range in which two files of one length differ.
func changed(a, b []byte) (start, end int) {
	start = -1
	for i := range b {
		if a[i] != b[i] {
			if start < 0 {
				start = i
			}
			end = i + 1
		}
	}
	return start, end
}

// A changed byte in the newer slot falls back to the older one, and in both is an error: nothing is made up.
func TestDamagedSlots(t *testing.T) {
	r := newRig(t)
	opened := r.opened(t)
	if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: opened.Epoch, Heads: []proof.Head{next(t, r.state.Head, opened.Epoch)}}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.anchor)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged")
	newest := int(r.state.Sequence%2) * slotSize
	older := slotSize - newest
	for i := range 400 {
		damaged := bytes.Clone(whole)
		damaged[newest+i] ^= 1 << (i % 8)
		state, err := openBytes(t, r, path, damaged)
		beyond := bytes.Equal(damaged[newest:newest+length(damaged[newest:])], whole[newest:newest+length(whole[newest:])])
		if err != nil || !beyond && state.Sequence != r.state.Sequence-1 {
			t.Fatalf("byte %d of the newer slot changed: sequence %d, %v", i, state.Sequence, err)
		}
		if beyond {
			continue
		}
		damaged[older+i] ^= 0x80
		if state, err = openBytes(t, r, path, damaged); !errors.Is(err, ErrAnchor) {
			t.Fatalf("byte %d of both slots changed: sequence %d, %v", i, state.Sequence, err)
		}
	}
	for name, contents := range map[string][]byte{
		"empty": nil, "zero": make([]byte, 2*slotSize), "cut to a few bytes": whole[:20],
		"lengths out of range": bytes.Repeat([]byte{0xff}, 2*slotSize),
		"slots exchanged":      append(bytes.Clone(whole[slotSize:]), whole[:slotSize]...),
	} {
		if state, err := openBytes(t, r, path, contents); !errors.Is(err, ErrAnchor) {
			t.Errorf("%s: sequence %d, %v", name, state.Sequence, err)
		}
	}
}

// length is how much of a slot is used.
func length(slot []byte) int {
	return min(len(slot), 4+int(slot[2])<<8+int(slot[3])+32)
}

// An anchor of another certifier, or of another deployment, is not taken for ours.
func TestForeignAnchor(t *testing.T) {
	r := newRig(t)
	v := r.vault(t)
	if _, _, err := openAnchor(v.Anchor, testRoot(t, 99)); !errors.Is(err, ErrAnchor) {
		t.Errorf("under another key: %v", err)
	}
	v.Signed.Manifest.Shard = proof.ID{6}
	if _, err := open(v); !errors.Is(err, ErrAnchor) {
		t.Errorf("of another shard: %v", err)
	}
	v = r.vault(t)
	v.Root = testRoot(t, 99)
	if _, err := open(v); err == nil {
		t.Error("a certifier runs under a key that is not the manifest's")
	}
}

// Peek reads without the key what an anchor says, for comparison only.
func TestPeekAnchorReadsTheNewestSlot(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	for range 3 {
		if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{next(t, r.state.Head, epoch)}}); err != nil {
			t.Fatal(err)
		}
		peeked, err := Peek(r.Certifier.anchor.file)
		if err != nil || peeked.Head != r.state.Head {
			t.Errorf("peeked head %d, want %d: %v", peeked.Head.Index, r.state.Head.Index, err)
		}
	}
	if _, err := Peek(bytes.NewReader(make([]byte, 2*slotSize))); !errors.Is(err, ErrAnchor) {
		t.Errorf("an empty anchor: %v", err)
	}
}

// What is read at the start may be in the kernel's memory only, after a sync that failed: it is written again before it
// counts, and an anchor that cannot be is not used.
func TestOpenedAnchorIsWrittenAgain(t *testing.T) {
	r := newRig(t)
	r.opened(t)
	whole, err := os.ReadFile(r.anchor)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "anchor")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = openAnchor(f, r.root)
	f.Close()
	if !errors.Is(err, ErrAnchor) || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("an anchor that cannot be written was opened: %v", err)
	}
	if _, err := openBytes(t, r, path, whole); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, whole) {
		t.Errorf("opening changed the anchor: %v", err)
	}
}
