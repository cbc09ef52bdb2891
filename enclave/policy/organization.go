package policy

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// createOrganization is the only method that may come without a stamp, where the manifest says so. A stamped one must
// be stamped by a key that the new organization lists.
func (e *Engine) createOrganization(ctx context.Context, c *caller, raw []byte) (answer, error) {
	var params api.CreateOrganizationParams
	if err := decode(raw, &params, "params"); err != nil {
		return answer{}, err
	}
	if c.stamp == nil && !e.vault.Manifest().OpenSignUp {
		return answer{}, unauthenticated()
	}
	made, err := newOrganization(params, c.now)
	if err != nil {
		return answer{}, err
	}
	var caller proof.ID
	if c.stamp != nil {
		caller = org.HolderID(c.stamp.Algorithm, c.stamp.PublicKey)
		if _, ok := made.Find(c.stamp.Algorithm, c.stamp.PublicKey); !ok {
			return answer{}, unauthenticated()
		}
	}
	first := func(p *replay) answer {
		c.replay, c.organization = p, made.ID
		return e.untilSettled(ctx, c, func() (answer, error) {
			allowed := rule.Decision{Allowed: true, Rule: "sign-up"}
			return e.applyOrganization(ctx, c, allowed, nil, made, organizationResult(made))
		})
	}
	return e.once(ctx, replayKey(c.request, caller), c.now, first, func(p *replay) answer {
		a, err := e.fromLog(ctx, c, p, nil)
		if err != nil {
			return failure(err, c.requestID)
		}
		return a
	}), nil
}

// applyOrganization stores a new state of the caller's organization, with the marks of who holds a key of it.
func (e *Engine) applyOrganization(ctx context.Context, c *caller, d rule.Decision, before, after *org.Organization, result any) (answer, error) {
	a := success(result)
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Status, p.entry.Outcome = uint16(a.status), a.body
	p.put(organizationKey(after.ID), after)
	var held []proof.ID
	if before != nil {
		held = before.Keys()
	}
	holds := after.Keys()
	for _, key := range holds {
		if !slices.Contains(held, key) {
			p.put(ledger.NewKey(ledger.KindAuthenticator, key, after.ID), &org.Holder{Version: org.SchemaVersion})
		}
	}
	for _, key := range held {
		if !slices.Contains(holds, key) {
			p.put(ledger.NewKey(ledger.KindAuthenticator, key, after.ID), nil)
		}
	}
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

func (e *Engine) getOrganization(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	return success(organizationResult(c.record.value)), nil
}

func (e *Engine) addUser(ctx context.Context, c *caller, params *api.AddUserParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.User.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	user, err := newUser(params.User, c.now, "params.user")
	if err != nil {
		return answer{}, err
	}
	after, err := c.record.value.AddUser(user, params.ReplaceExpirable)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, organizationResult(after))
}

func (e *Engine) createAuthenticator(ctx context.Context, c *caller, params *api.CreateAuthenticatorParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	made, err := newAuthenticator(params.Authenticator, c.now, "params.authenticator")
	if err != nil {
		return answer{}, err
	}
	after, err := c.record.value.AddAuthenticator(params.Username, made, params.ReplaceExpirable)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, authenticatorResult(made))
}

func (e *Engine) deleteAuthenticator(ctx context.Context, c *caller, params *api.DeleteAuthenticatorParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	authenticator, err := parseID(params.AuthenticatorID, "params.authenticatorId")
	if err != nil {
		return answer{}, err
	}
	after, gone, err := c.record.value.DeleteAuthenticator(params.Username, authenticator)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, authenticatorResult(gone))
}

func newOrganization(params api.CreateOrganizationParams, now uint64) (*org.Organization, error) {
	if err := checkName(params.OrganizationName, api.MaxName, "params.organizationName"); err != nil {
		return nil, err
	}
	if err := checkTags(params.Tags, "params.tags"); err != nil {
		return nil, err
	}
	made := org.Organization{Version: org.SchemaVersion, ID: id.Random(), Name: params.OrganizationName, Tags: params.Tags, Created: now}
	for i, u := range params.Users {
		if i >= api.MaxUsers {
			return nil, api.Errorf(api.TypeLimit, "an organization has at most %d users", api.MaxUsers).At("params.users")
		}
		user, err := newUser(u, now, element("params.users", i))
		if err != nil {
			return nil, err
		}
		made.Users = append(made.Users, user)
	}
	return org.Create(made)
}

