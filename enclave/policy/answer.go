package policy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// answer is what goes back for one request. The zero value is no answer.
type answer struct {
	status     int
	body       []byte // the bytes of the member "result", or the body of an error
	request    proof.Hash
	requestID  proof.ID
	org        proof.ID
	retryAfter uint32
	submission wire.Submission
	receipt    string
	signature  string
}

// final says whether the answer is signed, and the same for retries; that of a request which waits, until it ends.
func (a answer) final() bool { return a.kept() || a.status == statusWaiting }

// statusWaiting is that of a request which waits for approvals.
const statusWaiting = 202

// kept says whether the answer is kept for retries.
func (a answer) kept() bool {
	return a.status == 200 || a.status == api.Status(api.TypeDenied)
}

// size is about what keeping the answer costs in bytes.
func (a answer) size() int { return len(a.body) + len(a.receipt) + len(a.submission.Transaction) + 256 }

// success makes the answer for a result.
func success(result any) answer {
	b, err := json.Marshal(result, json.Deterministic(true))
	if err != nil {
		return failure(err, proof.ID{})
	}
	return answer{status: 200, body: b}
}

// failure makes the answer for an error. What is not one of ours is told in general terms only.
func failure(err error, requestID proof.ID) answer {
	var known *api.Error
	var fault *wire.Fault
	switch {
	case errors.As(err, &known):
	case errors.Is(err, errStopped), errors.Is(err, ledger.ErrStale), errors.Is(err, errNoTime), errors.Is(err, wire.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errNoSigner):
		known = api.Errorf(api.TypeUnavailable, "temporarily unavailable: a part of the system does not answer; try again with the same body")
	case errors.As(err, &fault) && fault.Code == "invalid":
		known = api.Errorf(api.TypeInvalid, "%s", fault.Message)
	default:
		known = api.Errorf(api.TypeUnavailable, "temporarily unavailable; try again with the same body")
	}
	if requestID == (proof.ID{}) {
		requestID = id.Random()
	}
	told := *known
	told.RequestID = id.String(requestID)
	a := answer{status: told.Status, requestID: requestID}
	switch told.Type {
	case api.TypeRateLimited, api.TypeOverloaded, api.TypeUnavailable:
		a.retryAfter = max(1, told.RetryAfter)
	}
	if a.body, err = json.Marshal(told, json.Deterministic(true)); err != nil {
		a.body = []byte(`{}`)
	}
	return a
}

func unavailable(reason string) answer {
	return failure(api.Errorf(api.TypeUnavailable, "temporarily unavailable: %s; try again with the same body", reason), proof.ID{})
}

// asFault is errors.As for faults.
func asFault(err error, fault **wire.Fault) bool { return errors.As(err, fault) }

// finished is an answer that waits to be signed.
type finished struct {
	answer  answer
	entry   *ledger.Entry // nil for a read
	deliver func(answer)
}

// resultLoop signs what is answered together with one signature, and lets it go.
func (e *Engine) resultLoop(ctx context.Context) error {
	for {
		var all []*finished
		select {
		case <-ctx.Done():
			return nil
		case all = <-e.results:
		}
		for len(e.results) > 0 && len(all) < maxBatch {
			all = append(all, <-e.results...)
		}
		if err := e.signResults(all); err != nil {
			return err
		}
	}
}

func (e *Engine) signResults(all []*finished) error {
	var results []proof.Result
	var signed []*finished
	for _, f := range all {
		if !f.answer.final() {
			f.deliver(f.answer)
			continue
		}
		results = append(results, e.result(f))
		signed = append(signed, f)
	}
	if len(signed) == 0 {
		return nil
	}
	failpoint.Pass(failpoint.PolicyBeforeResultSignature)
	receipts, err := proof.SignResults(e.vault.Keys.Signing, results)
	if err != nil {
		return err
	}
	for i, f := range signed {
		if f.answer.receipt, err = receipts[i].Header(); err != nil {
			return err
		}
		failpoint.Pass(failpoint.PolicyBeforeReply)
		f.answer.signature = base64.RawURLEncoding.EncodeToString(receipts[i].Signature)
		f.deliver(f.answer)
	}
	return nil
}

func (e *Engine) result(f *finished) proof.Result {
	r := proof.Result{
		Version: 1, Request: f.answer.request, Result: sha256.Sum256(f.answer.body),
		RequestID: f.answer.requestID, Organization: f.answer.org,
	}
	if f.entry != nil {
		r.LogIndex, r.Logged, r.Time = f.entry.Index, true, f.entry.Time
		return r
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.LogIndex, r.Time = e.head.Size, e.receipt.Receipt.Time
	return r
}

// signRead has the answer of a read signed.
func (e *Engine) signRead(ctx context.Context, a answer) answer {
	done := make(chan answer, 1)
	e.send([]*finished{{answer: a, deliver: func(a answer) { done <- a }}})
	select {
	case a = <-done:
		return a
	case <-e.stopped:
	case <-ctx.Done():
	}
	return unavailable("the answer could not be signed")
}
