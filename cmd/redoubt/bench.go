package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// benchRow is one measurement: Redoubt beside the floor, under the same load, in the same run.
type benchRow struct {
	Case        string  `json:"case"`
	Connections int     `json:"connections"`
	RPS         float64 `json:"rps"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	FloorRPS    float64 `json:"floor_rps"`
	Ratio       float64 `json:"ratio"`
}

// openLoop is a measurement at a fixed rate, where a slow answer does not slow the next request.
type openLoop struct {
	Case   string  `json:"case"`
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
}

// benchOptions are the flags of 'redoubt bench'.
type benchOptions struct {
	json    bool
	seconds float64
	wallets int
	rate    int
}

// budget of the default run: 2 cases × 4 numbers of connections × 2 servers.
const defaultSliceSeconds = 4

func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o benchOptions
	f := flags("bench", "bench [--json] [--seconds N] [--wallets N] [--rate N]", stderr)
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.Float64Var(&o.seconds, "seconds", defaultSliceSeconds, "seconds of load for each server, case and number of connections")
	f.IntVar(&o.wallets, "wallets", 0, "also compare an organization with this many wallets to one with 10")
	f.IntVar(&o.rate, "rate", 1000, "requests a second of the open loop")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if o.seconds <= 0 || o.wallets < 0 || o.rate <= 0 {
		return fmt.Errorf("%w: the numbers must be positive", errUsage)
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

func (o benchOptions) measure(ctx context.Context, dir string, progress io.Writer) (benchReport, error) {
	var report benchReport
	system, err := spawnServer(ctx, "dev", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"))
	if err != nil {
		return report, err
	}
	defer system.stop()
	floor, err := spawnServer(ctx, floorWord, filepath.Join(dir, "floor.log"))
	if err != nil {
		return report, err
	}
	defer floor.stop()
	for _, name := range []string{caseEd25519, caseP256} {
		load, err := newLoad(ctx, name, system.url)
		if err != nil {
			return report, err
		}
		for _, connections := range []int{1, 8, 32, 64} {
			fmt.Fprintf(progress, "%s, %d connections\n", name, connections)
			row, err := o.row(ctx, load, floor.url, connections)
			if err != nil {
				return report, err
			}
			report.Rows = append(report.Rows, row)
		}
		fmt.Fprintf(progress, "%s, %d requests a second\n", name, o.rate)
		report.OpenLoop = append(report.OpenLoop, load.openLoop(ctx, o.rate, time.Duration(o.seconds*float64(time.Second))))
	}
	if o.wallets > 0 {
		report.Wallets, err = o.flat(ctx, dir, system, progress)
	}
	return report, err
}

// turns is how often the two servers take turns within one row.
const turns = 4

// row drives both servers in turns, so that whatever else the machine does hits both.
func (o benchOptions) row(ctx context.Context, l *load, floor string, connections int) (benchRow, error) {
	row := benchRow{Case: l.name, Connections: connections}
	slice := time.Duration(o.seconds / turns * float64(time.Second))
	var system, least samples
	l.closedLoop(ctx, l.system, connections, slice/2) // warm up
	l.closedLoop(ctx, floor, connections, slice/2)
	for range turns {
		system.add(l.closedLoop(ctx, l.system, connections, slice))
		least.add(l.closedLoop(ctx, floor, connections, slice))
	}
	if system.failed+least.failed > 0 {
		return row, fmt.Errorf("%d requests of %s failed: %w", system.failed+least.failed, l.name, errors.Join(system.err, least.err))
	}
	row.RPS, row.FloorRPS = system.rate(), least.rate()
	row.P50, row.P99 = system.quantile(0.50), system.quantile(0.99)
	row.Ratio = row.RPS / row.FloorRPS
	return row, nil
}

func printReport(w io.Writer, r benchReport) {
	fmt.Fprintf(w, "%-22s %5s %9s %9s %9s %9s %6s\n", "case", "conns", "rps", "p50 ms", "p99 ms", "floor", "ratio")
	for _, row := range r.Rows {
		bar := strings.Repeat("█", int(row.Ratio*20+0.5))
		fmt.Fprintf(w, "%-22s %5d %9.0f %9.2f %9.2f %9.0f %6.2f %s\n", row.Case, row.Connections, row.RPS, row.P50, row.P99, row.FloorRPS, row.Ratio, bar)
	}
	for _, l := range r.OpenLoop {
		fmt.Fprintf(w, "%-22s at %d/s: p50 %.2f ms, p99 %.2f ms, %d failed\n", l.Case, l.Rate, l.P50, l.P99, l.Failed)
	}
	if f := r.Wallets; f != nil {
		fmt.Fprintf(w, "%d wallets: start %.1f s; getAccounts p50 %.2f ms (10 wallets: %.2f); sign p50 %.2f ms (10 wallets: %.2f)\n",
			f.Wallets, f.StartSeconds, f.AccountsP50, f.AccountsFew, f.SignP50, f.SignFew)
	}
}
