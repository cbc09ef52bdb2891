package policy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strconv"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// lead is the record of where a way to sign in leads, as it was read.
type lead struct {
	found[org.Identity]
	read bool
}

func identityKey(subject string) ledger.Key {
	hash := sha256.Sum256([]byte("connect\x00" + subject))
	return ledger.NewKey(ledger.KindIdentity, proof.ID(hash[:16]), proof.ID{})
}

// leadsTo names the organization that a way to sign in leads to. It follows from the way, so that two requests at once cannot
// found two, unless the way was added to another one, or taken out of the one that it led to.
func (e *Engine) leadsTo(subject string, lead *org.Identity) proof.ID {
	mac := hmac.New(sha256.New, e.identityKey[:])
	mac.Write([]byte("connect\x00" + subject))
	if lead != nil {
		if lead.Organization != (proof.ID{}) {
			return lead.Organization
		}
		mac.Write(strconv.AppendUint([]byte{0}, uint64(lead.Generation), 10))
	}
	return id.Derived([32]byte(mac.Sum(nil)))
}

// enterSession finds the organization of the person whose login the stamp carries.
func (e *Engine) enterSession(ctx context.Context, c *caller) error {
	if err := e.verifyLogin(ctx, c.now, c.token); err != nil {
		return cmp.Or(unavailableKeys(err), unauthenticated())
	}
	c.session = c.token.Claims.Subject
	read, err := load[org.Identity](ctx, e, identityKey(c.session))
	if err != nil {
		return err
	}
	c.lead = lead{found: read, read: true}
	c.organization = e.leadsTo(c.session, read.value)
	return nil
}

// onPages says whether the stamp carries a login to the pages of Connect themselves, and not that of an app.
func (c *caller) onPages() bool {
	return c.session != "" && c.token.Token != nil && slices.Equal(c.token.Claims.Audience, []string{org.ConnectClient})
}

// founder is the authenticator of who founds the organization of an identity: the key of the stamp, or the way by which the
// person signed in on the pages of Connect. An app founds nothing: the person who uses it was not asked.
func (c *caller) founder() (org.Authenticator, error) {
	if c.session == "" {
		return org.Authenticator{
			ID: id.Random(), Name: "first key", Kind: org.KindKeypair, Algorithm: c.stamp.Algorithm, PublicKey: c.stamp.PublicKey, Created: c.now,
		}, nil
	}
	if !c.onPages() {
		return org.Authenticator{}, unauthenticated()
	}
	return newWay(org.WayChange{Subject: c.session, Name: "first way to sign in"}, c.now)
}

// mayTouch refuses to change a way to sign in as if it were any authenticator: that takes what its own methods ask for.
func (c *caller) mayTouch(username string, authenticator proof.ID) error {
	for _, w := range c.record.value.Ways(c.now) {
		if w.User.Username == username && w.Authenticator.ID == authenticator {
			return api.Errorf(api.TypeInvalid, "this is a way to sign in: removeWay and addWay change those").At("params.authenticatorId")
		}
	}
	return nil
}