func newUser(u api.NewUser, now uint64, path string) (org.User, error) {
	if err := checkName(u.Username, api.MaxName, path+".username"); err != nil {
		return org.User{}, err
	}
	made := org.User{Username: u.Username, Created: now}
	var err error
	if made.Policy, err = newPolicy(u.Policy, path+".policy"); err != nil {
		return made, err
	}
	if made.Expires, err = expiry(u.ExpiresInMs, now, path+".expiresInMs"); err != nil {
		return made, err
	}
	if made.Traits, err = traits(u.Traits, path+".traits"); err != nil {
		return made, err
	}
	if len(u.Authenticators) > api.MaxKeys {
		return made, api.Errorf(api.TypeLimit, "a user has at most %d authenticators", api.MaxKeys).At(path + ".authenticators")
	}
	for i, a := range u.Authenticators {
		key, err := newAuthenticator(a, now, element(path+".authenticators", i))
		if err != nil {
			return made, err
		}
		made.Authenticators = append(made.Authenticators, key)
	}
	return made, nil
}

// newPolicy reads a user policy. What this release cannot enforce is refused rather than stored.
func newPolicy(raw []byte, path string) (org.Policy, error) {
	var p api.UserPolicy
	if len(raw) == 0 {
		return org.Policy{}, api.Errorf(api.TypeMalformed, "is missing").At(path)
	}
	if err := decode(raw, &p, path); err != nil {
		return org.Policy{}, err
	}
	made := org.Policy{Type: p.Type, Preset: p.Preset, Environment: rule.Environment}
	switch {
	case len(p.Rules) > 0 || len(p.Constants) > 0:
		return made, api.Errorf(api.TypeUnsupported, "CEL rules are not served by this release; use a preset").At(path + ".rules")
	case len(p.USDLimit) > 0:
		return made, api.Errorf(api.TypeUnsupported, "usage limits are not served by this release, and one that is not enforced would be worse than none").At(path + ".usdLimit")
	case p.Type == org.PolicyRoot && p.Preset == "" && p.WalletID == "":
		return made, nil
	case p.Type != org.PolicyCEL:
		return made, api.Errorf(api.TypeInvalid, "want ROOT without more, or CEL with a preset").At(path + ".type")
	}
	switch p.Preset {
	case org.PresetAllowAll, org.PresetDenyAll, org.PresetLegacyUserRole:
		if p.WalletID != "" {
			return made, api.Errorf(api.TypeInvalid, "belongs to preset DAPP_CONNECTION_USER only").At(path + ".walletId")
		}
		return made, nil
	case org.PresetDappConnection:
		var err error
		made.Wallet, err = parseID(p.WalletID, path+".walletId")
		return made, err
	}
	return made, api.Errorf(api.TypeInvalid, "want ALLOW_ALL, DENY_ALL, LEGACY_USER_ROLE or DAPP_CONNECTION_USER").At(path + ".preset")
}

func newAuthenticator(a api.NewAuthenticator, now uint64, path string) (org.Authenticator, error) {
	if err := checkName(a.AuthenticatorName, api.MaxName, path+".authenticatorName"); err != nil {
		return org.Authenticator{}, err
	}
	made := org.Authenticator{ID: id.Random(), Name: a.AuthenticatorName, Kind: "keypair", Algorithm: a.Algorithm, Created: now}
	if a.AuthenticatorKind != made.Kind {
		return made, api.Errorf(api.TypeUnsupported, "this release serves authenticators of kind keypair").At(path + ".authenticatorKind")
	}
	if a.Algorithm != api.Ed25519 && a.Algorithm != api.Secp256r1 {
		return made, api.Errorf(api.TypeUnsupported, "a stamp is made with Ed25519 or Secp256r1").At(path + ".algorithm")
	}
	key, err := publicKey(a.PublicKey)
	if err == nil {
		made.PublicKey, err = curve.CanonicalKey(a.Algorithm, key)
	}
	if err != nil {
		return made, api.Errorf(api.TypeInvalid, "not a public key of the algorithm, as unpadded base64url or as an array of bytes: 32 bytes for Ed25519, 65 uncompressed for Secp256r1").At(path + ".publicKey")
	}
	made.Expires, err = expiry(a.ExpiresInMs, now, path+".expiresInMs")
	return made, err
}

