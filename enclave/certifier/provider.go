package certifier

import (
	"errors"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// How long keys of providers hold.
const (
	keysFresh = time.Hour      // after that they are fetched anew
	keysHold  = 24 * time.Hour // after that they are not believed, whoever keeps us from fetching
	keysAgain = time.Minute    // between two fetches for a key that is not there
	keysRetry = 10 * time.Minute
)

// provider is what is known of the keys of an outside provider. Times are since boot.
type provider struct {
	keys    jose.KeySet
	fetched time.Duration // 0 when never
	begun   time.Duration // of the newest fetch; 0 when never
}

// verifyOutside checks a token by the keys of its issuer, which the certifier fetched itself. A fault with the code
// FaultKeysNeeded tells the host to have them fetched first.
func (l *logins) verifyOutside(token jose.Token, issuer string) error {
	l.mu.Lock()
	var p provider
	if known := l.providers[issuer]; known != nil {
		p = *known
	}
	l.mu.Unlock()
	needed := wire.Faultf(wire.FaultKeysNeeded, "%s", issuer)
	now := l.boot()
	age := now - p.fetched
	switch {
	case p.fetched == 0 || age > keysHold:
		return needed
	case age > keysFresh && (p.begun <= p.fetched || now-p.begun > keysRetry):
		return needed // an outage is no reason to refuse what holds still: after one try it counts again
	}
	err := token.Verify(p.keys)
	if err == nil {
		return nil
	}
	if age > keysAgain && now-p.begun > keysAgain {
		return needed // the key may be new
	}
	return refused("%v", err)
}

// beginsFetch notes that keys of a provider are being fetched.
func (l *logins) beginsFetch(issuer string) { l.note(issuer, func(p *provider) { p.begun = l.boot() }) }

// fetched keeps keys of a provider.
func (l *logins) fetched(issuer string, keys jose.KeySet) {
	l.note(issuer, func(p *provider) { p.keys, p.fetched = keys, l.boot() })
}

// note changes what is known of a provider; others are nobody's evidence.
func (l *logins) note(issuer string, change func(*provider)) {
	if _, ours := l.connect.ProviderOf(issuer); !ours {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.providers[issuer]
	if p == nil {
		p = &provider{}
		l.providers[issuer] = p
	}
	change(p)
}

// needsKeys says whether an error is the wish for keys to be fetched.
func needsKeys(err error) bool {
	var fault *wire.Fault
	return errors.As(err, &fault) && fault.Code == wire.FaultKeysNeeded
}
