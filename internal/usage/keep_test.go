package usage_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/usage"
)

// A series does not change when another is made of it: who read it before decides by what it was.
func TestSeriesStay(t *testing.T) {
	now := time.Date(2027, 3, 5, 12, 0, 0, 0, time.UTC)
	s := usage.New(now)
	var err error
	for _, window := range []string{"day", "week", "month"} {
		if s, err = s.Keep(now, window); err != nil {
			t.Fatal(err)
		}
	}
	order := func() (all []string) {
		for _, c := range s.Calendars {
			all = append(all, c.Window)
		}
		return all
	}
	before := order()
	if _, err := s.Keep(now, "day"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keep(now, "year"); err == nil {
		t.Error("no such window, and it is kept")
	}
	if _, err := s.Add(now, amount.New(5)); err != nil {
		t.Fatal(err)
	}
	if got := order(); !reflect.DeepEqual(got, before) {
		t.Errorf("the series has %v, had %v", got, before)
	}
	if total, err := s.Total(now, "day"); err != nil || total.String() != "0" {
		t.Errorf("%v, %v", total, err)
	}
}
