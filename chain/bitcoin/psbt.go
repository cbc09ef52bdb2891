// Package bitcoin reads partially signed Bitcoin transactions to the last byte: PSBT version 0 (BIP-174) and 2
// (BIP-370) with the fields of taproot (BIP-371). It says what such a transaction does for the account that signs it,
// computes what the account signs for each of its inputs (BIP-143, BIP-341), puts the signatures in their places and,
// on request, finishes inputs. It signs for P2WPKH, P2WPKH in P2SH and the key path of P2TR. It also knows messages by
// BIP-322.
//
// Nothing here verifies signatures or runs scripts: signatures of others are kept as they came.
package bitcoin

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
)

// The limits of a PSBT. What is beyond them is refused before any work is done on it.
const (
	MaxSize   = 256 << 10 // bytes
	MaxCount  = 1_000     // inputs, outputs, fields of one map, items of a witness
	MaxFields = 5_000     // fields of all inputs and outputs together
)

const magic = "psbt\xff"

// field is a pair of key and value. Its slices are parts of the PSBT's bytes, or of what was added to it.
type field struct {
	kind  uint64 // the type, with which the key begins
	key   []byte // the whole key
	data  []byte // the key without its type
	value []byte
	at    int // where the value begins, for error reports
}

// input is what a PSBT says about an input.
type input struct {
	fields  []field
	prev    *rawTx  // the transaction that it spends from, if it is given
	witness *Output // the output that it spends, if it is given alone
}

// PSBT is a parsed partially signed transaction. It is immutable.
type PSBT struct {
	version uint32 // 0 or 2
	global  []field
	inputs  []input
	outputs [][]field
	tx      *rawTx // what is signed: the global transaction, or what the fields of version 2 make
}

// Parse reads a PSBT. The bytes are copied. Fields that are not known are kept; known ones must be well formed, and
// those of one version must not stand in the other.
func Parse(b []byte) (*PSBT, error) {
	if len(b) > MaxSize {
		return nil, chain.Malformed(MaxSize, "%d bytes, %d at most", len(b), MaxSize)
	}
	r := newReader(bytes.Clone(b))
	if !bytes.HasPrefix(r.buf, []byte(magic)) {
		return nil, chain.Malformed(0, "does not begin as a PSBT does")
	}
	r.off = len(magic)
	p := &PSBT{}
	var err error
	if p.global, err = readMap(r, nil); err != nil {
		return nil, err
	}
	nIn, nOut, err := p.readGlobal()
	if err != nil {
		return nil, err
	}
	if err := p.readMaps(r, nIn, nOut); err != nil {
		return nil, err
	}
	if err := r.done("the last map"); err != nil {
		return nil, err
	}
	if p.version == 2 {
		err = p.assemble()
	}
	return p, err
}

// readMaps reads the maps of the inputs and outputs.
func (p *PSBT) readMaps(r *reader, nIn, nOut int) error {
	// Few allocations: most maps are small, and all of them are taken off one slice.
	pool := make([]field, 0, min(2*nIn+nOut+8, r.left()/3+1))
	p.inputs = make([]input, 0, min(nIn, r.left()))
	for range nIn {
		start := len(pool)
		var err error
		if pool, err = readMap(r, pool); err != nil {
			return err
		}
		in := input{fields: pool[start:len(pool):len(pool)]}
		if err := in.check(r.buf, p.version); err != nil {
			return err
		}
		p.inputs = append(p.inputs, in)
	}
	p.outputs = make([][]field, 0, min(nOut, r.left()))
	for range nOut {
		start := len(pool)
		var err error
		if pool, err = readMap(r, pool); err != nil {
			return err
		}
		fields := pool[start:len(pool):len(pool)]
		if err := checkOutput(r.buf, fields, p.version); err != nil {
			return err
		}
		p.outputs = append(p.outputs, fields)
	}
	return nil
}

