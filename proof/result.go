package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Result says what was answered to one request. It is the leaf of a small RFC 6962 tree over results that were
// answered together; the policy engine signs the root, so that a signature serves many requests.
type Result struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // 1
	Request      Hash     // SHA-256 of the request body as it was sent
	Result       Hash     // SHA-256 of the bytes of the member "result" of the answer (of the whole body for an error)
	RequestID    ID       // the requestId of the answer
	Organization ID
	LogIndex     uint64 // the entry that authorised it; for a read, the size of the log that was read
	Logged       bool   // whether LogIndex is an entry
	Time         uint64 // Unix milliseconds
}

// ResultReceipt is what the header X-Redoubt-Receipt carries, as unpadded base64url of its CBOR.
type ResultReceipt struct {
	_         struct{} `cbor:",toarray"`
	Result    Result
	Position  uint64 // of the leaf among the results signed together
	Size      uint64 // their number
	Path      []Hash // from the leaf to the root
	Signature []byte // Ed25519 by the policy engine over the root
}

const resultsContext = "redoubt/results/v1"

// ErrReceipt says that a receipt does not prove the answer.
var ErrReceipt = errors.New("receipt does not prove this answer")

// SignResults makes the receipts of results that are answered together.
func SignResults(key ed25519.PrivateKey, results []Result) ([]ResultReceipt, error) {
	hashes := make(hashes, 0, 2*len(results))
	for i, r := range results {
		leaf, err := Encode(r)
		if err != nil {
			return nil, err
		}
		stored, err := tlog.StoredHashes(int64(i), leaf, hashes)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, stored...)
	}
	size := int64(len(results))
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return nil, err
	}
	signature := Sign(key, resultsContext, root[:])
	receipts := make([]ResultReceipt, size)
	for i := range results {
		path, err := tlog.ProveRecord(size, int64(i), hashes)
		if err != nil {
			return nil, err
		}
		receipts[i] = ResultReceipt{Result: results[i], Position: uint64(i), Size: uint64(size), Path: path, Signature: signature}
	}
	return receipts, nil
}

// Verify checks that the policy engine answered this request with this result.
func (r ResultReceipt) Verify(policy ed25519.PublicKey, request, result []byte) error {
	if r.Result.Version != 1 {
		return fmt.Errorf("%w: version %d", ErrReceipt, r.Result.Version)
	}
	if r.Result.Request != sha256.Sum256(request) {
		return fmt.Errorf("%w: it names another request", ErrReceipt)
	}
	if r.Result.Result != sha256.Sum256(result) {
		return fmt.Errorf("%w: it names another result", ErrReceipt)
	}
	if r.Size > 1<<16 || r.Position >= r.Size {
		return fmt.Errorf("%w: position %d of %d", ErrReceipt, r.Position, r.Size)
	}
	leaf, err := Encode(r.Result)
	if err != nil {
		return err
	}
	root, err := RootFromPath(r.Path, r.Size, r.Position, tlog.RecordHash(leaf))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if !Verify(policy, resultsContext, root[:], r.Signature) {
		return fmt.Errorf("%w: %w", ErrReceipt, ErrSignature)
	}
	return nil
}

// Header writes the receipt as it travels in X-Redoubt-Receipt.
func (r ResultReceipt) Header() (string, error) {
	b, err := Encode(r)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// ParseResultReceipt reads the header X-Redoubt-Receipt.
func ParseResultReceipt(header string) (ResultReceipt, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil {
		return ResultReceipt{}, fmt.Errorf("%w: not base64url", ErrReceipt)
	}
	var r ResultReceipt
	return r, Decode(b, &r)
}
