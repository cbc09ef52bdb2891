package policy

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// caller is one request on its way: who sent which bytes, and what is known of them.
type caller struct {
	body         []byte
	request      proof.Hash // SHA-256 of the body
	requestID    proof.ID
	method       api.Method
	now          uint64       // Unix milliseconds
	stamp        *stamp.Stamp // nil when unstamped
	token        token        // of an OIDC stamp; verified when the member is known
	passkey      *passkeyUse  // of a passkey's stamp, once the member is known
	session      string       // subject of the login to Connect that the stamp carries; empty for other stamps
	organization proof.ID
	record       found[org.Organization]
	controls     found[org.Controls]
	member       org.Member
	lead         lead            // where the subject of a session leads, if the request asks that
	ways         found[org.Ways] // of a change of the ways to sign in
	replay       *replay
	charged      bool                      // for more signatures than one
	effects      *ledger.Effects           // of what the rules read, when they did not allow it
	approved     func([]org.Approval) bool // of a request that waited for approvals
	longPermit   bool                      // a signature of one is made again for longer
	compilations *compilations
	history      map[ledger.Key]*usage.Series        // of a replay: what its requests used
	fence        uint64                              // when the ledger was restored last, Unix milliseconds
	assumed      map[language.Counter]*amount.Amount // of a dry run: what counts as used
}

// errChanged says that the state which a decision rests on changed before it took effect: decide again.
var errChanged = errors.New("the organization changed meanwhile")

// serve answers one request.
func (e *Engine) serve(ctx context.Context, request wire.Request) (answer, api.Method) {
	c := &caller{body: request.Body, request: sha256.Sum256(request.Body), requestID: id.Random(), compilations: e.compilations, fence: e.rebase.begin}
	failpoint.Pass(failpoint.PolicyReceived)
	a, err := e.dispatch(ctx, c, request.Stamp)
	if err != nil {
		a = failure(err, c.requestID)
	}
	return a, c.method
}

// dispatch takes the steps that are the same for every method, in the order in which they cost and tell the least.
func (e *Engine) dispatch(ctx context.Context, c *caller, header string) (answer, error) {
	if len(c.body) > api.MaxBody {
		return answer{}, tooLarge(api.MaxBody)
	}
	if err := e.checkStamp(c, header); err != nil {
		return answer{}, err
	}
	var envelope api.Request
	if err := decode(c.body, &envelope, ""); err != nil {
		return answer{}, err
	}
	c.method = api.CanonicalMethod(envelope.Method)
	handle, known := e.method(c.method)
	if !known {
		return answer{}, api.Errorf(api.TypeUnknownMethod, "no such method; docs/spec/rpc.md lists those that this release serves").At("method")
	}
	if len(c.body) > handle.limit {
		return answer{}, tooLarge(handle.limit)
	}
	if err := e.checkTime(c, envelope.TimestampMs); err != nil {
		return answer{}, err
	}
	if len(envelope.Params) == 0 {
		return answer{}, api.Errorf(api.TypeMalformed, "is missing").At("params")
	}
	if c.stamp == nil && c.method != api.CreateOrganization {
		return answer{}, unauthenticated()
	}
	return handle.run(ctx, c, envelope.Params)
}

func tooLarge(limit int) error {
	return api.Errorf(api.TypeTooLarge, "the body is larger than the %d bytes that this method takes", limit)
}

// unauthenticated is the one answer to whoever cannot be told apart from a stranger.
func unauthenticated() error {
	return api.Errorf(api.TypeUnauthenticated, "the request is not stamped by a valid authenticator of the organization")
}

// checkStamp verifies the stamp over the raw body, if there is one. Whether a token that it carries holds is seen when it is
// known whose keys it must hold by.
func (e *Engine) checkStamp(c *caller, header string) error {
	if header == "" {
		return nil
	}
	s, err := stamp.Parse(header)
	if err == nil && s.Kind == stamp.Passkey { // verified when it is known whose credential it is
		c.stamp = &s
		return nil
	}
	if err != nil || s.Verify(c.body) != nil {
		return unauthenticated()
	}
	c.stamp = &s
	if s.Kind != stamp.OIDC {
		return nil
	}
	if c.token, err = e.tokens.parse(s.IDToken); err != nil || c.token.Claims.Nonce != s.Nonce() {
		return unauthenticated()
	}
	return nil
}

