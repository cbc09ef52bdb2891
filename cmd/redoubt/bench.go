package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// benchRow is one measurement: Redoubt beside the floor, under the same load, in the same run.
type benchRow struct {
	Case        string  `json:"case"`
	Store       string  `json:"store"`
	Connections int     `json:"connections"`
	RPS         float64 `json:"rps"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	FloorRPS    float64 `json:"floor_rps"`
	Ratio       float64 `json:"ratio"`

	// CPU is processor time in microseconds for each request, by process; "load" is the benchmark's own.
	CPU map[string]float64 `json:"cpu_us"`
}

// openLoop is a measurement at a fixed rate, where a slow answer does not slow the next request.
type openLoop struct {
	Case   string  `json:"case"`
	Store  string  `json:"store"`
	Rate   int     `json:"rate"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Failed int     `json:"failed"`
}

// flatness compares an organization with few wallets and one with many.
type flatness struct {
	Wallets      int     `json:"wallets"`
	StartSeconds float64 `json:"start_seconds"`
	AccountsP50  float64 `json:"get_accounts_p50_ms"`
	AccountsFew  float64 `json:"get_accounts_p50_ms_few"`
	SignP50      float64 `json:"sign_p50_ms"`
	SignFew      float64 `json:"sign_p50_ms_few"`
}

type benchReport struct {
	Rows     []benchRow `json:"rows"`
	OpenLoop []openLoop `json:"open_loop"`
	Wallets  *flatness  `json:"wallets,omitempty"`

	Policies []policyRow  `json:"policies,omitempty"`
	Sessions *loginReport `json:"sessions,omitempty"`
}

// benchOptions are the flags of 'redoubt bench'.
type benchOptions struct {
	json        bool
	seconds     float64
	wallets     int
	rate        int
	connections []int
	profile     string // folder
	postgres    string // DSN
	only        string // case
	rules       bool   // policies of rules instead of the cases
	people      bool   // logins and their tokens instead of the cases
}

// The default run: 2 cases × 4 numbers of connections × 2 servers, and the wallets, in about two minutes.
const (
	defaultSliceSeconds = 4
	defaultWallets      = 10_000
)

