package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// stamped serves a stamped POST: one funnel for every method.
func (s *Server) stamped(kind wire.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began, address := time.Now(), s.limits.Address(r)
		if s.callers.turnedAway(address, began) { // its body is not read, nor its stamp verified
			w.Header().Set("Connection", "close")
			fail(w, api.Errorf(api.TypeRateLimited, "too many requests from this address were not stamped by a valid authenticator; wait and try again"))
			return
		}
		request, err := readRequest(w, r)
		if err == nil && signsUp(request) && !s.signUps.allow(address, began) {
			err = api.Errorf(api.TypeRateLimited, "more than %d organizations a minute without a stamp from one address", signUpsPerMinute)
		}
		if err != nil {
			fail(w, err)
			return
		}
		failpoint.Pass(failpoint.HostReceived)
		select { // only now: a body that comes slowly takes nobody's place
		case s.shed <- struct{}{}:
			defer func() { <-s.shed }()
		default:
			fail(w, api.Errorf(api.TypeOverloaded, "too many requests at once; try again"))
			return
		}
		if !s.callers.enter(address, time.Now()) {
			fail(w, api.Errorf(api.TypeOverloaded, "too many requests at once from this address; try again"))
			return
		}
		badStamp := false
		defer func() { s.callers.leave(address, time.Now(), badStamp) }()
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		failpoint.Pass(failpoint.HostBeforePolicy)
		answer, err := s.desk.Request(ctx, kind, request)
		failpoint.Pass(failpoint.HostAfterPolicy)
		if err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "no answer from the policy engine", slog.String("reason", err.Error()))
			fail(w, api.Errorf(api.TypeUnavailable, "temporarily unavailable; try again with the same body"))
			return
		}
		badStamp = int(answer.Status) == api.Status(api.TypeUnauthenticated)
		s.log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", answer.Method), slog.Int("status", int(answer.Status)),
			slog.String("requestId", answer.RequestID), slog.Duration("took", time.Since(began)))
		s.write(ctx, w, kind, answer)
	}
}

// signsUp says whether a request is an unstamped createOrganization. It reads the body more loosely than the policy
// engine does, so that no spelling slips past the count.
func signsUp(r wire.Request) bool {
	if r.Stamp != "" {
		return false
	}
	var envelope struct{ Method string }
	return json.Unmarshal(r.Body, &envelope) == nil && strings.EqualFold(envelope.Method, string(api.CreateOrganization))
}

// readRequest reads a body of at most api.MaxBody bytes, as it is.
func readRequest(w http.ResponseWriter, r *http.Request) (wire.Request, error) {
	if r.Header.Get("Content-Encoding") != "" {
		return wire.Request{}, api.Errorf(api.TypeMalformed, "the stamp is over the bytes as sent; a Content-Encoding is not taken")
	}
	stamps := r.Header.Values(api.HeaderStamp)
	if len(stamps) > 1 {
		return wire.Request{}, api.Errorf(api.TypeMalformed, "the header %s stands more than once", api.HeaderStamp)
	}
	if r.ContentLength > api.MaxBody {
		w.Header().Set("Connection", "close")
		return wire.Request{}, tooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return wire.Request{}, tooLarge()
	}
	if err != nil {
		return wire.Request{}, api.Errorf(api.TypeMalformed, "the body could not be read to its end")
	}
	if len(r.Trailer) > 0 {
		return wire.Request{}, api.Errorf(api.TypeMalformed, "trailers are not taken")
	}
	request := wire.Request{Body: body}
	if len(stamps) == 1 {
		if request.Stamp = stamps[0]; len(request.Stamp) > api.MaxStamp {
			return wire.Request{}, api.Errorf(api.TypeTooLarge, "the header %s is larger than %d bytes", api.HeaderStamp, api.MaxStamp)
		}
	}
	return request, nil
}

func tooLarge() error {
	return api.Errorf(api.TypeTooLarge, "the body is larger than %d bytes", api.MaxBody)
}

// write answers as the contract says: {"result":…,"rpc_submission_result":…,"signature":…}, or the error's body.
func (s *Server) write(ctx context.Context, w http.ResponseWriter, kind wire.Kind, a wire.Answer) {
	h := w.Header()
	h.Set("X-Request-Id", a.RequestID)
	if a.Receipt != "" {
		h.Set(api.HeaderReceipt, a.Receipt)
	}
	if a.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.RetryAfter)))
	}
	if a.Status == http.StatusOK && kind == wire.KindSimulate {
		s.simulated(ctx, w, a)
		return
	}
	if a.Status != http.StatusOK || kind == wire.KindPrepare {
		writeJSON(w, int(a.Status), a.Result)
		return
	}
	var b bytes.Buffer
	b.Grow(len(a.Result) + 256)
	b.WriteString(`{"result":`)
	b.Write(a.Result)
	if a.Submission.Chain != "" {
		b.WriteString(`,"rpc_submission_result":`)
		b.Write(s.network.Submit(ctx, a.Submission))
	}
	if a.Signature != "" {
		b.WriteString(`,"signature":"` + a.Signature + `"`)
	}
	b.WriteByte('}')
	failpoint.Pass(failpoint.HostBeforeReply)
	writeJSON(w, http.StatusOK, b.Bytes())
}

// simulated answers with what a node says of a transaction.
func (s *Server) simulated(ctx context.Context, w http.ResponseWriter, a wire.Answer) {
	made, err := s.network.Simulate(ctx, a.Submission)
	if err != nil {
		fail(w, err)
		return
	}
	made.SimulationID = a.RequestID
	body, err := json.Marshal(made)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// Failing is a writer that wants to know the type of an error which the host answers with itself.
type Failing interface{ Failed(kind string) }

// fail writes an error of the host's own.
func fail(w http.ResponseWriter, err error) {
	var told *api.Error
	if !errors.As(err, &told) {
		told = api.Errorf(api.TypeInternal, "internal error")
	}
	if f, ok := w.(Failing); ok {
		f.Failed(told.Type)
	}
	var random [16]byte
	rand.Read(random[:])
	random[6], random[8] = random[6]&0x0f|0x40, random[8]&0x3f|0x80
	told.RequestID = fmt.Sprintf("%x-%x-%x-%x-%x", random[:4], random[4:6], random[6:8], random[8:10], random[10:])
	w.Header().Set("X-Request-Id", told.RequestID)
	switch told.Type {
	case api.TypeRateLimited, api.TypeOverloaded, api.TypeUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	if told.Type == api.TypeTooLarge {
		w.Header().Set("Connection", "close")
	}
	body, err := json.Marshal(told)
	if err != nil {
		body = []byte(`{}`)
	}
	writeJSON(w, told.Status, body)
}
