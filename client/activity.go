package client

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// ErrIncomplete says that a list of an organization's entries is not whole, or not what the log holds.
var ErrIncomplete = errors.New("the list of entries is not whole")

// maxActivity is how many entries a page has.
const maxActivity = 100

// Activity goes through all entries of the client's organization in the log, newest first, and checks that none is left
// out: their numbers are consecutive down to 1, and every page is signed. With proven, it also checks that each entry's
// bytes are in the log under a receipt of the certifier, and that they have that number and belong to the organization.
func (c *Client) Activity(ctx context.Context, proven bool) iter.Seq2[api.ActivityEntry, error] {
	return func(yield func(api.ActivityEntry, error) bool) {
		next, before := "", uint64(0)
		for first := true; first || next != ""; first = false {
			page, err := c.ActivityPage(ctx, api.ActivityParams{Cursor: next, Limit: maxActivity, Proof: proven})
			if first {
				before = page.Count + 1
			}
			if err == nil && len(page.Entries) == 0 && before > 1 {
				err = fmt.Errorf("%w: it ends before number %d", ErrIncomplete, before)
			}
			if err == nil && proven {
				err = c.proveActivity(ctx, page)
			}
			if err != nil {
				yield(api.ActivityEntry{}, err)
				return
			}
			for _, entry := range page.Entries {
				if entry.Sequence != before-1 {
					yield(entry, fmt.Errorf("%w: number %d follows number %d", ErrIncomplete, entry.Sequence, before))
					return
				}
				before = entry.Sequence
				if !yield(entry, nil) {
					return
				}
			}
			next = page.Next
		}
		if before > 1 {
			yield(api.ActivityEntry{}, fmt.Errorf("%w: it ends before number %d", ErrIncomplete, before))
		}
	}
}

// ActivityPage reads one page of entries.
func (c *Client) ActivityPage(ctx context.Context, p api.ActivityParams) (api.Activity, error) {
	p.OrganizationID = c.Organization
	return call[api.Activity](ctx, c, api.GetOrganizationActivity, p)
}

// proveActivity checks the proofs of a page.
func (c *Client) proveActivity(ctx context.Context, page api.Activity) error {
	if len(page.Entries) == 0 {
		return nil
	}
	attested, err := c.attested(ctx, false)
	if err != nil {
		return err
	}
	var receipt proof.SignedReceipt
	b, err := base64.RawURLEncoding.DecodeString(page.Receipt)
	if err == nil {
		err = proof.Decode(b, &receipt)
	}
	if err == nil {
		err = receipt.Verify(attested.Manifest.Certifier)
	}
	if err != nil {
		return fmt.Errorf("%w: the receipt: %w", ErrIncomplete, err)
	}
	for _, entry := range page.Entries {
		if err := c.proveEntry(entry, receipt.Receipt.Head); err != nil {
			return fmt.Errorf("%w: number %d: %w", ErrIncomplete, entry.Sequence, err)
		}
	}
	return nil
}

// The places of an entry's fields, docs/spec/ledger.md.
const (
	fieldIndex, fieldOrganization, fieldSequence = 1, 3, 21
)

func (c *Client) proveEntry(entry api.ActivityEntry, head proof.Head) error {
	if entry.Proof == nil {
		return errors.New("it has no proof")
	}
	encoded, err := base64.RawURLEncoding.DecodeString(entry.Proof.Entry)
	if err != nil {
		return err
	}
	salt, err := hashText(entry.Proof.Salt)
	if err != nil {
		return err
	}
	var path []proof.Hash
	for _, text := range entry.Proof.Path {
		h, err := hashText(text)
		if err != nil {
			return err
		}
		path = append(path, h)
	}
	if err := proof.CheckInclusion(path, head.Size, entry.Index, head.Root, proof.Commit(salt, encoded)); err != nil {
		return err
	}
	var fields []any
	if err := proof.Decode(encoded, &fields); err != nil || len(fields) <= fieldSequence {
		return errors.New("its bytes are no entry of version 2")
	}
	organization, ok := fields[fieldOrganization].([]byte)
	index, both := fields[fieldIndex].(uint64)
	sequence, all := fields[fieldSequence].(uint64)
	if !ok || !both || !all || index != entry.Index || sequence != entry.Sequence || hex.EncodeToString(organization) != strings.ReplaceAll(c.Organization, "-", "") {
		return errors.New("its bytes are another entry's")
	}
	return nil
}

func hashText(text string) (proof.Hash, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(proof.Hash{}) {
		return proof.Hash{}, errors.New("a hash is no base64url of 32 bytes")
	}
	return proof.Hash(b), nil
}
