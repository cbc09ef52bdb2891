package policy

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
)

func (e *Engine) newOrganization(ctx context.Context, c *caller, params api.CreateOrganizationParams) (*org.Organization, error) {
	if err := checkName(params.OrganizationName, api.MaxName, "params.organizationName"); err != nil {
		return nil, err
	}
	if err := checkTags(params.Tags, "params.tags"); err != nil {
		return nil, err
	}
	made := org.Organization{Version: org.SchemaVersion, ID: id.Random(), Name: params.OrganizationName, Tags: params.Tags, Created: c.now}
	for i, u := range params.Users {
		user, err := e.newUser(ctx, c, u, element("params.users", i))
		if err != nil {
			return nil, err
		}
		made.Users = append(made.Users, user)
	}
	return org.Create(made, e.limits)
}

func (e *Engine) newUser(ctx context.Context, c *caller, u api.NewUser, path string) (org.User, error) {
	if err := checkName(u.Username, api.MaxName, path+".username"); err != nil {
		return org.User{}, err
	}
	made := org.User{Username: u.Username, Created: c.now}
	var err error
	if made.Policy, err = e.newPolicy(ctx, c, u.Policy, path+".policy"); err != nil {
		return made, err
	}
	if made.Expires, err = expiry(u.ExpiresInMs, c.now, path+".expiresInMs"); err != nil {
		return made, err
	}
	if made.Traits, err = traits(u.Traits, path+".traits"); err != nil {
		return made, err
	}
	for i, a := range u.Authenticators {
		key, err := newAuthenticator(a, c.now, element(path+".authenticators", i))
		if err != nil {
			return made, err
		}
		made.Authenticators = append(made.Authenticators, key)
	}
	return made, nil
}

// newPolicy reads a user policy. What this release cannot enforce is refused rather than stored.
func (e *Engine) newPolicy(ctx context.Context, c *caller, raw []byte, path string) (org.Policy, error) {
	var p api.UserPolicy
	if len(raw) == 0 {
		return org.Policy{}, api.Errorf(api.TypeMalformed, "is missing").At(path)
	}
	if err := decode(raw, &p, path); err != nil {
		return org.Policy{}, err
	}
	made, err := policyOf(p, path)
	if err == nil {
		err = e.compile(ctx, c, &made, path)
	}
	return made, err
}

func newAuthenticator(a api.NewAuthenticator, now uint64, path string) (org.Authenticator, error) {
	if err := checkName(a.AuthenticatorName, api.MaxName, path+".authenticatorName"); err != nil {
		return org.Authenticator{}, err
	}
	made := org.Authenticator{ID: id.Random(), Name: a.AuthenticatorName, Kind: a.AuthenticatorKind, Created: now}
	var err error
	if made.Expires, err = expiry(a.ExpiresInMs, now, path+".expiresInMs"); err != nil {
		return made, err
	}
	switch a.AuthenticatorKind {
	case org.KindKeypair:
		return newKeypair(made, a, path)
	case org.KindPasskey:
		return newPasskey(made, a, path)
	case org.KindOIDC:
		return newOIDC(made, a, path)
	}
	return made, api.Errorf(api.TypeUnsupported, "an authenticator is of kind keypair, passkey or oidc").At(path + ".authenticatorKind")
}

func newKeypair(made org.Authenticator, a api.NewAuthenticator, path string) (org.Authenticator, error) {
	made.Algorithm = a.Algorithm
	if hasPasskey(a) {
		return made, api.Errorf(api.TypeInvalid, "a keypair has no credential").At(path)
	}
	if a.TakesTokens() {
		return made, api.Errorf(api.TypeInvalid, "a keypair has no token").At(path)
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
	return made, nil
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