func (e *Engine) checkTime(c *caller, timestamp int64) error {
	now, err := e.clock.now()
	if err != nil {
		return err
	}
	c.now = now
	if err := e.rebase.fence(timestamp, now); err != nil {
		return err
	}
	if off := timestamp - int64(now); timestamp <= 0 || timestamp > 1<<53 || off > api.RequestWindow.Milliseconds() || -off > api.RequestWindow.Milliseconds() {
		expired := api.Errorf(api.TypeExpired, "timestampMs is more than %v from the server's time, %s", api.RequestWindow,
			time.UnixMilli(int64(now)).UTC().Format(time.RFC3339Nano))
		expired.Path, expired.Time = "timestampMs", int64(now)
		return expired
	}
	return nil
}

// decode reads JSON strictly; prefix is the path of the object in the body.
func decode(b []byte, into any, prefix string) error {
	err := strictjson.Decode(b, into)
	var where *strictjson.Error
	if !errors.As(err, &where) {
		return err
	}
	path := where.Path
	if prefix != "" {
		path = prefix
		if where.Path != "" {
			path += "." + where.Path
		}
	}
	if path == "" {
		return api.Errorf(api.TypeMalformed, "the body is not one JSON value as documented: %s", where.Reason)
	}
	return api.Errorf(api.TypeMalformed, "%s", where.Reason).At(path)
}

// authenticate finds who stamped the request in the organization that it names.
func (e *Engine) authenticate(ctx context.Context, c *caller) error {
	var err error
	if c.record, err = e.organization(ctx, c.organization); err != nil {
		return err
	}
	if c.controls, err = load[org.Controls](ctx, e, controlsKey(c.organization)); err != nil {
		return err
	}
	switch c.stamp.Kind {
	case stamp.OIDC:
		return e.authenticateToken(ctx, c)
	case stamp.Passkey:
		return e.authenticatePasskey(ctx, c)
	case stamp.PKI: // below
	}
	if c.record.value != nil {
		member, ok := c.record.value.Find(c.stamp.Algorithm, c.stamp.PublicKey)
		if ok && member.Live(c.now) {
			c.member = member
			return nil
		}
		if ok {
			return unauthenticated()
		}
	}
	member, err := e.memberAnywhere(ctx, c)
	if err != nil {
		return err
	}
	if member {
		return api.Errorf(api.TypeNotFound, "no such organization")
	}
	return unauthenticated()
}

// memberAnywhere says whether a key may act in any organization now. A member of another one is told that there is
// nothing here, whether or not there is; a stranger, and whoever is one by now, is told that they are one.
func (e *Engine) memberAnywhere(ctx context.Context, c *caller) (bool, error) {
	for _, organization := range e.holding(org.HolderID(c.stamp.Algorithm, c.stamp.PublicKey)) {
		o, err := e.organization(ctx, organization)
		if err != nil {
			return false, err
		}
		if o.value == nil {
			continue
		}
		if m, ok := o.value.Find(c.stamp.Algorithm, c.stamp.PublicKey); ok && m.Live(c.now) {
			return true, nil
		}
	}
	return false, nil
}

// maxHolding bounds how many organizations of one key are looked at.
const maxHolding = 64

// holding lists organizations that a key is an authenticator of.
func (e *Engine) holding(key proof.ID) []proof.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.under(ledger.KindAuthenticator, key, maxHolding)
}

// under lists the second halves of the keys of records of a kind with a first half, at most so many and then those that
// are not committed yet. The engine's lock is held.
func (e *Engine) under(kind ledger.Kind, first proof.ID, limit int) []proof.ID {
	var all []proof.ID
	for item := range e.index.Range(kind, first) {
		if len(all) >= limit {
			break
		}
		if _, changed := e.dirty[item.Key]; !changed {
			all = append(all, item.Key.Second())
		}
	}
	for key, d := range e.dirty {
		if key.Kind() == kind && key.First() == first && d.value != nil {
			all = append(all, key.Second())
		}
	}
	return all
}

// ask evaluates the caller's policy.
func (c *caller) ask(q rule.Question) rule.Decision { return c.askBriefly(q).Explained() }