func bench() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use: "bench", Short: "Measure this machine: throughput and latency beside the least that any server must do",
		Example: `  redoubt bench

  redoubt bench --seconds 1 --wallets 100000 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr()) },
	}
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.Float64Var(&o.seconds, "seconds", defaultSliceSeconds, "seconds of load for each server, case and number of connections")
	f.IntVar(&o.wallets, "wallets", defaultWallets, "compare an organization with this many wallets to one with 10; 0 not to")
	f.IntVar(&o.rate, "rate", 1000, "requests a second of the open loop")
	f.IntSliceVar(&o.connections, "connections", []int{1, 8, 32, 64}, "`numbers` of connections, with commas between")
	f.StringVar(&o.postgres, "postgres", "", "measure on PostgreSQL too, in a schema of its own of the database at this `DSN`")
	f.StringVar(&o.only, "case", "", "measure only this `case`: "+caseEd25519+" or "+caseP256)
	f.BoolVar(&o.rules, "policies", false, "measure transfers under policies of rules and limits instead")
	f.BoolVar(&o.people, "logins", false, "measure how long logins take, and signatures for apps by their tokens, instead")
	f.StringVar(&o.profile, "profile", "", "write a processor profile of each process into this `folder`")
	return c
}

func (o benchOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	if o.seconds <= 0 || o.wallets < 0 || o.rate <= 0 || slices.ContainsFunc(o.connections, func(n int) bool { return n <= 0 }) {
		return frame.Usagef("the numbers must be positive")
	}
	dir, err := os.MkdirTemp("", "redoubt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	report, err := o.measure(ctx, dir, stderr)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(stdout).Encode(report)
	}
	printReport(stdout, report)
	return nil
}

// measure runs the rows on each store, against one floor.
func (o benchOptions) measure(ctx context.Context, dir string, progress io.Writer) (benchReport, error) {
	var report benchReport
	floor, err := spawnServer(ctx, floorWord, filepath.Join(dir, "floor.log"))
	if err != nil {
		return report, err
	}
	defer floor.stop()
	if err := o.onStore(ctx, &report, benchStore{name: "sqlite", dir: filepath.Join(dir, "sqlite")}, floor, progress); err != nil {
		return report, err
	}
	if o.postgres == "" {
		return report, nil
	}
	dsn, drop, err := scratchSchema(ctx, o.postgres)
	if err != nil {
		return report, err
	}
	err = o.onStore(ctx, &report, benchStore{name: "postgres", dir: filepath.Join(dir, "postgres"), dsn: dsn}, floor, progress)
	return report, errors.Join(err, drop())
}

// benchStore is where a measured server keeps its ledger.
type benchStore struct {
	name string
	dir  string
	dsn  string // of PostgreSQL
}

// server starts a server on the store, with what it already holds.
func (s benchStore) server(ctx context.Context, profile string) (*spawned, error) {
	args := []string{"dev", "--addr", "127.0.0.1:0", "--data", s.dir}
	if s.dsn != "" {
		args = append(args, "--postgres", s.dsn)
	}
	if profile != "" {
		args = append(args, "--profile", filepath.Join(profile, s.name))
	}
	return spawnServer(ctx, args...)
}

func (o benchOptions) onStore(ctx context.Context, report *benchReport, store benchStore, floor *spawned, progress io.Writer) error {
	system, err := store.server(ctx, o.profile)
	if err != nil {
		return err
	}
	defer func() { system.stop() }()
	if o.rules {
		report.Policies, err = o.policies(ctx, system, progress)
		return err
	}
	if o.people {
		report.Sessions, err = o.logins(ctx, system, progress)
		return err
	}
	for _, name := range []string{caseEd25519, caseP256} {
		if o.only != "" && o.only != name {
			continue
		}
		load, err := newLoad(ctx, name, system.url)
		if err != nil {
			return err
		}
		for _, connections := range o.connections {
			fmt.Fprintf(progress, "%s on %s, %d connections\n", name, store.name, connections)
			row, err := o.row(ctx, load, system, floor, connections)
			if err != nil {
				return err
			}
			row.Store = store.name
			report.Rows = append(report.Rows, row)
		}
		fmt.Fprintf(progress, "%s on %s, %d requests a second\n", name, store.name, o.rate)
		open := load.openLoop(ctx, o.rate, time.Duration(o.seconds*float64(time.Second)))
		open.Store = store.name
		report.OpenLoop = append(report.OpenLoop, open)
	}
	if o.wallets == 0 || store.dsn != "" {
		return nil
	}
	report.Wallets, err = o.flat(ctx, store, &system, progress)
	return err
}

// turns is how often the two servers take turns within one row.
const turns = 4

// row drives both servers in turns, so that whatever else the machine does hits both.
func (o benchOptions) row(ctx context.Context, l *load, system, floor *spawned, connections int) (benchRow, error) {
	row := benchRow{Case: l.name, Connections: connections}
	slice := time.Duration(o.seconds / turns * float64(time.Second))
	var measured, least samples
	used := cpuTime{}
	l.closedLoop(ctx, l.system, connections, slice/2) // warm up
	l.closedLoop(ctx, floor.url, connections, slice/2)
	for range turns {
		before, err := system.cpuTime()
		if err != nil {
			return row, err
		}
		measured.add(l.closedLoop(ctx, l.system, connections, slice))
		after, err := system.cpuTime()
		if err != nil {
			return row, err
		}
		used.add(after, before)
		least.add(l.closedLoop(ctx, floor.url, connections, slice))
	}
	if measured.failed+least.failed > 0 {
		return row, fmt.Errorf("%d requests of %s failed: %w", measured.failed+least.failed, l.name, errors.Join(measured.err, least.err))
	}
	row.RPS, row.FloorRPS = measured.rate(), least.rate()
	row.P50, row.P99 = measured.quantile(0.50), measured.quantile(0.99)
	row.Ratio = row.RPS / row.FloorRPS
	row.CPU = used.each(len(measured.took))
	return row, nil
}

func printReport(w io.Writer, r benchReport) {
	if len(r.Rows) > 0 {
		fmt.Fprintf(w, "%-15s %-8s %5s %9s %9s %9s %9s %6s\n", "case", "store", "conns", "rps", "p50 ms", "p99 ms", "floor", "ratio")
	}
	for _, row := range r.Rows {
		bar := strings.Repeat("█", int(row.Ratio*20+0.5))
		fmt.Fprintf(w, "%-15s %-8s %5d %9.0f %9.2f %9.2f %9.0f %6.2f %s\n", row.Case, row.Store, row.Connections, row.RPS, row.P50, row.P99, row.FloorRPS, row.Ratio, bar)
	}
	for _, l := range r.OpenLoop {
		fmt.Fprintf(w, "%-15s %-8s at %d/s: p50 %.2f ms, p99 %.2f ms, %d failed\n", l.Case, l.Store, l.Rate, l.P50, l.P99, l.Failed)
	}
	for _, p := range r.Policies {
		fmt.Fprintf(w, "%-20s %3d connections: %6.0f rps, p99 %.2f ms, %.2f of ROOT\n", p.Policy, p.Connections, p.RPS, p.P99, p.OfRoot)
	}
	if r.Sessions != nil {
		r.Sessions.print(w)
	}
	if f := r.Wallets; f != nil {
		fmt.Fprintf(w, "%d wallets: start %.1f s; getAccounts p50 %.2f ms (10 wallets: %.2f); sign p50 %.2f ms (10 wallets: %.2f)\n",
			f.Wallets, f.StartSeconds, f.AccountsP50, f.AccountsFew, f.SignP50, f.SignFew)
	}
}
