package policy

import (
	"fmt"
	"sync"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// limiter counts the requests of organizations, of their users and of their authenticators, each in windows of a second
// that slide: no second, wherever it begins, holds more than the limit. It counts authenticated requests only, so that
// nobody can use up another's.
type limiter struct {
	rate uint32 // requests a second of an organization that sets nothing; 0 for no limit
	most uint32 // what an organization may set at most; 0 for anything

	mu      sync.Mutex
	windows map[subject]*window
}

// subject is whose requests are counted: an organization's when only that is given, else a user's or an authenticator's.
type subject struct {
	organization  proof.ID
	user          string
	authenticator proof.ID
}

// limited is a subject with its limit.
type limited struct {
	subject
	rate uint32
}

func newLimiter(rate, most uint32) *limiter {
	return &limiter{rate: rate, most: most, windows: map[subject]*window{}}
}

// limits lists what counts the requests of a caller, without what has no limit.
func (l *limiter) limits(c *caller) []limited {
	rates := c.controls.value.Speeds()
	if l.rate == 0 && rates == (org.Rates{}) {
		return nil
	}
	all := make([]limited, 0, 3)
	add := func(s subject, set, own uint32) {
		if set == 0 {
			set = own
		}
		if l.most > 0 {
			set = min(set, l.most)
		}
		if set > 0 {
			all = append(all, limited{s, set})
		}
	}
	add(subject{organization: c.organization}, rates.Organization, l.rate)
	if c.member.User != nil && rates.User > 0 {
		add(subject{organization: c.organization, user: c.member.User.Username}, rates.User, 0)
	}
	if c.member.Authenticator != nil && rates.Authenticator > 0 {
		add(subject{organization: c.organization, authenticator: c.member.Authenticator.ID}, rates.Authenticator, 0)
	}
	return all
}

// allow counts a request of a caller against all of its limits, or against none and says when it would be taken.
func (l *limiter) allow(c *caller) error {
	all := l.limits(c)
	if len(all) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range all {
		if wait := l.window(one.subject, c.now).wait(c.now, one.rate); wait > 0 {
			return one.exceeded(wait)
		}
	}
	for _, one := range all {
		l.windows[one.subject].add(1)
	}
	return nil
}

// charge counts n more requests, for what one asks the signer to do many times. It may leave a debt, which its subjects
// wait for; who has one already is turned away.
func (l *limiter) charge(c *caller, n int) error {
	all := l.limits(c)
	if len(all) == 0 || n <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range all {
		if w := l.window(one.subject, c.now); c.now < w.owes {
			return one.exceeded(w.owes - c.now)
		}
	}
	for _, one := range all {
		l.windows[one.subject].owe(c.now, uint64(n), one.rate)
	}
	return nil
}

func (one limited) exceeded(wait uint64) error {
	who := "the organization"
	switch {
	case one.user != "":
		who = fmt.Sprintf("user %q", one.user)
	case one.authenticator != proof.ID{}:
		who = "the authenticator"
	}
	seconds := uint32((wait + 999) / 1000)
	err := api.Errorf(api.TypeRateLimited, "%s sends more than %d requests, or asks for more signatures, a second; wait %d s and send the same body again", who, one.rate, seconds)
	err.RetryAfter = seconds
	return err
}

// window returns a subject's window as it is now. The lock is held.
func (l *limiter) window(s subject, now uint64) *window {
	w := l.windows[s]
	if w == nil {
		l.sweep(now)
		w = &window{}
		l.windows[s] = w
	}
	w.move(now)
	return w
}

// sweep forgets windows that hold nothing when there are many.
func (l *limiter) sweep(now uint64) {
	if len(l.windows) < 1<<16 {
		return
	}
	for s, w := range l.windows {
		if w.move(now); w.total == 0 && w.owes <= now {
			delete(l.windows, s)
		}
	}
}
