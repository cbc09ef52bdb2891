package policy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// intent is what a signing request asks for, once it is read: the exact bytes and how to answer.
type intent struct {
	kind       permit.PayloadKind
	algorithm  api.Algorithm
	bytes      []byte
	parsed     chain.Payload // what the bytes say
	replayable bool          // valid on every network, itself or an authorization in it
	network    string        // that the caller says a transaction is for
	blind      bool          // 32 bytes that may be the digest of anything
	as         api.Method    // whose business raw bytes are, empty when nobody's
	// check may refuse the payload for an account; nil for no further check.
	check func(own wire.Account) error
	// render makes the result, and says what to broadcast.
	render func(wire.SignResult) (any, wire.Submission, error)
}

// order is a signature that a proposal asks for.
type order struct {
	permit  []byte
	payload []byte
	sealed  []byte // the wallet's secret, when the signer may not hold it
	wallet  proof.ID
	render  func(wire.SignResult) (any, wire.Submission, error)
}

// signingParams are the parameters of every signing method.
type signingParams interface {
	scoped
	Target() api.Signing
}

// signing serves a signing method; read turns its parameters into an intent for an account.
func signing[P signingParams](e *Engine, limit int, read func(*P, account) (intent, error)) handler {
	do := func(ctx context.Context, c *caller, params *P) (answer, error) {
		w, a, err := e.signingAccount(ctx, c, (*params).Target())
		if err != nil {
			return answer{}, err
		}
		in, err := read(params, a)
		if err != nil {
			return answer{}, err
		}
		in.network = network(params)
		return e.authorize(ctx, c, w, a, in)
	}
	again := func(ctx context.Context, c *caller, params *P, p *replay) (answer, error) {
		w, a, err := e.signingAccount(ctx, c, (*params).Target())
		if err != nil {
			return answer{}, err
		}
		in, err := read(params, a)
		if err != nil {
			return answer{}, err
		}
		return e.signAgain(ctx, c, w, a, in, p)
	}
	return effect(e, limit, do, again)
}

func (e *Engine) signingAccount(ctx context.Context, c *caller, target api.Signing) (access, account, error) {
	w, err := e.reach(ctx, c, target.WalletID, target.PolicyName)
	if err != nil {
		return w, account{}, err
	}
	a, err := accountOf(w.wallet.value, target.DerivationInfo, "params.derivationInfo")
	if target.Curve != "" && len(a.path) > 0 { // the path is taken as it is, whatever chain it is for
		a.curve, a.format = target.Curve, api.AddressNone
	}
	return w, a, err
}

// authorize decides about an intent, logs the decision, and waits for the signature.
func (e *Engine) authorize(ctx context.Context, c *caller, from access, a account, in intent) (answer, error) {
	q := from.question(a)
	if !c.reads(q) {
		if d := c.judge(q, in); !d.Allowed { // what presets say costs nothing to ask
			return e.deny(ctx, c, from.wallet.value.ID, d)
		}
	}
	own, err := e.ownAccount(ctx, from.wallet.value, a, in)
	if err != nil {
		return answer{}, err
	}
	if err := e.chargeSignatures(c, own, in); err != nil {
		return answer{}, err
	}
	p := &proposal{entry: c.entry(rule.Decision{Allowed: true}), body: c.body, answer: c.complete(answer{}), replay: c.replay}
	p.entry.Wallet, p.entry.Status = from.wallet.value.ID, 200
	if p.order, err = e.newOrder(ctx, c, from.wallet.value, a, in, &p.entry); err != nil {
		return answer{}, err
	}
	d, err := e.decide(ctx, c, from, q, &signature{intent: in, account: own}, p)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, from.wallet.value.ID, d)
	}
	return e.wait(ctx, p)
}

// ownAccount derives the account that signs, and checks that the payload is for it.
func (e *Engine) ownAccount(ctx context.Context, w *org.Wallet, a account, in intent) (wire.Account, error) {
	derived, err := e.derive(ctx, w.ID, []account{a})
	if err != nil {
		return wire.Account{}, err
	}
	if in.check != nil {
		err = in.check(derived[0])
	}
	return derived[0], err
}

// chargeSignatures counts every signature that a request asks for against the organization's rate, once: a PSBT may take
// a thousand, each of which costs the signer as much as any other.
func (e *Engine) chargeSignatures(c *caller, own wire.Account, in intent) error {
	bundle, several := in.parsed.(chain.Bundle)
	if !several || c.charged {
		return nil
	}
	digests, err := bundle.Digests(own.PublicKey)
	if err != nil {
		return api.Errorf(api.TypeTransaction, "%v", err).At("params.transaction")
	}
	c.charged = true
	return e.limiter.charge(c, len(digests)-1)
}

