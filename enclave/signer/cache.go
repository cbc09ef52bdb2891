package signer

import (
	"container/list"
	"errors"
	"sync"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/address"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Bounds of what the signer holds in the clear.
const (
	cachedWallets = 4096
	cachedKeys    = 32 // derived keys of one wallet
)

var errNotHeld = errors.New("the sealed secret is needed")

// held is an opened wallet with the keys that were derived from it. Its secrets are wiped when it leaves the cache,
// which waits for those who use them.
type held struct {
	mu     sync.RWMutex
	wiped  bool
	seed   *seed.Seed       // of a mnemonic
	single curve.PrivateKey // of a keypair
	curve  api.Curve        // of a keypair
	keys   map[string]accountKey
}

// cache holds the most recently used wallets.
type cache struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *cached, newest first
	by    map[proof.ID]*list.Element
}

type cached struct {
	wallet proof.ID
	held   *held
}

func newCache(limit int) *cache {
	return &cache{max: limit, order: list.New(), by: map[proof.ID]*list.Element{}}
}

func (c *cache) get(wallet proof.ID) *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.by[wallet]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).held
}

// put keeps an opened wallet and returns it. When another was faster to open it, that one stays: somebody may be about to
// use it.
func (c *cache) put(wallet proof.ID, h *held) *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.by[wallet]; e != nil {
		h.wipe()
		c.order.MoveToFront(e)
		return e.Value.(*cached).held
	}
	c.by[wallet] = c.order.PushFront(&cached{wallet: wallet, held: h})
	for c.order.Len() > c.max {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.by, oldest.wallet)
		go oldest.held.wipe() // waits for those who still sign with it
	}
	return h
}

// lend has do use an opened wallet, which is opened again if it leaves the cache before it is used.
func (s *Signer) lend(wallet proof.ID, sealed []byte, do func(*held) error) error {
	for {
		h, err := s.hold(wallet, sealed)
		if err != nil {
			return err
		}
		if err = do(h); !errors.Is(err, errNotHeld) {
			return err
		}
	}
}

// hold returns the opened wallet, from the cache or from its sealed secret.
func (s *Signer) hold(wallet proof.ID, sealed []byte) (*held, error) {
	if h := s.cache.get(wallet); h != nil {
		s.stats.seedHits.Add(1)
		return h, nil
	}
	s.stats.seedMisses.Add(1)
	if len(sealed) == 0 {
		return nil, errNotHeld
	}
	opened, err := s.open(wallet, sealed)
	if err != nil {
		return nil, err
	}
	defer opened.wipe()
	h, err := newHeld(opened)
	if err != nil {
		return nil, err
	}
	return s.cache.put(wallet, h), nil
}

func newHeld(opened *secret) (*held, error) {
	h := &held{keys: map[string]accountKey{}}
	var err error
	if opened.Kind == api.WalletKeypair {
		h.curve = opened.Curve
		h.single, err = curve.New(opened.Curve, opened.Entropy)
		return h, err
	}
	h.seed, err = seed.Restore(opened.Entropy, opened.Seed)
	return h, err
}

// accountKey is the private key of an account with what is public of it.
type accountKey struct {
	curve.PrivateKey
	public wire.Account
}

// use lends the key of an account. The key must not be kept.
func (h *held) use(path derivation.Path, c api.Curve, format api.AddressFormat, do func(accountKey) error) error {
	name := string(c) + "|" + string(format) + "|" + path.String()
	h.mu.RLock()
	if key, ok := h.keys[name]; ok {
		defer h.mu.RUnlock()
		return do(key)
	}
	h.mu.RUnlock()

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wiped {
		return errNotHeld
	}
	key, ok := h.keys[name]
	if !ok {
		var err error
		if key.PrivateKey, err = h.derive(path, c, format); err != nil {
			return err
		}
		key.public.PublicKey = key.Public()
		if key.public.Address, err = address.Encode(format, key.public.PublicKey); err != nil {
			return err
		}
		h.remember(name, key)
	}
	return do(key)
}

// derive makes the private key of an account.
func (h *held) derive(path derivation.Path, c api.Curve, format api.AddressFormat) (curve.PrivateKey, error) {
	if h.single == nil {
		if err := derivation.CheckAccount(path, c, format); err != nil {
			return nil, err
		}
		return h.seed.Derive(path, c)
	}
	switch {
	case len(path) != 0:
		return nil, errors.New("a keypair wallet has no derivation path")
	case c != h.curve:
		return nil, errors.New("the wallet's key is on another curve")
	}
	return h.single, nil
}

// remember keeps a derived key, and drops an arbitrary other one when there are many. A keypair wallet has one key, and
// fewer formats of addresses than there are places.
func (h *held) remember(name string, key accountKey) {
	for old, k := range h.keys {
		if len(h.keys) < cachedKeys {
			break
		}
		k.Zero()
		delete(h.keys, old)
	}
	h.keys[name] = key
}

func (h *held) wipe() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wiped = true
	for name, key := range h.keys {
		key.Zero()
		delete(h.keys, name)
	}
	if h.single != nil {
		h.single.Zero()
	}
	if h.seed != nil {
		h.seed.Zero()
	}
}
