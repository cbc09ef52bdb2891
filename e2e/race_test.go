package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A5: a key is deleted while it signs. Once the deletion is acknowledged, nothing is signed; and every history is one
// that could have happened one request after the other.
func TestRevokedKeySignsNothing(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	began := time.Now()
	for round := range scale(40, 10_000) {
		k, id := o.member(t, round)
		history := o.race(t, k, id)
		if !porcupine.CheckEvents(revocable(), history) {
			t.Fatalf("round %d: no order of these requests explains their answers", round)
		}
	}
	t.Logf("in %v", time.Since(began))
}

// member adds a key to the root user and returns it with its identifier.
func (o *tenant) member(t *testing.T, round int) (*key, string) {
	t.Helper()
	k := newKey(o.root.server)
	id := o.root.must(t, "createAuthenticator", object{
		"organizationId": o.id, "username": "admin", "authenticator": k.authenticator(fmt.Sprint("k", round)),
	}, "id")
	return k, id
}

type revocation struct{ delete bool }

// race has eight callers sign with a key until they are refused, while the key is deleted.
func (o *tenant) race(t *testing.T, k *key, id string) []porcupine.Event {
	t.Helper()
	var mu sync.Mutex
	var history []porcupine.Event
	next := 0
	note := func(e porcupine.Event) {
		mu.Lock()
		defer mu.Unlock()
		history = append(history, e)
	}
	do := func(client int, op revocation, run func() bool) bool {
		mu.Lock()
		next++
		call := next
		mu.Unlock()
		note(porcupine.Event{ClientId: client, Kind: porcupine.CallEvent, Value: op, Id: call})
		ok := run()
		note(porcupine.Event{ClientId: client, Kind: porcupine.ReturnEvent, Value: ok, Id: call})
		return ok
	}
	var all sync.WaitGroup
	for client := range 8 {
		all.Go(func() {
			for n := range 200 {
				signed := do(client, revocation{}, func() bool {
					a, err := k.send(body("signUtf8Message", o.signParams(fmt.Sprintf("%d %d", client, n)), time.Now()))
					if err != nil || a.status != 200 && a.status != 401 {
						t.Errorf("%d %s %v", a.status, a.raw, err)
					}
					return a.status == 200
				})
				if !signed {
					return
				}
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	do(8, revocation{delete: true}, func() bool {
		a := o.root.call(t, "deleteAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticatorId": id})
		var gone struct{ ID string }
		if a.status != 200 || json.Unmarshal(a.result, &gone) != nil || gone.ID != id {
			t.Errorf("delete: %d %s", a.status, a.raw)
		}
		return a.status == 200
	})
	all.Wait()
	return history
}

// revocable is a key that signs until it is deleted.
func revocable() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return true },
		Step: func(state, input, output any) (bool, any) {
			alive := state.(bool)
			if input.(revocation).delete {
				return true, false
			}
			return output.(bool) == alive, alive
		},
	}
}
