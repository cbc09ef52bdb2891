package certifier

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/proof"
)

// anchored is what the anchor's file holds: the newest head, the writer's epoch and the time. Its format is
//
//	slot 0 (4,096 bytes) | slot 1 (4,096 bytes),   slot = length uint32 | CBOR | HMAC-SHA-256
//
// Writes alternate between the slots and each is synced before anybody hears of it, so that a torn write leaves the
// slot before it whole, and nothing that was ever receipted is lost.
type anchored struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 2
	Sequence  uint64   // of writes; the slot with the higher one counts
	Epoch     uint64   // of the writer
	Time      uint64   // Unix milliseconds, never falls
	Manifest  uint64   // epoch of the newest manifest that was in force; an older one is refused
	Operators proof.Hash
	Head      proof.Head
	Rebased   rebased
}

// rebased is what the anchor remembers of the newest rebase.
type rebased struct {
	_         struct{}        `cbor:",toarray"`
	Statement cbor.ByteString // CBOR of proof.SignedRebase; empty when there was none
	Time      uint64          // when it was taken
	Epoch     uint64          // of the writers from then on, at least: what others wrote before does not follow any more
	Pending   bool            // the anchored head is still the one that it names
}

// anchoredV1 is the format before there were rebases.
type anchoredV1 struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Sequence  uint64
	Epoch     uint64
	Time      uint64
	Manifest  uint64
	Operators proof.Hash
	Head      proof.Head
}

// decodeAnchored reads what a slot holds, also of the release before.
func decodeAnchored(b []byte) (anchored, error) {
	var state anchored
	err := proof.Decode(b, &state)
	if err == nil && state.Version == 2 {
		return state, nil
	}
	var old anchoredV1
	if err := proof.Decode(b, &old); err != nil {
		return state, err
	}
	if old.Version != 1 {
		return state, fmt.Errorf("%w: a state of version %d", ErrAnchor, old.Version)
	}
	return anchored{
		Version: 2, Sequence: old.Sequence, Epoch: old.Epoch, Time: old.Time, Manifest: old.Manifest, Operators: old.Operators, Head: old.Head,
	}, nil
}

const slotSize = 4096

// ErrAnchor says that the anchor's file cannot be used.
var ErrAnchor = errors.New("anchor")

// errNoAnchor says that there is nothing in the anchor's file that this certifier wrote.
var errNoAnchor = fmt.Errorf("%w: neither slot is whole under the certifier's key: wrong key, a damaged file, or none, as after a restore: 'redoubt rebase' makes a restored ledger usable", ErrAnchor)

// anchorFile is the file with its key.
type anchorFile struct {
	file *os.File
	key  [32]byte
}

func openAnchor(file *os.File, root seal.Root) (*anchorFile, anchored, error) {
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, anchored{}, fmt.Errorf("%w: another certifier uses its file", ErrAnchor)
	}
	a := &anchorFile{file: file, key: root.Derive("anchor")}
	newest, found := a.newest()
	if !found {
		return a, newest, errNoAnchor
	}
	// What was read may be in the kernel's memory only: a sync may have failed before we started. It must be on the disk
	// before the other slot, the last one that surely is, is written over.
	if err := a.write(newest); err != nil {
		return nil, newest, fmt.Errorf("%w: its file cannot be written: %w", ErrAnchor, err)
	}
	return a, newest, nil
}

// newest returns the state that counts, if there is one.
func (a *anchorFile) newest() (newest anchored, found bool) {
	for slot := range int64(2) {
		state, err := a.read(slot)
		if err == nil && (!found || state.Sequence > newest.Sequence) {
			newest, found = state, true
		}
	}
	return newest, found
}

// operatorsOf names who may sign manifests.
func operatorsOf(m proof.Manifest) (proof.Hash, error) {
	b, err := proof.Encode(m.Operators)
	return sha256.Sum256(append([]byte("redoubt/operators/v1\x00"), b...)), err
}