// publicKey reads a key as clients send it, a base64url string, or as the published contract types it, an array of bytes.
func publicKey(raw api.Raw) ([]byte, error) {
	if strings.HasPrefix(string(raw), "[") {
		var numbers []uint8
		var list []int64
		if err := decode(raw, &list, ""); err != nil {
			return nil, err
		}
		for _, n := range list {
			if n < 0 || n > 255 {
				return nil, errNotAByte
			}
			numbers = append(numbers, uint8(n))
		}
		return numbers, nil
	}
	var text string
	if err := decode(raw, &text, ""); err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

var errNotAByte = api.Errorf(api.TypeInvalid, "not a byte")

// expiry turns a relative time into an absolute one; absent is never.
func expiry(in *int64, now uint64, path string) (uint64, error) {
	if in == nil {
		return 0, nil
	}
	if *in <= 0 || *in > api.MaxExpiry.Milliseconds() {
		return 0, api.Errorf(api.TypeInvalid, "want 1 to %d milliseconds", api.MaxExpiry.Milliseconds()).At(path)
	}
	return now + uint64(*in), nil
}

func traits(in map[string]string, path string) ([]org.Trait, error) {
	if len(in) > api.MaxTraits {
		return nil, api.Errorf(api.TypeLimit, "at most %d", api.MaxTraits).At(path)
	}
	var out []org.Trait
	for name, value := range in {
		if checkName(name, api.MaxName, path) != nil || checkName(value, 4*api.MaxName, path) != nil {
			return nil, api.Errorf(api.TypeInvalid, "a name or a value is empty, too long or not printable").At(path)
		}
		out = append(out, org.Trait{Name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b org.Trait) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func checkTags(tags []string, path string) error {
	if len(tags) > api.MaxTags {
		return api.Errorf(api.TypeLimit, "at most %d", api.MaxTags).At(path)
	}
	for i, tag := range tags {
		if err := checkName(tag, api.MaxTag, element(path, i)); err != nil {
			return err
		}
		if slices.Contains(tags[:i], tag) {
			return api.Errorf(api.TypeConflict, "the same tag twice").At(element(path, i))
		}
	}
	return nil
}

// checkName wants 1 to limit printable characters without surrounding space. Letters outside ASCII are welcome, but not
// characters that cannot be seen, since names are compared by people too.
func checkName(name string, limit int, path string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > limit {
		return api.Errorf(api.TypeInvalid, "want 1 to %d characters", limit).At(path)
	}
	if strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return api.Errorf(api.TypeInvalid, "holds characters that cannot be seen").At(path)
	}
	return nil
}

func organizationResult(o *org.Organization) api.Organization {
	result := api.Organization{OrganizationID: id.String(o.ID), OrganizationName: o.Name, Tags: append([]string{}, o.Tags...), Users: []api.User{}}
	if o.Parent != (proof.ID{}) {
		result.ParentOrganizationID = id.String(o.Parent)
	}
	for _, u := range o.Users {
		user := api.User{
			Username: u.Username, Policy: api.UserPolicy{Type: u.Policy.Type, Preset: u.Policy.Preset},
			Authenticators: []api.Authenticator{}, CreatedAtMs: int64(u.Created),
		}
		if u.Policy.Wallet != (proof.ID{}) {
			user.Policy.WalletID = id.String(u.Policy.Wallet)
		}
		if u.Expires != 0 {
			at := int64(u.Expires)
			user.ExpiresAtMs = &at
		}
		for _, t := range u.Traits {
			if user.Traits == nil {
				user.Traits = map[string]string{}
			}
			user.Traits[t.Name] = t.Value
		}
		for _, a := range u.Authenticators {
			user.Authenticators = append(user.Authenticators, authenticatorResult(a))
		}
		result.Users = append(result.Users, user)
	}
	return result
}

func authenticatorResult(a org.Authenticator) api.Authenticator {
	result := api.Authenticator{
		ID: id.String(a.ID), AuthenticatorName: a.Name, AuthenticatorKind: a.Kind,
		PublicKey: base64.RawURLEncoding.EncodeToString(a.PublicKey), Algorithm: a.Algorithm, CreatedAtMs: timestamp(a.Created),
	}
	if a.Expires != 0 {
		result.ExpiresAtMs = timestamp(a.Expires)
	}
	return result
}

func timestamp(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
