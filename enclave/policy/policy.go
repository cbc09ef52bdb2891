// Package policy is the enclave that decides. It authenticates requests by their stamps, authorises them by the
// policies of their organizations, reserves limits, writes every decision into the ledger, and only then has the signer
// sign. It owns the organizations' records; the host stores them sealed and is believed in nothing.
package policy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	bootBudget     = 8 * time.Second
	requestBudget  = 20 * time.Second
	maxConcurrency = 512 // requests that are worked on at once; more are told to come again
)

// Serve runs the policy engine until the context ends. It serves one host; when that host goes, or anything on the path
// of a commit fails, it ends, and is started anew.
func Serve(ctx context.Context, v *enclave.Vault) error {
	steadyMemory()
	boot, cancel := context.WithTimeout(ctx, bootBudget)
	defer cancel()
	if err := v.Admit(boot); err != nil {
		return err
	}
	certifier, err := v.Dial(boot, proof.RoleCertifier)
	if err != nil {
		return err
	}
	defer certifier.Close()
	go v.Renew(ctx)

	ended := make(chan error, 1)
	var once sync.Once
	serving, stop := context.WithCancel(ctx)
	defer stop()
	err = v.AcceptHost(serving, func(conn net.Conn) {
		first := false
		once.Do(func() { first = true })
		if !first {
			conn.Close() // a second host would be a second writer's eyes and hands
			return
		}
		ended <- serveHost(ctx, v, conn, certifier)
		stop()
	})
	select {
	case fault := <-ended:
		return fault
	default:
		return err
	}
}

// serveHost serves one host until its link, or the engine, ends.
func serveHost(ctx context.Context, v *enclave.Vault, conn net.Conn, certifier *wire.Link) error {
	d := &desk{ready: make(chan struct{}), busy: make(chan struct{}, maxConcurrency)}
	link := wire.NewLink(conn, d.handle)
	defer link.Close()

	engine, err := start(ctx, v, link, certifier)
	d.engine, d.fault = engine, err
	close(d.ready)
	if err != nil {
		d.told(2 * time.Second)
		return err
	}
	v.Log.Printf("serving from head %d, %d entries, %d records", engine.head.Index, engine.head.Size, engine.index.Len())
	return engine.run(ctx, link)
}

// run keeps the pipeline going until the host, the certifier or the context goes, or something in it fails.
func (e *Engine) run(ctx context.Context, host *wire.Link) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	faults := make(chan error, 8)
	for _, loop := range []func(context.Context) error{e.commitLoop, e.anchorLoop, e.signLoop, e.resultLoop} {
		go func() { faults <- loop(running) }()
	}
	var err error
	select {
	case err = <-faults:
	case <-host.Done():
		err = errors.New("the host is gone")
	case <-e.certifier.Done():
		err = errors.New("the certifier is gone")
	case <-ctx.Done():
	}
	e.stop(err)
	return err
}

// desk is the policy engine's side of the link to the host.
type desk struct {
	ready  chan struct{}
	engine *Engine
	fault  error
	busy   chan struct{}
	asked  sync.Map // of waiting Ready calls
}

// handle serves one call of the host.
func (d *desk) handle(call *wire.Call) {
	switch call.Kind {
	case wire.KindReady:
		d.asked.Store(call, true)
		go d.isReady(call)
	case wire.KindRequest, wire.KindPrepare, wire.KindSimulate:
		select {
		case d.busy <- struct{}{}:
			go func() {
				defer func() { <-d.busy }()
				d.serve(call)
			}()
		default:
			call.Reply(wireAnswer(failure(api.Errorf(api.TypeOverloaded, "too many requests at once; try again"), proof.ID{}), ""))
		}
	case wire.KindAttestation:
		go d.attest(call)
	case wire.KindCounters:
		go d.count(call)
	default:
		if isRelayed(call.Kind) {
			d.relay(call)
			return
		}
		call.Fail(wire.Faultf("refused", "the policy engine does not serve this"))
	}
}

func (d *desk) isReady(call *wire.Call) {
	defer d.asked.Delete(call)
	<-d.ready
	if d.fault != nil {
		call.Fail(wire.Faultf("refused", "%v", d.fault))
		return
	}
	e := d.engine
	e.mu.Lock()
	head := e.head
	e.mu.Unlock()
	call.Reply(wire.Ready{Index: head.Index, Size: head.Size, Root: head.Root})
}

// told waits until the host has heard why it is not served, or a while.
func (d *desk) told(limit time.Duration) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		waiting := false
		d.asked.Range(func(any, any) bool { waiting = true; return false })
		if !waiting && time.Until(deadline) < limit-200*time.Millisecond {
			return
		}
	}
}

func (d *desk) serve(call *wire.Call) {
	<-d.ready
	if d.fault != nil {
		call.Reply(wireAnswer(unavailable("the policy engine does not serve"), ""))
		return
	}
	request, err := wire.Read[wire.Request](call)
	if err != nil {
		call.Fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestBudget)
	defer cancel()
	if call.Kind == wire.KindPrepare {
		call.Reply(wireAnswer(d.engine.prepare(ctx, request), "prepare"))
		return
	}
	if call.Kind == wire.KindSimulate {
		call.Reply(wireAnswer(d.engine.simulate(ctx, request), "simulations"))
		return
	}
	a, method := d.engine.serve(ctx, request)
	call.Reply(wireAnswer(a, method))
}

func wireAnswer(a answer, method api.Method) wire.Answer {
	return wire.Answer{
		Status: uint16(a.status), Result: a.body, Receipt: a.receipt, Signature: a.signature, RequestID: uuid(a.requestID),
		RetryAfter: a.retryAfter, Method: string(method), Submission: a.submission,
	}
}

// attest collects what outsiders need to verify receipts and the log.
func (d *desk) attest(call *wire.Call) {
	<-d.ready
	if d.fault != nil {
		call.Fail(d.fault)
		return
	}
	answer, err := d.engine.attestation(context.Background())
	if err != nil {
		call.Fail(err)
		return
	}
	call.Reply(answer)
}

func (e *Engine) attestation(ctx context.Context) (wire.Attestation, error) {
	ctx, cancel := context.WithTimeout(ctx, requestBudget)
	defer cancel()
	note, err := wire.Ask[wire.Note](ctx, e.certifier, wire.KindNote, wire.Empty{})
	if err != nil {
		return wire.Attestation{}, err
	}
	e.mu.Lock()
	receipt := e.receipt
	e.mu.Unlock()
	a := wire.Attestation{Manifest: e.vault.Pack.Manifest, Checkpoint: note.Checkpoint, Rebase: e.rebase.statement}
	if a.Receipt, err = proof.Encode(receipt); err != nil {
		return a, err
	}
	for _, c := range []*proof.SignedCertificate{e.vault.Keys.Certificate(), &note.Certifier} {
		if c == nil {
			return a, fmt.Errorf("the policy engine has no certificate yet")
		}
		b, err := proof.Encode(*c)
		if err != nil {
			return a, err
		}
		a.Certificates = append(a.Certificates, b)
	}
	return a, nil
}
