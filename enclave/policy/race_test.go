package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// rounds is how often a race is run.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

// Once a deletion is acknowledged, nothing more is signed for the deleted key, though its requests come all the time; and
// no entry after the deletion's signs for it, acknowledged or not.
func TestRevocationRace(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	for range rounds(12, 2_000) {
		key := newKey(t)
		made := must[api.Authenticator](t, r, o.key, api.CreateAuthenticator, object{
			"organizationId": o.id, "username": "root", "authenticator": keypair("k", key),
		})
		signedUntil(t, func() wire.Answer { return r.call(t, key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x")) }, 401, func() wire.Answer {
			return r.call(t, o.key, api.DeleteAuthenticator, object{"organizationId": o.id, "username": "root", "authenticatorId": made.ID})
		})
	}
}

// signedUntil has several callers sign all the time while a right ends. Once the end is acknowledged each of them must get
// the status of those who have none, and no entry after the end's may be a signature.
func signedUntil(t *testing.T, sign func() wire.Answer, status uint16, end func() wire.Answer) {
	t.Helper()
	ended := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	var signed []uint64 // entries of the signatures
	for range 8 {
		all.Go(func() {
			for {
				late := false
				select {
				case <-ended:
					late = true
				default:
				}
				a := sign()
				if late {
					if a.Status != status {
						t.Errorf("%d after the end was acknowledged", a.Status)
					}
					return
				}
				switch a.Status {
				case 200:
					mu.Lock()
					signed = append(signed, entryOf(t, a))
					mu.Unlock()
				case status:
				default:
					t.Errorf("%d %s", a.Status, a.Result)
					return
				}
			}
		})
	}
	a := end()
	close(ended)
	all.Wait()
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	last := entryOf(t, a)
	for _, entry := range signed {
		if entry > last {
			t.Errorf("entry %d signs by a right that entry %d ended", entry, last)
		}
	}
}

// entryOf reads from an answer's receipt which entry of the log authorised it.
func entryOf(t *testing.T, a wire.Answer) uint64 {
	t.Helper()
	receipt, err := proof.ParseResultReceipt(a.Receipt)
	if err != nil || !receipt.Result.Logged {
		t.Errorf("no entry: %v", err)
	}
	return receipt.Result.LogIndex
}

// heldBack starts everything anew, so that nothing is cached, and sends a request of which the host holds back the wallet's
// record. What it returns lets the request go on, and gives its answer.
func (r *rig) heldBack(t *testing.T, send func() wire.Answer) (goOn func() wire.Answer) {
	t.Helper()
	return r.heldBackAt(t, ledger.KindWallet, send)
}

// heldBackAt does so with a record of any kind.
func (r *rig) heldBackAt(t *testing.T, kind ledger.Kind, send func() wire.Answer) (goOn func() wire.Answer) {
	t.Helper()
	r.stop()
	var armed atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	r.between = func(s hostdesk.Store) hostdesk.Store {
		return &evil{Store: s, before: func(keys [][]byte) {
			if ledger.Key(keys[0]).Kind() == kind && armed.CompareAndSwap(true, false) {
				close(held)
				<-release
			}
		}}
	}
	r.start(t)
	armed.Store(true)
	outcome := make(chan wire.Answer, 1)
	go func() { outcome <- send() }()
	<-held
	return func() wire.Answer {
		close(release)
		return <-outcome
	}
}

// A request that was authenticated before a deletion, and comes to its effect after it, is judged again: it is a stranger's.
// Here the host holds it back in between, for as long as it likes.
func TestRevocationWhileInFlight(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, key))
	w := r.wallet(t, o)
	organization := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
	before := r.entries(t)
	goOn := r.heldBack(t, func() wire.Answer { return r.call(t, key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x")) })
	must[api.Authenticator](t, r, o.key, api.DeleteAuthenticator, object{
		"organizationId": o.id, "username": "second", "authenticatorId": organization.Users[1].Authenticators[0].ID,
	})
	if a := goOn(); a.Status != 401 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if grown := r.entries(t) - before; grown != 1 {
		t.Errorf("%d entries, want that of the deletion alone", grown)
	}
}

// A grant that ended and was made anew while a request under it was held back is another grant: its record must not look
// like the one that the request was judged by.
func TestGrantMadeAnewWhileInFlight(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	grant := func(scope string) {
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes(scope)}))
	}
	grant("signaturePayload")
	goOn := r.heldBack(t, func() wire.Answer {
		return r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
	})
	must[api.Grant](t, r, owner.key, api.RevokeOrganizationAccess, between(owner, target, w.WalletID, nil))
	grant("ethereumSignMessage")
	if a := goOn(); a.Status != 403 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// Of many changes of one organization at once none is lost, and each is based on the one before.
func TestConcurrentChangesAddUp(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	const users = 60
	for i, a := range together(users, func(i int) wire.Answer {
		return r.call(t, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user(fmt.Sprint("u", i), preset("DENY_ALL"), newKey(t))})
	}) {
		if a.Status != 200 {
			t.Errorf("user %d: %d %s", i, a.Status, a.Result)
		}
	}
	for range 2 {
		if n := len(must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id}).Users); n != users+1 {
			t.Errorf("%d users, want %d", n, users+1)
		}
		r.restart(t)
	}
}

// A read shows nothing that might still be lost: it waits until what it saw is stored and anchored.
func TestReadsWaitForTheAnchor(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	r.stop()
	var armed atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	r.between = func(s hostdesk.Store) hostdesk.Store {
		return &evil{Store: s, append: func(ctx context.Context, c wire.Commit) error {
			if !armed.Load() {
				return s.Append(ctx, c)
			}
			close(held)
			<-release
			return errors.New("the power is gone")
		}}
	}
	r.start(t)
	armed.Store(true)
	ask := func(method api.Method, params object) <-chan wire.Answer {
		outcome := make(chan wire.Answer, 1)
		body := r.body(t, method, params)
		go func() {
			a, _ := r.desk.Request(context.WithoutCancel(t.Context()), wire.KindRequest, r.request(o.key, body)) // no answer is an answer here
			outcome <- a
		}()
		return outcome
	}
	change := ask(api.AddUserToOrganization, object{"organizationId": o.id, "user": user("new", preset("DENY_ALL"), newKey(t))})
	<-held
	read := ask(api.GetOrganization, object{"organizationId": o.id})
	select {
	case a := <-read:
		t.Errorf("a read shows what is not stored: %d %s", a.Status, a.Result)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	if a := <-change; a.Status == 200 {
		t.Errorf("the change: %d %s", a.Status, a.Result)
	}
	select {
	case a := <-read:
		if a.Status == 200 {
			t.Errorf("the read: %d %s", a.Status, a.Result)
		}
	case <-time.After(10 * time.Second):
		t.Error("the read has no answer")
	}
}
