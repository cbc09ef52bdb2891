package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
)

// maxMoney is every satoshi that there can ever be; no amount and no sum is above it.
const maxMoney = 21_000_000 * 100_000_000

// Hash is a double SHA-256 in the order of its bytes on the wire.
type Hash [32]byte

// String writes the hash as people do, backwards.
func (h Hash) String() string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

func doubleHash(b []byte) Hash {
	sum := sha256.Sum256(b)
	return sha256.Sum256(sum[:])
}

// Outpoint names an output of an earlier transaction.
type Outpoint struct {
	Hash  Hash
	Index uint32
}

// Output is an amount under a script.
type Output struct {
	Value  uint64 // satoshis
	Script []byte
}

type txInput struct {
	prev     Outpoint
	script   []byte
	sequence uint32
	witness  [][]byte
}

// rawTx is a transaction as the network serializes it.
type rawTx struct {
	version  uint32
	inputs   []txInput
	outputs  []Output
	lockTime uint32
}

// readTx reads a transaction that fills what the reader has. Without witnesses a zero count of inputs stands for
// itself; with them it is the marker of BIP-144.
func readTx(r *reader, witnesses bool) (*rawTx, error) {
	tx := &rawTx{}
	var err error
	if tx.version, err = r.u32("transaction version"); err != nil {
		return nil, err
	}
	marked := witnesses && r.left() >= 2 && r.buf[r.off] == 0
	if marked {
		if r.buf[r.off+1] != 1 {
			return nil, r.fail("unknown transaction flag %#x", r.buf[r.off+1])
		}
		r.off += 2
	}
	if err := tx.readInputs(r); err != nil {
		return nil, err
	}
	if err := tx.readOutputs(r); err != nil {
		return nil, err
	}
	if marked {
		if err := tx.readWitnesses(r); err != nil {
			return nil, err
		}
	}
	if tx.lockTime, err = r.u32("lock time"); err != nil {
		return nil, err
	}
	return tx, r.done("the transaction")
}

func (tx *rawTx) readInputs(r *reader) error {
	n, err := r.count("inputs")
	if err != nil {
		return err
	}
	const least = 32 + 4 + 1 + 4
	tx.inputs = make([]txInput, 0, min(n, r.left()/least+1))
	for range n {
		var in txInput
		hash, err := r.bytes(32, "outpoint")
		if err != nil {
			return err
		}
		in.prev.Hash = Hash(hash)
		if in.prev.Index, err = r.u32("outpoint"); err != nil {
			return err
		}
		if in.script, err = r.vector("input script"); err != nil {
			return err
		}
		if in.sequence, err = r.u32("sequence"); err != nil {
			return err
		}
		tx.inputs = append(tx.inputs, in)
	}
	return nil
}

func (tx *rawTx) readOutputs(r *reader) error {
	n, err := r.count("outputs")
	if err != nil {
		return err
	}
	const least = 8 + 1
	tx.outputs = make([]Output, 0, min(n, r.left()/least+1))
	for range n {
		out, err := readOutput(r)
		if err != nil {
			return err
		}
		tx.outputs = append(tx.outputs, out)
	}
	return nil
}

func readOutput(r *reader) (Output, error) {
	var out Output
	var err error
	start := r.off
	if out.Value, err = r.u64("amount"); err != nil {
		return out, err
	}
	if out.Value > maxMoney {
		return out, chain.Malformed(start, "an amount of more than all bitcoin")
	}
	out.Script, err = r.vector("output script")
	return out, err
}

func (tx *rawTx) readWitnesses(r *reader) error {
	start, any := r.off, false
	for i := range tx.inputs {
		items, err := r.stack("witness items")
		if err != nil {
			return err
		}
		tx.inputs[i].witness = items
		any = any || len(items) > 0
	}
	if !any {
		return chain.Malformed(start, "a witness flag without a witness")
	}
	return nil
}

// serialize writes the transaction, with the witnesses if there are any.
func (tx *rawTx) serialize() []byte { return tx.append(nil, tx.hasWitness()) }

// stripped writes the transaction without witnesses, which is what its name is the hash of.
func (tx *rawTx) stripped() []byte { return tx.append(nil, false) }

func (tx *rawTx) hasWitness() bool {
	return slices.ContainsFunc(tx.inputs, func(in txInput) bool { return len(in.witness) > 0 })
}

func (tx *rawTx) append(b []byte, witnesses bool) []byte {
	b = binary.LittleEndian.AppendUint32(b, tx.version)
	if witnesses {
		b = append(b, 0, 1)
	}
	b = appendSize(b, uint64(len(tx.inputs)))
	for _, in := range tx.inputs {
		b = appendOutpoint(b, in.prev)
		b = appendVector(b, in.script)
		b = binary.LittleEndian.AppendUint32(b, in.sequence)
	}
	b = appendSize(b, uint64(len(tx.outputs)))
	for _, out := range tx.outputs {
		b = appendOutput(b, out)
	}
	if witnesses {
		for _, in := range tx.inputs {
			b = appendStack(b, in.witness)
		}
	}
	return binary.LittleEndian.AppendUint32(b, tx.lockTime)
}

func appendOutpoint(b []byte, p Outpoint) []byte {
	return binary.LittleEndian.AppendUint32(append(b, p.Hash[:]...), p.Index)
}

func appendOutput(b []byte, out Output) []byte {
	return appendVector(binary.LittleEndian.AppendUint64(b, out.Value), out.Script)
}

// id is the transaction's name.
func (tx *rawTx) id() Hash { return doubleHash(tx.stripped()) }
