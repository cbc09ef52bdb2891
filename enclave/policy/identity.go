package policy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// identityOrganization names the organization that belongs to the key of a stamp. The identifier follows from the key, so
// that two requests at once cannot make two; which organizations list the key plays no part, or whoever registers
// somebody's key could choose where that one lands.
func (e *Engine) identityOrganization(c *caller) proof.ID {
	mac := hmac.New(sha256.New, e.identityKey[:])
	mac.Write([]byte("keypair\x00" + string(c.stamp.Algorithm) + "\x00"))
	mac.Write(c.stamp.PublicKey)
	return id.Derived([32]byte(mac.Sum(nil)))
}

// enterIdentity reads the parameters of the two methods, and the organization of the caller's key.
func (e *Engine) enterIdentity(ctx context.Context, c *caller, raw []byte) error {
	if c.stamp.Kind == stamp.Passkey { // whose key is not known before its organization is
		return api.Errorf(api.TypeUnsupported, "a passkey's stamp does not say which organization is its own: name it, with getOrganization, or sign in with the passkey")
	}
	var params api.PhantomOrganizationParams
	if string(raw) != "null" { // the contract has it, too
		if err := decode(raw, &params, "params"); err != nil {
			return err
		}
	}
	if params.PublicKey != "" {
		key, err := base64.RawURLEncoding.Strict().DecodeString(params.PublicKey)
		if err != nil {
			return api.Errorf(api.TypeInvalid, "want unpadded base64url").At("params.publicKey")
		}
		if !slices.Equal(key, c.stamp.PublicKey) {
			return unauthenticated()
		}
	}
	if c.stamp.Kind == stamp.OIDC {
		if err := e.enterSession(ctx, c); err != nil {
			return err
		}
	} else {
		c.organization = e.identityOrganization(c)
	}
	var err error
	c.record, err = e.organization(ctx, c.organization)
	return err
}

// getIdentity reads the organization of the caller's key; null when there is none.
func (e *Engine) getIdentity(ctx context.Context, c *caller, raw []byte) (answer, error) {
	if err := e.enterIdentity(ctx, c, raw); err != nil {
		return answer{}, err
	}
	if c.record.value == nil {
		return e.readAnswer(ctx, c, success(nil))
	}
	return e.showIdentity(ctx, c)
}

func (e *Engine) showIdentity(ctx context.Context, c *caller) (answer, error) {
	if err := e.authenticate(ctx, c); err != nil {
		return answer{}, err
	}
	if err := e.limiter.allow(c); err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{Method: api.GetPhantomOrganization}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	return e.readAnswer(ctx, c, success(organizationResult(c.record.value)))
}

// getOrCreateIdentity reads the organization of the caller's key, and founds it when there is none.
func (e *Engine) getOrCreateIdentity(ctx context.Context, c *caller, raw []byte) (answer, error) {
	if err := e.enterIdentity(ctx, c, raw); err != nil {
		return answer{}, err
	}
	if c.record.value != nil {
		return e.showIdentity(ctx, c)
	}
	founder, err := c.founder()
	if err != nil {
		return answer{}, err
	}
	return e.found(ctx, c, org.HolderID(founder.Algorithm, founder.PublicKey), func() (answer, error) {
		if c.record.value != nil { // somebody was faster
			return e.showIdentity(ctx, c)
		}
		made := c.newIdentity(founder)
		return e.applyOrganization(ctx, c, signUp(), nil, made, organizationResult(made))
	})
}

func (c *caller) newIdentity(founder org.Authenticator) *org.Organization {
	owner := org.User{
		Username: "owner", Policy: org.Policy{Type: org.PolicyRoot, Environment: rule.Environment},
		Authenticators: []org.Authenticator{founder}, Created: c.now,
	}
	return &org.Organization{
		Version: org.SchemaVersion, ID: c.organization, Name: "Personal " + uuid(c.organization)[:8], Created: c.now, Users: []org.User{owner},
	}
}
