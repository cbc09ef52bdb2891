package certifier

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// rebaseRig is a certifier whose deployment has an operator, some history, and an older head to go back to.
type rebaseRig struct {
	*rig
	operator ed25519.PrivateKey
	onto     proof.Head
	lost     []proof.Head // what follows it and is given up
	witness  []byte       // of the time when onto was anchored
}

func newRebaseRig(t *testing.T) *rebaseRig {
	t.Helper()
	operator := testKey(9)
	r := &rebaseRig{rig: newRig(t), operator: operator}
	// The anchor is made anew for a manifest that names the operator.
	r.manifest.Operators = [][]byte{operator.Public().(ed25519.PublicKey)}
	genesis := r.state.Head
	r.file.Close()
	f, err := os.OpenFile(r.anchor, os.O_TRUNC|os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(CreateAnchor(f, r.root, genesis, r.manifest), f.Close()); err != nil {
		t.Fatal(err)
	}
	r.reopen(t)
	epoch := r.opened(t).Epoch
	for i := range 8 {
		head := next(t, r.state.Head, epoch)
		if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{head}}); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			r.onto = head
			r.witness = r.keep(t).Witness
		} else if i > 3 {
			r.lost = append(r.lost, head)
		}
	}
	return r
}

func (r *rebaseRig) peek(t *testing.T) Peeked {
	t.Helper()
	f, err := os.Open(r.anchor)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	peeked, err := Peek(f)
	if err != nil {
		t.Fatal(err)
	}
	return peeked
}

