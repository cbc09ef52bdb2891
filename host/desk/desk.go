// Package desk is the host's end of the link to the policy engine. It takes requests there, and serves the engine's
// look-ups and commits from the store. It understands neither requests nor records.
package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Desk connects the host to one policy engine.
type Desk struct {
	store   Store
	address string
	log     *slog.Logger

	mu   sync.Mutex
	link *wire.Link
	busy atomic.Int64 // when the policy engine last asked for something, Unix nanoseconds
}

// New makes a desk for a policy engine at an address.
func New(store Store, address string, log *slog.Logger) *Desk {
	return &Desk{store: store, address: address, log: log}
}

// ErrUnavailable says that there is no policy engine to ask now.
var ErrUnavailable = errors.New("the policy engine does not answer")

// RefusedError says that the policy engine looked at the stored state and refuses to serve it.
type RefusedError struct{ Reason string }

// Error gives the reason.
func (e *RefusedError) Error() string { return e.Reason }

// StartPatience is how long a policy engine may be silent while it starts. One that is still reading the store, however
// large that is, is not silent.
const StartPatience = 9 * time.Second

// Open connects and waits until the policy engine has verified the stored state, or has been silent for a while.
func (d *Desk) Open(ctx context.Context, patience time.Duration) (wire.Ready, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.busy.Store(time.Now().UnixNano())
	go d.giveUp(ctx, cancel, patience)
	for {
		ready, err := d.connect(ctx)
		var refused *RefusedError
		if err == nil || errors.As(err, &refused) {
			return ready, err
		}
		select {
		case <-ctx.Done():
			return ready, fmt.Errorf("%w: %w (%w)", ErrUnavailable, context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// giveUp cancels when the policy engine has been silent for too long.
func (d *Desk) giveUp(ctx context.Context, cancel context.CancelCauseFunc, patience time.Duration) {
	for {
		silent := time.Since(time.Unix(0, d.busy.Load()))
		if silent >= patience {
			cancel(fmt.Errorf("it was silent for %v", patience))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(patience - silent):
		}
	}
}

func (d *Desk) connect(ctx context.Context) (wire.Ready, error) {
	conn, err := wire.Dial(ctx, d.address)
	if err != nil {
		return wire.Ready{}, err
	}
	link := wire.NewLink(conn, func(c *wire.Call) { go d.serve(c) })
	ready, err := wire.Ask[wire.Ready](ctx, link, wire.KindReady, wire.Empty{})
	var fault *wire.Fault
	if errors.As(err, &fault) {
		link.Close()
		return ready, &RefusedError{fault.Message}
	}
	if err != nil {
		link.Close()
		return ready, err
	}
	d.mu.Lock()
	d.link = link
	d.mu.Unlock()
	return ready, nil
}

// Keep connects again whenever the link is lost, until the context ends.
func (d *Desk) Keep(ctx context.Context) {
	for {
		d.mu.Lock()
		link := d.link
		d.mu.Unlock()
		select {
		case <-ctx.Done():
			link.Close()
			return
		case <-link.Done():
		}
		d.log.LogAttrs(ctx, slog.LevelWarn, "the policy engine is gone; connecting again")
		for ctx.Err() == nil {
			ready, err := d.Open(ctx, StartPatience)
			if err == nil {
				d.log.LogAttrs(ctx, slog.LevelInfo, "the policy engine serves again", slog.Uint64("head", ready.Index))
				break
			}
			d.log.LogAttrs(ctx, slog.LevelError, "the policy engine does not serve", slog.String("reason", err.Error()))
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// Request takes a request to the policy engine.
func (d *Desk) Request(ctx context.Context, kind wire.Kind, r wire.Request) (wire.Answer, error) {
	return ask[wire.Answer](ctx, d, kind, r)
}

// Attestation asks for what outsiders need to verify receipts and the log.
func (d *Desk) Attestation(ctx context.Context) (wire.Attestation, error) {
	return ask[wire.Attestation](ctx, d, wire.KindAttestation, wire.Empty{})
}

// Manifest returns the manifest in force, as the policy engine shows it.
func (d *Desk) Manifest(ctx context.Context) (proof.Manifest, error) {
	shown, err := d.Attestation(ctx)
	if err != nil {
		return proof.Manifest{}, err
	}
	var signed proof.SignedManifest
	if err := proof.Decode(shown.Manifest, &signed); err != nil {
		return proof.Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	return signed.Manifest, signed.Verify()
}

func ask[Answer any](ctx context.Context, d *Desk, kind wire.Kind, message any) (Answer, error) {
	d.mu.Lock()
	link := d.link
	d.mu.Unlock()
	if link == nil {
		var none Answer
		return none, ErrUnavailable
	}
	answer, err := wire.Ask[Answer](ctx, link, kind, message)
	if errors.Is(err, wire.ErrClosed) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return answer, err
}

// ReadHashes returns stored hashes of the log.
func (d *Desk) ReadHashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	return d.store.Hashes(ctx, indexes)
}

// storeBudget bounds one call to the store, so that a hanging disk is an error and not a hanging engine.
const storeBudget = 10 * time.Second

// serve answers one call of the policy engine.
func (d *Desk) serve(call *wire.Call) {
	d.busy.Store(time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(context.Background(), storeBudget)
	defer cancel()
	switch call.Kind {
	case wire.KindCommit:
		wire.Serve(call, func(c wire.Commit) (wire.Empty, error) { return wire.Empty{}, d.commit(ctx, c) })
	case wire.KindRecords:
		wire.Serve(call, func(r wire.RecordsRequest) (wire.Records, error) {
			sealed, err := d.store.Records(ctx, r.Keys)
			return wire.Records{Sealed: sealed}, err
		})
	case wire.KindIndex:
		wire.Serve(call, func(r wire.IndexRequest) (wire.IndexPage, error) {
			index, items, err := d.store.Index(ctx, r.After, int(r.Limit))
			return wire.IndexPage{Index: index, Items: items}, err
		})
	case wire.KindCommits:
		wire.Serve(call, func(r wire.CommitsRequest) (wire.Commits, error) {
			commits, err := d.store.Commits(ctx, r.From, int(r.Limit))
			return wire.Commits{Commits: commits}, err
		})
	case wire.KindBodies:
		wire.Serve(call, func(r wire.BodiesRequest) (wire.Bodies, error) {
			bodies, err := d.store.Bodies(ctx, r.Index)
			return wire.Bodies{Bodies: bodies}, err
		})
	case wire.KindPath:
		wire.Serve(call, func(r wire.PathRequest) (wire.Path, error) {
			path, err := tlog.ProveRecord(int64(r.Size), int64(r.Index), hashReader{ctx, d.store})
			return wire.Path{Hashes: path}, err
		})
	case wire.KindEdge:
		wire.Serve(call, func(r wire.EdgeRequest) (wire.Path, error) {
			hashes, err := d.store.Hashes(ctx, proof.Edge(r.Size))
			return wire.Path{Hashes: hashes}, err
		})
	case wire.KindFetch:
		wire.Serve(call, d.fetch)
	default:
		call.Fail(wire.Faultf("refused", "the desk does not serve this"))
	}
}

// commit has a commit stored.
func (d *Desk) commit(ctx context.Context, c wire.Commit) error {
	if err := failpoint.Fail(failpoint.HostBeforeAppend); err != nil {
		return err
	}
	if err := d.store.Append(ctx, c); err != nil {
		return err
	}
	return failpoint.Fail(failpoint.HostAfterAppend)
}

// hashReader is the store as tlog reads it.
type hashReader struct {
	ctx   context.Context
	store Store
}

// ReadHashes implements tlog.HashReader.
func (h hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return h.store.Hashes(h.ctx, indexes)
}
