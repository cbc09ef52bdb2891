package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/proof"
)

// The shape of tiles (C2SP tlog-tiles).
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// edge is the right edge of the stored tree: of each level of tiles, the hashes of the tile that is not full yet.
type edge struct {
	size  uint64 // of the log
	tiles [][]byte
}

// tile is one row of the table.
type tile struct {
	level  int
	n      uint64
	hashes []byte
}

// rower is a database or a transaction of one.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// loadEdge reads the edge of a log of a size.
func loadEdge(ctx context.Context, db rower, size uint64) (*edge, error) {
	e := &edge{size: size}
	for level, count := 0, size; count > 0; level, count = level+1, count/tileWidth {
		var hashes []byte
		if width := count % tileWidth; width > 0 {
			err := db.QueryRowContext(ctx, "SELECT hashes FROM tiles WHERE level = ? AND n = ?", level, int64(count/tileWidth)).Scan(&hashes)
			if err == nil && len(hashes) != int(width)*tlog.HashSize {
				err = fmt.Errorf("it has %d bytes, want %d hashes", len(hashes), width)
			}
			if err != nil {
				return nil, fmt.Errorf("rightmost tile of level %d: %w", level, err)
			}
		}
		e.tiles = append(e.tiles, hashes)
	}
	return e, nil
}

// clone copies the edge, so that a transaction that fails leaves the original as it was.
func (e *edge) clone() *edge {
	c := &edge{size: e.size}
	for _, hashes := range e.tiles {
		c.tiles = append(c.tiles, append(make([]byte, 0, tileWidth*tlog.HashSize), hashes...))
	}
	return c
}

// append adds the leaf of an entry, and returns the tiles that are full now.
func (e *edge) append(commitment proof.Hash) []tile {
	var full []tile
	hash := tlog.RecordHash(proof.Leaf(commitment))
	e.size++
	for level, count := 0, e.size; ; level, count = level+1, count/tileWidth {
		if level == len(e.tiles) {
			e.tiles = append(e.tiles, nil)
		}
		e.tiles[level] = append(e.tiles[level], hash[:]...)
		if count%tileWidth != 0 {
			return full
		}
		full = append(full, tile{level, count/tileWidth - 1, e.tiles[level]})
		hash, e.tiles[level] = rootOf(e.tiles[level]), nil
	}
}

// rest returns the tiles that are not full.
func (e *edge) rest() []tile {
	var all []tile
	for level, count := 0, e.size; level < len(e.tiles); level, count = level+1, count/tileWidth {
		if len(e.tiles[level]) > 0 {
			all = append(all, tile{level, count / tileWidth, e.tiles[level]})
		}
	}
	return all
}

// rootOf hashes a full tile up to its root.
func rootOf(hashes []byte) tlog.Hash {
	row := make([]tlog.Hash, len(hashes)/tlog.HashSize)
	for i := range row {
		row[i] = tlog.Hash(hashes[i*tlog.HashSize:])
	}
	for ; len(row) > 1; row = row[:len(row)/2] {
		for i := range len(row) / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}

var errNoHash = errors.New("it is not stored")

// Hashes implements desk.Store.
func (s *Store) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	if _, err := s.flush(ctx); err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(indexes))
	var at tlog.Tile // the tile that was read last: neighbours are asked for together
	var hashes []byte
	for i, x := range indexes {
		if x < 0 {
			return nil, fmt.Errorf("hash %d of the log: %w", x, errNoHash)
		}
		want := tlog.TileForIndex(tileHeight, x)
		if hashes == nil || want.L != at.L || want.N != at.N {
			at = want
			err := s.read.QueryRowContext(ctx, "SELECT hashes FROM tiles WHERE level = ? AND n = ?", want.L, want.N).Scan(&hashes)
			if errors.Is(err, sql.ErrNoRows) {
				err = errNoHash
			}
			if err != nil {
				return nil, fmt.Errorf("hash %d of the log: %w", x, err)
			}
		}
		if len(hashes) < want.W*tlog.HashSize {
			return nil, fmt.Errorf("hash %d of the log: %w", x, errNoHash)
		}
		var err error
		if out[i], err = tlog.HashFromTile(want, hashes[:want.W*tlog.HashSize], x); err != nil {
			return nil, errors.Join(fmt.Errorf("hash %d of the log", x), err)
		}
	}
	return out, nil
}
