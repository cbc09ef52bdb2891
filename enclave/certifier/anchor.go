package certifier

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

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
	Version   uint8    // 1
	Sequence  uint64   // of writes; the slot with the higher one counts
	Epoch     uint64   // of the writer
	Time      uint64   // Unix milliseconds, never falls
	Manifest  uint64   // epoch of the newest manifest that was in force; an older one is refused
	Operators proof.Hash
	Head      proof.Head
}

const slotSize = 4096

// ErrAnchor says that the anchor's file cannot be used.
var ErrAnchor = errors.New("anchor")

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
	var newest anchored
	found := 0
	for slot := range int64(2) {
		state, err := a.read(slot)
		if err == nil && (found == 0 || state.Sequence > newest.Sequence) {
			newest, found = state, found+1
		}
	}
	if found == 0 {
		return nil, newest, fmt.Errorf("%w: neither slot is whole under the certifier's key: wrong key, or a damaged file", ErrAnchor)
	}
	// What was read may be in the kernel's memory only: a sync may have failed before we started. It must be on the disk
	// before the other slot, the last one that surely is, is written over.
	if err := a.write(newest); err != nil {
		return nil, newest, fmt.Errorf("%w: its file cannot be written: %w", ErrAnchor, err)
	}
	return a, newest, nil
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

// PeekAnchor reads the newest head from an anchor's file without the certifier's key, and so without proof: good for
// comparing, not for believing.
func PeekAnchor(file io.ReaderAt) (proof.Head, error) {
	var newest anchored
	found := false
	for slot := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := file.ReadAt(b, slot*slotSize); err != nil && !errors.Is(err, io.EOF) {
			return proof.Head{}, err
		}
		var state anchored
		n := binary.BigEndian.Uint32(b)
		if n > slotSize-4-sha256.Size || proof.Decode(b[4:4+n], &state) != nil {
			continue
		}
		if !found || state.Sequence > newest.Sequence {
			newest, found = state, true
		}
	}
	if !found {
		return proof.Head{}, fmt.Errorf("%w: neither slot is whole", ErrAnchor)
	}
	return newest.Head, nil
}

func (a *anchorFile) read(slot int64) (anchored, error) {
	var state anchored
	b := make([]byte, slotSize)
	if _, err := a.file.ReadAt(b, slot*slotSize); err != nil && !errors.Is(err, io.EOF) {
		return state, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > slotSize-4-sha256.Size {
		return state, ErrAnchor
	}
	tag := a.tag(slot, b[:4+n])
	if !hmac.Equal(tag, b[4+n:4+n+sha256.Size]) {
		return state, ErrAnchor
	}
	return state, proof.Decode(b[4:4+n], &state)
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
	if err := a.write(anchored{Version: 1, Head: genesis, Manifest: m.Epoch, Operators: operators}); err != nil {
		return err
	}
	return file.Sync()
}
