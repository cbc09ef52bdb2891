package policy

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// evil is a store that does not do what it should, as a hostile host or a failing disk would.
type evil struct {
	hostdesk.Store
	append  func(ctx context.Context, c wire.Commit) error
	before  func(keys [][]byte) // of Records
	records func([][]byte) [][]byte
	index   func(after []byte, index uint64, items []wire.IndexItem) (uint64, []wire.IndexItem)
	commits func([]wire.Commit) []wire.Commit
	hashes  func([]tlog.Hash) []tlog.Hash
}

// Append implements hostdesk.Store.
func (e *evil) Append(ctx context.Context, c wire.Commit) error {
	if e.append != nil {
		return e.append(ctx, c)
	}
	return e.Store.Append(ctx, c)
}

// Records implements hostdesk.Store.
func (e *evil) Records(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if e.before != nil {
		e.before(keys)
	}
	sealed, err := e.Store.Records(ctx, keys)
	if e.records != nil {
		sealed = e.records(sealed)
	}
	return sealed, err
}

// Index implements hostdesk.Store.
func (e *evil) Index(ctx context.Context, after []byte, limit int) (uint64, []wire.IndexItem, error) {
	index, items, err := e.Store.Index(ctx, after, limit)
	if e.index != nil {
		index, items = e.index(after, index, items)
	}
	return index, items, err
}

// Commits implements hostdesk.Store.
func (e *evil) Commits(ctx context.Context, from uint64, limit int) ([]wire.Commit, error) {
	commits, err := e.Store.Commits(ctx, from, limit)
	if e.commits != nil {
		commits = e.commits(commits)
	}
	return commits, err
}

// Hashes implements hostdesk.Store.
func (e *evil) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	hashes, err := e.Store.Hashes(ctx, indexes)
	if e.hashes != nil {
		hashes = e.hashes(hashes)
	}
	return hashes, err
}

// What the host answers while the engine starts is believed only as far as it adds up to the anchored head.
func TestStartBelievesNoAnswer(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	r.wallet(t, o)
	r.stop()
	for why, e := range map[string]*evil{
		"an item twice": {index: func(_ []byte, i uint64, items []wire.IndexItem) (uint64, []wire.IndexItem) {
			if len(items) > 0 {
				items = append(items, items[len(items)-1])
			}
			return i, items
		}},
		"items out of order": {index: func(_ []byte, i uint64, items []wire.IndexItem) (uint64, []wire.IndexItem) {
			slices.Reverse(items)
			return i, items
		}},
		"no items": {index: func(_ []byte, i uint64, _ []wire.IndexItem) (uint64, []wire.IndexItem) { return i, nil }},
		"a page that names another commit": {index: func(after []byte, i uint64, items []wire.IndexItem) (uint64, []wire.IndexItem) {
			return i + uint64(len(after)), items
		}},
		"an older index": {index: func(_ []byte, i uint64, items []wire.IndexItem) (uint64, []wire.IndexItem) { return i - 1, items }},
		"a future index": {index: func(_ []byte, i uint64, items []wire.IndexItem) (uint64, []wire.IndexItem) { return i + 1, items }},
		"no commits":     {commits: func([]wire.Commit) []wire.Commit { return nil }},
		"another's commits": {commits: func(c []wire.Commit) []wire.Commit {
			for i := range c {
				c[i].Index++
			}
			return c
		}},
		"commits out of order": {commits: func(c []wire.Commit) []wire.Commit { slices.Reverse(c); return c }},
		"other heads": {commits: func(c []wire.Commit) []wire.Commit {
			for i := range c {
				c[i].Blob = bytes.Repeat([]byte{1}, 20)
			}
			return c
		}},
		"another edge of the log": {hashes: func(h []tlog.Hash) []tlog.Hash { return make([]tlog.Hash, len(h)) }},
		"a shorter edge":          {hashes: func(h []tlog.Hash) []tlog.Hash { return h[:0] }},
	} {
		r.between = func(s hostdesk.Store) hostdesk.Store { e.Store = s; return e }
		var refused *hostdesk.RefusedError
		if err := r.tryStart(t); !errors.As(err, &refused) {
			t.Errorf("%s: %v", why, err)
		}
		r.stop()
	}
	r.between = nil
	r.start(t)
}

// What the host answers while the engine serves is believed only when it is what the index names; what does not fit is
// 503 for whom it concerns, and no signature.
func TestServingBelievesNoAnswer(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	for why, records := range map[string]func([][]byte) [][]byte{
		"nothing": func(s [][]byte) [][]byte { return make([][]byte, len(s)) }, "less": func([][]byte) [][]byte { return nil },
		"a changed bit": func(s [][]byte) [][]byte { s[0] = bytes.Clone(s[0]); s[0][30] ^= 1; return s },
		"more":          func(s [][]byte) [][]byte { return append(s, s...) },
	} {
		r.stop()
		r.between = func(s hostdesk.Store) hostdesk.Store { return &evil{Store: s, records: records} }
		r.start(t)
		for _, a := range []wire.Answer{
			r.call(t, o.key, api.GetOrganization, object{"organizationId": o.id}),
			r.call(t, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x")),
		} {
			if a.Status != 503 || a.Receipt != "" {
				t.Errorf("%s: %d %s", why, a.Status, a.Result)
			}
		}
	}
	r.between = nil
	r.restart(t)
	must[api.Signature](t, r, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x"))
}

// When a commit fails, whether or not it was stored, nothing is answered with success, nothing more is committed, and
// after a new start the same body has one effect.
func TestFailedCommit(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	for _, stored := range []bool{false, true} {
		for _, method := range []api.Method{api.SignUtf8Message, api.CreateWallet} {
			var failing atomic.Bool
			r.stop()
			r.between = func(s hostdesk.Store) hostdesk.Store {
				return &evil{Store: s, append: func(ctx context.Context, c wire.Commit) error {
					if !failing.Load() {
						return s.Append(ctx, c)
					}
					if stored {
						if err := s.Append(ctx, c); err != nil {
							t.Error(err)
						}
					}
					return errors.New("disk on fire")
				}}
			}
			r.start(t)
			params := object{"organizationId": o.id, "walletName": "w"}
			if method == api.SignUtf8Message {
				params = utf8Params(o, w.WalletID, "x")
			}
			body := r.body(t, method, params)
			before := r.entries(t)
			failing.Store(true)
			a, err := r.desk.Request(t.Context(), wire.KindRequest, r.request(o.key, body))
			if err == nil && a.Status != 503 { // the engine may be gone before it can say so
				t.Errorf("%s, stored %v: %d %s", method, stored, a.Status, a.Result)
			}
			r.between = nil
			r.restart(t)
			first, second := r.send(t, o.key, body), r.send(t, o.key, body)
			if first.Status != 200 || !same(first, second) {
				t.Errorf("%s, stored %v: then %d %s and %d %s", method, stored, first.Status, first.Result, second.Status, second.Result)
			}
			if grown := r.entries(t) - before; grown != 1 {
				t.Errorf("%s, stored %v: %d entries", method, stored, grown)
			}
		}
	}
}

// A disk that says it stored and did not is found out at the next start: what was answered is never silently gone.
func TestLyingDisk(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	r.stop()
	r.between = func(s hostdesk.Store) hostdesk.Store {
		return &evil{Store: s, append: func(context.Context, wire.Commit) error { return nil }}
	}
	r.start(t)
	must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
	r.stop()
	r.between = nil
	var refused *hostdesk.RefusedError
	if err := r.tryStart(t); !errors.As(err, &refused) {
		t.Errorf("it starts as if nothing had been: %v", err)
	}
}