// readMap appends the fields of a map, up to and with its end. No key stands in it twice.
func readMap(r *reader, fields []field) ([]field, error) {
	start := len(fields)
	for {
		at := r.off
		n, err := r.length("a key")
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return fields, checkTwice(fields[start:])
		}
		if len(fields)-start == MaxCount {
			return nil, chain.Malformed(at, "more than %d fields in one map", MaxCount)
		}
		if len(fields) == MaxFields {
			return nil, chain.Malformed(at, "more than %d fields", MaxFields)
		}
		key := r.within(n)
		f := field{key: r.buf[r.off : r.off+n : r.off+n]}
		r.off += n
		if f.kind, err = key.size("a key's type"); err != nil {
			return nil, err
		}
		f.data = r.buf[key.off:key.end:key.end]
		if n, err = r.length("a value"); err != nil {
			return nil, err
		}
		f.at = r.off
		f.value = r.buf[r.off : r.off+n : r.off+n]
		r.off += n
		fields = append(fields, f)
	}
}

// checkTwice refuses a map that has a key twice. Few keys are compared each with each, many are put in order first.
func checkTwice(fields []field) error {
	const few = 16
	if len(fields) <= few {
		for i := range fields {
			for j := range i {
				if bytes.Equal(fields[i].key, fields[j].key) {
					return twice(fields[i])
				}
			}
		}
		return nil
	}
	order := make([]*field, len(fields))
	for i := range fields {
		order[i] = &fields[i]
	}
	slices.SortFunc(order, func(a, b *field) int {
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(a.at, b.at))
	})
	for i := 1; i < len(order); i++ {
		if bytes.Equal(order[i-1].key, order[i].key) {
			return twice(*order[i])
		}
	}
	return nil
}

func twice(f field) error {
	return chain.Malformed(f.at, "the key %x before this value appears twice", f.key[:min(len(f.key), 8)])
}

// find returns the value of a field whose key is its type alone.
func find(fields []field, kind uint64) ([]byte, bool) {
	for i := range fields {
		if fields[i].kind == kind && len(fields[i].data) == 0 {
			return fields[i].value, true
		}
	}
	return nil, false
}

// has says that some field is of a type, whatever follows it in the key.
func has(fields []field, kind uint64) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.kind == kind })
}

// Bytes writes the PSBT: what was parsed gives the same bytes.
func (p *PSBT) Bytes() []byte {
	b := appendMap([]byte(magic), p.global)
	for _, in := range p.inputs {
		b = appendMap(b, in.fields)
	}
	for _, fields := range p.outputs {
		b = appendMap(b, fields)
	}
	return b
}

func appendMap(b []byte, fields []field) []byte {
	for _, f := range fields {
		b = appendVector(b, f.key)
		b = appendVector(b, f.value)
	}
	return append(b, 0)
}

// Version is 0 or 2.
func (p *PSBT) Version() int { return int(p.version) }

// Inputs are the outputs that the transaction spends.
func (p *PSBT) Inputs() []Outpoint {
	all := make([]Outpoint, len(p.tx.inputs))
	for i, in := range p.tx.inputs {
		all[i] = in.prev
	}
	return all
}

// Outputs are what the transaction pays.
func (p *PSBT) Outputs() []Output { return cloneOutputs(p.tx.outputs) }

func cloneOutputs(outputs []Output) []Output {
	all := make([]Output, len(outputs))
	for i, out := range outputs {
		all[i] = Output{out.Value, bytes.Clone(out.Script)}
	}
	return all
}

// LockTime is the height (below 500,000,000) or Unix time before which the transaction is in no block. It binds only
// if some sequence is not final.
func (p *PSBT) LockTime() uint32 { return p.tx.lockTime }

// Sequences are the inputs' sequence numbers: relative lock times (BIP-68), and below 0xfffffffe the consent to
// replacement (BIP-125).
func (p *PSBT) Sequences() []uint32 {
	all := make([]uint32, len(p.tx.inputs))
	for i, in := range p.tx.inputs {
		all[i] = in.sequence
	}
	return all
}

// ID is the name of the transaction if every input that is still unsigned is a native witness one; otherwise it changes
// when input scripts are put in.
func (p *PSBT) ID() Hash { return p.tx.id() }
