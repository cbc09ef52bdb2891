package evm

import "math/big"

// arguments reads the ABI encoding of a call's arguments, strictly: no padding but zeros, dynamic parts in order and
// without gaps, nothing left over. Solidity itself is laxer, but then two byte strings would mean one call.
type arguments struct {
	buf  []byte
	off  int
	next int // where the next dynamic part must start
	bad  bool
}

// newArguments reads the arguments of a function with so many words in its head.
func newArguments(buf []byte, head int) *arguments {
	return &arguments{buf: buf, next: 32 * head}
}

func (a *arguments) word() []byte {
	if a.bad || len(a.buf)-a.off < 32 {
		a.bad = true
		return make([]byte, 32)
	}
	a.off += 32
	return a.buf[a.off-32 : a.off]
}

func (a *arguments) uint() *big.Int { return new(big.Int).SetBytes(a.word()) }

func (a *arguments) address() [20]byte {
	w := a.word()
	a.zeros(w[:12])
	return [20]byte(w[12:])
}

func (a *arguments) bool() bool {
	w := a.word()
	a.zeros(w[:31])
	a.bad = a.bad || w[31] > 1
	return w[31] == 1
}

func (a *arguments) zeros(b []byte) {
	for _, c := range b {
		a.bad = a.bad || c != 0
	}
}

// length enters a dynamic part: its offset stands in the head, its length where the offset points to. The part's
// items are of size bytes, padded to whole words.
func (a *arguments) length(size int) *arguments {
	offset := a.uint()
	if a.bad || !offset.IsInt64() || offset.Int64() != int64(a.next) || len(a.buf)-a.next < 32 {
		a.bad = true
		return &arguments{bad: true}
	}
	n := new(big.Int).SetBytes(a.buf[a.next : a.next+32])
	from := a.next + 32
	if !n.IsInt64() || n.Int64() > int64((len(a.buf)-from)/size) {
		a.bad = true
		return &arguments{bad: true}
	}
	to := from + int(n.Int64())*size
	a.next = (to + 31) &^ 31
	if a.next > len(a.buf) {
		a.bad = true
		return &arguments{bad: true}
	}
	a.zeros(a.buf[to:a.next])
	return &arguments{buf: a.buf[from:to]}
}

// bytes passes over an argument of type bytes.
func (a *arguments) bytes() { a.length(1) }

// uints reads an argument of type uint256[].
func (a *arguments) uints() []*big.Int {
	part := a.length(32)
	var out []*big.Int
	for !part.bad && part.off < len(part.buf) {
		out = append(out, part.uint())
	}
	return out
}

// whole says that the arguments were well formed and nothing follows.
func (a *arguments) whole() bool { return !a.bad && a.next == len(a.buf) }
