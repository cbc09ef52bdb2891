package bitcoin

import (
	"github.com/redoubt-kms/redoubt/chain"
)

// Types of global fields.
const (
	globalTx        = 0x00
	globalXpub      = 0x01
	globalTxVersion = 0x02 // this and the four that follow: version 2
	globalLockTime  = 0x03
	globalInputs    = 0x04
	globalOutputs   = 0x05
	globalModify    = 0x06
	globalVersion   = 0xfb
	proprietary     = 0xfc // of every map
)

// Types of input fields.
const (
	inPrevTx        = 0x00
	inWitnessUTXO   = 0x01
	inPartialSig    = 0x02
	inSighash       = 0x03
	inRedeemScript  = 0x04
	inWitnessScript = 0x05
	inDerivation    = 0x06
	inFinalScript   = 0x07
	inFinalWitness  = 0x08
	inRIPEMD160     = 0x0a
	inSHA256        = 0x0b
	inHASH160       = 0x0c
	inHASH256       = 0x0d
	inTxID          = 0x0e // this and the four that follow: version 2
	inIndex         = 0x0f
	inSequence      = 0x10
	inTimeLock      = 0x11
	inHeightLock    = 0x12
	inTapSig        = 0x13
	inTapScriptSig  = 0x14
	inTapLeaf       = 0x15
	inTapDerivation = 0x16
	inTapKey        = 0x17
	inTapRoot       = 0x18
	inMusigKeys     = 0x1a
	inMusigNonce    = 0x1b
	inMusigSig      = 0x1c
)

// Types of output fields.
const (
	outRedeemScript  = 0x00
	outWitnessScript = 0x01
	outDerivation    = 0x02
	outAmount        = 0x03 // this and the next: version 2
	outScript        = 0x04
	outTapKey        = 0x05
	outTapTree       = 0x06
	outTapDerivation = 0x07
	outMusigKeys     = 0x08
)

// lockTimeThreshold separates heights from times.
const lockTimeThreshold = 500_000_000

// shape is a set of checks on one field; the first that fails is remembered.
type shape struct {
	f   field
	buf []byte
	err error
}

func (s *shape) fail(format string, args ...any) {
	if s.err == nil {
		s.err = chain.Malformed(s.f.at, format, args...)
	}
}

// key wants the key's data to have one of some lengths.
func (s *shape) key(lengths ...int) {
	for _, n := range lengths {
		if len(s.f.data) == n {
			return
		}
	}
	s.fail("the key of a field of type %#x has %d bytes more than its type", s.f.kind, len(s.f.data))
}

// publicKey wants the key's data to be spelt as a public key of secp256k1, compressed or not. Whether it is a point does not
// matter here: it is somebody else's or a hint, and thousands of square roots would take longer than all the rest.
func (s *shape) publicKey() {
	s.key(33, 65)
	if s.err != nil {
		return
	}
	const even, uncompressed = 2, 4 // odd is 3
	if first := s.f.data[0]; len(s.f.data) == 33 && first&^1 != even || len(s.f.data) == 65 && first != uncompressed {
		s.fail("the key of a field of type %#x holds no public key", s.f.kind)
	}
}

// value wants the value to have one of some lengths.
func (s *shape) value(lengths ...int) {
	for _, n := range lengths {
		if len(s.f.value) == n {
			return
		}
	}
	s.fail("the value of a field of type %#x has %d bytes", s.f.kind, len(s.f.value))
}

// number is a value of four bytes.
func (s *shape) number() uint32 {
	s.value(4)
	if s.err != nil {
		return 0
	}
	n, _ := s.reader().u32("")
	return n
}

func (s *shape) reader() *reader {
	return &reader{buf: s.buf, off: s.f.at, end: s.f.at + len(s.f.value)}
}

// only wants the field, whose key is its type alone, to stand in the version of PSBT that knows it. It says whether the
// value is to be looked at: in version 0, a longer key of a type of version 2 is one that nobody knows.
func (s *shape) only(want, version uint32) bool {
	if want == 2 && version == 0 && len(s.f.data) > 0 {
		return false
	}
	if want != version {
		s.fail("a field of type %#x does not belong into version %d", s.f.kind, version)
	}
	s.key(0)
	return s.err == nil
}

// origin wants a fingerprint and a path.
func (s *shape) origin(b []byte) {
	if len(b) < 4 || len(b)%4 != 0 {
		s.fail("the value of a field of type %#x is no fingerprint and path", s.f.kind)
	}
}

// tapOrigin wants hashes of leaves, a fingerprint and a path.
func (s *shape) tapOrigin() {
	s.key(32)
	r := s.reader()
	n, err := r.count("leaf hashes")
	if err == nil {
		_, err = r.bytes(32*n, "leaf hashes")
	}
	if err != nil {
		s.err = firstOf(s.err, err)
		return
	}
	s.origin(r.buf[r.off:r.end])
}

func (s *shape) musigKeys() {
	s.key(33)
	if len(s.f.value) == 0 || len(s.f.value)%33 != 0 {
		s.fail("the value of a field of type %#x is no list of public keys", s.f.kind)
	}
}

// tapTree wants leaves: depth, version and script of each.
func (s *shape) tapTree() {
	s.key(0)
	r := s.reader()
	if r.left() == 0 {
		s.fail("an empty taproot tree")
	}
	for r.left() > 0 && s.err == nil {
		leaf, err := r.bytes(2, "a leaf")
		if err == nil {
			_, err = r.vector("a leaf's script")
		}
		if err != nil {
			s.err = firstOf(s.err, err)
		} else if leaf[0] > 128 || leaf[1]&1 != 0 {
			s.fail("a leaf of depth %d and version %#x", leaf[0], leaf[1])
		}
	}
}

// named wants the key of a proprietary field to hold a name and a type.
func (s *shape) named() {
	r := newReader(s.f.data)
	_, err := r.vector("a name")
	if err == nil {
		_, err = r.size("a type")
	}
	if err != nil {
		s.fail("the key of a proprietary field names nobody")
	}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// checkGlobal checks a global field of a PSBT of a version.
func checkGlobal(f field, version uint32) error {
	s := shape{f: f}
	switch f.kind {
	case globalTx:
		s.only(0, version)
	case globalXpub:
		s.key(78)
		s.origin(f.value)
		if s.err == nil && len(f.value)/4-1 != int(f.data[4]) {
			s.fail("an extended key of depth %d with a path of %d steps", f.data[4], len(f.value)/4-1)
		}
	case globalTxVersion, globalLockTime:
		if s.only(2, version) {
			s.value(4)
		}
	case globalInputs, globalOutputs:
		s.only(2, version)
	case globalModify:
		if s.only(2, version) {
			s.value(1)
		}
	case globalVersion:
		s.key(0)
		s.value(4)
	case proprietary:
		s.named()
	}
	return s.err
}

// checkOutput checks the fields of an output.
func checkOutput(buf []byte, fields []field, version uint32) error {
	for _, f := range fields {
		s := shape{f: f, buf: buf}
		switch f.kind {
		case outRedeemScript, outWitnessScript:
			s.key(0)
		case outDerivation:
			s.publicKey()
			s.origin(f.value)
		case outAmount:
			s.only(2, version)
			s.key(0)
			s.value(8)
		case outScript:
			s.only(2, version)
			s.key(0)
		case outTapKey:
			s.key(0)
			s.value(32)
		case outTapTree:
			s.tapTree()
		case outTapDerivation:
			s.tapOrigin()
		case outMusigKeys:
			s.musigKeys()
		case proprietary:
			s.named()
		}
		if s.err != nil {
			return s.err
		}
	}
	return nil
}
