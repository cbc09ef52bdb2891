package seed

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
)

// The keys of the first HMAC.
const (
	secp256k1Label = "Bitcoin seed"   // BIP-32
	ed25519Label   = "ed25519 seed"   // SLIP-10
	p256Label      = "Nist256p1 seed" // SLIP-10
)

var (
	errDepth     = errors.New("seed: a path has 1 to 10 steps")
	errHardened  = errors.New("seed: every step of an Ed25519 path must be hardened")
	errCurve     = errors.New("seed: unknown curve")
	errNoSuchKey = errors.New("seed: this path leads to no key")
)

// Derive makes the private key of an account. An Ed25519 path with a step that is not hardened is refused:
// hardening it silently would give the account of another path.
func (s *Seed) Derive(path derivation.Path, c api.Curve) (curve.PrivateKey, error) {
	if s.secret.size == 0 {
		return nil, errZeroed
	}
	if len(path) == 0 || len(path) > derivation.MaxDepth {
		return nil, errDepth
	}
	n, err := walk(s.secret.stretched[:], path, c)
	if err != nil {
		return nil, err
	}
	defer n.zero()
	return curve.New(c, n[:32])
}

// node is an extended private key: the key and the chain code, as HMAC-SHA512 puts them out.
type node [sha512.Size]byte

func (n *node) zero() { clear(n[:]) }

func (n *node) key() []byte { return n[:32] }

func (n *node) chain() []byte { return n[32:] }

// walk derives from the root along the path.
func walk(seed []byte, path derivation.Path, c api.Curve) (*node, error) {
	var n *node
	switch c {
	case api.CurveSecp256k1:
		n = hash([]byte(secp256k1Label), seed)
	case api.CurveEd25519:
		if !path.AllHardened() {
			return nil, errHardened
		}
		n = hash([]byte(ed25519Label), seed)
	case api.CurveSecp256r1:
		return walkP256(seed, path)
	case api.CurveK256:
		// The spelling for keypair wallets, and those have no paths.
		return nil, errCurve
	default:
		return nil, errCurve
	}
	if c == api.CurveSecp256k1 && !validScalar(n.key()) {
		return nil, errNoSuchKey
	}
	for _, index := range path {
		next, err := n.child(index, c)
		n.zero()
		if err != nil {
			return nil, err
		}
		n = next
	}
	return n, nil
}

// child is CKDpriv of BIP-32 and SLIP-10, which differ in what is done with the hash: BIP-32 adds the parent's
// key to it, SLIP-10 takes it as it is.
func (n *node) child(index uint32, c api.Curve) (*node, error) {
	data := make([]byte, 0, 37)
	if index >= derivation.Hardened {
		data = append(data, 0)
		data = append(data, n.key()...)
	} else {
		data = append(data, publicKey(n.key())...)
	}
	data = binary.BigEndian.AppendUint32(data, index)
	defer clear(data)
	next := hash(n.chain(), data)
	if c == api.CurveEd25519 {
		return next, nil
	}
	var sum, parent secp256k1.ModNScalar
	defer sum.Zero()
	defer parent.Zero()
	parent.SetByteSlice(n.key())
	if sum.SetByteSlice(next.key()) || sum.Add(&parent).IsZero() {
		return nil, errNoSuchKey // once in 2^127 paths
	}
	sum.PutBytesUnchecked(next.key())
	return next, nil
}

func hash(key, data []byte) *node {
	mac := hmac.New(sha512.New, key)
	mac.Write(data)
	n := new(node)
	mac.Sum(n[:0])
	return n
}

func validScalar(key []byte) bool {
	var k secp256k1.ModNScalar
	defer k.Zero()
	return !k.SetByteSlice(key) && !k.IsZero()
}

// publicKey is the compressed public key of a scalar.
func publicKey(key []byte) []byte {
	k := secp256k1.PrivKeyFromBytes(key)
	defer k.Zero()
	return k.PubKey().SerializeCompressed()
}