func (r *rebaseRig) keep(t *testing.T) Peeked {
	t.Helper()
	f, err := os.Open(r.anchor)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept, err := Keep(f, r.root)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// statement is one that fits, changed by edit.
func (r *rebaseRig) statement(t *testing.T, edit func(*proof.Rebase)) proof.Rebase {
	t.Helper()
	hash, err := r.manifest.Hash()
	if err != nil {
		t.Fatal(err)
	}
	now := uint64(time.Now().UnixMilli())
	s := proof.Rebase{
		Version: 1, Shard: r.manifest.Shard, Manifest: hash, Onto: r.onto, From: r.peek(t).Head, Reason: "a test", Time: now, NotBefore: now, Nonce: proof.ID{1},
	}
	if edit != nil {
		edit(&s)
	}
	return s
}

func (r *rebaseRig) sign(t *testing.T, by ed25519.PrivateKey, s proof.Rebase) []byte {
	t.Helper()
	signed, err := proof.SignRebase(by, s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.Encode(signed)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start starts the certifier with an order.
func (r *rebaseRig) start(t *testing.T, statement, witness []byte) (*Certifier, error) {
	t.Helper()
	v := r.vault(t)
	order, err := proof.Encode(wire.RebaseOrder{Version: 1, Statement: statement, Witness: witness})
	if err != nil {
		t.Fatal(err)
	}
	v.Pack.Rebase = order
	c, err := open(v)
	if err == nil {
		err = c.certifySelf()
	}
	if err != nil {
		v.Anchor.Close()
	}
	return c, err
}

func (r *rebaseRig) contents(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(r.anchor)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An operator moves the anchor back, once: under an epoch above all before, with what came later fenced off.
func TestRebase(t *testing.T) {
	r := newRebaseRig(t)
	before := r.state
	statement := r.sign(t, r.operator, r.statement(t, nil))
	c, err := r.start(t, statement, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.state.Head != r.onto || c.state.Epoch != before.Epoch+1 || c.state.Time < before.Time || !c.state.Rebased.Pending {
		t.Fatalf("anchored is head %d, epoch %d, time %d, pending %v", c.state.Head.Index, c.state.Epoch, c.state.Time, c.state.Rebased.Pending)
	}
	for slot := range int64(2) {
		if state, err := c.anchor.read(slot); err != nil || state.Head != r.onto {
			t.Errorf("slot %d still holds head %d, %v", slot, state.Head.Index, err)
		}
	}
	opened, err := c.open(wire.Empty{})
	if err != nil || string(opened.Rebased.Statement) != string(statement) || !opened.Rebased.Pending || opened.Rebased.Time == 0 {
		t.Fatalf("the policy engine hears %+v, %v", opened.Rebased, err)
	}
	for n := range r.lost {
		if _, err := c.moveAnchor(wire.AnchorRequest{Epoch: opened.Epoch, Heads: r.lost[:n+1]}); faultCode(err) != "refused" {
			t.Errorf("%d commits of the lost future follow: %v", n+1, err)
		}
	}
	r.Certifier = c
	first := next(t, r.onto, opened.Epoch)
	if _, err := c.moveAnchor(wire.AnchorRequest{Epoch: opened.Epoch, Heads: []proof.Head{first}}); err != nil {
		t.Fatal(err)
	}
	// The same order again, at every later start, has no effect.
	for range 2 {
		if c, err = r.start(t, statement, nil); err != nil || c.state.Head != first || c.state.Rebased.Pending {
			t.Fatalf("started again with the order: head %d, pending %v, %v", c.state.Head.Index, c.state.Rebased.Pending, err)
		}
	}
	r.reopen(t)
	if again := r.opened(t); string(again.Rebased.Statement) != string(statement) || again.Rebased.Pending {
		t.Errorf("later writers hear %+v", again.Rebased)
	}
}

// A lost anchor is made anew from what this certifier wrote before the backup, under an epoch that the lost one cannot
// have reached.
func TestRebaseOfALostAnchor(t *testing.T) {
	r := newRebaseRig(t)
	witness, err := PeekWitness(r.witness)
	if err != nil || witness.Head != r.onto {
		t.Fatalf("the witness is of head %d, %v", witness.Head.Index, err)
	}
	statement := r.statement(t, func(s *proof.Rebase) { s.Lost, s.From = true, witness.Head })
	for name, contents := range map[string][]byte{"empty": nil, "blank": make([]byte, 2*slotSize), "damaged": []byte(strings.Repeat("x", 2*slotSize))} {
		if err := os.WriteFile(r.anchor, contents, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := open(r.vault(t)); !errors.Is(err, ErrAnchor) {
			t.Errorf("%s: it opens without a statement: %v, %v", name, c, err)
		}
		for why, w := range map[string][]byte{"no witness": nil, "half": r.witness[:len(r.witness)/2], "of another certifier": append(r.witness[:len(r.witness)-32:len(r.witness)-32], make([]byte, 32)...), "changed": changedAt(r.witness, 60)} {
			if _, err := r.start(t, r.sign(t, r.operator, statement), w); !errors.Is(err, proof.ErrRebase) {
				t.Errorf("%s, %s: %v", name, why, err)
			}
		}
		c, err := r.start(t, r.sign(t, r.operator, statement), r.witness)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.state.Head != r.onto || c.state.Epoch < statement.Time || c.state.Time < witness.Time {
			t.Errorf("%s: head %d, epoch %d", name, c.state.Head.Index, c.state.Epoch)
		}
	}
	// A manifest with an operator of one's own is refused, with a witness, too.
	mine := testKey(77)
	r.manifest.Operators = [][]byte{mine.Public().(ed25519.PublicKey)}
	if err := os.WriteFile(r.anchor, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := r.statementOf(t, statement)
	if _, err := r.start(t, r.sign(t, mine, foreign), r.witness); !errors.Is(err, ErrAnchor) {
		t.Errorf("an operator of one's own: %v", err)
	}
	if r.contents(t) != "" {
		t.Error("and yet the anchor was written")
	}
}

// statementOf signs off a statement under the manifest as it is now.
func (r *rebaseRig) statementOf(t *testing.T, s proof.Rebase) proof.Rebase {
	t.Helper()
	hash, err := r.manifest.Hash()
	if err != nil {
		t.Fatal(err)
	}
	s.Manifest = hash
	return s
}

func changedAt(b []byte, i int) []byte {
	c := append([]byte{}, b...)
	c[i] ^= 1
	return c
}

// Without exactly the operator's word about exactly this state, nothing moves.
func TestRebaseRefuses(t *testing.T) {
	r := newRebaseRig(t)
	before := r.contents(t)
	day := uint64(24 * time.Hour / time.Millisecond)
	for why, edit := range map[string]func(*proof.Rebase){
		"another version":               func(s *proof.Rebase) { s.Version = 2 },
		"another shard":                 func(s *proof.Rebase) { s.Shard[0]++ },
		"a head of another shard":       func(s *proof.Rebase) { s.Onto.Shard[0]++ },
		"a head of another algorithm":   func(s *proof.Rebase) { s.Onto.StateAlg = "sum" },
		"from a head of another shard":  func(s *proof.Rebase) { s.From.Shard[0]++ },
		"another manifest":              func(s *proof.Rebase) { s.Manifest[0]++ },
		"from another head":             func(s *proof.Rebase) { s.From = r.lost[0] },
		"from a head of another epoch":  func(s *proof.Rebase) { s.From.Epoch++ },
		"of a lost anchor that is here": func(s *proof.Rebase) { s.Lost = true },
		"no reason":                     func(s *proof.Rebase) { s.Reason = " " },
		"a reason of several lines":     func(s *proof.Rebase) { s.Reason = "a\nb" },
		"a long reason":                 func(s *proof.Rebase) { s.Reason = strings.Repeat("x", proof.MaxReason+1) },
		"older than a day":              func(s *proof.Rebase) { s.Time -= day + 60_000; s.NotBefore = s.Time },
		"of the future":                 func(s *proof.Rebase) { s.Time += 120_000; s.NotBefore = s.Time },
		"requests from before it":       func(s *proof.Rebase) { s.NotBefore-- },
		"no requests for an hour":       func(s *proof.Rebase) { s.NotBefore += 3_600_000 },
	} {
		if _, err := r.start(t, r.sign(t, r.operator, r.statement(t, edit)), nil); !errors.Is(err, proof.ErrRebase) {
			t.Errorf("%s: %v", why, err)
		}
	}
	good := r.sign(t, r.operator, r.statement(t, nil))
	for _, by := range []ed25519.PrivateKey{testKey(10), r.launcher, Key(r.root)} {
		if _, err := r.start(t, r.sign(t, by, r.statement(t, nil)), nil); !errors.Is(err, proof.ErrRebase) {
			t.Errorf("by another key: %v", err)
		}
	}
	for i := range good {
		if _, err := r.start(t, changedAt(good, i), nil); err == nil {
			t.Fatalf("byte %d changed: it is taken", i)
		}
	}
	if r.contents(t) != before {
		t.Fatal("a refused statement changed the anchor")
	}
	// An earlier rebase, shown again after a later one, is of another time.
	if _, err := r.start(t, good, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start(t, r.sign(t, r.operator, r.statement(t, func(s *proof.Rebase) { s.Nonce[0]++ })), nil); err != nil {
		t.Fatalf("one that was not logged may be signed again: %v", err)
	}
	r.reopen(t)
	epoch := r.opened(t).Epoch
	if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{next(t, r.onto, epoch)}}); err != nil {
		t.Fatal(err)
	}
	before = r.contents(t)
	if _, err := r.start(t, good, nil); !errors.Is(err, proof.ErrRebase) || r.contents(t) != before {
		t.Errorf("an earlier rebase again: %v", err)
	}
}

// A crash at any byte of its writes leaves the anchor before, or the new one, or one that the same order finishes.
func TestTornRebase(t *testing.T) {
	r := newRebaseRig(t)
	before := []byte(r.contents(t))
	statement := r.sign(t, r.operator, r.statement(t, nil))
	if _, err := r.start(t, statement, nil); err != nil {
		t.Fatal(err)
	}
	after := []byte(r.contents(t))
	first := int((r.state.Sequence+1)%2) * slotSize // which slot is written first
	order := append(append([]int{}, span(first)...), span(slotSize-first)...)
	torn := append([]byte{}, before...)
	for step, i := range order {
		torn[i] = after[i]
		if step%97 != 0 && step%slotSize > 200 {
			continue
		}
		if err := os.WriteFile(r.anchor, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := r.start(t, statement, nil)
		if err != nil || c.state.Head != r.onto {
			t.Fatalf("torn after %d bytes: %v", step, err)
		}
	}
}

func span(from int) []int {
	all := make([]int, slotSize)
	for i := range all {
		all[i] = from + i
	}
	return all
}

// The anchor of the release before opens, and is written anew in today's form.
func TestAnchorOfVersion1Opens(t *testing.T) {
	r := newRig(t)
	v := r.vault(t)
	a := &anchorFile{file: v.Anchor, key: r.root.Derive("anchor")}
	operators, err := operatorsOf(r.manifest)
	if err != nil {
		t.Fatal(err)
	}
	old, err := proof.Encode(anchoredV1{Version: 1, Sequence: 8, Epoch: 5, Time: 6, Manifest: 3, Operators: operators, Head: r.state.Head})
	if err != nil {
		t.Fatal(err)
	}
	slot := append([]byte{0, 0, byte(len(old) >> 8), byte(len(old))}, old...)
	slot = append(slot, a.tag(0, slot)...)
	if _, err := v.Anchor.WriteAt(slot, 0); err != nil {
		t.Fatal(err)
	}
	c, err := open(v)
	if err != nil || c.state.Epoch != 5 || c.state.Sequence != 8 || c.state.Version != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	if opened, err := c.open(wire.Empty{}); err != nil || opened.Epoch != 6 || len(opened.Rebased.Statement) != 0 {
		t.Errorf("%+v, %v", opened, err)
	}
}

// Two rebases that lead there and back make the anchor what it was before the first: that one must not be taken again.
func TestRebaseThereAndBack(t *testing.T) {
	r := newRebaseRig(t)
	start := r.peek(t).Head
	there := r.sign(t, r.operator, r.statement(t, nil))
	c, err := r.start(t, there, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	back := r.sign(t, r.operator, r.statement(t, func(s *proof.Rebase) { s.Onto, s.Time, s.NotBefore = start, s.Time+1, s.Time+1 }))
	if c, err = r.start(t, back, nil); err != nil || c.state.Head != start {
		t.Fatalf("back: %v", err)
	}
	c.close()
	before := r.contents(t)
	if c, err := r.start(t, there, nil); !errors.Is(err, proof.ErrRebase) {
		t.Errorf("the first of them was taken again: head %d, %v", c.state.Head.Index, err)
	}
	if r.contents(t) != before {
		t.Error("the anchor changed")
	}
}

// What a backup keeps of the anchor is none, however its bytes are laid into the file.
func TestWitnessIsNoAnchor(t *testing.T) {
	r := newRebaseRig(t)
	slot := func(n int, b []byte) []byte { return append(make([]byte, n*slotSize), b...) }
	length := binary.BigEndian.AppendUint32(nil, uint32(len(r.witness)-sha256.Size))
	for n := range 2 {
		for why, contents := range map[string][]byte{
			"as it is": slot(n, r.witness), "without its first byte": slot(n, r.witness[1:]), "with its length": slot(n, append(length[:4:4], r.witness...)),
		} {
			if err := os.WriteFile(r.anchor, contents, 0o600); err != nil {
				t.Fatal(err)
			}
			if c, err := open(r.vault(t)); !errors.Is(err, errNoAnchor) {
				t.Errorf("%s in slot %d: it opens: %v, %v", why, n, c, err)
			}
		}
	}
}
