package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// verified is what a verification found.
type verified struct {
	size     uint64
	root     proof.Hash
	manifest string // hash
	notes    []string
	head     proof.Head
	anchored uint64 // commits that the anchor knows of; 0 when it cannot be seen
	rebased  *rebaseLine
	entries  []entry
}

// folderVerifier walks a ledger from its beginning.
type folderVerifier struct {
	head    proof.Head
	tree    *state.Tree
	index   *state.Index
	hashes  []tlog.Hash // all stored hashes of the log, in order
	headKey *[32]byte   // of the policy engine, when its root secret is here

	anchored proof.Head // what the anchor's file says
	matched  bool       // the chain has this head at its place

	derived, entries uint64       // the commit that the derived tables reflect, and the log's size then
	reflected        *state.Index // the records at that commit
	records, stored  int          // derived records and stored hashes that were seen
	tail             *newest
}

// verifyFolder checks every stored byte of a data folder against the chain of heads, and the newest head against the
// anchor.
func verifyFolder(ctx context.Context, d deployment, tail *newest) (verified, error) {
	signed, _, err := d.readManifest()
	if err != nil {
		return verified{}, err
	}
	hash, err := signed.Manifest.Hash()
	if err != nil {
		return verified{}, err
	}
	genesis, err := state.Genesis(signed.Manifest.Shard)
	if err != nil {
		return verified{}, err
	}
	v := &folderVerifier{head: genesis, tree: state.NewTree(), index: state.NewIndex(), headKey: d.headKey(), tail: tail}
	// The anchor is read first: a server that runs moves it on while the database is walked, never back.
	peeked, err := d.peekAnchor()
	if err != nil {
		return verified{}, err
	}
	v.anchored = peeked.Head
	reader, err := sqlite.OpenReader(ctx, d.database())
	if err != nil {
		return verified{}, err
	}
	defer reader.Close()
	if v.derived, v.entries, err = reader.Derived(ctx); err != nil {
		return verified{}, err
	}
	v.reflect()
	if err := errors.Join(reader.Commits(ctx, v.see), v.progress()); err != nil {
		return verified{}, err
	}
	if err := errors.Join(reader.Records(ctx, v.record), reader.Tiles(ctx, v.tile), v.complete()); err != nil {
		return verified{}, err
	}
	found := verified{size: v.head.Size, root: v.head.Root, manifest: hex.EncodeToString(hash[:]), head: v.head, anchored: v.anchored.Index, entries: tail.entries()}
	if found.rebased, err = rebaseOf(signed.Manifest, peeked.Rebase); err != nil {
		return found, err
	}
	if v.headKey == nil {
		found.notes = append(found.notes, "note: the policy engine's root secret is not here, so the tags of heads were not checked")
	}
	return found, v.anchor()
}

func (d deployment) headKey() *[32]byte {
	secret, err := os.ReadFile(d.root(proof.RolePolicy))
	if err != nil {
		return nil
	}
	defer clear(secret)
	root, err := seal.NewRoot(secret)
	if err != nil {
		return nil
	}
	key := root.Derive("head")
	return &key
}

func (v *folderVerifier) see(c wire.Commit) error {
	return v.commit(ledger.Row{Index: c.Index, Head: c.Head, Tag: c.Tag, Blob: c.Blob, Bodies: c.Bodies})
}

// commit checks one commit: that it continues the chain, that its bytes are those that its head names, and that tree
// and records lead to the root and the digest that the head names.
func (v *folderVerifier) commit(row ledger.Row) error {
	key := [32]byte{}
	if v.headKey != nil {
		key = *v.headKey
	} else {
		row.Tag = ledger.Tag(key, row.Head)
	}
	head, commit, err := ledger.Follow(key, v.head, row)
	if err != nil {
		return err
	}
	for i, e := range commit.Entries {
		stored, err := tlog.StoredHashes(int64(v.tree.Size()), proof.Leaf(e.Commitment), v.tree)
		if err != nil {
			return err
		}
		v.hashes = append(v.hashes, stored...)
		v.tail.add(entry{
			Index: commit.First + uint64(i), Commit: commit.Index, Records: len(commit.Records), Sealed: len(e.Sealed),
			Commitment: hex.EncodeToString(e.Commitment[:]), Leaf: hex.EncodeToString(stored[0][:]),
		})
		if err := v.tree.Append(e.Commitment); err != nil {
			return err
		}
	}
	v.tree.Trim(v.tree.Size())
	root, err := v.tree.Root()
	if err != nil {
		return err
	}
	for _, r := range commit.Records {
		if len(r.Sealed) == 0 {
			v.index.Delete(r.Key)
		} else {
			v.index.Put(state.Item{Key: r.Key, Version: r.Version, Hash: r.Hash()})
		}
	}
	if root != head.Root || v.index.Sum() != head.State {
		return fmt.Errorf("commit %d does not lead to the root and digest of its head", head.Index)
	}
	v.head = head
	v.reflect()
	return checkBodies(row, commit)
}

