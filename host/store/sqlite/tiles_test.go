package sqlite

import (
	"context"
	"encoding/binary"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// stored is the tree as tlog keeps it, hash by hash.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

// The tiles are those that tlog makes of the same leaves, over three levels of them and at every width.
func TestEdgeMakesTheTilesOfTlog(t *testing.T) {
	const size = tileWidth*tileWidth + 3*tileWidth + 5
	var want stored
	e := &edge{}
	full := 0
	check := func(got tile) {
		width := len(got.hashes) / tlog.HashSize
		data, err := tlog.ReadTileData(tlog.Tile{H: tileHeight, L: got.level, N: int64(got.n), W: width}, want)
		if err != nil || string(data) != string(got.hashes) {
			t.Fatalf("at %d entries, tile %d of level %d is another one: %v", e.size, got.n, got.level, err)
		}
	}
	for i := range int64(size) {
		commitment := proof.Hash{}
		binary.BigEndian.PutUint64(commitment[:], uint64(i)*0x9e3779b97f4a7c15)
		hashes, err := tlog.StoredHashes(i, proof.Leaf(commitment), want)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, hashes...)
		for _, one := range e.append(commitment) {
			full++
			check(one)
		}
		if i < 2*tileWidth || i%1021 == 0 || i > size-5 {
			for _, one := range e.rest() {
				check(one)
			}
		}
	}
	if wanted := size/tileWidth + size/tileWidth/tileWidth; full != wanted || len(e.rest()) != 3 {
		t.Errorf("%d full tiles and %d others, want %d and 3", full, len(e.rest()), wanted)
	}
}

// A file of the schema before tiles opens, and holds what it held.
func TestMigration(t *testing.T) {
	path := newLedger(t, 300)
	all, err := steps()
	if err != nil || len(all) != 2 {
		t.Fatalf("%d steps, %v", len(all), err)
	}
	for _, statement := range []string{
		"DROP TABLE tiles", "CREATE TABLE hashes (id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT",
		"INSERT INTO hashes VALUES (0, x'00')", "PRAGMA user_version = 1",
	} {
		execute(t, path, statement)
	}
	if _, err := OpenReader(t.Context(), path); err == nil {
		t.Error("a reader takes a file of another schema")
	}
	checkLedger(t, path, 300)
	reader, err := OpenReader(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
}

// A transaction that derived the tables and whose end was not heard of is found to be there, and what follows goes on.
func TestDerivingGoesOnAfterAnUnknownEnd(t *testing.T) {
	path := newLedger(t, 0)
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []wire.StoredCommit
	for n := range uint64(5) {
		c := commitOf(t, n+1)
		if err := s.Append(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		stored, err := wire.ReadStored(c.Blob)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stored)
	}
	s.derive.Lock()
	if err := s.deriveFrom(t.Context(), all[:3]); err != nil {
		t.Fatal(err)
	}
	s.edge = nil // as after an error of the transaction's end
	s.derive.Unlock()
	if newest, err := s.flush(t.Context()); err != nil || newest != 5 || s.edge.size != 5 {
		t.Fatalf("derived up to commit %d, %v", newest, err)
	}
}
