package wire

import "github.com/redoubt-kms/redoubt/proof"

// ImportPurpose says what an import envelope is for. The signer seals its key for it and opens it for nothing else.
type ImportPurpose struct {
	_            struct{} `cbor:",toarray"`
	Envelope     proof.ID
	Organization proof.ID
	User         proof.Hash // names the user
	Expires      uint64     // Unix milliseconds
}

// NewImport makes a key for one import.
type NewImport struct {
	_       struct{} `cbor:",toarray"`
	Purpose ImportPurpose
	Size    uint16 // of the public key, which names the suite
}

// ImportKey is the public key, and the private one as only the signer can open it.
type ImportKey struct {
	_         struct{} `cbor:",toarray"`
	Sealed    []byte
	PublicKey []byte
}

// ImportSecret makes a new wallet's secret from an encrypted one. Until its record is committed it is unreachable.
type ImportSecret struct {
	_         struct{} `cbor:",toarray"`
	Wallet    proof.ID
	Purpose   ImportPurpose
	Context   proof.Hash // of the envelope as the client has it
	Sealed    []byte     // of ImportKey
	PublicKey []byte     // of ImportKey
	Encrypted []byte
	Bits      uint16 // of a mnemonic's entropy; 0 for any
	Curve     string // of a keypair; empty for a mnemonic
	Accounts  []AccountRequest
}

// ImportedSecret is the sealed secret, as of one that was created, and what tells equal secrets.
type ImportedSecret struct {
	_           struct{} `cbor:",toarray"`
	Created     CreatedSecret
	Fingerprint proof.ID
}

// ExportSecret encrypts a wallet's secret to a public key.
type ExportSecret struct {
	_            struct{} `cbor:",toarray"`
	Wallet       proof.ID
	Organization proof.ID
	Request      proof.Hash // SHA-256 of the body that asks for it
	PublicKey    []byte
	Sealed       []byte // the wallet's secret
}

// ExportedSecret is the encrypted secret, sealed until its export is in the log: a permit of kind PayloadExport frees it.
type ExportedSecret struct {
	_           struct{} `cbor:",toarray"`
	Bundle      []byte
	Fingerprint proof.ID
}
