package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// The cases: the algorithm of the stamp, then that of the wallet's key.
const (
	caseEd25519 = "ed25519+solana"
	caseP256    = "p256+secp256k1"
)

// load makes the requests of one case. Every body is another one.
type load struct {
	name         string
	system       string // URL
	client       *http.Client
	ed25519      ed25519.PrivateKey
	p256         *ecdsa.PrivateKey
	organization string
	wallet       string
	count        atomic.Uint64
	make         func(n uint64) []byte // the nth request, in place of the case's
	token        string                // that vouches for the P-256 key; empty where that is known
}

// newLoadKey is the authenticator of somebody who sends nothing.
func newLoadKey() (map[string]any, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	return map[string]any{
		"authenticatorName": "idle", "authenticatorKind": "keypair", "publicKey": base64.RawURLEncoding.EncodeToString(public), "algorithm": api.Ed25519,
	}, err
}

// newLoad sets up an organization with a wallet for a case.
func newLoad(ctx context.Context, name, system string) (*load, error) {
	l := &load{name: name, system: system, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, MaxConnsPerHost: 0}}}
	var err error
	if _, l.ed25519, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if l.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	public, algorithm := []byte(l.ed25519.Public().(ed25519.PublicKey)), api.Ed25519
	if name == caseP256 {
		algorithm = api.Secp256r1
		if public, err = l.p256.PublicKey.Bytes(); err != nil {
			return nil, err
		}
	}
	key := base64.RawURLEncoding.EncodeToString(public)
	user := map[string]any{"username": "bench", "policy": map[string]any{"type": "ROOT"}, "authenticators": []any{map[string]any{
		"authenticatorName": "bench", "authenticatorKind": "keypair", "publicKey": key, "algorithm": algorithm,
	}}}
	var made struct{ OrganizationID, WalletID string }
	if err := l.call(ctx, api.CreateOrganization, map[string]any{"organizationName": "bench", "users": []any{user}}, &made); err != nil {
		return nil, err
	}
	l.organization = made.OrganizationID
	if err := l.createWallet(ctx, &made); err != nil {
		return nil, err
	}
	l.wallet = made.WalletID
	return l, nil
}

func (l *load) createWallet(ctx context.Context, into any) error {
	n := l.count.Add(1)
	return l.call(ctx, api.CreateWallet, map[string]any{"organizationId": l.organization, "walletName": fmt.Sprint("bench ", n)}, into)
}

// call sends one request and decodes its result.
func (l *load) call(ctx context.Context, method api.Method, params, into any) error {
	body, err := json.Marshal(map[string]any{"method": method, "params": params, "timestampMs": time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	answer, err := l.send(ctx, l.system, body)
	if err != nil {
		return err
	}
	var envelope struct{ Result json.RawMessage }
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return err
	}
	return json.Unmarshal(envelope.Result, into)
}

func (l *load) stamp(body []byte) (string, error) {
	if l.token != "" {
		return stamp.SignOIDC(l.p256, l.token, "", body)
	}
	if l.name == caseP256 {
		return stamp.SignP256(l.p256, body)
	}
	return stamp.SignEd25519(l.ed25519, body), nil
}

func (l *load) send(ctx context.Context, url string, body []byte) ([]byte, error) {
	header, err := l.stamp(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/kms/rpc", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(api.HeaderStamp, header)
	response, err := l.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", response.StatusCode, answer)
	}
	return answer, err
}

// signing makes the next signing request of the case: a message of a Solana account, or an EIP-191 message.
func (l *load) signing(wallet string) []byte {
	n := l.count.Add(1)
	if l.make != nil {
		return l.make(n)
	}
	params := fmt.Sprintf(`{"organizationId":"%s","walletId":"%s","message":"bench message %d","algorithm":"Ed25519","derivationInfo":`+
		`{"derivationPath":"m/44'/501'/0'/0'","curve":"Ed25519","addressFormat":"Solana"}}`, l.organization, wallet, n)
	method := api.SignUtf8Message
	if l.name == caseP256 {
		method = api.EthereumSignMessage
		params = fmt.Sprintf(`{"message":"%s","organizationId":"%s","walletId":"%s","derivationInfo":`+
			`{"derivationPath":"m/44'/60'/0'/0/0","curve":"Secp256k1","addressFormat":"Ethereum"}}`,
			base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "bench message %d", n)), l.organization, wallet)
	}
	return fmt.Appendf(nil, `{"method":"%s","params":%s,"timestampMs":%d}`, method, params, time.Now().UnixMilli())
}

// samples are the latencies of answered requests.
type samples struct {
	took   []time.Duration
	span   time.Duration
	failed int
	err    error // the first failure
}

func (s *samples) add(more samples) {
	s.took = append(s.took, more.took...)
	s.span += more.span
	s.failed += more.failed
	if s.err == nil {
		s.err = more.err
	}
}

func (s *samples) rate() float64 { return float64(len(s.took)) / s.span.Seconds() }

// quantile returns milliseconds.
func (s *samples) quantile(q float64) float64 {
	if len(s.took) == 0 {
		return 0
	}
	slices.Sort(s.took)
	return float64(s.took[min(len(s.took)-1, int(q*float64(len(s.took))))].Microseconds()) / 1000
}

// closedLoop sends on so many connections, one request after the other on each.
func (l *load) closedLoop(ctx context.Context, url string, connections int, span time.Duration) samples {
	parts := make([]samples, connections)
	var all sync.WaitGroup
	began := time.Now()
	for i := range parts {
		all.Go(func() {
			for time.Since(began) < span && ctx.Err() == nil {
				parts[i].one(ctx, l, url, time.Now(), l.signing(l.wallet))
			}
		})
	}
	all.Wait()
	total := samples{span: time.Since(began)}
	for _, p := range parts {
		total.add(p)
	}
	return total
}

func (s *samples) one(ctx context.Context, l *load, url string, due time.Time, body []byte) {
	if _, err := l.send(ctx, url, body); err != nil {
		s.add(samples{failed: 1, err: err})
		return
	}
	s.took = append(s.took, time.Since(due))
}

// openLoop sends at a fixed rate, whether or not answers come. Latency counts from when a request was due.
func (l *load) openLoop(ctx context.Context, rate int, span time.Duration) openLoop {
	n := int(span.Seconds() * float64(rate))
	parts := make([]samples, n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Go(func() { parts[i].one(ctx, l, l.system, due, l.signing(l.wallet)) })
	}
	all.Wait()
	total := samples{span: time.Since(began)}
	for _, p := range parts {
		total.add(p)
	}
	return openLoop{Case: l.name, Rate: rate, P50: total.quantile(0.5), P99: total.quantile(0.99), Failed: total.failed}
}
