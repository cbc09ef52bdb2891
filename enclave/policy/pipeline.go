package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// stepBudget is how long the certifier or the signer may take for one batch before it counts as gone.
const stepBudget = 5 * time.Second

// maxAhead is how many commits may be stored and not yet anchored: one being stored, two waiting, one being anchored.
const maxAhead = 4

// anchorLoop has the certifier anchor what is stored. Commits that arrive while it waits share the next receipt.
func (e *Engine) anchorLoop(ctx context.Context) error {
	idle := time.NewTicker(2 * time.Second)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-idle.C:
			if err := e.refreshTime(ctx); err != nil {
				return err
			}
		case first := <-e.anchors:
			batches := []*batch{first}
			for len(e.anchors) > 0 {
				batches = append(batches, <-e.anchors)
			}
			if err := e.anchor(ctx, batches); err != nil {
				return fmt.Errorf("anchor: %w", err)
			}
		}
	}
}

func (e *Engine) anchor(ctx context.Context, batches []*batch) error {
	request := wire.AnchorRequest{Epoch: e.epoch}
	for _, b := range batches {
		request.Heads = append(request.Heads, b.head)
	}
	asking, cancel := context.WithTimeout(ctx, stepBudget)
	defer cancel()
	failpoint.Pass(failpoint.PolicyBeforeAnchor)
	answer, err := wire.Ask[wire.Anchored](asking, e.certifier, wire.KindAnchor, request)
	if err != nil {
		return err
	}
	failpoint.Pass(failpoint.PolicyAfterAnchor)
	newest := batches[len(batches)-1].head
	if err := e.believe(answer.Receipt, newest); err != nil {
		return err
	}
	for _, b := range batches {
		work, err := e.signWork(b, answer.Receipt)
		if err != nil {
			return err
		}
		close(b.anchored)
		select {
		case e.signing <- work:
		case <-ctx.Done():
			return nil
		}
	}
	e.treeMu.Lock()
	e.tree.Trim(newest.Size)
	e.treeMu.Unlock()
	return nil
}

// believe believes a receipt of the certifier for exactly this head. Its signature is for others: what comes over the
// certifier's channel is the certifier's, and the signer, who gets it through us, checks it.
func (e *Engine) believe(r proof.SignedReceipt, head proof.Head) error {
	if r.Receipt.Version != 1 || r.Receipt.Manifest != e.manifest || r.Receipt.Head != head {
		return fmt.Errorf("the certifier anchored head %d, not head %d of ours", r.Receipt.Head.Index, head.Index)
	}
	e.clock.set(r.Receipt)
	e.mu.Lock()
	e.receipt = r
	close(e.heard)
	e.heard = make(chan struct{})
	e.mu.Unlock()
	return nil
}

// refreshTime hears the time while nothing is being anchored. A certifier whose clock jumped says so instead: then the
// time we have runs out, and requests are refused until it is set right.
func (e *Engine) refreshTime(ctx context.Context) error {
	answer, err := wire.Ask[wire.Anchored](ctx, e.certifier, wire.KindNewest, wire.Empty{})
	if fault := (*wire.Fault)(nil); asFault(err, &fault) && fault.Code == "clock" {
		e.vault.Log.Printf("%v", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("certifier: %w", err)
	}
	e.mu.Lock()
	head := e.receipt.Receipt.Head
	e.mu.Unlock()
	return e.believe(answer.Receipt, head)
}

// signWork is a batch under its receipt, with the orders for the signer.
type signWork struct {
	*batch
	receipt proof.SignedReceipt
	orders  []wire.SignOrder // in the order of the proposals that have one
}

func (e *Engine) signWork(b *batch, receipt proof.SignedReceipt) (signWork, error) {
	work := signWork{batch: b, receipt: receipt}
	e.treeMu.Lock()
	defer e.treeMu.Unlock()
	for _, p := range b.proposals {
		if p.order == nil {
			continue
		}
		path, err := e.tree.Prove(receipt.Receipt.Head.Size, p.entry.Index)
		if err != nil {
			return work, err
		}
		work.orders = append(work.orders, p.signOrder(path))
	}
	return work, nil
}

func (p *proposal) signOrder(path []proof.Hash) wire.SignOrder {
	return wire.SignOrder{
		Permit: p.order.permit, Entry: p.encoded, Salt: p.salt, Path: path,
		Payload: p.order.payload, Sealed: p.order.sealed,
	}
}

// signLoop hands batches to the signer in the order of their receipts, one frame each, and does not wait for one before
// it sends the next.
func (e *Engine) signLoop(ctx context.Context) error {
	for {
		var work signWork
		select {
		case <-ctx.Done():
			return nil
		case work = <-e.signing:
		}
		if len(work.orders) == 0 {
			e.finish(work, nil, nil)
			continue
		}
		failpoint.Pass(failpoint.PolicyBeforeSign)
		wait, err := e.signers.begin(ctx, wire.SignBatch{Receipt: work.receipt, Orders: work.orders})
		if err != nil {
			e.finish(work, nil, err)
			continue
		}
		go func() {
			waiting, cancel := context.WithTimeout(ctx, stepBudget)
			defer cancel()
			signed, err := wait(waiting)
			failpoint.Pass(failpoint.PolicyAfterSign)
			if err == nil && len(signed.Results) != len(work.orders) {
				err = fmt.Errorf("the signer answered %d of %d orders", len(signed.Results), len(work.orders))
			}
			e.finish(work, signed.Results, err)
		}()
	}
}

// finish makes the answers of a batch and passes them on to be signed together. Orders that the signer could not fill
// because it lacks a secret, or because a newer receipt overtook theirs, are tried again one by one.
func (e *Engine) finish(work signWork, results []wire.SignResult, fault error) {
	refused := (*wire.Fault)(nil)
	overtaken := asFault(fault, &refused) && refused.Code == "refused"
	all := make([]*finished, 0, len(work.proposals))
	next := 0
	for _, p := range work.proposals {
		f := &finished{answer: p.answer, entry: &p.entry, deliver: p.deliver}
		if p.order != nil {
			var result wire.SignResult
			if fault == nil {
				result = results[next]
			}
			next++
			if result.Missing || overtaken {
				go e.finishLate(p)
				continue
			}
			f.answer = e.signed(p, result, fault)
		}
		all = append(all, f)
	}
	close(work.signed)
	e.send(all)
}

// finishLate asks for one signature again, with the secret and the newest receipt.
func (e *Engine) finishLate(p *proposal) {
	ctx, cancel := context.WithTimeout(context.Background(), requestBudget)
	defer cancel()
	result, err := e.resign(ctx, p)
	e.send([]*finished{{answer: e.signed(p, result, err), entry: &p.entry, deliver: p.deliver}})
}

func (e *Engine) send(all []*finished) {
	select {
	case e.results <- all:
	case <-e.stopped:
	}
}

func (p *proposal) deliver(a answer) { p.done <- a }
