package certifier

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// The bounds of open logins.
const (
	challengeSize  = 32 // bytes
	challengeTime  = 10 * time.Minute
	maxOpen        = 1 << 16 // challenges
	maxOpenCodes   = 5       // codes of one address within challengeTime
	maxTries       = 5       // of one code
	codeDigits     = 8
	maxAddress     = 254 // bytes of an e-mail address (RFC 5321, 4.5.3.1.3)
	nonceCharacter = 43  // of a SHA-256 in base64url
)

// challenge is a login that was begun. Its time is counted by the clock that nobody can set.
type challenge struct {
	id      [challengeSize]byte
	nonce   string // of the session key that the login is for
	address string // of a one-time code; empty for the other ways
	code    string
	tries   int
	used    bool
	expires time.Duration // since boot
}

// begin gives out a challenge for a session key.
func (l *logins) begin(request wire.SignInBegin) (wire.SignInBegun, error) {
	if !isNonce(request.Nonce) {
		return wire.SignInBegun{}, refused("nonce is not the base64url of a SHA-256")
	}
	c := &challenge{id: random32(), nonce: request.Nonce, expires: l.boot() + challengeTime}
	if request.Email != "" {
		address, ok := normalAddress(request.Email)
		if !ok {
			return wire.SignInBegun{}, refused("this is no e-mail address")
		}
		c.address, c.code = address, newCode()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	if len(l.oldest) >= maxOpen {
		return wire.SignInBegun{}, wire.Faultf("overloaded", "too many logins are open; try again later")
	}
	if c.address != "" {
		if l.addresses[c.address] >= maxOpenCodes {
			return wire.SignInBegun{}, wire.Faultf("overloaded", "this address had %d codes within %v; try again later", maxOpenCodes, challengeTime)
		}
		l.addresses[c.address]++
	}
	l.open[c.id] = c
	l.oldest = append(l.oldest, c)
	l.stats.begun.Add(1)
	return wire.SignInBegun{Challenge: c.id[:], Code: c.code}, nil
}

// forget drops what has expired. A code counts against its address until then even when it was tried out, or guesses would
// have no end. The lock is held.
func (l *logins) forget() {
	now := l.boot()
	for len(l.oldest) > 0 && l.oldest[0].expires <= now {
		old := l.oldest[0]
		l.oldest[0] = nil
		l.oldest = l.oldest[1:]
		delete(l.open, old.id)
		if old.address != "" && !old.used {
			l.free(old.address)
		}
	}
}

func (l *logins) free(address string) {
	if l.addresses[address]--; l.addresses[address] <= 0 {
		delete(l.addresses, address)
	}
}

// find returns an open login.
func (l *logins) find(id []byte) (challenge, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.locked(id)
	if err != nil {
		return challenge{}, err
	}
	return *c, nil
}

func (l *logins) locked(id []byte) (*challenge, error) {
	l.forget()
	if len(id) == challengeSize {
		if c, ok := l.open[[challengeSize]byte(id)]; ok {
			return c, nil
		}
	}
	return nil, wire.Faultf("expired", "this login has ended, or was used already; begin again")
}

// tryCode compares a code with that of an open login. The last wrong one ends the login.
func (l *logins) tryCode(id []byte, code string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.locked(id)
	if err != nil {
		return err
	}
	if c.code == "" {
		return refused("no code was sent for this login")
	}
	c.tries++
	if subtle.ConstantTimeCompare([]byte(code), []byte(c.code)) == 1 {
		return nil
	}
	if c.tries >= maxTries {
		delete(l.open, c.id)
		return wire.Faultf("expired", "the code was wrong %d times and no longer works; begin again with a new one", maxTries)
	}
	return refused("the code is wrong; check it, or have another one sent")
}

// use ends an open login; only one caller succeeds.
func (l *logins) use(id []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.locked(id)
	if err != nil {
		return err
	}
	c.used = true
	delete(l.open, c.id)
	if c.address != "" {
		l.free(c.address)
	}
	return nil
}

// newCode draws eight digits; that some are likelier by one in 10^11 tells nobody anything.
func newCode() string {
	var b [8]byte
	rand.Read(b[:])
	return fmt.Sprintf("%0*d", codeDigits, binary.BigEndian.Uint64(b[:])%100_000_000)
}

// isNonce says whether a text names a key: base64url(SHA-256) in its one spelling.
func isNonce(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32 && len(s) == nonceCharacter
}

// normalAddress gives an e-mail address its one spelling: lower case. Letters beyond ASCII have several, so there are none.
func normalAddress(s string) (string, bool) {
	name, host, ok := strings.Cut(s, "@")
	if !ok || name == "" || host == "" || strings.Contains(host, "@") || len(s) > maxAddress {
		return "", false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return "", false
		}
	}
	return strings.ToLower(s), true
}
