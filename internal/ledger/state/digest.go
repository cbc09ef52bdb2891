package state

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	laneBytes = 2048 // 1,024 lanes of 16 bits
	words     = laneBytes / 8
	lowBits   = 0x7fff7fff7fff7fff
	highBits  = 0x8000800080008000
)

// Digest is an incremental multiset hash over (key, version, hash) of all records: LtHash with 1,024 lanes of 16 bits
// over BLAKE3 (Lewi et al. 2019, "Securing Update Propagation with Homomorphic Hashing"). Adding and removing an
// element costs the same whatever the number of records. The zero value is the digest of nothing.
//
// Lanes are added four at a time as 64-bit words: the top bit of each lane is added apart, so that no carry crosses.
type Digest struct{ lanes [words]uint64 }

// Add puts an element in.
func (d *Digest) Add(key ledger.Key, version uint64, hash proof.Hash) {
	element := expand(key, version, hash)
	for i, y := range element {
		d.lanes[i] = add(d.lanes[i], y)
	}
}

// addAll puts many elements in, by as many workers as there are processors: sums of lanes add up in any order.
func (d *Digest) addAll(items []Item) {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]Digest, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(items); i += workers {
				parts[w].Add(items[i].Key, items[i].Version, items[i].Hash)
			}
		})
	}
	all.Wait()
	for _, part := range parts {
		for i, y := range part.lanes {
			d.lanes[i] = add(d.lanes[i], y)
		}
	}
}

// add adds four lanes.
func add(x, y uint64) uint64 { return ((x & lowBits) + (y & lowBits)) ^ ((x ^ y) & highBits) }

// Remove takes an element out.
func (d *Digest) Remove(key ledger.Key, version uint64, hash proof.Hash) {
	element := expand(key, version, hash)
	for i, y := range element {
		x := d.lanes[i]
		d.lanes[i] = ((x | highBits) - (y & lowBits)) ^ ((x ^ ^y) & highBits)
	}
}

// Sum returns the SHA-256 of the lanes.
func (d *Digest) Sum() proof.Hash {
	var b [laneBytes]byte
	for i, w := range d.lanes {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	return sha256.Sum256(b[:])
}

func expand(key ledger.Key, version uint64, hash proof.Hash) [words]uint64 {
	var input [ledger.KeySize + 8 + 32]byte
	copy(input[:], key[:])
	binary.BigEndian.PutUint64(input[ledger.KeySize:], version)
	copy(input[ledger.KeySize+8:], hash[:])

	h := blake3.New()
	_, _ = h.Write(input[:]) // neither a hash nor an XOF ever fails
	var out [laneBytes]byte
	_, _ = h.Digest().Read(out[:])
	var element [words]uint64
	for i := range element {
		element[i] = binary.LittleEndian.Uint64(out[8*i:])
	}
	return element
}
