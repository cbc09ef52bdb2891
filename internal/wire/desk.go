package wire

import "github.com/redoubt-kms/redoubt/proof"

// The policy engine's door to the host. The host brings requests and asks for the attestation.
const (
	KindRequest     Kind = 30 // Request → Answer
	KindPrepare     Kind = 31 // Request → Answer
	KindSimulate    Kind = 36 // Request → Answer whose Submission says what to simulate
	KindAttestation Kind = 32 // Empty → Attestation
	KindReady       Kind = 33 // Empty → Ready, once the state is verified; a fault when it must not serve
)

// The host's door to the policy engine: storage. Nothing that comes back is believed unchecked.
const (
	KindCommit  Kind = 40 // Commit → Empty, when durable
	KindRecords Kind = 41 // RecordsRequest → Records
	KindIndex   Kind = 42 // IndexRequest → IndexPage
	KindCommits Kind = 43 // CommitsRequest → Commits
	KindPath    Kind = 44 // PathRequest → Path
	KindEdge    Kind = 45 // EdgeRequest → Path
	KindBodies  Kind = 46 // BodiesRequest → Bodies
)

// Request is a request as it was received: body and stamp as raw bytes.
type Request struct {
	_     struct{} `cbor:",toarray"`
	Body  []byte
	Stamp string
}

// Answer is what goes back to the client. Result holds the bytes of the member "result" for status 200, else the
// whole body of the error.
type Answer struct {
	_          struct{} `cbor:",toarray"`
	Status     uint16
	Result     []byte
	Receipt    string // header X-Redoubt-Receipt, empty when the answer is not signed
	Signature  string // base64url; member "signature"
	RequestID  string
	RetryAfter uint32 // seconds; 0 for none
	Method     string // for metrics and logs; empty when unknown
	Submission Submission
}

// Submission asks the host to broadcast a signed transaction. Chain is empty when there is none.
type Submission struct {
	_           struct{} `cbor:",toarray"`
	Chain       string
	Network     string
	Transaction []byte
	ID          string // the transaction's hash or first signature, as the network names it
}

// Attestation is what GET /v1/wallets/attestation serves.
type Attestation struct {
	_            struct{} `cbor:",toarray"`
	Manifest     []byte   // CBOR of proof.SignedManifest
	Certificates [][]byte // CBOR of proof.SignedCertificate
	Receipt      []byte   // CBOR of proof.SignedReceipt
	Checkpoint   string
	Rebase       []byte // CBOR of the newest proof.SignedRebase; empty when there was none
}

// Ready says from which head the policy engine serves.
type Ready struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Size  uint64
	Root  proof.Hash
}

// Commit is one row to store: only if the newest stored row is the one before.
type Commit struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Head   []byte
	Tag    proof.Hash
	Blob   []byte
	Bodies []byte
}

// RecordsRequest names records by their keys.
type RecordsRequest struct {
	_    struct{} `cbor:",toarray"`
	Keys [][]byte
}

// Records are sealed records in the order of the keys; empty where there is none.
type Records struct {
	_      struct{} `cbor:",toarray"`
	Sealed [][]byte
}

// IndexRequest asks for the items after a key; an empty key starts at the beginning.
type IndexRequest struct {
	_     struct{} `cbor:",toarray"`
	After []byte
	Limit uint32
}

// IndexPage is a run of items in ascending order of keys. The last page is empty. Index is the commit that the items
// reflect, the same on every page.
type IndexPage struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Items []IndexItem
}

// IndexItem is the stored version and hash of a record.
type IndexItem struct {
	_       struct{} `cbor:",toarray"`
	Key     []byte
	Version uint64
	Hash    proof.Hash
}

// CommitsRequest asks for stored rows from an index on.
type CommitsRequest struct {
	_     struct{} `cbor:",toarray"`
	From  uint64
	Limit uint32
}

// Commits are rows in ascending order. There are none after the newest.
type Commits struct {
	_       struct{} `cbor:",toarray"`
	Commits []Commit
}

// BodiesRequest asks for the bodies of the requests of a commit.
type BodiesRequest struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
}

// Bodies are the sealed bodies of a commit, CBOR of a list; empty when they were pruned.
type Bodies struct {
	_      struct{} `cbor:",toarray"`
	Bodies []byte
}

// PathRequest asks for the inclusion path of an entry in the log of a size.
type PathRequest struct {
	_     struct{} `cbor:",toarray"`
	Index uint64
	Size  uint64
}

// EdgeRequest asks for the right edge of the log of a size.
type EdgeRequest struct {
	_    struct{} `cbor:",toarray"`
	Size uint64
}

// Path is a list of hashes of the log.
type Path struct {
	_      struct{} `cbor:",toarray"`
	Hashes []proof.Hash
}
