// Package usage counts what was spent and how often, for each subject by itself, in windows of time: rolling ones, which
// are made of buckets and rounded up, and days, weeks and months of a time zone. It is pure: the policy engine keeps the
// totals as records and moves them in the commit that authorises.
package usage

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // an enclave has no files to read zones from
)

// Scope says whose usage is counted together.
type Scope string

// The scopes.
const (
	User          Scope = "user"
	Authenticator Scope = "authenticator"
	Wallet        Scope = "wallet"
	Destination   Scope = "destination"
	Organization  Scope = "organization"
)

// Scopes lists them.
func Scopes() []Scope { return []Scope{User, Authenticator, Wallet, Destination, Organization} }

// The bounds of rolling windows.
const (
	MinWindow = time.Minute
	MaxWindow = 31 * 24 * time.Hour
)

// window is a stretch of time that ends now.
type window struct {
	rolling  time.Duration // 0 for a calendar window
	calendar string        // day, week or month
	zone     *time.Location
}

// CheckWindow says what is wrong with the text of a window: a duration as 24h or 90m, or day, week or month with an
// optional IANA time zone, as "day America/New_York". Without zone it is UTC. Weeks begin on Monday (ISO 8601).
func CheckWindow(text string) error {
	_, err := parseWindow(text)
	return err
}

func parseWindow(text string) (window, error) {
	name, zone, zoned := strings.Cut(text, " ")
	switch name {
	case "day", "week", "month":
		w := window{calendar: name, zone: time.UTC}
		if !zoned {
			return w, nil
		}
		var err error
		if w.zone, err = time.LoadLocation(zone); err != nil || zone == "Local" || zone == "" {
			return w, fmt.Errorf("unknown time zone %q: want a name of the IANA database, as America/New_York", zone)
		}
		return w, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return window{}, fmt.Errorf("%q is no window: want a duration as duration('24h'), or 'day', 'week' or 'month' with a time zone", text)
	}
	if d < MinWindow || d > MaxWindow {
		return window{}, fmt.Errorf("a window of %v: want %v to %v", d, MinWindow, MaxWindow)
	}
	return window{rolling: d}, nil
}

// begin is when the window that ends now began.
func (w window) begin(now time.Time) time.Time {
	if w.rolling > 0 {
		return now.Add(-w.rolling)
	}
	local := now.In(w.zone)
	year, month, day := local.Date()
	switch w.calendar {
	case "week":
		day -= (int(local.Weekday()) + 6) % 7
	case "month":
		day = 1
	}
	return time.Date(year, month, day, 0, 0, 0, 0, w.zone)
}

// end is when a calendar window that holds now is over.
func (w window) end(now time.Time) time.Time {
	year, month, day := w.begin(now).Date()
	switch w.calendar {
	case "week":
		day += 7
	case "month":
		month++
	default:
		day++
	}
	return time.Date(year, month, day, 0, 0, 0, 0, w.zone)
}
