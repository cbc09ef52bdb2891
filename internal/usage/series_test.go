package usage_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/usage"
)

// noon is a Tuesday.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// step is something used at a moment; nil is not known.
type step struct {
	after time.Duration
	n     *amount.Amount
}

// used makes a series that keeps calendar windows from the beginning.
func used(t *testing.T, keep []string, steps ...step) *usage.Series {
	t.Helper()
	s := usage.New(noon)
	for _, window := range keep {
		next, err := s.Keep(noon, window)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	for _, one := range steps {
		next, err := s.Add(noon.Add(one.after), one.n)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	return s
}

func total(t *testing.T, s *usage.Series, after time.Duration, window, want string) {
	t.Helper()
	got, err := s.Total(noon.Add(after), window)
	switch {
	case errors.Is(err, usage.ErrUnknown):
		if want != "unknown" {
			t.Errorf("%s after %v: not known, want %s", window, after, want)
		}
	case err != nil:
		if want != "error" {
			t.Errorf("%s after %v: %v, want %s", window, after, err, want)
		}
	case got.String() != want:
		t.Errorf("%s after %v: %v, want %s", window, after, got, want)
	}
}

// A stored series never changes: others read it.
func TestSeriesDoesNotChange(t *testing.T) {
	first := used(t, []string{"day"}, step{0, amount.New(1)})
	second, err := first.Add(noon, amount.New(5))
	if err != nil {
		t.Fatal(err)
	}
	third, err := second.Add(noon.Add(time.Hour), amount.New(7))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []*usage.Series{first, second, third} {
		want := []string{"1", "6", "13"}[i]
		total(t, s, time.Hour, "day", want)
		total(t, s, time.Hour, "2h", want)
		if s.Since != uint64(noon.UnixMilli()) {
			t.Errorf("%d: counted since %d", i, s.Since)
		}
	}
}

// Each calendar window has its own total, which begins anew and is kept once; a clock that is set back begins nothing.
func TestCalendarsAreApart(t *testing.T) {
	const day = 24 * time.Hour
	s := used(t, []string{"day", "week", "month", "day"}, step{0, amount.New(1)}, step{day, amount.New(20)})
	if len(s.Calendars) != 3 {
		t.Errorf("%+v", s.Calendars)
	}
	total(t, s, day, "day", "20")
	total(t, s, day, "week", "21")
	total(t, s, 2*day, "day", "0")
	total(t, s, 2*day, "week", "21")
	total(t, s, 6*day, "week", "0")
	total(t, s, 6*day, "month", "21")
	total(t, s, 7*day, "month", "0")
	back, err := s.Add(noon, amount.New(300))
	if err != nil {
		t.Fatal(err)
	}
	total(t, back, day, "day", "320")
	total(t, back, day, "1h", "320")
	if again, err := back.Keep(noon, "24h"); err != nil || len(again.Calendars) != 3 {
		t.Errorf("a rolling window is kept: %+v, %v", again, err)
	}
	if late, err := used(t, nil, step{0, nil}).Keep(noon.Add(time.Hour), "day"); err != nil {
		t.Error(err)
	} else {
		total(t, late, time.Hour, "day", "unknown")
	}
	if _, err := s.Keep(noon, "year"); err == nil {
		t.Error("a year is kept")
	}
}

// What was not known stays so for as long as a window holds it, whatever comes after and however old it grows.
func TestUnknownStays(t *testing.T) {
	s := used(t, []string{"day"}, step{0, nil}, step{time.Minute, amount.New(1)}, step{2 * time.Minute, nil}, step{3 * time.Minute, amount.New(1)})
	total(t, s, 3*time.Minute, "1h", "unknown")
	total(t, s, 3*time.Minute, "1m", "unknown") // a bucket that ends as the window begins is out, this one does not yet
	total(t, s, 4*time.Minute, "1m", "1")
	total(t, s, 3*time.Minute, "day", "unknown")
	for _, later := range []time.Duration{3 * time.Hour, 23 * time.Hour} {
		next, err := s.Add(noon.Add(later), amount.New(1))
		if err != nil {
			t.Fatal(err)
		}
		total(t, next, later, "24h", "unknown")
	}
	for _, order := range [][]step{{{0, nil}, {time.Minute, amount.New(1)}}, {{0, amount.New(1)}, {time.Minute, nil}}} {
		total(t, used(t, nil, append(order, step{3 * time.Hour, amount.New(1)})...), 3*time.Hour, "24h", "unknown")
	}
	tomorrow, err := s.Add(noon.Add(13*time.Hour), amount.New(2))
	if err != nil {
		t.Fatal(err)
	}
	total(t, tomorrow, 13*time.Hour, "day", "2")
}

// Sums that do not fit are errors, or the most there is; never less than what was used.
func TestSumsThatDoNotFit(t *testing.T) {
	s := used(t, nil, step{0, amount.Max()}, step{time.Minute, amount.New(1)})
	total(t, s, time.Minute, "1h", "error")
	merged, err := s.Add(noon.Add(3*time.Hour), amount.New(0))
	if err != nil {
		t.Fatal(err)
	}
	total(t, merged, 3*time.Hour, "24h", amount.Max().String())
	if next, err := used(t, nil, step{0, amount.Max()}).Add(noon, amount.New(1)); err == nil {
		t.Errorf("%+v", next)
	}
	if kept := used(t, []string{"day"}, step{0, amount.Max()}); kept != nil {
		if next, err := kept.Add(noon.Add(time.Hour), amount.New(1)); err == nil {
			t.Errorf("a day beyond all amounts: %+v", next)
		}
	}
}

// Only so many calendar windows have a total of their own, those that were asked for last; what is forgotten is begun again
// with no less than was used.
func TestCalendarsAreBounded(t *testing.T) {
	s := used(t, []string{"day", "month"}, step{0, amount.New(7)}, step{time.Hour, amount.New(8)})
	now := noon.Add(time.Hour)
	zones := []string{
		"UTC", "Europe/Berlin", "Europe/Zurich", "Europe/Paris", "Europe/Rome", "Europe/Vienna", "Europe/London", "Asia/Tokyo", "Asia/Kolkata", "Asia/Seoul",
		"America/New_York", "US/Eastern", "America/Chicago", "America/Denver", "Africa/Cairo", "Africa/Lagos", "Australia/Sydney", "Pacific/Auckland",
	}
	var err error
	for _, zone := range zones {
		if s, err = s.Keep(now, "week "+zone); err != nil {
			t.Fatal(err)
		}
		if s, err = s.Keep(now, "day"); err != nil { // a policy in use keeps its own
			t.Fatal(err)
		}
		if len(s.Calendars) > usage.MaxCalendars {
			t.Fatalf("%d calendars", len(s.Calendars))
		}
	}
	var names []string
	for _, c := range s.Calendars {
		names = append(names, c.Window)
	}
	if len(names) != usage.MaxCalendars || names[len(names)-1] != "day" || slices.Contains(names, "month") || slices.Contains(names, "week UTC") {
		t.Errorf("%v are kept", names)
	}
	total(t, s, time.Hour, "day", "15")
	for _, window := range []string{"month", "week UTC"} {
		total(t, s, time.Hour, window, "15")
		if s, err = s.Keep(now, window); err != nil {
			t.Fatal(err)
		}
		total(t, s, time.Hour, window, "15")
	}
}

// Buckets are a minute wide, then a quarter of an hour, then six hours, and are gone when no window reaches them.
func TestBucketsGrow(t *testing.T) {
	const day = 24 * time.Hour
	for after, widths := range map[time.Duration][]uint32{
		0: {1}, time.Minute: {1, 1}, 2 * time.Hour: {1, 1}, 2*time.Hour + 15*time.Minute: {15, 1}, day: {15, 1}, day + 6*time.Hour: {360, 1},
		31 * day: {360, 1}, 32*day + time.Hour: {1},
	} {
		s := used(t, nil, step{0, amount.New(1)}, step{after, amount.New(1)})
		var got []uint32
		for _, b := range s.Buckets {
			got = append(got, b.Width)
		}
		if len(got) != len(widths) || got[0] != widths[0] {
			t.Errorf("after %v: %v, want %v", after, got, widths)
		}
	}
	within := used(t, nil, step{0, amount.New(1)}, step{59 * time.Second, amount.New(1)})
	if len(within.Buckets) != 1 {
		t.Errorf("%+v", within.Buckets)
	}
}

// Calendar windows end where the next begin, in their zone.
func TestCalendarsEnd(t *testing.T) {
	s := used(t, nil, step{0, amount.New(1)})
	for window, want := range map[string]string{
		"day": "2026-11-25T00:00:00Z", "week": "2026-11-30T00:00:00Z", "month": "2026-12-01T00:00:00Z",
		"day Asia/Kolkata": "2026-11-24T18:30:00Z", "month America/New_York": "2026-12-01T05:00:00Z",
	} {
		if got := s.Frees(noon, window, amount.New(0)).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s ends at %s, want %s", window, got, want)
		}
	}
	for window, want := range map[string]string{
		"day": "2026-11-24T00:00:00Z", "week": "2026-11-23T00:00:00Z", "month": "2026-11-01T00:00:00Z", "day Asia/Kolkata": "2026-11-23T18:30:00Z", "90m": "2026-11-24T10:30:00Z",
	} {
		if got, err := usage.Begins(window, noon); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s begins at %v, want %s (%v)", window, got, want, err)
		}
	}
}

// An organization says how old a price may be; the first price of another asset is nobody's.
func TestPriceAge(t *testing.T) {
	at := uint64(noon.UnixMilli())
	table := []org.Price{{Asset: "A", MicroUSD: 1, At: at}, {Asset: "B", MicroUSD: 2, At: at}}
	for _, c := range []struct {
		maxAge uint64
		after  time.Duration
		want   bool
	}{
		{0, time.Hour, true}, {0, time.Hour + time.Second, false}, {10_000, 10 * time.Second, true}, {10_000, 11 * time.Second, false}, {7_200_000, 2 * time.Hour, true},
	} {
		got, err := usage.Value(org.Prices{Table: table, MaxAge: c.maxAge}, "B", amount.New(3), noon.Add(c.after))
		if (err == nil) != c.want || err == nil && got.String() != "6" {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