// newIntent reads the bytes to sign, once, as the signer will read them.
func newIntent(kind permit.PayloadKind, a account, algorithm api.Algorithm, b []byte, path string) (intent, error) {
	parsed, err := payload.Read(kind, a.format, algorithm, b)
	if err != nil {
		return intent{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At(path)
	}
	return intent{kind: kind, algorithm: algorithm, bytes: b, parsed: parsed, render: signatureResult}, nil
}

// newOrder makes the permit, whose hash goes into the entry. It holds for as long as a retry is remembered.
func (e *Engine) newOrder(ctx context.Context, c *caller, w *org.Wallet, a account, in intent, entry *ledger.Entry) (*order, error) {
	p := permit.Permit{
		Version: permit.Version, Shard: e.vault.Manifest().Shard, Organization: c.organization, Wallet: w.ID,
		Path: a.path, Curve: a.curve, Format: a.format, Algorithm: in.algorithm, Kind: in.kind,
		Payload: hashOf(in.bytes), Expires: entry.Time + uint64(c.permitted()/time.Millisecond),
	}
	var err error
	if entry.Permit, err = p.Hash(); err != nil {
		return nil, err
	}
	o := &order{payload: in.bytes, wallet: w.ID, render: in.render}
	if o.permit, err = proof.Encode(p); err != nil {
		return nil, err
	}
	if !e.signers.holding(w.ID) {
		o.sealed, err = e.sealedSecret(ctx, w.ID)
	}
	return o, err
}

// signed completes a proposal's answer with the signer's result.
func (e *Engine) signed(p *proposal, result wire.SignResult, fault error) answer {
	a := p.answer
	if fault == nil && result.Fault != "" {
		fault = errors.New(result.Fault)
	}
	if fault != nil {
		e.vault.Log.Printf("entry %d: no signature: %v", p.entry.Index, fault)
		return unavailable("the signer did not sign")
	}
	e.signers.gave(p.order.wallet)
	value, submission, err := p.order.render(result)
	if err != nil {
		return failure(err, a.requestID)
	}
	made := success(value)
	a.status, a.body, a.submission = made.status, made.body, submission
	return a
}

// resign asks the signer again for one entry under the newest receipt: because it needs the secret, or because the
// entry is from before a restart.
func (e *Engine) resign(ctx context.Context, p *proposal) (wire.SignResult, error) {
	var err error
	if p.order.sealed, err = e.sealedSecret(ctx, p.order.wallet); err != nil {
		return wire.SignResult{}, err
	}
	for range 16 {
		e.mu.Lock()
		receipt := e.receipt
		e.mu.Unlock()
		request := wire.PathRequest{Index: p.entry.Index, Size: receipt.Receipt.Head.Size}
		path, err := wire.Ask[wire.Path](ctx, e.host, wire.KindPath, request)
		if err != nil {
			return wire.SignResult{}, err
		}
		batch := wire.SignBatch{Receipt: receipt, Orders: []wire.SignOrder{p.signOrder(path.Hashes)}}
		signed, err := askSigner[wire.SignedBatch](ctx, e.signers, wire.KindSign, batch)
		if fault := (*wire.Fault)(nil); asFault(err, &fault) && fault.Code == "refused" {
			continue // a newer receipt overtook this one
		}
		if err != nil {
			return wire.SignResult{}, err
		}
		if len(signed.Results) == 1 && !signed.Results[0].Missing {
			return signed.Results[0], nil
		}
	}
	return wire.SignResult{}, fmt.Errorf("%w: it was overtaken too often", errNoSigner)
}

// signatureResult renders the result of signing a message.
func signatureResult(r wire.SignResult) (any, wire.Submission, error) {
	return api.Signature{
		Signature: base64.RawURLEncoding.EncodeToString(r.Signature), Address: r.Address, PublicKey: base58.Encode(r.PublicKey),
	}, wire.Submission{}, nil
}

// network is where a transaction is to be submitted, as chain and network; empty for nowhere.
func network(params any) string {
	if p, ok := params.(*api.SignTransactionParams); ok && p.SubmissionConfig != nil {
		return p.SubmissionConfig.Chain + "/" + p.SubmissionConfig.Network
	}
	return ""
}

// text is the message of the methods that sign messages, nil for others.
func (in intent) text() []byte {
	switch in.kind { //nolint:exhaustive // the others are no text
	case permit.PayloadUTF8, permit.PayloadPersonal, permit.PayloadSuiText:
		return in.bytes
	default:
		return nil
	}
}
