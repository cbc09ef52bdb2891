// Package client is the Go SDK: it stamps requests, sends them, tries again with the same bytes when that is safe, and
// checks the receipt of every answer against the server's attestation.
//
// A Client acts in one organization with one authenticator. Every method takes a context and returns the contract's own
// types; what the server refuses is an [*api.Error], and errors.Is tells the types that programs act on.
//
// A first program makes a key, founds an organization with it, and signs with a wallet:
//
//	key, err := client.GenerateKey(api.Ed25519)
//	founder := client.New("http://127.0.0.1:8484/v1/wallets", "", key)
//	organization, err := founder.CreateOrganization(ctx, api.CreateOrganizationParams{
//		OrganizationName: "Demo",
//		Users: []api.NewUser{{
//			Username: "admin", Policy: client.Root(), Authenticators: []api.NewAuthenticator{key.Authenticator("laptop")},
//		}},
//	})
//	c := client.New("http://127.0.0.1:8484/v1/wallets", organization.OrganizationID, key)
//	wallet, err := c.CreateWallet(ctx, "Treasury", nil, api.WalletParameters{})
//	signed, err := c.SignText(ctx, wallet.WalletID, "m/44'/501'/0'/0'", "hello", api.Ed25519)
//
// Set Client.Manifest to the hash that you were given by another way than from the server: without it, receipts prove
// that some enclave answered, not that it was yours.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	memory   memory
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
	answer, err := c.send(ctx, rpcPath, body)
	var waits *PendingApproval
	final := err == nil || (errors.Is(err, ErrDenied) || errors.As(err, &waits)) && !errors.Is(err, ErrUnproven)
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
