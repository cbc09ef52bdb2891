package certifier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// The bounds of fetches.
const (
	maxFetches  = 32        // open at once
	maxReceived = 128 << 10 // bytes that one step brings
)

// fetches are the fetches of keys that are open. TLS ends in this enclave; the host carries the bytes, by asking for them
// and bringing them, and can do no more than keep them.
type fetches struct {
	connect proof.Connect
	roots   *x509.CertPool
	limit   time.Duration // of one fetch
	grace   time.Duration // after which one that nobody asks for any more is forgotten

	mu   sync.Mutex
	open map[id.ID]*fetch
}

// fetch is one that is open.
type fetch struct {
	url      string
	issuer   bool
	carried  *carried
	stepping bool // a step of it is under way
}

func newFetches(connect proof.Connect) (*fetches, error) {
	roots, err := trusted(connect)
	return &fetches{connect: connect, roots: roots, limit: wire.FetchTime, grace: wire.FetchTime, open: map[id.ID]*fetch{}}, err
}

// fetchBegin begins to fetch keys.
func (c *Certifier) fetchBegin(request wire.FetchBegin) (wire.FetchStepped, error) {
	now, err := c.time()
	if err != nil {
		return wire.FetchStepped{}, err
	}
	f := &fetch{url: request.URL, issuer: request.Issuer, carried: newCarried(), stepping: true}
	if _, err := f.first(&c.logins.connect); err != nil {
		return wire.FetchStepped{}, refused("%v", err)
	}
	name, err := c.logins.fetching.add(f)
	if err != nil {
		return wire.FetchStepped{}, err
	}
	if request.Issuer {
		c.logins.beginsFetch(request.URL)
	}
	go f.run(c, now)
	time.AfterFunc(c.logins.fetching.limit, func() { f.carried.fail(errFetchTime) })
	time.AfterFunc(c.logins.fetching.limit+c.logins.fetching.grace, func() { c.logins.fetching.remove(name) })
	return c.step(name, f, nil, false)
}

// fetchStep goes on with a fetch.
func (c *Certifier) fetchStep(request wire.FetchStep) (wire.FetchStepped, error) {
	if len(request.Fetch) != len(id.ID{}) || len(request.Received) > maxReceived {
		return wire.FetchStepped{}, refused("no step of a fetch")
	}
	name := id.ID(request.Fetch)
	f, err := c.logins.fetching.take(name)
	if err != nil {
		return wire.FetchStepped{}, err
	}
	return c.step(name, f, request.Received, request.Ended)
}

func (c *Certifier) step(name id.ID, f *fetch, received []byte, ended bool) (wire.FetchStepped, error) {
	stepped, done, err := f.carried.step(received, ended)
	if done {
		c.logins.fetching.remove(name)
		c.stats.fetched(err)
	} else {
		c.logins.fetching.release(f)
	}
	if err != nil {
		return wire.FetchStepped{}, wire.Faultf(wire.FaultFetch, "the keys of %s cannot be fetched: %v", f.url, err)
	}
	stepped.Fetch, stepped.Loopback = name[:], c.logins.connect.Allows(stepped.Address)
	return stepped, nil
}

func (f *fetches) add(one *fetch) (id.ID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) >= maxFetches {
		return id.ID{}, wire.Faultf("overloaded", "too many fetches of keys at once; try again")
	}
	name := id.Random()
	f.open[name] = one
	return name, nil
}

// take returns a fetch of which no step is under way.
func (f *fetches) take(name id.ID) (*fetch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.open[name]
	if !ok || one.stepping {
		return nil, refused("this fetch is over, or has another step under way")
	}
	one.stepping = true
	return one, nil
}

func (f *fetches) release(one *fetch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.stepping = false
}

func (f *fetches) remove(name id.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, name)
}

// first is where the fetch begins.
func (f *fetch) first(connect *proof.Connect) (target, error) {
	where := f.url
	if f.issuer {
		var err error
		if where, err = discoveryURL(f.url); err != nil {
			return target{}, err
		}
	}
	return readURL(where, connect)
}

// run fetches, and leaves a statement or the reason why there is none.
func (f *fetch) run(c *Certifier, now uint64) {
	keys, err := f.keys(c.logins.fetching, now)
	if err != nil {
		f.carried.finish(fetched{}, err)
		return
	}
	statement, err := c.statement(f, keys, now)
	if err == nil && f.issuer {
		c.logins.fetched(f.url, keys)
	}
	f.carried.finish(fetched{statement}, err)
}

func (f *fetch) keys(all *fetches, now uint64) (jose.KeySet, error) {
	where, err := f.first(&all.connect)
	if err != nil {
		return jose.KeySet{}, err
	}
	document, err := f.get(all, where, now)
	if err != nil {
		return jose.KeySet{}, err
	}
	if f.issuer {
		next, err := readDiscovery(document, f.url)
		if err != nil {
			return jose.KeySet{}, err
		}
		if where, err = readURL(next, &all.connect); err != nil {
			return jose.KeySet{}, err
		}
		if document, err = f.get(all, where, now); err != nil {
			return jose.KeySet{}, err
		}
	}
	return jose.ParseKeySet(document)
}

// get asks for one document on a connection of its own.
func (f *fetch) get(all *fetches, where target, now uint64) ([]byte, error) {
	secured := tls.Client(f.carried.dial(where.address), &tls.Config{
		RootCAs: all.roots, ServerName: where.host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		SessionTicketsDisabled: true, Time: func() time.Time { return time.UnixMilli(int64(now)) },
	})
	if err := secured.Handshake(); err != nil {
		return nil, errors.Join(errors.New("TLS"), err)
	}
	if _, err := secured.Write(where.get()); err != nil {
		return nil, err
	}
	return readAnswer(secured)
}

// statement is what the certifier says of the keys that it fetched.
func (c *Certifier) statement(f *fetch, keys jose.KeySet, now uint64) ([]byte, error) {
	signed, err := proof.SignKeySet(c.key, proof.KeySet{
		Version: 1, URL: f.url, Issuer: f.issuer, Keys: keys.JSON(), Fetched: now, Manifest: c.manifest,
	})
	if err != nil {
		return nil, err
	}
	return proof.Encode(signed)
}
