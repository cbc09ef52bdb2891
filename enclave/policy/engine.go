package policy

import (
	"context"
	"errors"
	"sync"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Engine is the policy engine while it serves one host. It stops for good when a commit or the certifier fails: what
// happened then is settled by starting anew from what is stored and anchored.
type Engine struct {
	vault     *enclave.Vault
	host      *wire.Link
	certifier *wire.Link
	signers   *signers
	clock     *clock
	epoch     uint64
	manifest  proof.Hash
	recordKey seal.Key
	entryKey  seal.Key
	logKey    [32]byte
	headKey   [32]byte
	tagKey    [32]byte
	// identityKey derives the identifier of the organization that belongs to an identity.
	identityKey [32]byte
	stats       stats
	rebase      rebase
	limits      org.Limits

	tokens       *tokenCache
	compilations *compilations
	metering     holds // held from the last look at counters to their reservation

	// The serial section: everything that decides is checked against the newest state here, and takes effect here.
	mu      sync.Mutex
	index   *state.Index
	dirty   map[ledger.Key]dirty // applied, not yet committed
	records *recordCache
	replays *replays
	queue   []*proposal
	next    uint64 // log index of the next entry
	changed uint64 // size of the log after the newest entry that changed a record
	fault   error  // why the engine stopped
	limiter *limiter

	walletTime uint64 // of the newest wallet's name, Unix milliseconds

	wake     chan struct{} // there is something in the queue
	stopped  chan struct{}
	tries    chan struct{} // holds one for each request that tries a policy
	accounts *accountCache
	keySets  *keySets

	treeMu  sync.Mutex
	tree    *state.Tree
	head    proof.Head // newest committed
	receipt proof.SignedReceipt
	heard   chan struct{} // closed and replaced with every receipt

	anchors chan *batch
	signing chan signWork
	results chan []*finished
}

// dirty is a record that was changed and is not yet stored.
type dirty struct {
	version uint64
	value   any // nil when deleted
}

// errStopped says that the engine must be started anew.
var errStopped = errors.New("the policy engine has stopped")

// stop ends the engine; everything that waits is answered with 503.
func (e *Engine) stop(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fault != nil {
		return
	}
	e.fault = errors.Join(errStopped, err)
	close(e.stopped)
}

// The bounds of one commit: in entries, and in bytes but for the last entry, so that it fits into a frame.
const (
	maxBatch      = 512
	maxBatchBytes = 8 << 20
)

// batch is one commit on its way: stored, then anchored, then signed, then answered.
type batch struct {
	proposals []*proposal
	head      proof.Head
	anchored  chan struct{} // closed when its head is under a receipt
	signed    chan struct{} // closed when its signatures are made, or failed
}

func newBatch(proposals []*proposal, head proof.Head) *batch {
	return &batch{proposals: proposals, head: head, anchored: make(chan struct{}), signed: make(chan struct{})}
}

// proposal is one authorised change or signature, or a denial, on its way into the log.
type proposal struct {
	entry   ledger.Entry
	body    []byte
	changes []change
	order   *order // a signature to make; nil for a change or a denial
	answer  answer // what to say when it is done; for a signature, completed by the signer's result
	replay  *replay
	done    chan answer

	encoded []byte // the entry, once sealed
	salt    proof.Hash
}

// change is one record that a proposal replaces.
type change struct {
	key     ledger.Key
	version uint64
	value   any    // decoded record, for the cache; nil deletes
	sealed  []byte // sealed by its owner already; else the committer seals the value
}

// put adds a record of ours to the changes.
func (p *proposal) put(key ledger.Key, value any) {
	p.changes = append(p.changes, change{key: key, value: value})
}

// apply takes effect: under the lock it runs decide against the newest state, and when that agrees, numbers the entry
// and its records and queues them for the next commit. Nothing here does I/O or cryptography.
func (e *Engine) apply(p *proposal, decide func() error) error {
	failpoint.Pass(failpoint.PolicyBeforeApply)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fault != nil {
		return e.fault
	}
	if err := decide(); err != nil {
		return err
	}
	if err := p.replay.passkey.spend(e, p); err != nil {
		return err
	}
	if run := p.replay.run; run != nil {
		if err := run.join(e, p); err != nil {
			return err
		}
	}
	p.entry.Version, p.entry.Index = ledger.EntryVersion, e.next
	e.next++
	for i := range p.changes {
		c := &p.changes[i]
		c.version = e.version(c.key) + 1
		if c.version == 1 && c.sealed == nil {
			c.version = e.next // above every version that it had before it was deleted, so that none comes twice
		}
		e.dirty[c.key] = dirty{version: c.version, value: c.value}
		e.changed = e.next
	}
	p.replay.index, p.replay.logged = p.entry.Index, true
	p.done = make(chan answer, 1)
	e.queue = append(e.queue, p)
	failpoint.Pass(failpoint.PolicyAfterQueue)
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return nil
}

// version returns the newest version of a record, 0 when there is none. The caller holds the lock.
func (e *Engine) version(key ledger.Key) uint64 {
	if d, ok := e.dirty[key]; ok {
		return d.version
	}
	item, _ := e.index.Get(key)
	return item.Version
}

// exists says whether there is a record now. The caller holds the lock.
func (e *Engine) exists(key ledger.Key) bool {
	if d, ok := e.dirty[key]; ok {
		return d.value != nil
	}
	_, ok := e.index.Get(key)
	return ok
}

// wait returns the answer of a proposal that was applied.
func (e *Engine) wait(ctx context.Context, p *proposal) (answer, error) {
	select {
	case a := <-p.done:
		return a, nil
	case <-e.stopped:
		return answer{}, errStopped
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}
