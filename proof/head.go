package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// The algorithms that a head of version 1 names.
const (
	StateAlgorithm = "lthash-1024x16-blake3" // the state digest is SHA-256 of the 2,048 bytes of lanes
	TreeAlgorithm  = "rfc6962-sha256"
)

// Head is the state of a shard after one commit. Heads chain by Previous; a head counts only under a Receipt.
type Head struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // 1
	Shard    ID       // the shard that this head belongs to
	Epoch    uint64   // the writer's epoch; a newer epoch fences older writers
	Index    uint64   // number of commits so far
	Previous Hash     // Hash of the head before, zero at index 0
	Size     uint64   // entries in the log
	Root     Hash     // RFC 6962 root of the log
	State    Hash     // digest of all records
	StateAlg string   // StateAlgorithm
	TreeAlg  string   // TreeAlgorithm
	Commit   Hash     // SHA-256 of the commit as it is stored
}

const (
	headContext    = "redoubt/head/v1"
	receiptContext = "redoubt/receipt/v1"
)

// Hash identifies the head.
func (h Head) Hash() (Hash, error) {
	b, err := Encode(h)
	if err != nil {
		return Hash{}, err
	}
	return sum(headContext, b), nil
}

// Receipt is the certifier's word that a head was the newest one at a time: the anchor of the ledger.
type Receipt struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // 1
	Head     Head
	Time     uint64 // Unix milliseconds by the certifier's monotone clock
	Manifest Hash   // the manifest under which the certifier runs
}

// SignedReceipt is a receipt with the certifier's signature.
type SignedReceipt struct {
	_         struct{} `cbor:",toarray"`
	Receipt   Receipt
	Signature []byte
}

// ErrSignature says that a signature does not verify under the key that it must.
var ErrSignature = errors.New("signature does not verify")

// SignReceipt signs a receipt with the certifier's key.
func SignReceipt(key ed25519.PrivateKey, r Receipt) (SignedReceipt, error) {
	b, err := Encode(r)
	if err != nil {
		return SignedReceipt{}, err
	}
	return SignedReceipt{Receipt: r, Signature: Sign(key, receiptContext, b)}, nil
}

// Verify checks version, algorithms and signature.
func (s SignedReceipt) Verify(certifier ed25519.PublicKey) error {
	h := s.Receipt.Head
	if s.Receipt.Version != 1 || h.Version != 1 || h.StateAlg != StateAlgorithm || h.TreeAlg != TreeAlgorithm {
		return fmt.Errorf("receipt of an unknown version or algorithm: %w", ErrEncoding)
	}
	b, err := Encode(s.Receipt)
	if err != nil {
		return err
	}
	if !Verify(certifier, receiptContext, b, s.Signature) {
		return fmt.Errorf("receipt of head %d: %w", h.Index, ErrSignature)
	}
	return nil
}
