package policy

import (
	"container/list"
	"context"
	"fmt"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// found is a decoded record with the version that was read.
type found[T any] struct {
	value   *T
	version uint64
}

// load returns a record of ours: from what is applied, from the cache, or from the host, whose word is checked against
// the index. A nil value means that there is none.
func load[T any](ctx context.Context, e *Engine, key ledger.Key) (found[T], error) {
	for range 3 {
		e.mu.Lock()
		if d, ok := e.dirty[key]; ok {
			e.mu.Unlock()
			value, _ := d.value.(*T)
			return found[T]{value, d.version}, nil
		}
		item, ok := e.index.Get(key)
		if !ok {
			e.mu.Unlock()
			return found[T]{}, nil
		}
		if value, ok := e.records.get(key, item.Version).(*T); ok {
			e.mu.Unlock()
			e.stats.recordHits.Add(1)
			return found[T]{value, item.Version}, nil
		}
		e.mu.Unlock()

		e.stats.recordMisses.Add(1)
		value := new(T)
		err := e.fetch(ctx, item, value)
		e.mu.Lock()
		now, still := e.index.Get(key)
		if current := still && now.Version == item.Version; err == nil && current {
			e.records.put(key, item.Version, value)
		} else if err == nil || !current {
			e.mu.Unlock()
			continue // it changed while we read
		}
		e.mu.Unlock()
		return found[T]{value, item.Version}, err
	}
	return found[T]{}, fmt.Errorf("record %x keeps changing", key)
}

// peek returns a record of ours if that takes no asking the host: what is applied, cached, or known not to exist.
func peek[T any](e *Engine, key ledger.Key) (found[T], bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d, ok := e.dirty[key]; ok {
		value, _ := d.value.(*T)
		return found[T]{value, d.version}, true
	}
	item, ok := e.index.Get(key)
	if !ok {
		return found[T]{}, true
	}
	value, ok := e.records.get(key, item.Version).(*T)
	return found[T]{value, item.Version}, ok
}

// fetch reads a record of ours from the host.
func (e *Engine) fetch(ctx context.Context, item state.Item, into any) error {
	sealed, err := e.fetchSealed(ctx, item)
	if err != nil {
		return err
	}
	plain, err := e.recordKey.Open(ledger.Context(item.Key, item.Version), sealed)
	if err != nil {
		return err
	}
	return proof.Decode(plain, into)
}

// fetchSealed reads a record's bytes from the host and refuses all but those that the index names.
func (e *Engine) fetchSealed(ctx context.Context, item state.Item) ([]byte, error) {
	answer, err := wire.Ask[wire.Records](ctx, e.host, wire.KindRecords, wire.RecordsRequest{Keys: [][]byte{item.Key[:]}})
	if err != nil {
		return nil, err
	}
	if len(answer.Sealed) != 1 || (ledger.Record{Sealed: answer.Sealed[0]}).Hash() != item.Hash {
		e.vault.Log.Printf("ALARM: the host handed over a stale or foreign record, kind %d", item.Key.Kind())
		return nil, ledger.ErrStale
	}
	return answer.Sealed[0], nil
}

func (e *Engine) organization(ctx context.Context, id proof.ID) (found[org.Organization], error) {
	return load[org.Organization](ctx, e, organizationKey(id))
}

func (e *Engine) wallet(ctx context.Context, organization, id proof.ID) (found[org.Wallet], error) {
	return load[org.Wallet](ctx, e, ledger.NewKey(ledger.KindWallet, organization, id))
}

func organizationKey(id proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindOrganization, id, proof.ID{})
}

func controlsKey(organization proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindControls, organization, proof.ID{})
}

func (e *Engine) tagRecord(organization proof.ID, tag string) ledger.Key {
	return ledger.NewKey(ledger.KindTag, organization, org.TagID(e.tagKey, organization, tag))
}

// recordCache keeps the most recently used decoded records, so many and of so much weight.
type recordCache struct {
	max   int
	held  int        // their weight
	order *list.List // of cachedRecord, newest first
	by    map[ledger.Key]*list.Element
}

type cachedRecord struct {
	key     ledger.Key
	version uint64
	value   any
	weight  int
}

// maxHeld bounds the weight of cached records, in bytes: an organization may weigh some MiB.
const maxHeld = 128 << 20

func newRecordCache(limit int) *recordCache {
	return &recordCache{max: limit, order: list.New(), by: map[ledger.Key]*list.Element{}}
}

func (c *recordCache) get(key ledger.Key, version uint64) any {
	e := c.by[key]
	if e == nil || e.Value.(cachedRecord).version != version {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(cachedRecord).value
}

func (c *recordCache) put(key ledger.Key, version uint64, value any) {
	c.drop(key)
	r := cachedRecord{key, version, value, weight(value)}
	c.by[key] = c.order.PushFront(r)
	c.held += r.weight
	for c.order.Len() > c.max || c.held > maxHeld && c.order.Len() > 1 {
		c.drop(c.order.Back().Value.(cachedRecord).key)
	}
}

func (c *recordCache) drop(key ledger.Key) {
	if e := c.by[key]; e != nil {
		c.held -= c.order.Remove(e).(cachedRecord).weight
		delete(c.by, key)
	}
}
