package org

import (
	"bytes"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// Next returns a copy of the controls that may be changed; without any, empty ones.
func (c *Controls) Next() *Controls {
	next := Controls{Version: SchemaVersion}
	if c != nil {
		next = *c
	}
	return &next
}

// Freezes gives what is frozen; nothing where nothing was ever set.
func (c *Controls) Freezes() Frozen {
	if c == nil {
		return Frozen{}
	}
	return c.Frozen
}

// With returns what is frozen with one thing more: a user, a wallet, or with neither the organization.
func (f Frozen) With(username string, wallet proof.ID) (Frozen, error) {
	switch {
	case username != "":
		at, there := slices.BinarySearch(f.Users, username)
		if there {
			return f, nil
		}
		if len(f.Users) >= api.MaxFrozen {
			return f, api.Errorf(api.TypeLimit, "%d users are frozen, the most there may be one by one; freeze the organization", api.MaxFrozen)
		}
		f.Users = slices.Insert(slices.Clone(f.Users), at, username)
	case wallet != proof.ID{}:
		at, there := slices.BinarySearchFunc(f.Wallets, wallet, compareIDs)
		if there {
			return f, nil
		}
		if len(f.Wallets) >= api.MaxFrozen {
			return f, api.Errorf(api.TypeLimit, "%d wallets are frozen, the most there may be one by one; freeze the organization", api.MaxFrozen)
		}
		f.Wallets = slices.Insert(slices.Clone(f.Wallets), at, wallet)
	default:
		f.Organization = true
	}
	return f, nil
}

// Without returns what is frozen with one thing less.
func (f Frozen) Without(username string, wallet proof.ID) Frozen {
	switch {
	case username != "":
		f.Users = slices.DeleteFunc(slices.Clone(f.Users), func(u string) bool { return u == username })
	case wallet != proof.ID{}:
		f.Wallets = slices.DeleteFunc(slices.Clone(f.Wallets), func(w proof.ID) bool { return w == wallet })
	default:
		f.Organization = false
	}
	return f
}

// Equal says whether the same is frozen.
func (f Frozen) Equal(other Frozen) bool {
	return f.Organization == other.Organization && slices.Equal(f.Users, other.Users) && slices.Equal(f.Wallets, other.Wallets)
}

func compareIDs(a, b proof.ID) int { return bytes.Compare(a[:], b[:]) }

// Strands says whether a change leaves nobody with policy ROOT who is not frozen, or nobody who lasts: then nobody could
// ever lift a freeze again. Before and after a change are the users and who of them is frozen.
func (o *Organization) Strands(frozen []string, next *Organization, nextFrozen []string, now uint64) bool {
	return o.without(frozen).losesRoot(next.without(nextFrozen), now)
}

// without returns the organization as it is for those who may act in it.
func (o *Organization) without(frozen []string) *Organization {
	if len(frozen) == 0 {
		return o
	}
	next := *o
	next.Users = slices.DeleteFunc(slices.Clone(o.Users), func(u User) bool {
		_, found := slices.BinarySearchFunc(frozen, u.Username, strings.Compare)
		return found
	})
	return &next
}
