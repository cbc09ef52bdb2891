package wire

import "github.com/redoubt-kms/redoubt/proof"

// The launcher's door: an enclave asks who it is and has its keys attested. When this link closes, the enclave ends.
const (
	KindBoot     Kind = 1 // Empty → Pack
	KindEvidence Kind = 2 // EvidenceRequest → Evidence
)

// Empty is a message without content.
type Empty struct {
	_ struct{} `cbor:",toarray"`
}

// Pack is what an enclave is told when it starts. The rest it inherits as descriptors.
type Pack struct {
	_         struct{} `cbor:",toarray"`
	Role      proof.Role
	Manifest  []byte // CBOR of proof.SignedManifest
	Signer    string // address; of the policy engine's peers
	Certifier string // address
	RateLimit uint32 // requests a second of an organization, 0 for no limit
	MaxRate   uint32 // what an organization may set for itself, 0 for no bound
	Users     uint32 // of an organization, at most; 0 for api.MaxUsers
	Keys      uint32 // authenticators of a user, at most; 0 for api.MaxKeys
	Rebase    []byte // CBOR of RebaseOrder, for the certifier; empty for none
}

// RebaseOrder is an operator's statement as the certifier gets it. The launcher and the host only carry it.
type RebaseOrder struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Statement []byte   // CBOR of proof.SignedRebase
	Witness   []byte   // what the certifier wrote into its anchor before the backup; empty while the anchor is there
}

// EvidenceRequest names the keys that the enclave made for itself.
type EvidenceRequest struct {
	_          struct{} `cbor:",toarray"`
	Channel    proof.Hash
	SigningKey []byte
	Nonce      []byte
	Measures   []string // the protections that the enclave achieved
}

// Evidence is a platform's statement about an enclave, in the format of internal/attest.
type Evidence struct {
	_        struct{} `cbor:",toarray"`
	Evidence []byte
}
