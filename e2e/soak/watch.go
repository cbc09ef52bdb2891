package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// roles are the processes in the order of the table.
var roles = [...]string{"host", "policy", "signer", "certifier"}

// tally is what was measured since the last minute's line.
type tally struct {
	took, floor []time.Duration
	failed      int
}

// minute is one line of the table.
type minute struct {
	n               int // counts from 1
	rps             float64
	p50, p99, floor float64 // milliseconds; floor is the p99 of the least server
	failed          int
	uses            [len(roles)]use // medians over the minute
	goroutines      int             // of the host
	records         int             // in the policy engine's index
	database        int64           // bytes
	entries         int             // of the log
	told            int64           // bytes that the server wrote to its standard error
}

func (l *load) cut() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	cut := l.minute
	l.minute = tally{}
	return cut
}

// quantile returns milliseconds.
func quantile(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
}

// watch drives the server and prints a line every minute.
func (s settings) watch(ctx context.Context, l *load, system *process, store *store, out io.Writer) ([]minute, error) {
	driving, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	l.cut()
	all.Go(func() { l.drive(driving, s.rate) })
	defer func() { stop(); all.Wait() }()
	fmt.Fprintf(out, "%4s %6s %7s %7s %7s | %-40s | %5s %7s %8s %6s\n", "min", "rps", "p50 ms", "p99 ms", "floor99",
		"RSS MB/threads/descriptors of "+fmt.Sprint(roles), "gorou", "db MB", "entries", "log kB")
	var minutes []minute
	for n := range s.minutes {
		uses, err := sample(ctx, system)
		if err != nil {
			return minutes, err
		}
		m := minute{n: n + 1, uses: uses}
		if err := m.read(ctx, l, system, store); err != nil {
			return minutes, err
		}
		m.print(out)
		minutes = append(minutes, m)
	}
	return minutes, nil
}

// sample looks at the processes once a second for a minute and returns the medians: a heap breathes.
func sample(ctx context.Context, system *process) ([len(roles)]use, error) {
	const looks = 60
	var seen [len(roles)][looks]use
	var medians [len(roles)]use
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range looks {
		select {
		case <-ctx.Done():
			return medians, ctx.Err()
		case <-tick.C:
		}
		pids, _, err := system.pids()
		if err != nil {
			return medians, err
		}
		for r, role := range roles {
			if seen[r][i], err = useOf(pids[role]); err != nil {
				return medians, fmt.Errorf("the %s: %w", role, err)
			}
		}
	}
	for r := range roles {
		medians[r] = use{
			rss:         median(seen[r][:], func(u use) float64 { return u.rss }),
			threads:     int(median(seen[r][:], func(u use) float64 { return float64(u.threads) })),
			descriptors: int(median(seen[r][:], func(u use) float64 { return float64(u.descriptors) })),
		}
	}
	return medians, nil
}

func (m *minute) read(ctx context.Context, l *load, system *process, store *store) error {
	cut := l.cut()
	m.rps, m.failed = float64(len(cut.took))/60, cut.failed
	m.p50, m.p99, m.floor = quantile(cut.took, 0.5), quantile(cut.took, 0.99), quantile(cut.floor, 0.99)
	metrics, err := system.metrics(ctx)
	if err != nil {
		return err
	}
	m.goroutines, m.records, m.entries = int(metrics["go_goroutines"]), int(metrics["redoubt_policy_index_records"]), int(metrics["redoubt_log_entries"])
	if m.database, err = store.size(ctx); err != nil {
		return err
	}
	info, err := os.Stat(system.log)
	if err != nil {
		return err
	}
	m.told = info.Size()
	return nil
}

func (m *minute) print(out io.Writer) {
	fmt.Fprintf(out, "%4d %6.0f %7.2f %7.2f %7.2f |", m.n, m.rps, m.p50, m.p99, m.floor)
	for _, u := range m.uses {
		fmt.Fprintf(out, " %6.1f/%d/%d", u.rss, u.threads, u.descriptors)
	}
	fmt.Fprintf(out, " | %5d %7.1f %8d %6.1f", m.goroutines, float64(m.database)/(1<<20), m.entries, float64(m.told)/1024)
	if m.failed > 0 {
		fmt.Fprintf(out, "  %d FAILED", m.failed)
	}
	fmt.Fprintln(out)
}

// verify has the log checked: while the server runs as an outsider would, and, when the ledger is a file of the folder,
// every stored byte of it after the server ended.
func (s settings) verify(system *process, store *store) []finding {
	found := []finding{s.logVerify("--url", system.url)}
	system.stop()
	if store.file {
		found = append(found, s.logVerify("--data", store.dir))
	}
	return found
}

func (s settings) logVerify(args ...string) finding {
	args = append([]string{"log", "verify"}, args...)
	out, err := exec.Command(s.binary, args...).CombinedOutput()
	return finding{what: fmt.Sprint("redoubt ", args[0], " ", args[1], " ", args[2]), ok: err == nil, text: fmt.Sprintf("%.200s", firstLines(out))}
}

func firstLines(out []byte) string {
	text := ""
	for i, c := range out {
		if c == '\n' {
			c = ' '
		}
		if i < 80 {
			text += string(rune(c))
		}
	}
	return text
}
