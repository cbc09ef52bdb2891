package certifier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// logins is the part of the certifier that says who signed in. It keeps no accounts: a person is the hash of the way by
// which they sign in, and what is open is forgotten within minutes. The host relays everything and is believed in nothing.
type logins struct {
	connect  proof.Connect
	key      *ecdsa.PrivateKey
	own      jose.KeySet // the key's public half
	sealing  seal.Key    // of sessions
	rp       [32]byte    // hash of the RP ID of passkeys
	now      func() (uint64, error)
	boot     func() time.Duration
	stats    *stats
	working  chan struct{} // holds one for each call that is worked on
	fetching *fetches

	mu        sync.Mutex
	open      map[[challengeSize]byte]*challenge
	oldest    []*challenge // all that were given out within challengeTime, in their order
	addresses map[string]int
	providers map[string]*provider // keys by issuer
}

// maxLogins bounds the calls of logins that are worked on at once, so that anchoring always has its turn.
const maxLogins = 64

// connectKey derives the key that signs logins from the root secret. A scalar that is none, once in 2^32, is passed over.
func connectKey(root seal.Root) (*ecdsa.PrivateKey, error) {
	var key *ecdsa.PrivateKey
	var err error
	for i := range 8 {
		scalar := root.Derive("connect\x00" + strconv.Itoa(i))
		if key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			return key, nil
		}
	}
	return nil, err
}

func (c *Certifier) newLogins() (*logins, error) {
	connect := c.vault.Manifest().Connect
	key, err := connectKey(c.vault.Root)
	if err != nil {
		return nil, err
	}
	l := &logins{
		connect: connect, key: key, own: jose.SingleKey(&key.PublicKey), sealing: c.vault.Root.Key("session"),
		rp: sha256.Sum256([]byte(connect.RPID())), now: c.time, boot: c.clock.boot, stats: &c.stats, working: make(chan struct{}, maxLogins),
		open: map[[challengeSize]byte]*challenge{}, addresses: map[string]int{}, providers: map[string]*provider{},
	}
	l.fetching, err = newFetches(connect)
	return l, err
}

// time is that of the anchor's clock, in Unix milliseconds.
func (c *Certifier) time() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.clock.now()
	if err != nil {
		return 0, wire.Faultf("clock", "%v", err)
	}
	return now, nil
}

// login serves a call that the policy engine passes on from the host, apart from the link that it came on.
func (c *Certifier) login(call *wire.Call) {
	if c.logins.connect.Origin == "" {
		call.Fail(wire.Faultf("no-logins", "the manifest names no origin for logins"))
		return
	}
	select {
	case c.logins.working <- struct{}{}:
	default:
		call.Fail(wire.Faultf("overloaded", "too many logins at once; try again"))
		return
	}
	go func() {
		defer func() { <-c.logins.working }()
		c.serveLogin(call)
	}()
}

func (c *Certifier) serveLogin(call *wire.Call) {
	switch call.Kind {
	case wire.KindIssuer:
		wire.Serve(call, c.issuer)
	case wire.KindSignInBegin:
		wire.Serve(call, c.logins.begin)
	case wire.KindSignIn:
		wire.Serve(call, c.logins.signIn)
	case wire.KindAuthorize:
		wire.Serve(call, c.logins.authorize)
	case wire.KindMint:
		wire.Serve(call, c.logins.mint)
	case wire.KindFetchBegin:
		wire.Serve(call, c.fetchBegin)
	case wire.KindFetchStep:
		wire.Serve(call, c.fetchStep)
	default:
		call.Fail(wire.Faultf("refused", "nothing of logins"))
	}
}

// isLogin says whether a call is one that the policy engine passes on from the host.
func isLogin(kind wire.Kind) bool { return kind >= wire.KindIssuer && kind <= wire.KindFetchStep }

// refused is the fault of evidence that does not hold.
func refused(format string, args ...any) error { return wire.Faultf("refused", format, args...) }

func random32() [32]byte {
	var b [32]byte
	rand.Read(b[:])
	return b
}
