package policy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// defaultActivity is how many entries a page has that says nothing, and maxActivityBytes about the most that it takes, but
// for its last entry.
const (
	defaultActivity  = 20
	maxActivityBytes = 4 << 20
)

// link is where a page of entries begins: an entry by its number, and the commit that holds it.
type link struct{ sequence, commit uint64 }

func (l link) String() string { return fmt.Sprintf("%d.%d", l.sequence, l.commit) }

// getActivity lists the entries of the caller's organization. It goes along their chain, so that the host can leave out
// none, and checks that each is in the log.
func (e *Engine) getActivity(ctx context.Context, c *caller, params *api.ActivityParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	limit := params.Limit
	if limit == 0 {
		limit = defaultActivity
	}
	if limit < 1 || limit > api.MaxPage {
		return answer{}, api.Errorf(api.TypeInvalid, "want 1 to %d", api.MaxPage).At("params.limit")
	}
	end, err := load[org.Activity](ctx, e, activityKey(c.organization))
	if err != nil {
		return answer{}, err
	}
	if end.value == nil {
		end.value = &org.Activity{}
	}
	at := link{end.value.Count, end.value.Commit}
	if err := e.anchoredCommit(ctx, at.commit); err != nil {
		return answer{}, err
	}
	page := api.Activity{Entries: []api.ActivityEntry{}, Count: at.sequence}
	if params.Cursor != "" {
		if n, err := fmt.Sscanf(params.Cursor, "%d.%d", &at.sequence, &at.commit); n != 2 || err != nil || at.String() != params.Cursor || at.sequence > page.Count {
			return answer{}, api.Errorf(api.TypeInvalid, "is not the next of a page").At("params.cursor")
		}
	}
	w := &walk{engine: e, organization: c.organization}
	for size := 0; at.sequence > 0 && len(page.Entries) < limit && size < maxActivityBytes; at.sequence-- {
		entry, encoded, err := w.entry(ctx, at)
		if errors.Is(err, ledger.ErrEntry) && params.Cursor != "" && len(page.Entries) == 0 {
			return answer{}, api.Errorf(api.TypeInvalid, "is not the next of a page").At("params.cursor")
		}
		if err != nil {
			return answer{}, err
		}
		shown := activityEntry(&entry)
		if shown.Proof, err = w.prove(ctx, entry.Index, encoded, params.Proof); err != nil {
			return answer{}, err
		}
		page.Entries = append(page.Entries, shown)
		if size += small + len(entry.Explanation) + 2*effectsWeight(&entry.Effects); params.Proof {
			size += 2 * len(encoded)
		}
		at.commit = entry.Previous
	}
	if at.sequence > 0 {
		page.Next = at.String()
	}
	if params.Proof && w.receipt != nil {
		b, err := proof.Encode(*w.receipt)
		if err != nil {
			return answer{}, err
		}
		page.Receipt = base64.RawURLEncoding.EncodeToString(b)
	}
	return success(page), nil
}

// walk goes along the chain of an organization's entries.
type walk struct {
	engine       *Engine
	organization proof.ID
	commit       ledger.Commit // the one at hand
	rest         int           // its entries that are not passed yet: the walk goes down
	receipt      *proof.SignedReceipt
}

// entry reads one entry, with its bytes, from the commit that should hold it.
func (w *walk) entry(ctx context.Context, at link) (ledger.Entry, []byte, error) {
	if w.commit.Index != at.commit {
		rows, err := w.engine.rows(ctx, at.commit, 1)
		if err != nil {
			return ledger.Entry{}, nil, err
		}
		w.commit = ledger.Commit{}
		if len(rows) != 1 || proof.Decode(rows[0].Blob, &w.commit) != nil || w.commit.Index != at.commit {
			return ledger.Entry{}, nil, ledger.ErrEntry
		}
		w.rest = len(w.commit.Entries)
	}
	for w.rest > 0 {
		w.rest--
		i := w.rest
		index := w.commit.First + uint64(i)
		entry, err := w.engine.openEntry(index, w.commit.Entries[i])
		if err != nil {
			return entry, nil, err
		}
		if entry.Organization == w.organization && entry.Sequence == at.sequence {
			encoded, err := proof.Encode(entry)
			return entry, encoded, err
		}
	}
	return ledger.Entry{}, nil, fmt.Errorf("%w: the host does not hand over entry %d of the organization", ledger.ErrEntry, at.sequence)
}