// askBriefly is ask without an explanation.
func (c *caller) askBriefly(q rule.Question) rule.Decision {
	if q.Method == "" {
		q.Method = c.method
	}
	q.User, q.Now, q.Approved = c.member.User, c.now, c.approved
	if q.Code = c.session != "" && !org.Strong(c.session); q.Code {
		q.Outranked = slices.ContainsFunc(c.record.value.Ways(c.now), func(w org.Way) bool { return org.Strong(w.Subject) })
	}
	q.Unverified = c.passkey != nil && !c.passkey.verified
	c.read(&q, nil, nil)
	if q.Method.Reads() {
		q.Frozen = "" // of a wallet, which may be looked at
	}
	if q.Frozen == "" {
		q.Frozen = c.frozen(q)
	}
	return rule.Decide(q)
}

// unchanged says whether the organization is still as the caller's decision saw it. The engine's lock is held.
func (e *Engine) unchanged(c *caller) error {
	if e.version(organizationKey(c.organization)) != c.record.version {
		return errChanged
	}
	if e.version(controlsKey(c.organization)) != c.controls.version {
		return errChanged
	}
	if c.lead.read && e.version(identityKey(c.session)) != c.lead.version {
		return errChanged
	}
	return nil
}

// entry starts the log entry of a caller's request.
func (c *caller) entry(d rule.Decision) ledger.Entry {
	entry := ledger.Entry{
		Time: c.now, Organization: c.organization, Method: string(c.method), Request: c.request,
		RequestID: c.requestID, Decision: ledger.Denied, Policy: d.Rule, PolicyVersion: c.record.version, Environment: rule.Environment,
	}
	if d.Allowed {
		entry.Decision = ledger.Allowed
	}
	if c.replay != nil {
		entry.Replay = c.replay.key
	}
	if c.member.Authenticator != nil {
		entry.Caller, entry.User = c.member.Authenticator.ID, c.member.User.Username
	}
	return entry
}

// change starts the entry of a change with its answer.
func (c *caller) change(d rule.Decision, result any) *proposal {
	a := success(result)
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Status, p.entry.Outcome = uint16(a.status), a.body
	return p
}

// denial says who denied a request and why.
func (c *caller) denial(d rule.Decision) error {
	if d.Rule == rule.Frozen {
		return api.Errorf(api.TypeDenied, "%s", d.Reason)
	}
	var told *api.Error
	if d.Grant {
		told = api.Errorf(api.TypeDenied, "denied by the wallet owner's %s: %s", d.Rule, d.Reason)
	} else {
		kind, spending := api.TypeDenied, c.spending(d)
		if spending != nil {
			kind = api.TypeSpendingLimit
		}
		told = api.Errorf(kind, "denied by policy %s of user %q: %s", d.Rule, c.member.User.Username, d.Reason)
		told.SpendingLimit = spending
	}
	told.Explanation = c.explanation(d)
	return told
}

// explanation is that of a decision, for those who may read the policy that it quotes.
func (c *caller) explanation(d rule.Decision) *api.Explanation {
	may := api.GetOrganization // tells the policies of users
	if d.Grant {
		may = api.GetWalletAccessGrants
	}
	if d.Explanation == nil || !c.ask(rule.Question{Method: may}).Allowed {
		return nil
	}
	return d.Explanation
}

// deny logs a denial and answers with its reason. A request that approvals would allow waits for them instead.
func (e *Engine) deny(ctx context.Context, c *caller, wallet proof.ID, d rule.Decision) (answer, error) {
	d = d.Explained()
	if e.canWait(c, d) {
		return e.await(ctx, c, wallet, d)
	}
	a := failure(c.denial(d), c.requestID)
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	if p.replay == nil {
		p.replay = &replay{}
	}
	p.entry.Wallet, p.entry.Status, p.entry.Outcome = wallet, uint16(a.status), a.body
	if d.Explanation != nil {
		p.entry.Explanation = encoded(d.Explanation)
	}
	if c.effects != nil {
		p.entry.Effects = *c.effects
	}
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// complete fills in what every answer says of its request.
func (c *caller) complete(a answer) answer {
	a.request, a.requestID, a.org = c.request, c.requestID, c.organization
	return a
}

func uuid(u proof.ID) string { return id.String(u) }
