// Package certifier is the enclave that admits the others by their evidence, certifies their keys, and anchors the
// ledger: it keeps the newest head, moves it only forward along the chain, and signs receipts for it. It also keeps
// time: what it says never runs backwards. And it says who signed in, by evidence that it verified itself, with keys that it
// fetched itself.
package certifier

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/cert"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Certifier is the enclave's state.
type Certifier struct {
	vault    *enclave.Vault
	key      ed25519.PrivateKey
	manifest proof.Hash
	stats    stats
	logins   *logins

	mu         sync.Mutex
	anchor     *anchorFile
	state      anchored
	clock      *clock
	challenges map[string]time.Time // nonces that were given out, with their time of expiry
}

// Key returns the key with which a certifier of this root secret signs. Its public half stands in the manifest.
func Key(root seal.Root) ed25519.PrivateKey {
	seed := root.Derive("certifier")
	return ed25519.NewKeyFromSeed(seed[:])
}

// Serve runs the certifier until the context ends.
func Serve(ctx context.Context, v *enclave.Vault) error {
	c, err := open(v)
	if err != nil {
		v.Anchor.Close()
		return err
	}
	defer c.close()
	if err := c.certifySelf(); err != nil {
		return err
	}
	go c.renewSelf(ctx)
	return v.Accept(ctx, true, c.handle, proof.RolePolicy, proof.RoleSigner)
}

// close releases the anchor, and with it the lock, when no call writes to it any more.
func (c *Certifier) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.vault.Anchor.Close()
}

func open(v *enclave.Vault) (*Certifier, error) {
	key := Key(v.Root)
	if !key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(v.Manifest().Certifier)) {
		return nil, fmt.Errorf("the certifier's root secret is not the one of the manifest: wrong key file")
	}
	hash, err := v.Manifest().Hash()
	if err != nil {
		return nil, err
	}
	file, state, err := openAnchor(v.Anchor, v.Root)
	if len(v.Pack.Rebase) > 0 && (err == nil || errors.Is(err, errNoAnchor)) {
		state, err = file.rebase(state, err != nil, v, hash)
	}
	if err != nil {
		return nil, err
	}
	if err := state.accepts(v.Manifest()); err != nil {
		return nil, err
	}
	state.Manifest = v.Manifest().Epoch // made durable when the policy engine opens the ledger
	c := &Certifier{
		vault: v, key: key, manifest: hash, anchor: file, state: state,
		clock: newClock(state.Time, v.Wall), challenges: map[string]time.Time{},
	}
	c.logins, err = c.newLogins()
	return c, err
}

// handle serves one call of a peer; an empty role is a stranger's.
func (c *Certifier) handle(role proof.Role, call *wire.Call) {
	switch {
	case call.Kind == wire.KindChallenge:
		wire.Serve(call, c.challenge)
	case call.Kind == wire.KindAdmit:
		wire.Serve(call, c.admit)
	case call.Kind == wire.KindOpen && role == proof.RolePolicy:
		wire.Serve(call, c.open)
	case call.Kind == wire.KindAnchor && role == proof.RolePolicy:
		wire.Serve(call, c.moveAnchor)
	case call.Kind == wire.KindNewest && role != "":
		wire.Serve(call, c.newest)
	case call.Kind == wire.KindNote && role == proof.RolePolicy:
		wire.Serve(call, c.note)
	case call.Kind == wire.KindCertifierCounters && role == proof.RolePolicy:
		wire.Serve(call, c.counters)
	case isLogin(call.Kind) && role == proof.RolePolicy:
		c.login(call)
	default:
		call.Fail(wire.Faultf("refused", "role %q may not ask this", role))
	}
}

const (
	challengeLifetime = time.Minute
	maxChallenges     = 1024
)

func (c *Certifier) challenge(wire.Empty) (wire.Challenge, error) {
	nonce := make([]byte, 32)
	rand.Read(nonce)
	c.mu.Lock()
	defer c.mu.Unlock()
	for old, expires := range c.challenges {
		if time.Now().After(expires) {
			delete(c.challenges, old)
		}
	}
	if len(c.challenges) >= maxChallenges {
		return wire.Challenge{}, wire.Faultf("overloaded", "too many challenges are open")
	}
	c.challenges[string(nonce)] = time.Now().Add(challengeLifetime)
	return wire.Challenge{Nonce: nonce}, nil
}

// admit certifies an enclave whose evidence fits the manifest and one of our challenges, which it uses up.
func (c *Certifier) admit(request wire.Evidence) (wire.Certificate, error) {
	evidence, err := c.judge(request.Evidence)
	c.stats.judged(err)
	if err != nil {
		return wire.Certificate{}, wire.Faultf("refused", "not admitted: %v", err)
	}
	c.vault.Log.Printf("admitted the %s, tier %s, protections %v", evidence.Role, evidence.Tier, evidence.Measures)
	return c.certify(evidence.Role, evidence.Channel, evidence.SigningKey)
}

func (c *Certifier) judge(b []byte) (attest.Evidence, error) {
	nonce, err := attest.Nonce(b)
	if err != nil {
		return attest.Evidence{}, err
	}
	evidence, err := attest.Verify(c.vault.Manifest(), nonce, b)
	if err != nil {
		return evidence, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	expires, ours := c.challenges[string(nonce)]
	delete(c.challenges, string(nonce))
	if !ours || time.Now().After(expires) {
		return evidence, fmt.Errorf("%w: not for one of our challenges, or too late", attest.ErrEvidence)
	}
	return evidence, nil
}

func (c *Certifier) certify(role proof.Role, channel proof.Hash, signing ed25519.PublicKey) (wire.Certificate, error) {
	now := time.Now()
	statement, err := proof.SignCertificate(c.key, proof.Certificate{
		Version: 1, Role: role, Channel: channel, SigningKey: signing, Manifest: c.manifest, Epoch: c.vault.Manifest().Epoch,
		NotBefore: uint64(now.Add(-time.Minute).UnixMilli()), NotAfter: uint64(now.Add(cert.Lifetime).UnixMilli()),
	})
	return wire.Certificate{Certificate: statement}, err
}

func (c *Certifier) certifySelf() error {
	own, err := c.certify(proof.RoleCertifier, c.vault.Keys.Channel(), c.vault.Keys.SigningKey())
	if err != nil {
		return err
	}
	return c.vault.Keys.Use(own.Certificate)
}

func (c *Certifier) renewSelf(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(cert.Lifetime / 2):
		}
		if err := c.certifySelf(); err != nil {
			c.vault.Log.Printf("certificate not renewed: %v", err)
		}
	}
}