// reflect notes when the walk passes the anchored head, and keeps the records as they were at the commit that the
// derived tables reflect.
func (v *folderVerifier) reflect() {
	v.matched = v.matched || v.head == v.anchored
	if v.head.Index == v.derived && v.head.Size == v.entries {
		v.reflected = v.index.Clone()
	}
}

// checkBodies checks the sealed request bodies, unless they were pruned.
func checkBodies(row ledger.Row, commit ledger.Commit) error {
	if row.Bodies == nil {
		return nil
	}
	var bodies [][]byte
	if err := proof.Decode(row.Bodies, &bodies); err != nil || len(bodies) != len(commit.Entries) {
		return fmt.Errorf("commit %d: the request bodies are damaged", row.Index)
	}
	for i, b := range bodies {
		if sha256.Sum256(b) != commit.Entries[i].Body {
			return fmt.Errorf("commit %d: the request body of entry %d is not the one that was logged", row.Index, commit.First+uint64(i))
		}
	}
	return nil
}

// progress checks that the derived tables reflect a commit that is there.
func (v *folderVerifier) progress() error {
	if v.reflected == nil {
		return fmt.Errorf("the derived tables claim to reflect commit %d, which is missing", v.derived)
	}
	return nil
}

// record checks one derived record against the commits that the table reflects.
func (v *folderVerifier) record(key []byte, version uint64, hash, sealed []byte) error {
	v.records++
	if len(key) != ledger.KeySize {
		return errors.New("a record has a key of the wrong size")
	}
	if own := sha256.Sum256(sealed); !bytes.Equal(own[:], hash) {
		return fmt.Errorf("record %x is not what its hash says", key)
	}
	item, ok := v.reflected.Get(ledger.Key(key))
	if !ok || item.Version != version || !bytes.Equal(item.Hash[:], hash) {
		return fmt.Errorf("record %x is not the newest one of the log", key)
	}
	return nil
}

// tile checks one stored tile of the log.
func (v *folderVerifier) tile(level int, n int64, b []byte) error {
	wrong := fmt.Errorf("stored tile %d of level %d of the log is not the right one", n, level)
	if level < 0 || level > 7 || n < 0 || len(b) == 0 || len(b)%tlog.HashSize != 0 || len(b) > tileWidth*tlog.HashSize {
		return wrong
	}
	for i := 0; i < len(b); i += tlog.HashSize {
		id := tlog.StoredHashIndex(tileHeight*level, n*tileWidth+int64(i/tlog.HashSize))
		if id >= int64(len(v.hashes)) || !bytes.Equal(v.hashes[id][:], b[i:i+tlog.HashSize]) {
			return wrong
		}
		v.stored++
	}
	return nil
}

// The shape of tiles (C2SP tlog-tiles).
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// complete checks that no derived row is missing.
func (v *folderVerifier) complete() error {
	if v.records != v.reflected.Len() {
		return fmt.Errorf("%d records are stored, the log knows %d", v.records, v.reflected.Len())
	}
	want := uint64(0)
	for count := v.entries; count > 0; count /= tileWidth {
		want += count
	}
	if uint64(v.stored) != want {
		return fmt.Errorf("%d hashes of the log are stored, want %d", v.stored, want)
	}
	return nil
}

func (d deployment) peekAnchor() (certifier.Peeked, error) {
	f, err := os.Open(d.anchorFile())
	if err != nil {
		return certifier.Peeked{}, fmt.Errorf("anchor: %w", err)
	}
	defer f.Close()
	return certifier.Peek(f)
}

// anchor compares the chain of heads with the anchor's file.
func (v *folderVerifier) anchor() error {
	switch {
	case v.anchored.Shard != v.head.Shard:
		return errors.New("the anchor belongs to another deployment")
	case v.anchored.Index > v.head.Index:
		return fmt.Errorf("the database holds %d commits, the anchor knows %d: it was rolled back or truncated", v.head.Index, v.anchored.Index)
	case !v.matched:
		return fmt.Errorf("head %d is not the anchored one: the database was forked", v.anchored.Index)
	}
	return nil
}
