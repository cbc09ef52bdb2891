package solana

// IsMessage says whether a validator might take bytes for a transaction or for the message of one. It screens texts
// and raw payloads before they are signed as such, so it errs on the side of yes: unlike Parse it forgives aliases of
// lengths, repeated accounts, indexes out of range and trailing bytes, and it knows version 1 by its first byte.
// Plain text never passes: its first byte would ask for ten or more signers, whose signatures and keys exceed MaxSize.
func IsMessage(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if b[0] == versionFlag|1 {
		return len(b) > 3+2*32 // version 1: a header, one account and a blockhash
	}
	if len(b) > MaxSize {
		return false // no validator takes more of the other versions
	}
	if looksLikeMessage(b) {
		return true
	}
	r := &reader{buf: b}
	n, ok := r.looseLength()
	return ok && n > 0 && n*signatureSize < r.left() && looksLikeMessage(b[r.off+n*signatureSize:])
}

// looseLength reads a compact-u16 that need not be minimal.
func (r *reader) looseLength() (int, bool) {
	n := 0
	for i := range 3 {
		if r.left() < 1 {
			return 0, false
		}
		c := r.buf[r.off]
		r.off++
		n |= int(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, true
		}
	}
	return 0, false
}

func (r *reader) skip(n int) bool {
	if r.left() < n {
		return false
	}
	r.off += n
	return true
}

// looksLikeMessage walks the parts up to the last instruction.
func looksLikeMessage(b []byte) bool {
	r := &reader{buf: b}
	if len(b) > 0 && b[0] == versionFlag {
		r.off++
	}
	if r.left() < 3 || r.buf[r.off] == 0 || r.buf[r.off] >= versionFlag {
		return false
	}
	signers := int(r.buf[r.off])
	r.off += 3
	keys, ok := r.looseLength()
	if !ok || keys < signers || !r.skip(32*keys+32) {
		return false
	}
	instructions, ok := r.looseLength()
	for i := 0; ok && i < instructions; i++ {
		ok = r.skip(1) && r.skipVector() && r.skipVector()
	}
	return ok
}

func (r *reader) skipVector() bool {
	n, ok := r.looseLength()
	return ok && r.skip(n)
}
