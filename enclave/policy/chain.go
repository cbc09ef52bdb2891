package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// chained are the ends of the chains of entries that a commit moves on, one of each organization.
type chained struct {
	ends    map[proof.ID]*org.Activity
	version map[proof.ID]uint64
}

// number gives the entries of a commit their places in the chains of their organizations. The ends are in memory after
// the first entry of an organization since the start; that one is read from the host.
func (e *Engine) number(ctx context.Context, proposals []*proposal, commit uint64) (chained, error) {
	c := chained{map[proof.ID]*org.Activity{}, map[proof.ID]uint64{}}
	for _, p := range proposals {
		of := p.entry.Organization
		if of == (proof.ID{}) {
			continue
		}
		end := c.ends[of]
		if end == nil {
			before, err := load[org.Activity](ctx, e, activityKey(of))
			if err != nil {
				return c, err
			}
			end = &org.Activity{Version: org.SchemaVersion}
			if before.value != nil {
				*end = *before.value
			}
			c.ends[of] = end
		}
		p.entry.Sequence, p.entry.Previous = end.Count+1, end.Commit
		end.Count, end.Commit = end.Count+1, commit
	}
	return c, nil
}

// sealEnds makes the records of the new ends.
func (e *Engine) sealEnds(c chained) ([]ledger.Record, []state.Item, error) {
	var records []ledger.Record
	var items []state.Item
	for of, end := range c.ends {
		r := ledger.Record{Key: activityKey(of)}
		e.mu.Lock()
		r.Version = e.version(r.Key) + 1
		e.dirty[r.Key] = dirty{version: r.Version, value: end} // the host does not have it yet
		e.mu.Unlock()
		plain, err := proof.Encode(end)
		if err != nil {
			return nil, nil, err
		}
		if r.Sealed, err = e.recordKey.Seal(ledger.Context(r.Key, r.Version), plain); err != nil {
			return nil, nil, err
		}
		c.version[of] = r.Version
		records = append(records, r)
		items = append(items, state.Item{Key: r.Key, Version: r.Version, Hash: r.Hash()})
	}
	return records, items, nil
}

// keep has the new ends at hand for the next commit. The engine's lock is held.
func (c chained) keep(e *Engine) {
	for of, end := range c.ends {
		delete(e.dirty, activityKey(of))
		e.records.put(activityKey(of), c.version[of], end)
	}
}

func activityKey(organization proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindActivity, organization, proof.ID{})
}
