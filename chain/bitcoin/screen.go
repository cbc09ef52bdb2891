package bitcoin

import (
	"bytes"
	"crypto/sha256"
)

// IsPSBT says whether bytes begin as a PSBT does.
func IsPSBT(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }

// IsPreimage says whether a hash of the bytes might be signed for an input of a Bitcoin transaction: whether they could
// be what BIP-143 hashes, what BIP-341 hashes under its tag (with or without the tag before it), a transaction, or one
// with a hash type after it, as outputs from before BIP-143 have it. It screens raw payloads before they are hashed and
// signed as such, so it errs on the side of yes: no hash type is too odd.
func IsPreimage(b []byte) bool {
	return isWitnessPreimage(b) || isTaprootPreimage(b) || isTransaction(b)
}

// isWitnessPreimage is about BIP-143: everything but the script has one size.
func isWitnessPreimage(b []byte) bool {
	const before, after = 4 + 32 + 32 + 36, 8 + 4 + 32 + 4 + 4
	if len(b) < before+1+after {
		return false
	}
	r := newReader(b)
	r.off = before
	if _, err := r.vector("script"); err != nil {
		return false
	}
	return r.left() == after && bytes.Equal(b[len(b)-3:], []byte{0, 0, 0})
}

// isTaprootPreimage is about BIP-341. Without ANYONECANPAY and annex what follows the tag has 175 bytes, with other
// hash types fewer or more, of which the first is the epoch and the second the type.
func isTaprootPreimage(b []byte) bool {
	tag := sha256.Sum256([]byte("TapSighash"))
	if rest, ok := bytes.CutPrefix(b, append(tag[:], tag[:]...)); ok {
		return len(rest) > 0
	}
	if len(b) < 2 || b[0] != 0 {
		return false
	}
	spendType := 2 + 4 + 4 + 5*32
	switch b[1] {
	case 0x00, 0x01:
	case 0x02, 0x03:
		spendType -= 32
	case 0x81:
		spendType -= 4 * 32
	case 0x82, 0x83:
		spendType -= 5 * 32
	default:
		return false
	}
	return len(b) > spendType+4 && b[spendType] <= 3
}

// isTransaction is about a whole transaction, by itself or with a hash type of four bytes after it.
func isTransaction(b []byte) bool {
	whole := func(b []byte) bool {
		tx, err := readTx(newReader(b), true)
		return err == nil && len(tx.inputs) > 0 && len(tx.outputs) > 0
	}
	return whole(b) || len(b) > 4 && whole(b[:len(b)-4])
}
