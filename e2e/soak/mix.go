package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// request is one of the mix.
type request struct {
	method string
	params object
	denied bool   // by a user who may do nothing
	want   int    // status
	check  string // what is signed, for a check of the signature
	repeat *sent
}

// next draws a request: of a thousand, 250 text and 250 EIP-191 messages, 150 transactions, 50 typed data, 170 reads,
// 50 denials, 79 repetitions and one new wallet.
func (l *load) next() request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	n := l.random.IntN(1000)
	wallet := l.signing[l.random.IntN(len(l.signing))]
	text := fmt.Sprintf("soak %d", l.count)
	solana := object{"derivationPath": "m/44'/501'/0'/0'", "curve": "Ed25519", "addressFormat": "Solana"}
	ethereum := object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"}
	with := func(account object, more object) object {
		p := object{"organizationId": l.organization, "walletId": wallet, "derivationInfo": account}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	ok := http.StatusOK
	switch {
	case n < 250:
		return request{method: "signUtf8Message", params: with(solana, object{"message": text, "algorithm": "Ed25519"}), want: ok, check: text}
	case n < 500:
		return request{method: "ethereumSignMessage", params: with(ethereum, object{"message": base64.RawURLEncoding.EncodeToString([]byte(text))}), want: ok, check: text}
	case n < 650:
		return request{method: "signTransaction", want: ok, params: with(ethereum, object{"transaction": object{
			"kind": "EIP_1559", "chainId": 11155111, "nonce": fmt.Sprint(l.count), "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
			"to": "0x000000000000000000000000000000000000dEaD", "value": 1,
		}})}
	case n < 700:
		return request{method: "ethereumSignTypedData", want: ok, params: with(ethereum, object{"typedData": object{
			"types": object{"M": []object{{"name": "n", "type": "uint256"}}}, "primaryType": "M", "domain": object{"name": "Soak"}, "message": object{"n": l.count},
		}})}
	case n < 780:
		return request{method: "getAccounts", want: ok, params: object{"organizationId": l.organization, "walletId": wallet, "accounts": []string{fmt.Sprintf("m/44'/501'/%d'/0'", l.random.IntN(1000))}}}
	case n < 820:
		return request{method: "getOrganizationWallets", want: ok, params: object{"organizationId": l.organization, "limit": 10, "offset": l.random.IntN(len(l.all))}}
	case n < 870:
		return request{method: "getOrganization", want: ok, params: object{"organizationId": l.organization}}
	case n < 920:
		return request{method: "signUtf8Message", denied: true, want: http.StatusForbidden, params: with(solana, object{"message": text, "algorithm": "Ed25519"})}
	case n < 921:
		l.made++
		return request{method: "createWallet", want: ok, params: object{"organizationId": l.organization, "walletName": text}}
	default:
		return l.again(request{method: "getOrganization", want: ok, params: object{"organizationId": l.organization}})
	}
}

// again makes a request one that was answered before, when there is one that is young enough.
func (l *load) again(otherwise request) request {
	if len(l.recent) == 0 {
		return otherwise
	}
	old := l.recent[l.random.IntN(len(l.recent))]
	if time.Since(old.at) > repeatable {
		return otherwise
	}
	return request{want: http.StatusOK, repeat: &old}
}

// send sends a request and looks at its answer. Latency counts from when it was due.
func (l *load) send(ctx context.Context, r request, due time.Time) {
	body, header, err := l.stamped(r)
	if err != nil {
		l.fail(err)
		return
	}
	status, answer, err := l.post(ctx, l.system.url, body, header)
	took := time.Since(due)
	if ctx.Err() != nil {
		return // the run ended
	}
	var parsed struct{ Result json.RawMessage }
	if err == nil && status != r.want {
		err = fmt.Errorf("%s: status %d instead of %d: %.300s", r.method, status, r.want, answer)
	}
	if err == nil {
		err = json.Unmarshal(answer, &parsed)
	}
	if err == nil && r.repeat != nil && !bytes.Equal(parsed.Result, r.repeat.result) {
		err = fmt.Errorf("an equal request was answered otherwise: %s, before %s", parsed.Result, r.repeat.result)
	}
	if err == nil && r.check != "" {
		err = verify(r, parsed.Result)
	}
	if err != nil {
		l.fail(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.minute.took = append(l.minute.took, took)
	switch {
	case r.repeat != nil:
		l.repeats++
	case r.check != "":
		l.checked++
		l.keep(sent{time.Now(), body, header, parsed.Result})
	}
}

// keep remembers an answered request, in the place of an old one.
func (l *load) keep(s sent) {
	if len(l.recent) < kept {
		l.recent = append(l.recent, s)
		return
	}
	l.recent[l.count%kept] = s
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed++
	l.minute.failed++
	if l.failure == nil {
		l.failure = err
	}
}

func (l *load) stamped(r request) ([]byte, string, error) {
	if r.repeat != nil {
		return r.repeat.body, r.repeat.stamp, nil
	}
	body := encode(r.method, r.params)
	switch {
	case r.denied:
		return body, stamp.SignEd25519(l.denied, body), nil
	case r.method == "ethereumSignMessage" || r.method == "signTransaction":
		header, err := stamp.SignP256(l.p256, body)
		return body, header, err
	default:
		return body, stamp.SignEd25519(l.ed25519, body), nil
	}
}

// probe asks the floor for the least that any server must do, and notes how long that took just now.
func (l *load) probe(ctx context.Context, due time.Time) {
	body := encode("floor", object{"n": due.UnixNano()})
	status, _, err := l.post(ctx, l.floor.url, body, stamp.SignEd25519(l.ed25519, body))
	took := time.Since(due)
	if err != nil || status != http.StatusOK {
		if ctx.Err() == nil {
			l.fail(fmt.Errorf("floor: %d %w", status, err))
		}
		return
	}
	l.mu.Lock()
	l.minute.floor = append(l.minute.floor, took)
	l.mu.Unlock()
}

// drive sends at a fixed rate until the context ends, and after every tenth request probes the floor.
func (l *load) drive(ctx context.Context, rate int) {
	var all sync.WaitGroup
	began := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
			r := l.next()
			all.Go(func() { l.send(ctx, r, due) })
			if n%floorEvery == 0 {
				all.Go(func() { l.probe(ctx, due) })
			}
		}
	}
	all.Wait()
}

const floorEvery = 10

// most measures what the machine gives: as much as 32 callers get who wait for each answer.
func (l *load) most(ctx context.Context, span time.Duration) float64 {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for ctx.Err() == nil {
				l.send(ctx, l.next(), time.Now())
			}
		})
	}
	all.Wait()
	return float64(len(l.cut().took)) / span.Seconds()
}

// finding says whether every request was answered as it should be.
func (l *load) finding() finding {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%d failed; %d signatures verified by another implementation, %d equal requests answered alike", l.failed, l.checked, l.repeats)
	if l.failure != nil {
		text += "; first failure: " + l.failure.Error()
	}
	return finding{what: "requests", ok: l.failed == 0 && l.checked > 0 && l.repeats > 0, text: text}
}
