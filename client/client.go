// Package client is the Go SDK: it stamps requests, sends them, tries again with the same bytes when that is safe, and
// checks the receipt of every answer against the server's attestation.
//
// A Client acts in one organization with one authenticator. Every method takes a context and returns the contract's own
// types; what the server refuses is an [*api.Error].
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

// Stamper vouches for a request's body: it holds an authenticator's key.
type Stamper interface {
	// Stamp returns the value of the header X-Phantom-Stamp for a body.
	Stamp(body []byte) (string, error)
}

// Client talks to one server as one authenticator. It is safe for concurrent use.
type Client struct {
	// Organization is the identifier of the organization in which the client acts.
	Organization string
	// Manifest, when set, is the hash of the manifest that must be in force, in hexadecimal: the one thing that a server
	// cannot prove by itself.
	Manifest string
	// HTTP sends the requests; nil means one with a timeout of 30 seconds.
	HTTP *http.Client
	// Answered, when set, hears of every final answer, a denial too, after its receipt was verified: to keep receipts. It
	// may be called from several goroutines at once.
	Answered func(Answer)
	// Tries is how often a request is sent before it counts as failed; 0 means 5.
	Tries int

	base     string
	stamper  Stamper
	verifier verifier
}

// New makes a client for a base URL, such as http://127.0.0.1:8484/v1/wallets. Without a stamper it can only create an
// organization.
func New(base, organization string, stamper Stamper) *Client {
	return &Client{Organization: organization, base: strings.TrimSuffix(base, "/"), stamper: stamper}
}

const (
	defaultTries   = 5
	defaultTimeout = 30 * time.Second
	firstPause     = 100 * time.Millisecond
	maxAnswer      = 4 << 20
)

// Answer is one verified answer: the exact bytes that went each way and the receipt over them.
type Answer struct {
	Request    []byte          // the body as it was sent
	Result     json.RawMessage // the bytes of the member "result"; of an error, the whole body
	Submission json.RawMessage // rpc_submission_result, when the request asked for a broadcast; not signed
	Receipt    string          // header X-Redoubt-Receipt
}

// Call sends a request of a method and decodes its result into a value, which may be nil. It is sent again, byte for
// byte, while the server cannot answer: the server takes it for the same request and it has one effect.
func (c *Client) Call(ctx context.Context, method api.Method, params, result any) (Answer, error) {
	body, err := json.Marshal(struct {
		Method      api.Method `json:"method"`
		Params      any        `json:"params"`
		TimestampMs int64      `json:"timestampMs"`
	}{method, params, time.Now().UnixMilli()})
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.send(ctx, body)
	final := err == nil || errors.Is(err, ErrDenied) && !errors.Is(err, ErrUnproven)
	if c.Answered != nil && final {
		c.Answered(answer)
	}
	if err != nil || result == nil {
		return answer, err
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return answer, fmt.Errorf("result of %s: %w", method, err)
	}
	return answer, nil
}

func (c *Client) send(ctx context.Context, body []byte) (Answer, error) {
	stamp := ""
	if c.stamper != nil {
		var err error
		if stamp, err = c.stamper.Stamp(body); err != nil {
			return Answer{}, fmt.Errorf("stamp: %w", err)
		}
	}
	tries, pause := c.Tries, firstPause
	if tries == 0 {
		tries = defaultTries
	}
	for try := 1; ; try++ {
		answer, wait, err := c.once(ctx, body, stamp)
		if err == nil || try == tries || wait < 0 {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, errors.Join(ctx.Err(), err)
		case <-time.After(max(wait, pause)):
		}
		pause *= 2
	}
}

// once sends a body once. It returns how long to wait before it may be sent again, or a negative time when that would
// not help.
func (c *Client) once(ctx context.Context, body []byte, stamp string) (Answer, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/kms/rpc", bytes.NewReader(body))
	if err != nil {
		return Answer{}, -1, err
	}
	request.Header.Set("Content-Type", "application/json")
	if stamp != "" {
		request.Header.Set(api.HeaderStamp, stamp)
	}
	response, err := c.http().Do(request)
	if err != nil {
		return Answer{}, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	receipt := response.Header.Get(api.HeaderReceipt)
	if response.StatusCode != http.StatusOK {
		wait := time.Duration(-1)
		if response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable {
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
			wait = time.Duration(seconds) * time.Second
		}
		told := c.refusal(ctx, body, raw, response.StatusCode, receipt)
		if wait >= 0 {
			told = fmt.Errorf("%w: %w", ErrUnavailable, told)
		}
		return Answer{Request: body, Result: raw, Receipt: receipt}, wait, told
	}
	var envelope struct {
		Result     json.RawMessage `json:"result"`
		Submission json.RawMessage `json:"rpc_submission_result"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return Answer{}, -1, fmt.Errorf("the answer is not JSON: %w", err)
	}
	answer := Answer{Request: body, Result: envelope.Result, Submission: envelope.Submission, Receipt: receipt}
	return answer, -1, c.verify(ctx, body, envelope.Result, receipt)
}

// refusal makes the error of an answer other than 200. A denial is signed like a result, so that a host in between
// cannot invent one.
func (c *Client) refusal(ctx context.Context, body, raw []byte, status int, receipt string) error {
	told := &api.Error{}
	if json.Unmarshal(raw, told) != nil || told.Message == "" {
		told = api.Errorf(api.TypeInternal, "status %d and no explanation", status)
	}
	told.Status = status
	if status == http.StatusForbidden {
		if err := c.verify(ctx, body, raw, receipt); err != nil {
			return errors.Join(told, err)
		}
	}
	return told
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return &http.Client{Timeout: defaultTimeout}
}
