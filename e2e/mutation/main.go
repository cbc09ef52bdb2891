// Command mutation breaks the code that decides, one small change after another, and says which of the changes no test
// notices. The changes are listed in mutants/*.txt. Nothing is written to the checkout: the compiler is told to read a
// changed copy of one file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
)

// least is the share of mutants that must be noticed, in percent.
const least = 95

func main() {
	root := flag.String("root", ".", "the checkout")
	jobs := flag.Int("jobs", 2, "how many mutants are tried at once")
	match := flag.String("run", "", "try only the mutants whose title matches")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *root, *jobs, *match); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, root string, jobs int, match string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	all, err := readAll()
	if err != nil {
		return err
	}
	var chosen []mutant
	for _, m := range all {
		if wanted.MatchString(m.title) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return errors.New("no mutant has such a title")
	}
	if err := healthy(ctx, root); err != nil {
		return err
	}
	return try(ctx, out, root, jobs, chosen)
}

// try tests the mutants, tells of each, and is an error when too many live.
func try(ctx context.Context, out io.Writer, root string, jobs int, all []mutant) error {
	results := make([]result, len(all))
	places := make(chan int)
	var workers sync.WaitGroup
	for range max(jobs, 1) {
		workers.Go(func() {
			for i := range places {
				results[i] = all[i].test(ctx, root)
				fmt.Fprintf(out, "%-8s %s\n", results[i].verdict, all[i].title)
			}
		})
	}
	for i := range all {
		places <- i
	}
	close(places)
	workers.Wait()
	killed := 0
	var failed error
	for i, r := range results {
		switch r.verdict {
		case dead:
			killed++
		case broken:
			failed = errors.Join(failed, fmt.Errorf("%s: it says nothing about the tests: %s", all[i].title, r.output))
		case alive:
		}
	}
	fmt.Fprintf(out, "%d of %d mutants are noticed\n", killed, len(all))
	if killed*100 < least*len(all) {
		return errors.Join(failed, fmt.Errorf("fewer than %d %% are noticed", least))
	}
	return failed
}
