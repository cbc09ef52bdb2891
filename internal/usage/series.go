package usage

import (
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// Series is the usage of one subject in one asset, as it is stored. It is immutable: Add returns another.
type Series struct {
	_         struct{}   `cbor:",toarray"`
	Version   uint8      // 1
	Since     uint64     // Unix milliseconds of when counting began
	Buckets   []Bucket   // in order of time, none overlaps another
	Calendars []Calendar // at most MaxCalendars, the one that was asked for last at the end
}

// Bucket is what was used within some minutes. Buckets become wider as they grow older.
type Bucket struct {
	_       struct{} `cbor:",toarray"`
	Start   uint64   // Unix minutes
	Width   uint32   // minutes
	Total   []byte   // big endian
	Unknown bool     // something was used that could not be counted
}

// Calendar is what was used within a day, week or month.
type Calendar struct {
	_       struct{} `cbor:",toarray"`
	Window  string
	Start   uint64 // Unix milliseconds
	Total   []byte // big endian
	Unknown bool
}

// MaxCalendars bounds how many calendar windows a series keeps a total of by itself: as many as one policy may name. What a
// policy names no more is forgotten first, and begun again by what the buckets know of it, which is never less than was used:
// they reach back further than any window.
const MaxCalendars = 16

// The widths of buckets in minutes, and the age in minutes that the end of a bucket must have for each: windows up to two
// hours are rounded up by a minute, up to a day by a quarter of an hour, others by six hours.
const (
	fine, medium, coarse = 1, 15, 360
	mediumAge            = 2 * 60
	coarseAge            = 24 * 60
	oldest               = 32 * 24 * 60
)

// ErrUnknown says that something within the window could not be counted, so that no limit can hold.
var ErrUnknown = fmt.Errorf("something was used within the window whose value was not known")

// New begins a series.
func New(now time.Time) *Series { return &Series{Version: 1, Since: millis(now)} }

func millis(t time.Time) uint64 { return uint64(t.UnixMilli()) } //nolint:gosec // after 1970

// Add returns the series with an amount more, now. nil stands for an amount that is not known. An overflow is an error.
func (s *Series) Add(now time.Time, more *amount.Amount) (*Series, error) {
	next := &Series{Version: 1, Since: s.Since}
	minute := millis(now) / 60_000
	if n := len(s.Buckets); n > 0 {
		minute = max(minute, s.Buckets[n-1].Start) // time only moves forward
	}
	var err error
	next.Buckets = age(s.Buckets, minute)
	n := len(next.Buckets)
	if n == 0 || next.Buckets[n-1].Start+uint64(next.Buckets[n-1].Width) <= minute {
		next.Buckets = append(next.Buckets, Bucket{Start: minute, Width: fine})
		n++
	}
	b := &next.Buckets[n-1]
	if b.Total, b.Unknown, err = plus(b.Total, b.Unknown, more); err != nil {
		return nil, err
	}
	next.Calendars = slices.Clone(s.Calendars)
	for i := range next.Calendars {
		if err := next.Calendars[i].add(now, more); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func (c *Calendar) add(now time.Time, more *amount.Amount) error {
	w, err := parseWindow(c.Window)
	if err != nil {
		return err
	}
	if start := millis(w.begin(now)); start > c.Start {
		c.Start, c.Total, c.Unknown = start, nil, false
	}
	c.Total, c.Unknown, err = plus(c.Total, c.Unknown, more)
	return err
}

func plus(total []byte, unknown bool, more *amount.Amount) ([]byte, bool, error) {
	if more == nil {
		return total, true, nil
	}
	sum, err := amount.FromBytes(total).Plus(more)
	if err != nil {
		return nil, unknown, err
	}
	return sum.Bytes(), unknown, nil
}

// age copies buckets, those that grew old into wider ones, without those that no window reaches.
func age(all []Bucket, minute uint64) []Bucket {
	kept := make([]Bucket, 0, len(all)+1)
	for _, b := range all {
		old := minute - min(minute, b.Start)
		if old > oldest {
			continue
		}
		width := uint64(fine)
		if b.Start-b.Start%coarse+coarse+coarseAge <= minute {
			width = coarse
		} else if b.Start-b.Start%medium+medium+mediumAge <= minute {
			width = medium
		}
		start := b.Start - b.Start%width
		if n := len(kept); n > 0 && kept[n-1].Start <= start && start < kept[n-1].Start+uint64(kept[n-1].Width) {
			kept[n-1].merge(b)
			continue
		}
		if uint64(b.Width) < width {
			b.Start, b.Width = start, uint32(width) //nolint:gosec // 360 at most
		}
		kept = append(kept, b)
	}
	return kept
}

func (b *Bucket) merge(other Bucket) {
	total, unknown, err := plus(b.Total, b.Unknown, amount.FromBytes(other.Total))
	if err != nil {
		total = amount.Max().Bytes() // more than any limit, as its parts together were
	}
	b.Total, b.Unknown = total, unknown || other.Unknown
}

// Keep returns the series with a total for a calendar window, begun with what the buckets know of it.
func (s *Series) Keep(now time.Time, text string) (*Series, error) {
	w, err := parseWindow(text)
	if err != nil || w.rolling > 0 {
		return s, err
	}
	next := *s
	next.Calendars = slices.Clone(s.Calendars)
	if i := slices.IndexFunc(next.Calendars, func(c Calendar) bool { return c.Window == text }); i >= 0 {
		kept := next.Calendars[i]
		next.Calendars = append(slices.Delete(next.Calendars, i, i+1), kept)
		return &next, nil
	}
	start := w.begin(now)
	total, err := s.from(start)
	if err != nil && total == nil {
		return nil, err
	}
	next.Calendars = append(next.Calendars, Calendar{Window: text, Start: millis(start), Total: total.Bytes(), Unknown: err != nil})
	if more := len(next.Calendars) - MaxCalendars; more > 0 {
		next.Calendars = slices.Delete(next.Calendars, 0, more)
	}
	return &next, nil
}

// Total is what was used in the window that ends now; the error is ErrUnknown, or about the window.
func (s *Series) Total(now time.Time, text string) (*amount.Amount, error) {
	w, err := parseWindow(text)
	if err != nil {
		return nil, err
	}
	begin := w.begin(now)
	for _, c := range s.Calendars {
		if c.Window != text {
			continue
		}
		if c.Start < millis(begin) {
			return amount.New(0), nil
		}
		if c.Unknown {
			return amount.FromBytes(c.Total), ErrUnknown
		}
		return amount.FromBytes(c.Total), nil
	}
	return s.from(begin)
}

// from adds up the buckets that reach beyond a moment, whole ones.
func (s *Series) from(begin time.Time) (*amount.Amount, error) {
	total, unknown := amount.New(0), false
	for _, b := range s.Buckets {
		if (b.Start+uint64(b.Width))*60_000 <= millis(begin) {
			continue
		}
		var err error
		unknown = unknown || b.Unknown
		if total, err = total.Plus(amount.FromBytes(b.Total)); err != nil {
			return nil, err
		}
	}
	if unknown {
		return total, ErrUnknown
	}
	return total, nil
}

// Frees is when at most most will be left in the window if nothing is added; zero when that is never.
func (s *Series) Frees(now time.Time, text string, most *amount.Amount) time.Time {
	w, err := parseWindow(text)
	if err != nil {
		return time.Time{}
	}
	if w.rolling == 0 {
		return w.end(now)
	}
	for _, b := range s.Buckets {
		after := time.UnixMilli(int64(b.Start+uint64(b.Width)) * 60_000).Add(w.rolling) //nolint:gosec // minutes since 1970
		if after.Before(now) {
			continue
		}
		if left, err := s.from(after.Add(-w.rolling)); err == nil && left.Cmp(most) <= 0 {
			return after.UTC()
		}
	}
	return time.Time{}
}
