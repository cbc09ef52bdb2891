package bitcoin

import (
	"encoding/binary"

	"github.com/redoubt-kms/redoubt/chain"
)

// finalSequence is what an input has when nothing is said.
const finalSequence = 0xffffffff

// readGlobal checks the global fields, learns the version, and says how many maps follow.
func (p *PSBT) readGlobal() (inputs, outputs int, err error) {
	if v, ok := find(p.global, globalVersion); ok && len(v) == 4 {
		p.version = binary.LittleEndian.Uint32(v)
	}
	if p.version != 0 && p.version != 2 {
		return 0, 0, chain.Malformed(len(magic), "PSBT version %d", p.version)
	}
	for _, f := range p.global {
		if err := checkGlobal(f, p.version); err != nil {
			return 0, 0, err
		}
	}
	if p.version == 2 {
		return p.readCounts()
	}
	return p.readUnsigned()
}

// readUnsigned reads the transaction of version 0.
func (p *PSBT) readUnsigned() (inputs, outputs int, err error) {
	for _, f := range p.global {
		if f.kind != globalTx {
			continue
		}
		r := &reader{buf: f.value, end: len(f.value)}
		if p.tx, err = readTx(r, false); err != nil {
			return 0, 0, at(err, f.at)
		}
		for i, in := range p.tx.inputs {
			if len(in.script) > 0 {
				return 0, 0, chain.Malformed(f.at, "input %d of the unsigned transaction has a script", i)
			}
		}
		return len(p.tx.inputs), len(p.tx.outputs), nil
	}
	return 0, 0, chain.Malformed(len(magic), "no unsigned transaction")
}

// at moves the offset of an error from a value to the whole.
func at(err error, offset int) error {
	e, ok := err.(*chain.ParseError) //nolint:errorlint // made right here, never wrapped
	if ok {
		e.Offset += offset
	}
	return err
}

// readCounts reads how many inputs and outputs a PSBT of version 2 has.
func (p *PSBT) readCounts() (inputs, outputs int, err error) {
	if _, ok := find(p.global, globalTxVersion); !ok {
		return 0, 0, chain.Malformed(len(magic), "no transaction version")
	}
	if inputs, err = p.countOf(globalInputs, "inputs"); err != nil {
		return 0, 0, err
	}
	outputs, err = p.countOf(globalOutputs, "outputs")
	return inputs, outputs, err
}

func (p *PSBT) countOf(kind uint64, what string) (int, error) {
	for _, f := range p.global {
		if f.kind != kind {
			continue
		}
		r := newReader(f.value)
		n, err := r.count(what)
		if err == nil {
			err = r.done("the number")
		}
		return n, at(err, f.at)
	}
	return 0, chain.Malformed(len(magic), "no number of %s", what)
}

// assemble makes the transaction out of the fields of version 2.
func (p *PSBT) assemble() error {
	tx := &rawTx{inputs: make([]txInput, 0, len(p.inputs)), outputs: make([]Output, 0, len(p.outputs))}
	version, _ := find(p.global, globalTxVersion)
	tx.version = binary.LittleEndian.Uint32(version)
	for i, in := range p.inputs {
		id, ok := find(in.fields, inTxID)
		index, also := find(in.fields, inIndex)
		if !ok || !also {
			return chain.Malformed(len(magic), "input %d names no outpoint", i)
		}
		t := txInput{prev: Outpoint{Hash(id), binary.LittleEndian.Uint32(index)}, sequence: finalSequence}
		if sequence, ok := find(in.fields, inSequence); ok {
			t.sequence = binary.LittleEndian.Uint32(sequence)
		}
		tx.inputs = append(tx.inputs, t)
	}
	for i, fields := range p.outputs {
		amount, ok := find(fields, outAmount)
		script, also := find(fields, outScript)
		if !ok || !also {
			return chain.Malformed(len(magic), "output %d names no amount or script", i)
		}
		out := Output{binary.LittleEndian.Uint64(amount), script}
		if out.Value > maxMoney {
			return chain.Malformed(len(magic), "output %d is of more than all bitcoin", i)
		}
		tx.outputs = append(tx.outputs, out)
	}
	p.tx = tx
	return p.findLockTime()
}

// findLockTime chooses the lock time as BIP-370 says: the greatest that inputs require, of the kind that all of them
// can do with, heights first; the fallback if none requires any.
func (p *PSBT) findLockTime() error {
	var height, when uint32
	heights, times, requires := true, true, false
	for _, in := range p.inputs {
		h, ofHeight := find(in.fields, inHeightLock)
		t, ofTime := find(in.fields, inTimeLock)
		if ofHeight {
			height = max(height, binary.LittleEndian.Uint32(h))
		}
		if ofTime {
			when = max(when, binary.LittleEndian.Uint32(t))
		}
		if ofHeight || ofTime {
			requires = true
			heights, times = heights && ofHeight, times && ofTime
		}
	}
	switch fallback, ok := find(p.global, globalLockTime); {
	case requires && heights:
		p.tx.lockTime = height
	case requires && times:
		p.tx.lockTime = when
	case requires:
		return chain.Malformed(len(magic), "some inputs require a height, others a time")
	case ok:
		p.tx.lockTime = binary.LittleEndian.Uint32(fallback)
	}
	return nil
}
