package bitcoin

import "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

// check checks the fields of an input and reads what it spends.
func (in *input) check(buf []byte, version uint32) error {
	for _, f := range in.fields {
		s := shape{f: f, buf: buf}
		switch {
		case f.kind <= inFinalWitness:
			in.checkSpend(&s)
		case f.kind >= inTapSig && f.kind <= inMusigSig:
			checkTaproot(&s)
		default:
			checkRest(&s, version)
		}
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

// checkSpend checks the fields of BIP-174.
func (in *input) checkSpend(s *shape) {
	f := s.f
	var err error
	switch f.kind {
	case inPrevTx:
		s.key(0)
		in.prev, err = readTx(s.reader(), true)
	case inWitnessUTXO:
		s.key(0)
		r := s.reader()
		var out Output
		if out, err = readOutput(r); err == nil {
			in.witness, err = &out, r.done("the output")
		}
	case inPartialSig:
		s.publicKey()
		if !isSignature(f.value) {
			s.fail("a signature that is not strict DER with a hash type")
		}
	case inSighash:
		s.key(0)
		s.value(4)
	case inRedeemScript, inWitnessScript, inFinalScript:
		s.key(0)
	case inDerivation:
		s.publicKey()
		s.origin(f.value)
	case inFinalWitness:
		s.key(0)
		r := s.reader()
		if _, err = r.stack("witness items"); err == nil {
			err = r.done("the witness")
		}
	}
	s.err = firstOf(s.err, err)
}

// checkTaproot checks the fields of BIP-371 and those of BIP-373, which follow them.
func checkTaproot(s *shape) {
	switch s.f.kind {
	case inTapSig:
		s.key(0)
		s.value(64, 65)
	case inTapScriptSig:
		s.key(64)
		s.value(64, 65)
	case inTapLeaf:
		if n := len(s.f.data); n < 33 || n > 33+32*128 || (n-33)%32 != 0 {
			s.fail("a control block of %d bytes", n)
		}
		if len(s.f.value) == 0 {
			s.fail("a leaf without a version")
		}
	case inTapDerivation:
		s.tapOrigin()
	case inTapKey, inTapRoot:
		s.key(0)
		s.value(32)
	case inMusigKeys:
		s.musigKeys()
	case inMusigNonce:
		s.key(66, 98)
		s.value(66)
	case inMusigSig:
		s.key(66, 98)
		s.value(32)
	}
}

// checkRest checks the fields of BIP-370, the preimages of hashes and what somebody made for himself.
func checkRest(s *shape, version uint32) {
	switch s.f.kind {
	case inRIPEMD160, inHASH160:
		s.key(20)
	case inSHA256, inHASH256:
		s.key(32)
	case inTxID:
		if s.only(2, version) {
			s.value(32)
		}
	case inIndex, inSequence:
		if s.only(2, version) {
			s.value(4)
		}
	case inTimeLock:
		if s.only(2, version) && s.number() < lockTimeThreshold {
			s.fail("a required time that is a height")
		}
	case inHeightLock:
		if s.only(2, version) {
			if n := s.number(); n == 0 || n >= lockTimeThreshold {
				s.fail("a required height that is none")
			}
		}
	case proprietary:
		s.named()
	}
}

// isSignature says that b is an ECDSA signature in strict DER (BIP-66) and a byte for the hash type.
func isSignature(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	_, err := ecdsa.ParseDERSignature(b[:len(b)-1])
	return err == nil
}
