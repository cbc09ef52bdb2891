package policy

import (
	"sync"

	"github.com/redoubt-kms/redoubt/proof"
)

// holds has those wait for each other who want the same organization's counters, and nobody else.
type holds struct {
	mu  sync.Mutex
	all map[proof.ID]*hold
}

// hold is one organization's, there while somebody has or wants it.
type hold struct {
	mu    sync.Mutex
	users int
}

func (h *holds) lock(organization proof.ID) {
	h.mu.Lock()
	one := h.all[organization]
	if one == nil {
		if h.all == nil {
			h.all = map[proof.ID]*hold{}
		}
		one = &hold{}
		h.all[organization] = one
	}
	one.users++
	h.mu.Unlock()
	one.mu.Lock()
}

func (h *holds) unlock(organization proof.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.all[organization]
	if one.users--; one.users == 0 {
		delete(h.all, organization)
	}
	one.mu.Unlock()
}
