// Package permit is one signed authorisation: what the policy engine hands the signer, and the only thing on which the
// signer acts. A permit names the exact bytes to sign and the log entry that allowed it; it counts only together with
// that entry, the entry's place in the log, and the certifier's receipt for a head that holds it.
//
// Its authenticity is the mutually authenticated channel on which it arrives.
package permit

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/proof"
)

// Version is the version of the format.
const Version = 1

// PayloadKind says how the payload is to be read. Its number never changes.
type PayloadKind uint8

// The kinds of payloads.
const (
	PayloadUTF8      PayloadKind = 1 // a message, signed as it is
	PayloadPersonal  PayloadKind = 2 // EIP-191
	PayloadTypedData PayloadKind = 3 // EIP-712 in the encoding of chain/evm
	PayloadSolana    PayloadKind = 4 // a Solana transaction or message
	PayloadEVM       PayloadKind = 5 // an unsigned EVM transaction
	PayloadPSBT      PayloadKind = 6 // a PSBT, signed for each input of the account
	PayloadBIP322    PayloadKind = 7 // text, proven by a spend of BIP-322
	PayloadSui       PayloadKind = 8 // a Sui transaction
	PayloadSuiText   PayloadKind = 9 // a personal message of Sui

	PayloadRaw    PayloadKind = 10 // bytes that are signed as they are, whatever they are
	PayloadExport PayloadKind = 11 // an encrypted secret, sealed by the signer until its export is logged
)

// Permit allows one signature, or as many as the account has inputs in one Bitcoin transaction.
type Permit struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // Version
	Shard        proof.ID
	Organization proof.ID
	Wallet       proof.ID
	Path         []uint32 // derivation path, empty for a keypair wallet
	Curve        api.Curve
	Format       api.AddressFormat
	Algorithm    api.Algorithm
	Kind         PayloadKind
	Payload      proof.Hash // SHA-256 of the exact bytes
	Expires      uint64     // Unix milliseconds by the receipt's clock
}

// Hash is what the log entry holds of the permit.
func (p Permit) Hash() (proof.Hash, error) {
	b, err := proof.Encode(p)
	if err != nil {
		return proof.Hash{}, err
	}
	return sha256.Sum256(append([]byte("redoubt/permit/v1\x00"), b...)), nil
}

// Evidence is why a permit counts.
type Evidence struct {
	_     struct{} `cbor:",toarray"`
	Entry []byte   // CBOR of ledger.Entry
	Salt  proof.Hash
	Path  []proof.Hash // inclusion of the entry under the receipt's root
}

// ErrRefused says that a permit does not prove that it was authorised and logged.
var ErrRefused = errors.New("permit refused")

// Check verifies a permit for a payload under a receipt whose signature was verified before.
func (p Permit) Check(payload []byte, e Evidence, receipt proof.Receipt) error {
	switch {
	case p.Version != Version:
		return fmt.Errorf("%w: version %d", ErrRefused, p.Version)
	case p.Shard != receipt.Head.Shard:
		return fmt.Errorf("%w: of another shard", ErrRefused)
	case receipt.Time >= p.Expires:
		return fmt.Errorf("%w: expired", ErrRefused)
	case sha256.Sum256(payload) != p.Payload:
		return fmt.Errorf("%w: for other bytes", ErrRefused)
	}
	var entry ledger.Entry
	if err := proof.Decode(e.Entry, &entry); err != nil {
		return fmt.Errorf("%w: entry: %w", ErrRefused, err)
	}
	hash, err := p.Hash()
	if err != nil {
		return err
	}
	switch {
	case entry.Version != 1 && entry.Version != ledger.EntryVersion || entry.Decision != ledger.Allowed:
		return fmt.Errorf("%w: its entry allows nothing", ErrRefused)
	case entry.Permit != hash:
		return fmt.Errorf("%w: its entry allows something else", ErrRefused)
	case entry.Organization != p.Organization || entry.Wallet != p.Wallet:
		return fmt.Errorf("%w: its entry concerns another wallet", ErrRefused)
	}
	commitment := ledger.Commitment(e.Salt, e.Entry)
	if err := proof.CheckInclusion(e.Path, receipt.Head.Size, entry.Index, receipt.Head.Root, commitment); err != nil {
		return fmt.Errorf("%w: not in the log: %w", ErrRefused, err)
	}
	return nil
}