// prove checks that an entry is in the log under the newest receipt; what shows it is returned if that is wanted. A
// commit that was sealed and then lost is not in the log, though its seal is good.
func (w *walk) prove(ctx context.Context, index uint64, encoded []byte, wanted bool) (*api.ActivityProof, error) {
	e := w.engine
	if err := e.anchored(ctx, index+1); err != nil {
		return nil, err
	}
	if w.receipt == nil {
		e.mu.Lock()
		receipt := e.receipt
		e.mu.Unlock()
		w.receipt = &receipt
	}
	head := w.receipt.Receipt.Head
	path, err := wire.Ask[wire.Path](ctx, e.host, wire.KindPath, wire.PathRequest{Index: index, Size: head.Size})
	if err != nil {
		return nil, err
	}
	salt := ledger.Salt(e.logKey, w.organization, index)
	if err := proof.CheckInclusion(path.Hashes, head.Size, index, head.Root, ledger.Commitment(salt, encoded)); err != nil {
		return nil, fmt.Errorf("%w: entry %d is not in the log: %w", ledger.ErrEntry, index, err)
	}
	if !wanted {
		return nil, nil //nolint:nilnil // it was checked, and is not wanted
	}
	shown := &api.ActivityProof{
		Entry: base64.RawURLEncoding.EncodeToString(encoded), Salt: base64.RawURLEncoding.EncodeToString(salt[:]), Path: []string{},
	}
	for _, h := range path.Hashes {
		shown.Path = append(shown.Path, base64.RawURLEncoding.EncodeToString(h[:]))
	}
	return shown, nil
}

// activityEntry writes an entry for its organization.
func activityEntry(entry *ledger.Entry) api.ActivityEntry {
	shown := api.ActivityEntry{
		Sequence: entry.Sequence, Index: entry.Index, TimeMs: int64(entry.Time), Method: api.Method(entry.Method), Username: entry.User,
		CallerID: optionalID(entry.Caller), WalletID: optionalID(entry.Wallet), Decision: entry.Decision.String(), Status: int(entry.Status),
		Policy: entry.Policy, Version: entry.PolicyVersion, Environment: int(entry.Environment), RequestHash: hex.EncodeToString(entry.Request[:]),
		RequestID: uuid(entry.RequestID),
	}
	if len(entry.Explanation) > 0 {
		shown.Explanation = entry.Explanation
	}
	if entry.Permit != (proof.Hash{}) || entry.Effects.Any() {
		shown.Effects = effectsResult(entry.Effects)
	}
	for _, n := range entry.Counters {
		shown.Counters = append(shown.Counters, api.ActivityUse{Subject: n.Subject, Asset: n.Asset, Minute: n.Bucket, Total: n.Total})
	}
	return shown
}

func optionalID(u proof.ID) string {
	if u == (proof.ID{}) {
		return ""
	}
	return uuid(u)
}

// body opens the body of a request of the commit at hand; nil when it was pruned.
func (w *walk) body(ctx context.Context, index uint64) ([]byte, error) {
	told, err := wire.Ask[wire.Bodies](ctx, w.engine.host, wire.KindBodies, wire.BodiesRequest{Index: w.commit.Index})
	if err != nil || len(told.Bodies) == 0 {
		return nil, err
	}
	var bodies [][]byte
	if err := proof.Decode(told.Bodies, &bodies); err != nil {
		return nil, err
	}
	place := index - w.commit.First
	if place >= uint64(len(bodies)) || sha256.Sum256(bodies[place]) != w.commit.Entries[place].Body {
		return nil, ledger.ErrEntry
	}
	return w.engine.entryKey.Open(append(ledger.EntryContext(index), "body"...), bodies[place])
}
