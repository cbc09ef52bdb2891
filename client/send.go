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
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

// The paths that take stamped requests. Only answers of the first carry receipts.
const (
	rpcPath     = "/kms/rpc"
	preparePath = "/prepare"
)

// renewer is a stamper that can have what vouches for its key made anew, as logins can.
type renewer interface {
	Renew(ctx context.Context) error
}

// send sends a body until there is an answer. Who is not recognised by a token has a new one made, and tries once more.
func (c *Client) send(ctx context.Context, path string, body []byte) (Answer, error) {
	answer, err := c.sendStamped(ctx, path, body)
	r, ok := c.stamper.(renewer)
	if !ok || !errors.Is(err, ErrUnauthenticated) {
		return answer, err
	}
	if failed := r.Renew(ctx); failed != nil {
		return answer, errors.Join(err, failed)
	}
	return c.sendStamped(ctx, path, body)
}

// sendStamped sends a body until there is an answer, always the same bytes under the same stamp.
func (c *Client) sendStamped(ctx context.Context, path string, body []byte) (Answer, error) {
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
		answer, wait, err := c.once(ctx, path, body, stamp)
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
func (c *Client) once(ctx context.Context, path string, body []byte, stamp string) (Answer, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
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
	answer := Answer{Request: body, Result: raw, Receipt: response.Header.Get(api.HeaderReceipt)}
	wait, told := refusal(raw, response)
	if path != rpcPath { // its answers are not signed
		return answer, wait, told
	}
	switch response.StatusCode {
	case http.StatusOK:
		var envelope struct {
			Result     json.RawMessage `json:"result"`
			Submission json.RawMessage `json:"rpc_submission_result"`
		}
		if err := json.Unmarshal(raw, &envelope); err != nil {
			return answer, wait, fmt.Errorf("the answer is not JSON: %w", err)
		}
		answer.Result, answer.Submission = envelope.Result, envelope.Submission
		return answer, wait, c.verify(ctx, body, answer.Result, answer.Receipt)
	case http.StatusAccepted: // signed, too, and final until it ends
		if err := c.verify(ctx, body, raw, answer.Receipt); err != nil {
			return answer, wait, err
		}
		return answer, wait, pending(raw)
	case http.StatusForbidden: // signed, so that a host in between cannot invent one
		if err := c.verify(ctx, body, raw, answer.Receipt); err != nil {
			return answer, wait, errors.Join(told, err)
		}
	}
	return answer, wait, told
}

// refusal makes the error of an answer other than 200, and says how long to wait before the same body may be sent again:
// a negative time when that would not help.
func refusal(raw []byte, response *http.Response) (time.Duration, error) {
	if response.StatusCode == http.StatusOK || response.StatusCode == http.StatusAccepted {
		return -1, nil
	}
	told := &api.Error{}
	if json.Unmarshal(raw, told) != nil || told.Message == "" {
		told = api.Errorf(api.TypeInternal, "status %d and no explanation", response.StatusCode)
	}
	told.Status = response.StatusCode
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return retryAfter(response.Header.Get("Retry-After")), fmt.Errorf("%w: %w", ErrUnavailable, told)
	}
	return -1, told
}

// maxWait bounds how long a server can have a client wait before it tries again.
const maxWait = 30 * time.Second

// retryAfter reads the seconds of the header Retry-After; 0 when it says none.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxWait)
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return &http.Client{Timeout: defaultTimeout}
}
