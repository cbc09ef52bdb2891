package wire

import "github.com/redoubt-kms/redoubt/proof"

// The signer's door, for the policy engine only.
const (
	KindCreate   Kind = 20 // CreateSecret → CreatedSecret
	KindAccounts Kind = 21 // AccountsRequest → Accounts
	KindSign     Kind = 22 // SignBatch → SignedBatch

	KindImportKey Kind = 24 // NewImport → ImportKey
	KindImport    Kind = 25 // ImportSecret → ImportedSecret
	KindExport    Kind = 26 // ExportSecret → ExportedSecret
)

// CreateSecret makes the secret of a new wallet. Until its record is committed it is unreachable.
type CreateSecret struct {
	_        struct{} `cbor:",toarray"`
	Wallet   proof.ID
	Bits     uint16 // of entropy, 128 to 256, for a mnemonic; 0 for a keypair
	Curve    string // of a keypair
	Accounts []AccountRequest
}

// AccountRequest names an account; the path is empty for a keypair wallet.
type AccountRequest struct {
	_      struct{} `cbor:",toarray"`
	Path   []uint32
	Curve  string
	Format string
}

// CreatedSecret is the sealed secret, for the record of version 1, and the accounts that were asked for.
type CreatedSecret struct {
	_        struct{} `cbor:",toarray"`
	Sealed   []byte
	Accounts []Account
}

// AccountsRequest derives accounts. Sealed may be left out when the signer is likely to hold the secret.
type AccountsRequest struct {
	_        struct{} `cbor:",toarray"`
	Wallet   proof.ID
	Sealed   []byte
	Accounts []AccountRequest
}

// Accounts are derived accounts in the order of the request, or word that the sealed secret is needed.
type Accounts struct {
	_        struct{} `cbor:",toarray"`
	Missing  bool
	Accounts []Account
}

// Account is a public key with its address.
type Account struct {
	_         struct{} `cbor:",toarray"`
	PublicKey []byte   // 32 bytes for Ed25519, 33 compressed for secp256k1
	Address   string
}

// SignBatch asks for the signatures that one commit authorised, under one receipt.
type SignBatch struct {
	_       struct{} `cbor:",toarray"`
	Receipt proof.SignedReceipt
	Orders  []SignOrder
}

// SignOrder is one permit with its payload and evidence. Sealed may be left out.
type SignOrder struct {
	_       struct{} `cbor:",toarray"`
	Permit  []byte   // CBOR of permit.Permit
	Entry   []byte   // CBOR of ledger.Entry
	Salt    proof.Hash
	Path    []proof.Hash
	Payload []byte
	Sealed  []byte
}

// SignedBatch answers the orders of a batch, in their order.
type SignedBatch struct {
	_       struct{} `cbor:",toarray"`
	Results []SignResult
}

// SignResult is a signature, word that the sealed secret is needed, or a fault.
type SignResult struct {
	_           struct{} `cbor:",toarray"`
	Missing     bool
	Fault       string // empty when it went well
	Signature   []byte // empty when the account signed several times
	PublicKey   []byte
	Address     string
	Transaction []byte // the signed transaction, when the payload was one, or the proof of BIP-322
}
