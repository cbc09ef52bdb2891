package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// errRolledBack is wrapped by every reason for which the stored state is not the anchored one.
var errRolledBack = errors.New("the database is not the one that the anchor knows: rolled back, truncated or damaged; restore the newest one, or make it the one that counts by 'redoubt rebase'")

// start makes an engine from what the host stores, checked against what the certifier anchored. Any mismatch is an
// error and nothing is served.
func start(ctx context.Context, v *enclave.Vault, host, certifier *wire.Link) (*Engine, error) {
	opened, err := wire.Ask[wire.Opened](ctx, certifier, wire.KindOpen, wire.Empty{})
	if err != nil {
		return nil, fmt.Errorf("the certifier does not open the ledger: %w", err)
	}
	e := newEngine(v, host, certifier, opened.Epoch)
	anchored := opened.Receipt.Receipt.Head
	if anchored.Shard != v.Manifest().Shard {
		return nil, errors.New("the anchor belongs to another shard")
	}
	if err := opened.Receipt.Verify(v.Manifest().Certifier); err != nil {
		return nil, err
	}
	if e.manifest, err = v.Manifest().Hash(); err != nil {
		return nil, err
	}
	if err := e.believe(opened.Receipt, anchored); err != nil {
		return nil, err
	}
	failpoint.Pass(failpoint.PolicyOpened)
	stored, err := e.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.openRebase(ctx, opened.Rebased, anchored); err != nil {
		return nil, err
	}
	if e.head, err = e.follow(ctx, anchored, stored); err != nil {
		return nil, err
	}
	if e.index.Sum() != e.head.State {
		return nil, fmt.Errorf("%w (the records do not have the digest of head %d)", errRolledBack, e.head.Index)
	}
	if err := e.openTree(ctx); err != nil {
		return nil, err
	}
	if err := e.loadReplays(ctx); err != nil {
		return nil, err
	}
	e.next = e.head.Size
	failpoint.Pass(failpoint.PolicyVerified)
	return e, e.logRebase()
}

func newEngine(v *enclave.Vault, host, certifier *wire.Link, epoch uint64) *Engine {
	return &Engine{
		vault: v, host: host, certifier: certifier, signers: &signers{vault: v}, clock: &clock{}, epoch: epoch,
		recordKey: v.Root.Key("record"), entryKey: v.Root.Key("entry"),
		logKey: v.Root.Derive("log"), headKey: v.Root.Derive("head"), tagKey: v.Root.Derive("tag"),
		identityKey: v.Root.Derive("identity"), tokens: newTokenCache(), compilations: newCompilations(), tries: make(chan struct{}, maxTrying),
		index: state.NewIndex(), dirty: map[ledger.Key]dirty{}, records: newRecordCache(1 << 14), replays: newReplays(),
		limiter: newLimiter(v.Pack.RateLimit, v.Pack.MaxRate), limits: org.Limits{Users: int(v.Pack.Users), Keys: int(v.Pack.Keys)}, wake: make(chan struct{}, 1), stopped: make(chan struct{}), heard: make(chan struct{}),
		accounts: newAccountCache(1 << 14), keySets: newKeySets(), anchors: make(chan *batch, maxAhead-2), signing: make(chan signWork, 16),
		results: make(chan []*finished, 64),
	}
}

// loadIndex streams all items from the host, in strictly ascending order, and returns the commit that they reflect. The
// next page is on its way while one is worked on.
func (e *Engine) loadIndex(ctx context.Context) (uint64, error) {
	next, err := e.indexPage(nil)
	if err != nil {
		return 0, err
	}
	for first, index := true, uint64(0); ; first = false {
		page, err := next(ctx)
		if err != nil {
			return 0, fmt.Errorf("the database cannot be read: %w", err)
		}
		if !first && page.Index != index {
			return 0, errors.New("the database changed while it was read")
		}
		if index = page.Index; len(page.Items) == 0 {
			return index, nil
		}
		if next, err = e.indexPage(page.Items[len(page.Items)-1].Key); err != nil {
			return 0, err
		}
		items := make([]state.Item, len(page.Items))
		for i, item := range page.Items {
			if len(item.Key) != ledger.KeySize {
				return 0, fmt.Errorf("%w (a key of %d bytes)", errRolledBack, len(item.Key))
			}
			items[i] = state.Item{Key: ledger.Key(item.Key), Version: item.Version, Hash: item.Hash}
		}
		if err := e.index.Load(items); err != nil {
			return 0, fmt.Errorf("%w (%w)", errRolledBack, err)
		}
	}
}

