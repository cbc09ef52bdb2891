// Package shelftest holds the one conformance suite of [shelf.Shelf]. Every shelf runs it.
package shelftest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Test runs the suite. open makes a new and empty shelf; reopen closes a shelf and opens the same rows again. Both leave it
// to the test's cleanup to close what they return.
func Test(t *testing.T, open func(t *testing.T) shelf.Shelf, reopen func(t *testing.T, s shelf.Shelf) shelf.Shelf) {
	for name, run := range map[string]func(*testing.T, shelf.Shelf){
		"Rows": testRows, "Expiry": testExpiry, "Bounds": testBounds, "Pages": testPages, "AddRaces": testAddRaces,
		"TakeRaces": testTakeRaces, "SwapRaces": testSwapRaces, "Bytes": testBytes,
	} {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
	t.Run("Durable", func(t *testing.T) {
		s := open(t)
		want := shelf.Row{Key: "k", Value: []byte("v"), Version: 1, Expires: start().Add(time.Hour)}
		put(t, s, shelf.Apps, want)
		s = reopen(t, s)
		got, err := s.Get(t.Context(), shelf.Apps, "k", start())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func start() time.Time { return time.UnixMilli(1_800_000_000_000) }

func put(t *testing.T, s shelf.Shelf, k shelf.Kind, r shelf.Row) {
	t.Helper()
	if err := s.Add(t.Context(), k, r, start()); err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func testRows(t *testing.T, s shelf.Shelf) {
	ctx, now := t.Context(), start()
	_, err := s.Get(ctx, shelf.Apps, "a", now)
	wants(t, "get of nothing", err, shelf.ErrNone)
	_, err = s.Take(ctx, shelf.Apps, "a", now)
	wants(t, "take of nothing", err, shelf.ErrNone)
	wants(t, "swap of nothing", s.Swap(ctx, shelf.Apps, shelf.Row{Key: "a", Version: 1}, now), shelf.ErrChanged)
	put(t, s, shelf.Apps, shelf.Row{Key: "a", Value: []byte("1")})
	put(t, s, shelf.Codes, shelf.Row{Key: "a", Value: []byte("other kind")})
	wants(t, "add where one is", s.Add(ctx, shelf.Apps, shelf.Row{Key: "a", Value: []byte("2")}, now), shelf.ErrTaken)
	wants(t, "swap of another version", s.Swap(ctx, shelf.Apps, shelf.Row{Key: "a", Version: 2}, now), shelf.ErrChanged)
	wants(t, "swap", s.Swap(ctx, shelf.Apps, shelf.Row{Key: "a", Value: []byte("3"), Version: 1}, now), nil)
	wants(t, "swap again", s.Swap(ctx, shelf.Apps, shelf.Row{Key: "a", Value: []byte("4"), Version: 1}, now), shelf.ErrChanged)
	got, err := s.Get(ctx, shelf.Apps, "a", now)
	if diff := cmp.Diff(shelf.Row{Key: "a", Value: []byte("3"), Version: 2}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n, err := s.Count(ctx, shelf.Apps); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	got, err = s.Take(ctx, shelf.Apps, "a", now)
	if diff := cmp.Diff(shelf.Row{Key: "a", Value: []byte("3"), Version: 2}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	_, err = s.Take(ctx, shelf.Apps, "a", now)
	wants(t, "take again", err, shelf.ErrNone)
	if got, err := s.Get(ctx, shelf.Codes, "a", now); err != nil || string(got.Value) != "other kind" {
		t.Errorf("the row of another kind: %q, %v", got.Value, err)
	}
}

func testExpiry(t *testing.T, s shelf.Shelf) {
	ctx, now := t.Context(), start()
	ends := now.Add(time.Second)
	put(t, s, shelf.Codes, shelf.Row{Key: "a", Value: []byte("1"), Expires: ends})
	put(t, s, shelf.Codes, shelf.Row{Key: "b", Value: []byte("1")})
	if _, err := s.Get(ctx, shelf.Codes, "a", ends.Add(-time.Millisecond)); err != nil {
		t.Errorf("a millisecond before its end: %v", err)
	}
	_, err := s.Get(ctx, shelf.Codes, "a", ends)
	wants(t, "get of what expired", err, shelf.ErrNone)
	_, err = s.Take(ctx, shelf.Codes, "a", ends)
	wants(t, "take of what expired", err, shelf.ErrNone)
	wants(t, "swap of what expired", s.Swap(ctx, shelf.Codes, shelf.Row{Key: "a", Version: 1}, ends), shelf.ErrChanged)
	if rows, err := s.List(ctx, shelf.Codes, "", 10, ends); err != nil || len(rows) != 1 {
		t.Errorf("%d rows listed, %v", len(rows), err)
	}
	wants(t, "add over what expired", s.Add(ctx, shelf.Codes, shelf.Row{Key: "a", Value: []byte("2"), Expires: ends.Add(time.Second)}, ends), nil)
	if got, err := s.Get(ctx, shelf.Codes, "a", ends); err != nil || string(got.Value) != "2" || got.Version != 1 {
		t.Errorf("added over what expired: %q, version %d, %v", got.Value, got.Version, err)
	}
	for _, want := range []int{1, 0} {
		if n, err := s.Sweep(ctx, ends.Add(time.Second)); err != nil || n != want {
			t.Errorf("%d swept, %v, want %d", n, err, want)
		}
	}
	if n, err := s.Count(ctx, shelf.Codes); err != nil || n != 1 {
		t.Errorf("%d rows left, %v", n, err)
	}
}

func testBounds(t *testing.T, s shelf.Shelf) {
	long, large := strings.Repeat("k", shelf.MaxKey+1), make([]byte, shelf.MaxValue+1)
	wants(t, "long key", s.Add(t.Context(), shelf.Apps, shelf.Row{Key: long}, start()), shelf.ErrTooLong)
	wants(t, "large value", s.Add(t.Context(), shelf.Apps, shelf.Row{Key: "k", Value: large}, start()), shelf.ErrTooLong)
	put(t, s, shelf.Apps, shelf.Row{Key: long[1:], Value: large[1:]})
	wants(t, "swap to a large value", s.Swap(t.Context(), shelf.Apps, shelf.Row{Key: long[1:], Value: large, Version: 1}, start()), shelf.ErrTooLong)
}

func testPages(t *testing.T, s shelf.Shelf) {
	var want []string
	for i := range 40 {
		key := fmt.Sprintf("%c%02d", "Aa-_"[i%4], i)
		want = append(want, key)
		put(t, s, shelf.Apps, shelf.Row{Key: key})
	}
	slices.Sort(want)
	var got []string
	for after := ""; ; {
		rows, err := s.List(t.Context(), shelf.Apps, after, 7, start())
		if err != nil || len(rows) > 7 {
			t.Fatalf("page of %d rows, %v", len(rows), err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			got = append(got, r.Key)
		}
		after = got[len(got)-1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// testBytes checks that values are kept to the byte.
func testBytes(t *testing.T, s shelf.Shelf) {
	for i, value := range [][]byte{{}, {0}, []byte("\x00\xff'\"\\"), []byte("ü")} {
		key := fmt.Sprintf("%d'\"%%_", i)
		put(t, s, shelf.Apps, shelf.Row{Key: key, Value: value})
		if got, err := s.Get(t.Context(), shelf.Apps, key, start()); err != nil || string(got.Value) != string(value) || got.Key != key {
			t.Errorf("%q came back as %q under %q, %v", value, got.Value, got.Key, err)
		}
	}
}

const racers = 32

// race runs a function many times at once and returns how many times it returned nil; what else it returns must be lost.
func race(t *testing.T, lost error, run func(i int) error) int {
	t.Helper()
	outcomes := make([]error, racers)
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() { outcomes[i] = run(i) })
	}
	all.Wait()
	won := 0
	for _, err := range outcomes {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			t.Errorf("%v, want %v", err, lost)
		}
	}
	return won
}

func testAddRaces(t *testing.T, s shelf.Shelf) {
	won := race(t, shelf.ErrTaken, func(i int) error {
		return s.Add(t.Context(), shelf.Codes, shelf.Row{Key: "k", Value: []byte{byte(i)}}, start())
	})
	if won != 1 {
		t.Errorf("%d added one row", won)
	}
}

func testTakeRaces(t *testing.T, s shelf.Shelf) {
	put(t, s, shelf.Codes, shelf.Row{Key: "k"})
	won := race(t, shelf.ErrNone, func(int) error {
		_, err := s.Take(t.Context(), shelf.Codes, "k", start())
		return err
	})
	if won != 1 {
		t.Errorf("%d took one row", won)
	}
}

// testSwapRaces counts up by compare-and-swap: no step may be lost.
func testSwapRaces(t *testing.T, s shelf.Shelf) {
	put(t, s, shelf.Codes, shelf.Row{Key: "k", Value: []byte{0}})
	won := race(t, nil, func(int) error {
		for {
			r, err := s.Get(t.Context(), shelf.Codes, "k", start())
			if err != nil {
				return err
			}
			r.Value = []byte{r.Value[0] + 1}
			if err := s.Swap(t.Context(), shelf.Codes, r, start()); !errors.Is(err, shelf.ErrChanged) {
				return err
			}
		}
	})
	got, err := s.Get(t.Context(), shelf.Codes, "k", start())
	if err != nil || won != racers || got.Value[0] != racers || got.Version != racers+1 {
		t.Errorf("counted to %d at version %d, %d swapped, %v", got.Value[0], got.Version, won, err)
	}
}
