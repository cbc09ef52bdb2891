package certifier

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/proof"
)

// A witness is what a backup keeps of an anchor: a state that this certifier wrote, CBOR ‖ HMAC-SHA-256. Its key is not
// the one of the anchor's file, so that without the root secret nobody makes an anchor of it.

// Keep reads an anchor's file with the certifier's root secret, and makes a witness of its newest state.
func Keep(file *os.File, root seal.Root) (Peeked, error) {
	a := &anchorFile{file: file, key: root.Derive("anchor")}
	state, found := a.newest()
	if !found {
		return Peeked{}, errNoAnchor
	}
	b, err := proof.Encode(state)
	return state.peeked(append(b, witnessTag(root, b)...)), err
}

// PeekWitness reads what a backup kept of an anchor, without the certifier's key.
func PeekWitness(witness []byte) (Peeked, error) {
	if len(witness) < sha256.Size {
		return Peeked{}, fmt.Errorf("%w: the witness is cut", ErrAnchor)
	}
	state, err := decodeAnchored(witness[:len(witness)-sha256.Size])
	return state.peeked(witness), err
}

// witnessed reads a witness that must be this certifier's.
func witnessed(root seal.Root, witness []byte) (anchored, error) {
	cut := len(witness) - sha256.Size
	if cut < 0 || !hmac.Equal(witnessTag(root, witness[:cut]), witness[cut:]) {
		return anchored{}, fmt.Errorf("%w: it has no tag of this certifier", ErrAnchor)
	}
	return decodeAnchored(witness[:cut])
}

func witnessTag(root seal.Root, b []byte) []byte {
	key := root.Derive("witness")
	mac := hmac.New(sha256.New, key[:])
	mac.Write(b)
	return mac.Sum(nil)
}