// indexPage asks for the items after a key, and returns how to wait for them.
func (e *Engine) indexPage(after []byte) (func(context.Context) (wire.IndexPage, error), error) {
	return wire.Begin[wire.IndexPage](e.host, wire.KindIndex, wire.IndexRequest{After: after, Limit: 4096})
}

// follow walks from the anchored head to the newest stored one, which a crash may have left up to maxAhead commits
// ahead, and anchors the tail.
func (e *Engine) follow(ctx context.Context, anchored proof.Head, stored uint64) (proof.Head, error) {
	if stored < anchored.Index {
		return anchored, fmt.Errorf("%w (it holds %d commits, the anchor knows %d)", errRolledBack, stored, anchored.Index)
	}
	if stored > anchored.Index+maxAhead {
		return anchored, fmt.Errorf("%w (it holds %d commits, the anchor knows only %d: the anchor was rolled back, or it is another database's)", errRolledBack, stored, anchored.Index)
	}
	head := anchored
	var tail []proof.Head
	rows, err := e.rows(ctx, anchored.Index+1, maxAhead)
	if err != nil {
		return head, err
	}
	for _, row := range rows {
		next, _, err := ledger.Follow(e.headKey, head, row)
		if err != nil {
			return head, fmt.Errorf("%w (%w)", errRolledBack, err)
		}
		tail, head = append(tail, next), next
	}
	if head.Index != stored {
		return head, fmt.Errorf("%w (commit %d is missing)", errRolledBack, head.Index+1)
	}
	if len(tail) == 0 {
		return head, nil
	}
	e.vault.Log.Printf("anchoring %d commits that were stored before the last stop", len(tail))
	answer, err := wire.Ask[wire.Anchored](ctx, e.certifier, wire.KindAnchor, wire.AnchorRequest{Epoch: e.epoch, Heads: tail})
	if err != nil {
		return head, err
	}
	return head, e.believe(answer.Receipt, head)
}

// rows reads stored commits from an index on, all of them that there are up to a limit.
func (e *Engine) rows(ctx context.Context, from uint64, limit int) ([]ledger.Row, error) {
	var rows []ledger.Row
	for len(rows) < limit {
		next := from + uint64(len(rows))
		request := wire.CommitsRequest{From: next, Limit: uint32(limit - len(rows))}
		answer, err := wire.Ask[wire.Commits](ctx, e.host, wire.KindCommits, request)
		if err != nil {
			return nil, fmt.Errorf("the database cannot be read: %w", err)
		}
		if len(answer.Commits) == 0 {
			break
		}
		for i, c := range answer.Commits { // fewer than asked for when they are large
			if c.Index != next+uint64(i) {
				return nil, fmt.Errorf("%w (commit %d is missing)", errRolledBack, next+uint64(i))
			}
			rows = append(rows, ledger.Row{Index: c.Index, Head: c.Head, Tag: c.Tag, Blob: c.Blob})
		}
	}
	return rows, nil
}

// openTree takes the log's right edge from the host and checks it against the head.
func (e *Engine) openTree(ctx context.Context) error {
	edge, err := wire.Ask[wire.Path](ctx, e.host, wire.KindEdge, wire.EdgeRequest{Size: e.head.Size})
	if err != nil {
		return fmt.Errorf("the database cannot be read: %w", err)
	}
	if e.tree, err = state.OpenTree(e.head.Size, edge.Hashes); err != nil {
		return fmt.Errorf("%w (%w)", errRolledBack, err)
	}
	root, err := e.tree.Root()
	if err != nil {
		return err
	}
	if root != e.head.Root {
		return fmt.Errorf("%w (the log does not have the root of head %d)", errRolledBack, e.head.Index)
	}
	return nil
}
