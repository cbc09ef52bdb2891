package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Rebase is an operator's word that the ledger goes on from an older head than was anchored, or than anybody knows to
// have been anchored: what a restored backup needs. It makes a roll-back that would otherwise be refused, and it is kept
// in the log and shown to everybody, so that it is never a silent one.
type Rebase struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Shard     ID
	Manifest  Hash   // the manifest in force
	Onto      Head   // the head from which the ledger goes on
	From      Head   // the head that was anchored: now, or, when the anchor is lost, at the time of the backup
	Lost      bool   // whether the anchor is lost, so that nobody knows what was anchored after From
	Reason    string // why, in the operator's words
	Time      uint64 // Unix milliseconds when it was signed
	NotBefore uint64 // requests whose timestampMs is earlier are refused; at least Time
	Nonce     ID
}

// SignedRebase is a rebase with the signature of an operator.
type SignedRebase struct {
	_         struct{} `cbor:",toarray"`
	Rebase    Rebase
	Operator  []byte // Ed25519 key, one of those that the manifest names
	Signature []byte
}

const rebaseContext = "redoubt/rebase/v1"

// The bounds of a rebase.
const (
	MaxReason    = 400              // bytes
	MaxNotBefore = 15 * time.Minute // after Time
)

// ErrRebase says that a rebase cannot be used.
var ErrRebase = errors.New("rebase refused")

// SignRebase signs a rebase with an operator's key.
func SignRebase(operator ed25519.PrivateKey, r Rebase) (SignedRebase, error) {
	b, err := Encode(r)
	if err != nil {
		return SignedRebase{}, err
	}
	return SignedRebase{Rebase: r, Operator: operator.Public().(ed25519.PublicKey), Signature: Sign(operator, rebaseContext, b)}, nil
}

// Verify checks that the rebase is well-formed, of the manifest's shard, and signed by one of its operators. Whether it
// fits what is anchored only the certifier can know.
func (s SignedRebase) Verify(m Manifest) error {
	r := s.Rebase
	switch {
	case r.Version != 1:
		return fmt.Errorf("%w: version %d", ErrRebase, r.Version)
	case r.Shard != m.Shard || r.Onto.Shard != m.Shard || r.From.Shard != m.Shard:
		return fmt.Errorf("%w: it is for another deployment", ErrRebase)
	case !known(r.Onto) || !known(r.From):
		return fmt.Errorf("%w: a head of an unknown version or algorithm", ErrRebase)
	case r.NotBefore < r.Time || r.NotBefore-r.Time > uint64(MaxNotBefore.Milliseconds()):
		return fmt.Errorf("%w: it refuses requests for longer than %v", ErrRebase, MaxNotBefore)
	}
	if err := CheckReason(r.Reason); err != nil {
		return err
	}
	b, err := Encode(r)
	if err != nil {
		return err
	}
	for _, key := range m.Operators {
		if ed25519.PublicKey(key).Equal(ed25519.PublicKey(s.Operator)) && Verify(key, rebaseContext, b, s.Signature) {
			return nil
		}
	}
	return fmt.Errorf("%w: not signed by an operator that the manifest names: %w", ErrRebase, ErrSignature)
}

func known(h Head) bool {
	return h.Version == 1 && h.StateAlg == StateAlgorithm && h.TreeAlg == TreeAlgorithm
}

// CheckReason checks the reason of a rebase: a line of text.
func CheckReason(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > MaxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: its reason is not a line of up to %d bytes of text", ErrRebase, MaxReason)
	}
	return nil
}
