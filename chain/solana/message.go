package solana

import (
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/base58"
)

// MaxSize is the most bytes that a legacy or version 0 transaction may have with all its signatures.
const MaxSize = 1232

const (
	versionFlag   = 0x80 // set in the first byte of every message but a legacy one
	maxAccounts   = 256  // an index is one byte
	signatureSize = 64
)

// Key is an Ed25519 public key or a program-derived address.
type Key [32]byte

// String is the address in base 58.
func (k Key) String() string { return base58.Encode(k[:]) }

// Version tells the message formats apart.
type Version int

// The message formats that Parse reads.
const (
	Legacy Version = iota
	V0
)

// Lookup names accounts by their place in an address lookup table. What stands there can change until execution.
type Lookup struct {
	Table    Key
	Writable []byte // indexes into the table
	Readonly []byte
}

// header counts the kinds of static accounts, which stand in the order: writable signers, read-only signers, writable
// others, read-only others.
type header struct {
	signers, readonlySigners, readonlyOthers int
}

type compiled struct {
	program  byte
	at       uint16 // where it starts: indexes can only be checked once lookups are known
	accounts []byte
	data     []byte
}

// message is a parsed message. Its slices are parts of raw.
type message struct {
	raw          []byte
	version      Version
	header       header
	keys         []Key // static accounts
	blockhash    Key
	instructions []compiled
	lookups      []Lookup
}

// parseMessage reads the message that starts at off of b and ends where b ends.
func parseMessage(b []byte, off int) (*message, error) {
	r := &reader{buf: b, off: off}
	m := &message{raw: b[off:]}
	if err := m.readVersion(r); err != nil {
		return nil, err
	}
	if err := m.readHeader(r); err != nil {
		return nil, err
	}
	if err := m.readKeys(r); err != nil {
		return nil, err
	}
	var err error
	if m.blockhash, err = r.key("recent blockhash"); err != nil {
		return nil, err
	}
	if err := m.readInstructions(r); err != nil {
		return nil, err
	}
	if m.version == V0 {
		if err := m.readLookups(r); err != nil {
			return nil, err
		}
	}
	if r.left() > 0 {
		return nil, r.fail("%d bytes after the message", r.left())
	}
	return m, m.checkIndexes()
}

func (m *message) readVersion(r *reader) error {
	if r.left() < 1 {
		return r.fail("empty message")
	}
	first := r.buf[r.off]
	switch {
	case first < versionFlag:
		return nil
	case first == versionFlag:
		m.version = V0
		r.off++
		return nil
	case first == versionFlag|1:
		return r.fail("version 1 messages are not supported")
	default:
		return r.fail("unknown message version %d", first&^versionFlag)
	}
}

func (m *message) readHeader(r *reader) error {
	start := r.off
	b, err := r.bytes(3, "header")
	if err != nil {
		return err
	}
	m.header = header{int(b[0]), int(b[1]), int(b[2])}
	if m.header.signers == 0 {
		return chain.Malformed(start, "no signer")
	}
	if m.header.signers >= versionFlag {
		return chain.Malformed(start, "more than 127 signers")
	}
	if m.header.readonlySigners >= m.header.signers {
		return chain.Malformed(start+1, "no writable signer to pay the fee")
	}
	return nil
}

func (m *message) readKeys(r *reader) error {
	start := r.off
	n, err := r.length("accounts")
	if err != nil {
		return err
	}
	if m.header.signers+m.header.readonlyOthers > n {
		return chain.Malformed(start, "header counts more accounts than there are")
	}
	if n > maxAccounts {
		return chain.Malformed(start, "more than %d accounts", maxAccounts)
	}
	m.keys = make([]Key, 0, min(n, r.left()/len(Key{})))
	for range n {
		at := r.off
		k, err := r.key("account")
		if err != nil {
			return err
		}
		if slices.Contains(m.keys, k) { // a message holds too few for a map to pay
			return chain.Malformed(at, "account %s appears twice", k)
		}
		m.keys = append(m.keys, k)
	}
	return nil
}

func (m *message) readInstructions(r *reader) error {
	n, err := r.length("instructions")
	if err != nil {
		return err
	}
	const least = 3 // bytes of an instruction
	m.instructions = make([]compiled, 0, min(n, r.left()/least))
	for range n {
		in := compiled{at: uint16(r.off)} //nolint:gosec // at most MaxSize
		if in.program, err = r.byte("program index"); err != nil {
			return err
		}
		if in.accounts, err = r.vector("account indexes"); err != nil {
			return err
		}
		if in.data, err = r.vector("instruction data"); err != nil {
			return err
		}
		m.instructions = append(m.instructions, in)
	}
	return nil
}

func (m *message) readLookups(r *reader) error {
	n, err := r.length("address table lookups")
	if err != nil {
		return err
	}
	for range n {
		at := r.off
		var l Lookup
		if l.Table, err = r.key("lookup table"); err != nil {
			return err
		}
		if l.Writable, err = r.vector("writable indexes"); err != nil {
			return err
		}
		if l.Readonly, err = r.vector("read-only indexes"); err != nil {
			return err
		}
		if len(l.Writable)+len(l.Readonly) == 0 {
			return chain.Malformed(at, "lookup of no account")
		}
		m.lookups = append(m.lookups, l)
		if twice, ok := m.lookedUpTwice(l.Table); ok {
			return chain.Malformed(at, "index %d of table %s appears twice", twice, l.Table)
		}
	}
	return nil
}

// lookedUpTwice finds an index of a table that the lookups name twice.
func (m *message) lookedUpTwice(table Key) (int, bool) {
	var seen [256]bool
	for _, l := range m.lookups {
		if l.Table != table {
			continue
		}
		for _, indexes := range [2][]byte{l.Writable, l.Readonly} {
			for _, i := range indexes {
				if seen[i] {
					return int(i), true
				}
				seen[i] = true
			}
		}
	}
	return 0, false
}

func (r *reader) vector(what string) ([]byte, error) {
	n, err := r.length(what)
	if err != nil {
		return nil, err
	}
	return r.bytes(n, what)
}

// accounts counts static and looked-up accounts.
func (m *message) accounts() int {
	n := len(m.keys)
	for _, l := range m.lookups {
		n += len(l.Writable) + len(l.Readonly)
	}
	return n
}

func (m *message) checkIndexes() error {
	total := m.accounts()
	if total > maxAccounts {
		return chain.Malformed(0, "more than %d accounts with the looked-up ones", maxAccounts)
	}
	for i, in := range m.instructions {
		// A program out of a lookup table could be exchanged after signing; the runtime refuses it as well.
		if int(in.program) >= len(m.keys) {
			return chain.Malformed(int(in.at), "program of instruction %d is not a static account", i)
		}
		if in.program == 0 {
			return chain.Malformed(int(in.at), "program of instruction %d is the fee payer", i)
		}
		for _, a := range in.accounts {
			if int(a) >= total {
				return chain.Malformed(int(in.at), "account index %d of instruction %d is out of range", a, i)
			}
		}
	}
	return nil
}
