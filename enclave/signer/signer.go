// Package signer is the enclave that holds wallet secrets. It makes them, derives accounts from them, and signs exactly
// what a permit names: it reads the payload again, checks that the log holds the entry which allowed it under the
// certifier's receipt, and checks its own signature before it lets go of it. It knows no organizations and no policies.
package signer

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Signer is the enclave's state.
type Signer struct {
	manifest  proof.Manifest
	secretKey seal.Key
	importKey seal.Key // of private keys in import envelopes
	exportKey seal.Key // of bundles until they are permitted
	// fingerprintKey makes what tells equal secrets.
	fingerprintKey [32]byte
	cache          *cache
	work           chan struct{} // bounds how many signatures are made at once
	stats          stats

	mu     sync.Mutex
	newest proof.Receipt // nothing older is accepted
}

// Serve runs the signer until the context ends.
func Serve(ctx context.Context, v *enclave.Vault) error {
	boot, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	if err := v.Admit(boot); err != nil {
		return err
	}
	s := &Signer{
		manifest: v.Manifest(), secretKey: v.Root.Key("secret"), importKey: v.Root.Key("import"), exportKey: v.Root.Key("export"),
		fingerprintKey: v.Root.Derive("fingerprint"), cache: newCache(cachedWallets), work: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
	}
	if err := s.learnHead(boot, v); err != nil {
		return err
	}
	go v.Renew(ctx)
	return v.Accept(ctx, false, s.handle, proof.RolePolicy)
}

// learnHead asks the certifier for the newest head, so that a restarted signer does not accept receipts from its past.
func (s *Signer) learnHead(ctx context.Context, v *enclave.Vault) error {
	link, err := v.Dial(ctx, proof.RoleCertifier)
	if err != nil {
		return err
	}
	defer link.Close()
	answer, err := wire.Ask[wire.Anchored](ctx, link, wire.KindNewest, wire.Empty{})
	if err != nil {
		return err
	}
	_, err = s.accept(answer.Receipt)
	return err
}

// handle serves one call of the policy engine. Receipts are judged in the order in which they arrive.
func (s *Signer) handle(_ proof.Role, call *wire.Call) {
	switch call.Kind {
	case wire.KindCreate:
		go wire.Serve(call, s.create)
	case wire.KindAccounts:
		go wire.Serve(call, s.accounts)
	case wire.KindImportKey:
		go wire.Serve(call, s.newImport)
	case wire.KindImport:
		go wire.Serve(call, s.importSecret)
	case wire.KindExport:
		go wire.Serve(call, s.export)
	case wire.KindSignerCounters:
		wire.Serve(call, s.counters)
	case wire.KindSign:
		failpoint.Pass(failpoint.SignerReceived)
		batch, err := wire.Read[wire.SignBatch](call)
		var receipt proof.Receipt
		if err == nil {
			receipt, err = s.accept(batch.Receipt)
		}
		if err != nil {
			call.Fail(err)
			return
		}
		failpoint.Pass(failpoint.SignerAfterAccept)
		go func() {
			signed := s.sign(receipt, batch.Orders)
			failpoint.Pass(failpoint.SignerBeforeReply)
			call.Reply(signed)
		}()
	default:
		call.Fail(wire.Faultf("refused", "the signer does not serve this"))
	}
}

// accept takes a receipt for a head that is not older than the newest one seen. It returns the receipt with the newest
// time seen, so that a receipt which was held back does not make a permit live longer.
func (s *Signer) accept(signed proof.SignedReceipt) (proof.Receipt, error) {
	r := signed.Receipt
	hash, err := s.manifest.Hash()
	if err != nil {
		return r, err
	}
	if r.Head.Shard != s.manifest.Shard || r.Manifest != hash {
		return r, wire.Faultf("refused", "receipt of another shard or manifest")
	}
	if err := signed.Verify(s.manifest.Certifier); err != nil {
		return r, wire.Faultf("refused", "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Head.Index < s.newest.Head.Index || r.Head.Epoch < s.newest.Head.Epoch {
		return r, wire.Faultf("refused", "receipt of head %d is older than head %d, which was seen before", r.Head.Index, s.newest.Head.Index)
	}
	if s.newest.Version != 0 && r.Head.Index == s.newest.Head.Index && r.Head != s.newest.Head {
		return r, wire.Faultf("refused", "two receipts for different heads %d: the anchor was rolled back", r.Head.Index)
	}
	r.Time = max(r.Time, s.newest.Time)
	s.newest = r
	return r, nil
}

// sign fans a batch out over the processors.
func (s *Signer) sign(receipt proof.Receipt, orders []wire.SignOrder) wire.SignedBatch {
	results := make([]wire.SignResult, len(orders))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(len(orders), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			s.work <- struct{}{}
			defer func() { <-s.work }()
			for i := next.Add(1) - 1; i < int64(len(orders)); i = next.Add(1) - 1 {
				result, err := s.signOne(receipt, orders[i])
				s.stats.ordered(err)
				if err != nil {
					result = wire.SignResult{Fault: fmt.Sprintf("not signed: %v", err)}
				}
				results[i] = result
			}
		})
	}
	all.Wait()
	return wire.SignedBatch{Results: results}
}
