package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/host/store/postgres/postgrestest"
)

// A short run on both stores has every row that was asked for, with all that it promises; and leaves the database as it
// was.
func TestBench(t *testing.T) {
	cluster, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrNone) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Remove(); err != nil {
			t.Error(err)
		}
	}()
	path, err := exec.LookPath("redoubt")
	if err != nil {
		t.Fatal(err)
	}
	profiles := t.TempDir()
	out, err := exec.Command(path, "bench", "--json", "--seconds", "0.4", "--connections", "1,4", "--wallets", "30", "--rate", "50",
		"--postgres", cluster.DSN("postgres"), "--profile", profiles).Output()
	if err != nil {
		t.Fatal(err)
	}
	var report benchReport
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range report.Rows {
		rows = append(rows, r.Case+" "+r.Store)
		if r.RPS <= 0 || r.FloorRPS <= 0 || r.Ratio != r.RPS/r.FloorRPS || r.P99 < r.P50 || r.P50 <= 0 {
			t.Errorf("%+v", r)
		}
		for _, process := range []string{"host", "policy", "signer", "certifier", "load"} {
			if _, ok := r.CPU[process]; !ok {
				t.Errorf("no processor time of the %s: %v", process, r.CPU)
			}
		}
	}
	slices.Sort(rows)
	if rows = slices.Compact(rows); len(report.Rows) != 8 || len(rows) != 4 || len(report.OpenLoop) != 4 {
		t.Errorf("%d rows of %v, %d open loops", len(report.Rows), rows, len(report.OpenLoop))
	}
	if w := report.Wallets; w == nil || w.Wallets != 30 || w.StartSeconds <= 0 || w.SignP50 <= 0 || w.AccountsP50 <= 0 {
		t.Errorf("wallets: %+v", report.Wallets)
	}
	for _, process := range []string{"host", "policy", "signer", "certifier"} {
		for _, store := range []string{"sqlite", "postgres"} {
			if info, err := os.Stat(profiles + "/" + store + "/" + process + ".pprof"); err != nil || info.Size() == 0 {
				t.Errorf("profile of the %s on %s: %v", process, store, err)
			}
		}
	}
	if err := cluster.Exec(t.Context(), "postgres", "DO $$ BEGIN IF EXISTS (SELECT FROM pg_namespace WHERE nspname LIKE 'redoubt_bench%') THEN RAISE 'left'; END IF; END $$"); err != nil {
		t.Error(err)
	}
}

// People log in and apps sign, by token and by key.
func TestBenchLogins(t *testing.T) {
	path, err := exec.LookPath("redoubt")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "bench", "--logins", "--json", "--seconds", "0.2", "--connections", "2").Output()
	if err != nil {
		t.Fatal(err)
	}
	var report benchReport
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	s := report.Sessions
	if s == nil || len(s.Logins) != 2 || len(s.Tokens) != 1 || len(report.Rows) != 0 {
		t.Fatalf("%s", out)
	}
	for _, l := range s.Logins {
		if l.Logins != benchPeople || l.P50 <= 0 || l.Max < l.P50 {
			t.Errorf("%+v", l)
		}
	}
	if r := s.Tokens[0]; r.Connections != 2 || r.RPS <= 0 || r.KeyRPS <= 0 || r.OfKey != r.RPS/r.KeyRPS {
		t.Errorf("%+v", r)
	}
}

func TestReadStat(t *testing.T) {
	got, err := readStat([]byte("42 (a b) c) S 7 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 5 0 100"))
	if want := (stat{pid: 42, parent: 7, name: "a b) c", used: 200 * clockTick}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "1 (a", "1 (a) S 2", "x (a) S 7 1 1 0 -1 0 1 0 0 0 1 5 0 0"} {
		if _, err := readStat([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
