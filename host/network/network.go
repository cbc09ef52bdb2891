// Package network broadcasts signed transactions through the nodes that the operator configured, by JSON-RPC. Its
// answers are what clients read as rpc_submission_result: {"result": "<transaction id>"} or {"error": {code, message}}.
// They come from a node and lie outside what the policy engine signs.
package network

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Bounds of a submission.
const (
	nodeTimeout = 10 * time.Second
	maxReply    = 1 << 20
	remembered  = 11 * time.Minute // as long as a retry gets the same answer
	maxMemory   = 1 << 14
)

// Network knows the nodes.
type Network struct {
	nodes  map[string]string // chain/network → URL
	client *http.Client

	mu   sync.Mutex
	sent map[[32]byte]*sending
}

// sending is one transaction's submission. The same bytes are broadcast once.
type sending struct {
	done   chan struct{}
	answer json.RawMessage
	ok     bool
	at     time.Time
}

// New makes a network of nodes, given as chain/network=URL.
func New(nodes []string) (*Network, error) {
	n := &Network{nodes: map[string]string{}, client: &http.Client{Timeout: nodeTimeout}, sent: map[[32]byte]*sending{}}
	for _, node := range nodes {
		name, address, _ := strings.Cut(node, "=")
		u, err := url.Parse(address)
		chain, network, ok := strings.Cut(name, "/")
		if err != nil || !ok || chain == "" || network == "" || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("node %q: want CHAIN/NETWORK=URL, for example solana/devnet=http://127.0.0.1:8899", node)
		}
		n.nodes[name] = address
	}
	return n, nil
}

// Submit broadcasts a transaction, or gives the answer of an earlier broadcast of the same bytes.
func (n *Network) Submit(ctx context.Context, s wire.Submission) json.RawMessage {
	key := sha256.Sum256(append([]byte(s.Chain+"/"+s.Network+"\x00"), s.Transaction...))
	n.mu.Lock()
	one := n.sent[key]
	first := one == nil
	if first {
		n.forget()
		one = &sending{done: make(chan struct{}), at: time.Now()}
		n.sent[key] = one
	}
	n.mu.Unlock()
	if first {
		one.answer, one.ok = n.submit(context.WithoutCancel(ctx), s)
		n.mu.Lock()
		if !one.ok {
			delete(n.sent, key) // a retry sends the same bytes again
		}
		n.mu.Unlock()
		close(one.done)
	}
	select {
	case <-one.done:
		return one.answer
	case <-ctx.Done():
		return failed(-32000, "the node has not answered yet; a retry with the same body sends the same bytes")
	}
}

func (n *Network) forget() {
	for key, one := range n.sent {
		if time.Since(one.at) > remembered || len(n.sent) > maxMemory {
			delete(n.sent, key)
		}
	}
}

func (n *Network) submit(ctx context.Context, s wire.Submission) (json.RawMessage, bool) {
	address, ok := n.nodes[s.Chain+"/"+s.Network]
	if !ok {
		return failed(-32601, fmt.Sprintf("no node is configured for %s/%s; the signed transaction was not broadcast", s.Chain, s.Network)), false
	}
	method, params := "eth_sendRawTransaction", []any{"0x" + hex.EncodeToString(s.Transaction)}
	if s.Chain == "solana" {
		method = "sendTransaction"
		params = []any{base64.StdEncoding.EncodeToString(s.Transaction), map[string]any{"encoding": "base64", "preflightCommitment": "confirmed"}}
	}
	reply, err := n.call(ctx, address, method, params)
	if err != nil || reply.Error == nil && len(reply.Result) == 0 {
		return failed(-32000, "the node could not be reached or did not answer in time; a retry with the same body sends the same bytes"), false
	}
	if reply.Error == nil {
		return mustJSON(map[string]any{"result": reply.Result}), true
	}
	if n.accepted(ctx, address, s) {
		return mustJSON(map[string]any{"result": s.ID}), true
	}
	return mustJSON(map[string]any{"error": reply.Error}), false
}

// accepted asks the node whether it knows the transaction that it has just refused: when the same bytes were sent before,
// perhaps by a host that has since been started anew, the refusal only says so.
func (n *Network) accepted(ctx context.Context, address string, s wire.Submission) bool {
	if s.Chain == "solana" {
		reply, err := n.call(ctx, address, "getSignatureStatuses", []any{[]string{s.ID}, map[string]any{"searchTransactionHistory": true}})
		var statuses struct{ Value []json.RawMessage }
		return err == nil && reply.Error == nil && json.Unmarshal(reply.Result, &statuses) == nil &&
			len(statuses.Value) == 1 && string(statuses.Value[0]) != "null"
	}
	reply, err := n.call(ctx, address, "eth_getTransactionByHash", []any{s.ID})
	return err == nil && reply.Error == nil && len(reply.Result) > 0
}

type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *nodeError      `json:"error"`
}

// nodeError is a node's refusal. Its data is left out: clients would show it instead of the message.
type nodeError struct {
	Code    int64  `json:"code"`
	Message string `json:"message"`
}

func (n *Network) call(ctx context.Context, address, method string, params []any) (reply, error) {
	var r reply
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return r, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return r, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("status %d and no JSON-RPC reply: %w", response.StatusCode, err)
	}
	if string(r.Result) == "null" {
		r.Result = nil
	}
	return r, nil
}

func failed(code int, message string) json.RawMessage {
	return mustJSON(map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`{"error":{"code":-32603,"message":"the node's answer cannot be shown"}}`)
	}
	return b
}
