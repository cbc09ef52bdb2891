package usage_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/proof"
)

// event is one use, as a plain list keeps it.
type event struct {
	at time.Time
	n  uint64
}

// between adds up what a list has from a moment on.
func between(all []event, begin time.Time) uint64 {
	var sum uint64
	for _, e := range all {
		if e.at.After(begin) {
			sum += e.n
		}
	}
	return sum
}

// Over months of random use, a window never holds less than what was really used in it, and never more than what was used
// in a window that is wider by one bucket.
func TestRollingWindows(t *testing.T) {
	windows := map[string]time.Duration{"1m0s": time.Minute, "10m0s": time.Minute, "1h0m0s": time.Minute, "24h0m0s": 15 * time.Minute, "168h0m0s": 6 * time.Hour, "744h0m0s": 6 * time.Hour}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := time.Date(2026, 11, 24, 21, 0, 0, 0, time.UTC)
		s := usage.New(now)
		var all []event
		for range 1500 {
			now = now.Add(time.Duration(random.ExpFloat64() * float64([]time.Duration{time.Second, time.Minute, time.Hour}[random.IntN(3)])))
			n := random.Uint64N(1000)
			next, err := s.Add(now, amount.New(n))
			if err != nil {
				t.Fatal(err)
			}
			s, all = next, append(all, event{now, n})
			for text, bucket := range windows {
				length, _ := time.ParseDuration(text)
				got, err := s.Total(now, text)
				if err != nil {
					t.Fatal(err)
				}
				least, most := between(all, now.Add(-length)), between(all, now.Add(-length-bucket))
				if sum := got.Big().Uint64(); sum < least || sum > most {
					t.Fatalf("seed %d: %s holds %d, want %d to %d", seed, text, sum, least, most)
				}
			}
		}
		if len(s.Buckets) > 360 {
			t.Errorf("%d buckets", len(s.Buckets))
		}
		encoded, err := proof.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		var back usage.Series
		if err := proof.Decode(encoded, &back); err != nil {
			t.Fatal(err)
		}
	}
}

// A day, a week and a month begin at midnight of the zone, also where the clock was changed, and are exact once kept.
func TestCalendarWindows(t *testing.T) {
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		window string
		used   time.Time
		now    time.Time
		want   uint64
	}{
		{"day America/New_York", time.Date(2026, 11, 1, 0, 30, 0, 0, york), time.Date(2026, 11, 1, 23, 59, 0, 0, york), 5}, // 25 hours long
		{"day America/New_York", time.Date(2026, 10, 31, 23, 59, 0, 0, york), time.Date(2026, 11, 1, 0, 0, 1, 0, york), 0},
		{"day America/New_York", time.Date(2026, 3, 8, 0, 30, 0, 0, york), time.Date(2026, 3, 8, 23, 59, 0, 0, york), 5}, // 23 hours long
		{"day", time.Date(2026, 11, 24, 23, 59, 0, 0, time.UTC), time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), 0},
		{"week", time.Date(2026, 11, 23, 0, 0, 1, 0, time.UTC), time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC), 5},
		{"week", time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), 0},
		{"month", time.Date(2026, 11, 1, 0, 0, 1, 0, time.UTC), time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC), 5},
		{"month", time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		s, err := usage.New(c.used).Keep(c.used, c.window)
		if err == nil {
			s, err = s.Add(c.used, amount.New(5))
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Total(c.now, c.window); err != nil || got.Big().Uint64() != c.want {
			t.Errorf("%s: used %v, now %v: %v, %v", c.window, c.used, c.now, got, err)
		}
	}
	// One that is named later begins with what the buckets know.
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s, err := usage.New(now).Add(now, amount.New(5))
	if err == nil {
		s, err = s.Keep(now.Add(time.Hour), "day")
	}
	if got, fault := s.Total(now.Add(time.Hour), "day"); err != nil || fault != nil || got.Big().Uint64() != 5 {
		t.Errorf("kept late: %v, %v, %v", got, err, fault)
	}
}

func TestUnknownAndOverflow(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s, err := usage.New(now).Add(now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Total(now, "24h"); !errors.Is(err, usage.ErrUnknown) {
		t.Errorf("a window with what nobody knows: %v", err)
	}
	if got, err := s.Total(now.Add(25*time.Hour), "24h"); err != nil || got.Big().Sign() != 0 {
		t.Errorf("a window after it: %v, %v", got, err)
	}
	s, err = usage.New(now).Add(now, amount.Max())
	if err != nil {
		t.Fatal(err)
	}
	if next, err := s.Add(now, amount.New(1)); !errors.Is(err, amount.ErrRange) {
		t.Errorf("more than fits: %v, %v", next, err)
	}
	earlier, err := s.Add(now.Add(-time.Hour), amount.New(0)) // time that goes backwards opens nothing
	if err != nil || len(earlier.Buckets) != 1 {
		t.Errorf("%+v, %v", earlier, err)
	}
}

func TestFrees(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := usage.New(now)
	for i := range 3 {
		next, err := s.Add(now.Add(time.Duration(i)*30*time.Minute), amount.New(10))
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	at := now.Add(time.Hour)
	if got, want := s.Frees(at, "24h", amount.New(20)), now.Add(24*time.Hour+time.Minute); !got.Equal(want) {
		t.Errorf("frees at %v, want %v", got, want)
	}
	if got, want := s.Frees(at, "24h", amount.New(0)), at.Add(24*time.Hour+time.Minute); !got.Equal(want) {
		t.Errorf("is empty at %v, want %v", got, want)
	}
	if got, want := s.Frees(at, "day", amount.New(0)), time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the day ends at %v, want %v", got, want)
	}
}

func TestValue(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := uint64(now.Add(-time.Minute).UnixMilli())
	prices := org.Prices{Table: []org.Price{{Asset: "SOL", Decimals: 9, MicroUSD: 200_000_000, At: at}, {Asset: "OLD", Decimals: 0, MicroUSD: 1, At: at - 7_200_000}, {Asset: "BIG", Decimals: 0, MicroUSD: 2, At: at}}}
	for _, c := range []struct {
		asset string
		n     uint64
		want  uint64
		fails bool
	}{{"SOL", 1_500_000_000, 300_000_000, false}, {"SOL", 1, 1, false}, {"SOL", 0, 0, false}, {"OLD", 1, 0, true}, {"ETH", 1, 0, true}} {
		got, err := usage.Value(prices, c.asset, amount.New(c.n), now)
		if errors.Is(err, usage.ErrPrice) != c.fails || err == nil && got.Big().Uint64() != c.want {
			t.Errorf("%d %s: %v, %v", c.n, c.asset, got, err)
		}
	}
	if got, err := usage.Value(prices, "BIG", amount.Max(), now); err == nil {
		t.Errorf("more dollars than there are: %v", got)
	}
}

func TestWindows(t *testing.T) {
	for _, text := range []string{"1m", "24h", "744h", "day", "week UTC", "month Europe/Berlin"} {
		if err := usage.CheckWindow(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "0s", "59s", "745h", "-1h", "year", "day ", "day Local", "day Nowhere", "Day", "day  UTC", "day ../UTC"} {
		if err := usage.CheckWindow(text); err == nil {
			t.Errorf("%q is a window", text)
		}
	}
}
