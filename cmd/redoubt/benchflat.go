package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

const (
	fewWallets  = 10
	flatWorkers = 32
	flatProbes  = 200
)

// flat fills one organization with wallets and compares it with one that has few; then it starts the server anew.
func (o benchOptions) flat(ctx context.Context, store benchStore, running **spawned, progress io.Writer) (*flatness, error) {
	system := *running
	few, err := newLoad(ctx, caseEd25519, system.url)
	if err != nil {
		return nil, err
	}
	many, err := newLoad(ctx, caseEd25519, system.url)
	if err != nil {
		return nil, err
	}
	if err := few.fill(ctx, fewWallets-1, nil); err != nil {
		return nil, err
	}
	if err := many.fill(ctx, o.wallets-1, progress); err != nil {
		return nil, err
	}
	f := &flatness{Wallets: o.wallets}
	if f.AccountsFew, f.SignFew, err = few.probe(ctx); err != nil {
		return nil, err
	}
	if f.AccountsP50, f.SignP50, err = many.probe(ctx); err != nil {
		return nil, err
	}
	system.stop()
	began := time.Now()
	again, err := store.server(ctx, "")
	if err != nil {
		return nil, err
	}
	f.StartSeconds = time.Since(began).Seconds()
	*running = again
	return f, nil
}

// fill creates wallets, of keypairs, since these are made faster and stored alike.
func (l *load) fill(ctx context.Context, n int, progress io.Writer) error {
	var all sync.WaitGroup
	work, failed := make(chan int), make(chan error, flatWorkers)
	for range flatWorkers {
		all.Go(func() {
			for range work {
				var made struct{ WalletID string }
				params := map[string]any{"organizationId": l.organization, "walletName": fmt.Sprint("bench ", l.count.Add(1)), "curve": api.CurveEd25519}
				if err := l.call(ctx, api.CreateWallet, params, &made); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := range n {
		if progress != nil && i%10_000 == 0 {
			fmt.Fprintf(progress, "%d of %d wallets\n", i, n)
		}
		select {
		case work <- i:
			continue
		case err = <-failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		break
	}
	close(work)
	all.Wait()
	return err
}

// probe returns the median latencies of getAccounts and of a signature, in milliseconds, one request at a time.
func (l *load) probe(ctx context.Context) (accounts, sign float64, err error) {
	var a, s samples
	for i := range flatProbes {
		var ignored any
		began := time.Now()
		params := map[string]any{"organizationId": l.organization, "walletId": l.wallet, "accounts": []string{fmt.Sprintf("m/44'/501'/%d'/0'", i)}}
		if err := l.call(ctx, api.GetAccounts, params, &ignored); err != nil {
			return 0, 0, err
		}
		a.took = append(a.took, time.Since(began))
		s.one(ctx, l, l.system, time.Now(), l.signing(l.wallet))
	}
	return a.quantile(0.5), s.quantile(0.5), s.err
}