// accepts checks that a manifest is not older than one that was in force, nor somebody else's.
func (state anchored) accepts(m proof.Manifest) error {
	operators, err := operatorsOf(m)
	switch {
	case err != nil:
		return err
	case state.Head.Shard != m.Shard:
		return fmt.Errorf("%w: it belongs to another deployment", ErrAnchor)
	case state.Operators != operators:
		return fmt.Errorf("%w: the manifest names other operators than those who created the deployment", ErrAnchor)
	case m.Epoch < state.Manifest:
		return fmt.Errorf("%w: the manifest has epoch %d, but epoch %d was in force already: it was rolled back", ErrAnchor, m.Epoch, state.Manifest)
	}
	return nil
}

// Peeked is what an anchor's file says to those who have no key to check it: good for comparing, not for believing.
type Peeked struct {
	Head    proof.Head
	Epoch   uint64 // of the writer
	Time    uint64
	Rebase  []byte // CBOR of the newest proof.SignedRebase; empty when there was none
	Pending bool   // the rebase is not logged yet
	Witness []byte // as a rebase shows it to the certifier when the anchor is lost; nil unless it was made or read
}

// Peek reads an anchor's file without the certifier's key.
func Peek(file io.ReaderAt) (Peeked, error) {
	var newest anchored
	found := false
	for slot := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := file.ReadAt(b, slot*slotSize); err != nil && !errors.Is(err, io.EOF) {
			return Peeked{}, err
		}
		n := binary.BigEndian.Uint32(b)
		if n > slotSize-4-sha256.Size {
			continue
		}
		state, err := decodeAnchored(b[4 : 4+n])
		if err == nil && (!found || state.Sequence > newest.Sequence) {
			newest, found = state, true
		}
	}
	if !found {
		return Peeked{}, fmt.Errorf("%w: neither slot is whole", ErrAnchor)
	}
	return newest.peeked(nil), nil
}

func (state anchored) peeked(witness []byte) Peeked {
	return Peeked{
		Head: state.Head, Epoch: state.Epoch, Time: state.Time, Rebase: []byte(state.Rebased.Statement), Pending: state.Rebased.Pending, Witness: witness,
	}
}

func (a *anchorFile) read(slot int64) (anchored, error) {
	b := make([]byte, slotSize)
	if _, err := a.file.ReadAt(b, slot*slotSize); err != nil && !errors.Is(err, io.EOF) {
		return anchored{}, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > slotSize-4-sha256.Size {
		return anchored{}, ErrAnchor
	}
	tag := a.tag(slot, b[:4+n])
	if !hmac.Equal(tag, b[4+n:4+n+sha256.Size]) {
		return anchored{}, ErrAnchor
	}
	return decodeAnchored(b[4 : 4+n])
}

func (a *anchorFile) write(state anchored) error {
	var status unix.Stat_t
	if err := unix.Fstat(int(a.file.Fd()), &status); err != nil || status.Nlink == 0 {
		return fmt.Errorf("%w: its file was removed while it was in use", ErrAnchor)
	}
	b, err := proof.Encode(state)
	if err != nil {
		return err
	}
	if len(b) > slotSize-4-sha256.Size {
		return fmt.Errorf("%w: state of %d bytes", ErrAnchor, len(b))
	}
	slot := int64(state.Sequence % 2)
	out := append(binary.BigEndian.AppendUint32(make([]byte, 0, slotSize), uint32(len(b))), b...)
	out = append(out, a.tag(slot, out)...)
	if err := failpoint.Fail(failpoint.CertifierBeforeWrite); err != nil {
		return err
	}
	if _, err := a.file.WriteAt(out, slot*slotSize); err != nil {
		return err
	}
	if err := failpoint.Fail(failpoint.CertifierBeforeSync); err != nil {
		return err
	}
	return syncData(a.file)
}

func (a *anchorFile) tag(slot int64, b []byte) []byte {
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write([]byte{byte(slot)})
	mac.Write(b)
	return mac.Sum(nil)
}

// CreateAnchor writes the anchor of a new shard into an empty file. From now on only manifests of these operators are
// taken.
func CreateAnchor(file *os.File, root seal.Root, genesis proof.Head, m proof.Manifest) error {
	a := &anchorFile{file: file, key: root.Derive("anchor")}
	if err := file.Truncate(2 * slotSize); err != nil {
		return err
	}
	operators, err := operatorsOf(m)
	if err != nil {
		return err
	}
	if err := a.write(anchored{Version: 2, Head: genesis, Manifest: m.Epoch, Operators: operators}); err != nil {
		return err
	}
	return file.Sync()
}
