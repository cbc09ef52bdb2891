package seed

import (
	"crypto/ecdh"
	"encoding/binary"
	"math/bits"

	"github.com/redoubt-kms/redoubt/internal/derivation"
)

// walkP256 derives by SLIP-10 for NIST P-256. It differs from BIP-32 in what happens when a hash is no scalar: one in 2^32
// here, so it is hashed again.
func walkP256(seed []byte, path derivation.Path) (*node, error) {
	n := hash([]byte(p256Label), seed)
	for !validP256(n.key()) {
		again := hash([]byte(p256Label), n[:])
		n.zero()
		n = again
	}
	for _, index := range path {
		next, err := n.childP256(index)
		n.zero()
		if err != nil {
			return nil, err
		}
		n = next
	}
	return n, nil
}

func (n *node) childP256(index uint32) (*node, error) {
	data := make([]byte, 0, 37)
	if index >= derivation.Hardened {
		data = append(append(data, 0), n.key()...)
	} else {
		key, err := ecdh.P256().NewPrivateKey(n.key())
		if err != nil {
			return nil, errNoSuchKey
		}
		point := key.PublicKey().Bytes()
		data = append(append(data, 2|point[64]&1), point[1:33]...)
	}
	data = binary.BigEndian.AppendUint32(data, index)
	defer clear(data)
	for {
		next := hash(n.chain(), data)
		valid := belowOrder(next.key())
		addP256(next.key(), n.key())
		if valid && validP256(next.key()) {
			return next, nil
		}
		data = binary.BigEndian.AppendUint32(append(append(data[:0], 1), next.chain()...), index)
		next.zero()
	}
}

func validP256(key []byte) bool {
	_, err := ecdh.P256().NewPrivateKey(key)
	return err == nil
}

// orderP256 is the order of the group, its lowest word first (FIPS 186-5).
func orderP256() [4]uint64 {
	return [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}
}

func words(key []byte) (w [4]uint64) {
	for i := range w {
		w[3-i] = binary.BigEndian.Uint64(key[8*i:])
	}
	return w
}

// minusOrder subtracts the order, and says whether that borrowed.
func minusOrder(w [4]uint64) (out [4]uint64, borrow uint64) {
	order := orderP256()
	for i := range w {
		out[i], borrow = bits.Sub64(w[i], order[i], borrow)
	}
	return out, borrow
}

func belowOrder(key []byte) bool {
	_, borrow := minusOrder(words(key))
	return borrow == 1
}

// addP256 adds a scalar to another one modulo the order, in time that does not depend on them.
func addP256(key, other []byte) {
	var sum [4]uint64
	var carry uint64
	a, b := words(key), words(other)
	for i := range sum {
		sum[i], carry = bits.Add64(a[i], b[i], carry)
	}
	less, borrow := minusOrder(sum)
	keep := -(borrow &^ carry) // all ones when the sum is below the order
	for i := range sum {
		binary.BigEndian.PutUint64(key[8*(3-i):], sum[i]&keep|less[i]&^keep)
	}
}
