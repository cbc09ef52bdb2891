package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// How long keys of issuers hold, and the bounds of what is kept of them.
const (
	keysFresh      = time.Hour        // after that they are fetched anew, while they go on counting
	keysHold       = 24 * time.Hour   // after that they are not believed, whoever keeps us from fetching
	keysAgain      = time.Minute      // between two fetches from one URL
	keysAhead      = time.Minute      // that the certifier's clock may be ahead of ours
	keysBudget     = 15 * time.Second // of one fetch, as far as the host carries it
	maxKeySets     = 4096
	maxKeySetsEach = 32  // of one organization
	maxFlights     = 24  // fewer than the certifier serves, so that the keys of outside providers have their turn
	maxFlightsEach = 4   // that one organization began
	maxKeysURL     = 512 // bytes
)

// keysName names keys by where they come from.
type keysName struct {
	url    string
	issuer bool // URL is an issuer's; else that of the JWK set
}

// keysOwner names keys in the cache: those that one organization names never count for another.
type keysOwner struct {
	organization proof.ID
	keysName
}

// keySets caches keys that the certifier fetched.
type keySets struct {
	mu      sync.Mutex
	known   map[keysOwner]*keySet
	flights map[keysName]*flight
	failed  map[keysName]failedFetch
}

// keySet is keys with the time at which the certifier fetched them.
type keySet struct {
	keys    jose.KeySet
	fetched uint64        // Unix milliseconds
	used    time.Duration // since boot
}

// flight is a fetch under way; done is closed when the rest is there.
type flight struct {
	by     proof.ID // organization
	done   chan struct{}
	result keySet
	err    error
}

// failedFetch is why a fetch brought nothing, and when, since boot.
type failedFetch struct {
	at  time.Duration
	err error
}

func newKeySets() *keySets {
	return &keySets{known: map[keysOwner]*keySet{}, flights: map[keysName]*flight{}, failed: map[keysName]failedFetch{}}
}

// keysOf returns the keys of an issuer, or those at the URL of a JWK set, for an authenticator of an organization. They are
// the certifier's word and at most keysHold old. Its errors are for callers.
func (e *Engine) keysOf(ctx context.Context, organization proof.ID, url string, issuer bool) (jose.KeySet, error) {
	return e.keysSince(ctx, keysOwner{organization, keysName{url, issuer}}, keysHold)
}

// keysAnew is keysOf for a token that is signed by none of the keys known: they may be new since. At most one fetch a minute
// finds out.
func (e *Engine) keysAnew(ctx context.Context, organization proof.ID, url string, issuer bool) (jose.KeySet, error) {
	return e.keysSince(ctx, keysOwner{organization, keysName{url, issuer}}, keysAgain)
}

// keysSince returns keys that are at most so old.
func (e *Engine) keysSince(ctx context.Context, owner keysOwner, oldest time.Duration) (jose.KeySet, error) {
	if len(owner.url) > maxKeysURL {
		return jose.KeySet{}, api.Errorf(api.TypeUnavailable, "keys are not fetched from a URL longer than %d bytes", maxKeysURL)
	}
	now, err := e.clock.now()
	if err != nil {
		return jose.KeySet{}, err
	}
	s := e.keySets
	s.mu.Lock()
	known := s.known[owner]
	if known != nil {
		known.used = enclave.SinceBoot()
		age := ageOf(known.fetched, now)
		if age <= oldest {
			keys := known.keys
			if age > keysFresh && s.mayFetch(owner.keysName) == nil {
				e.fly(owner)
			}
			s.mu.Unlock()
			return keys, nil
		}
	}
	f := e.fly(owner)
	s.mu.Unlock()
	return s.wait(ctx, owner, f)
}

// ageOf is how long ago something was.
func ageOf(then, now uint64) time.Duration {
	if then >= now {
		return 0
	}
	return time.Duration(min(now-then, uint64(keysHold.Milliseconds())+1)) * time.Millisecond
}

