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
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

type object = map[string]any

// load makes requests for one organization: its root stamps with two keys, and a reader may do nothing.
type load struct {
	system, floor *process
	client        *http.Client
	ed25519       ed25519.PrivateKey
	p256          *ecdsa.PrivateKey
	denied        ed25519.PrivateKey
	organization  string
	signing       []string // wallets that sign
	all           []string

	mu      sync.Mutex
	random  *mathrand.Rand
	count   int
	made    int // wallets
	recent  []sent
	failed  int
	failure error // the first one
	checked int   // signatures that another implementation verified
	repeats int   // equal bodies that were answered alike
	minute  tally
}

// sent is a request that was answered.
type sent struct {
	at     time.Time
	body   []byte
	stamp  string
	result []byte
}

const (
	signingWallets = 64
	kept           = 4096            // answered requests to send again
	repeatable     = 4 * time.Minute // below the age at which a request is too old
)

func newLoad(ctx context.Context, system, floor *process, wallets int) (*load, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}
	l := &load{system: system, floor: floor, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, random: mathrand.New(mathrand.NewPCG(1, 9))}
	var err error
	for _, key := range []*ed25519.PrivateKey{&l.ed25519, &l.denied} {
		if _, *key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return nil, err
		}
	}
	if l.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	return l, l.found(ctx, wallets)
}

// found sets up the organization and its wallets.
func (l *load) found(ctx context.Context, wallets int) error {
	p256, err := l.p256.PublicKey.Bytes()
	if err != nil {
		return err
	}
	user := func(name string, policy object, keys ...object) object {
		return object{"username": name, "policy": policy, "authenticators": keys}
	}
	authenticator := func(name, algorithm string, public []byte) object {
		return object{"authenticatorName": name, "authenticatorKind": "keypair", "publicKey": base64.RawURLEncoding.EncodeToString(public), "algorithm": algorithm}
	}
	made, err := l.call(ctx, "createOrganization", object{"organizationName": "soak", "users": []object{
		user("root", object{"type": "ROOT"}, authenticator("a", "Ed25519", l.ed25519.Public().(ed25519.PublicKey)), authenticator("b", "Secp256r1", p256)),
		user("denied", object{"type": "CEL", "preset": "DENY_ALL"}, authenticator("c", "Ed25519", l.denied.Public().(ed25519.PublicKey))),
	}})
	if err != nil {
		return err
	}
	l.organization = made["organizationId"].(string)
	for range signingWallets {
		if made, err = l.call(ctx, "createWallet", object{"organizationId": l.organization, "walletName": "signing"}); err != nil {
			return err
		}
		l.signing = append(l.signing, made["walletId"].(string))
	}
	return l.fill(ctx, wallets)
}

// fill makes wallets of one keypair each, which are made faster than mnemonics and stored alike.
func (l *load) fill(ctx context.Context, wallets int) error {
	work, failed := make(chan int), make(chan error, 32)
	var all sync.WaitGroup
	for range cap(failed) {
		all.Go(func() {
			for n := range work {
				made, err := l.call(ctx, "createWallet", object{"organizationId": l.organization, "walletName": fmt.Sprint("full ", n), "curve": "Ed25519"})
				if err != nil {
					failed <- err
					return
				}
				l.mu.Lock()
				l.all = append(l.all, made["walletId"].(string))
				l.mu.Unlock()
			}
		})
	}
	var err error
	for n := 0; n < wallets && err == nil; n++ {
		select {
		case work <- n:
		case err = <-failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	close(work)
	all.Wait()
	return err
}

// call sends a request of the set-up.
func (l *load) call(ctx context.Context, method string, params object) (object, error) {
	body := encode(method, params)
	status, answer, err := l.post(ctx, l.system.url, body, stamp.SignEd25519(l.ed25519, body))
	var parsed struct{ Result object }
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", method, status, answer)
	}
	if err == nil {
		err = json.Unmarshal(answer, &parsed)
	}
	return parsed.Result, err
}

func encode(method string, params object) []byte {
	b, err := json.Marshal(struct {
		Method      string `json:"method"`
		Params      object `json:"params"`
		TimestampMs int64  `json:"timestampMs"`
	}{method, params, time.Now().UnixMilli()})
	if err != nil {
		return nil // of strings and maps: it does not happen, and the server refuses it
	}
	return b
}

func (l *load) post(ctx context.Context, url string, body []byte, header string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/kms/rpc", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(api.HeaderStamp, header)
	response, err := l.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