// wait returns what a fetch brought, and keeps it for the organization: it may be another's fetch.
func (s *keySets) wait(ctx context.Context, owner keysOwner, f *flight) (jose.KeySet, error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return jose.KeySet{}, unfetched(owner.url, ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := f.err
	if err == nil {
		err = s.keep(owner, f.result)
	}
	if err != nil {
		return jose.KeySet{}, unfetched(owner.url, err)
	}
	return f.result.keys, nil
}

// unfetched is the error of a request that needs keys which cannot be had.
func unfetched(url string, err error) error {
	return api.Errorf(api.TypeUnavailable, "the keys of %s, with which this identity token is to be verified, cannot be fetched: %v", url, err)
}

// mayFetch says why there is no fetch now: one failed within the last minute. The lock is held.
func (s *keySets) mayFetch(name keysName) error {
	if failed, ok := s.failed[name]; ok && enclave.SinceBoot()-failed.at < keysAgain {
		return failed.err
	}
	return nil
}

// fly begins a fetch, or joins the one from the same URL that is under way. The lock is held.
func (e *Engine) fly(owner keysOwner) *flight {
	s := e.keySets
	if f, ok := s.flights[owner.keysName]; ok {
		return f
	}
	f := &flight{by: owner.organization, done: make(chan struct{})}
	err := s.mayFetch(owner.keysName)
	if err == nil && (len(s.flights) >= maxFlights || s.flightsOf(owner.organization) >= maxFlightsEach) {
		err = errors.New("too many fetches of keys at once")
	}
	if err != nil {
		f.err = err
		close(f.done)
		return f
	}
	s.flights[owner.keysName] = f
	go e.fetchKeys(owner, f)
	return f
}

// flightsOf counts the fetches that an organization began. The lock is held.
func (s *keySets) flightsOf(organization proof.ID) int {
	n := 0
	for _, f := range s.flights {
		if f.by == organization {
			n++
		}
	}
	return n
}

// fetchKeys has the host carry a fetch, and verifies what the certifier says it brought.
func (e *Engine) fetchKeys(owner keysOwner, f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), keysBudget)
	defer cancel()
	result, err := e.certified(ctx, owner.keysName)
	s := e.keySets
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.keep(owner, result)
	}
	if err != nil {
		s.note(owner.keysName, err)
	} else {
		delete(s.failed, owner.keysName)
	}
	f.result, f.err = result, err
	delete(s.flights, owner.keysName)
	close(f.done)
}

// certified asks for keys, and believes the certifier's signature and nothing else.
func (e *Engine) certified(ctx context.Context, name keysName) (keySet, error) {
	answer, err := wire.Ask[wire.Fetched](ctx, e.host, wire.KindFetch, wire.FetchBegin{URL: name.url, Issuer: name.issuer})
	if err != nil {
		return keySet{}, err
	}
	var signed proof.SignedKeySet
	if err := proof.Decode(answer.Statement, &signed); err != nil {
		return keySet{}, err
	}
	if err := signed.Verify(e.vault.Manifest()); err != nil {
		return keySet{}, err
	}
	now, err := e.clock.now()
	if err != nil {
		return keySet{}, err
	}
	said := signed.KeySet
	switch {
	case said.URL != name.url || said.Issuer != name.issuer:
		return keySet{}, errors.New("the statement is about other keys")
	case ageOf(said.Fetched, now) > keysHold:
		return keySet{}, fmt.Errorf("the statement is older than %v", keysHold)
	case said.Fetched > now+uint64(keysAhead.Milliseconds()):
		return keySet{}, errors.New("the statement is of the future")
	}
	keys, err := jose.ParseKeySet(said.Keys)
	return keySet{keys: keys, fetched: said.Fetched}, err
}

// keep puts keys into the cache. A statement older than the one known is refused: it might hold a key that was withdrawn.
// The lock is held.
func (s *keySets) keep(owner keysOwner, result keySet) error {
	if known := s.known[owner]; known != nil && known.fetched > result.fetched {
		return errors.New("the statement is older than the one before")
	}
	result.used = enclave.SinceBoot()
	if s.known[owner] == nil {
		s.makeRoom(owner.organization)
	}
	s.known[owner] = &result
	return nil
}

// makeRoom drops what was used longest ago: of the organization when it has its share, else of all. The lock is held.
func (s *keySets) makeRoom(organization proof.ID) {
	var own, any *keysOwner
	each := 0
	for owner, k := range s.known {
		if any == nil || k.used < s.known[*any].used {
			any = &owner
		}
		if owner.organization == organization {
			if each++; own == nil || k.used < s.known[*own].used {
				own = &owner
			}
		}
	}
	switch {
	case each >= maxKeySetsEach:
		delete(s.known, *own)
	case len(s.known) >= maxKeySets:
		delete(s.known, *any)
	}
}

// note remembers that a fetch failed. The lock is held.
func (s *keySets) note(name keysName, err error) {
	now := enclave.SinceBoot()
	if len(s.failed) >= maxKeySets {
		for other, f := range s.failed {
			if now-f.at >= keysAgain || len(s.failed) >= maxKeySets {
				delete(s.failed, other)
			}
		}
	}
	s.failed[name] = failedFetch{at: now, err: err}
}
