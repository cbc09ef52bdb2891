package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// entry is one line of the log as far as somebody without the policy engine's secret can see it.
type entry struct {
	Index      uint64 `json:"index"`
	Commit     uint64 `json:"commit,omitempty"`     // the commit that it is in
	Records    int    `json:"records,omitempty"`    // records that this commit changed
	Commitment string `json:"commitment,omitempty"` // hex; SHA-256 of salt and entry
	Leaf       string `json:"leaf"`                 // hex; hash of the leaf
	Sealed     int    `json:"sealed,omitempty"`     // bytes of the sealed entry
}

// newest keeps the last entries of a walk. A limit of zero keeps none, a negative one all.
type newest struct {
	limit int
	all   []entry
}

func (n *newest) add(e entry) {
	if n.limit == 0 {
		return
	}
	n.all = append(n.all, e)
	if n.limit > 0 && len(n.all) >= 2*n.limit {
		n.all = slices.Delete(n.all, 0, n.limit)
	}
}

func (n *newest) entries() []entry {
	if n.limit >= 0 && len(n.all) > n.limit {
		return n.all[len(n.all)-n.limit:]
	}
	return append([]entry{}, n.all...)
}

// shownLog is what 'log show --json' prints.
type shownLog struct {
	Shard    string      `json:"shard"` // hex
	Epoch    uint64      `json:"epoch"` // of the writer
	Commits  uint64      `json:"commits"`
	Size     uint64      `json:"size"`
	Root     string      `json:"root"`               // base64
	State    string      `json:"state"`              // hex; digest of all records
	Anchored uint64      `json:"anchored,omitempty"` // commits that the anchor knows of
	Manifest string      `json:"manifest"`           // hash
	Rebase   *rebaseLine `json:"rebase,omitempty"`   // the newest one
	Entries  []entry     `json:"entries"`
	Notes    []string    `json:"notes"` // what cannot be seen from here, and why
}

func logShow() *cobra.Command {
	var s source
	limit := 20
	c := frame.JSON(&cobra.Command{
		Use: "show", Short: "Verify a log and show its head and its newest entries",
		Long: `Verify a log as 'log verify' does, and show its head and its newest entries, as far as an outsider can see them. What
an entry says is sealed: only the policy engine opens it. Whoever was answered holds a receipt that names the entry.`,
		Example: `  redoubt log show --data data

  redoubt log show --url http://127.0.0.1:8484/v1/wallets --limit 100 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return frame.Usagef("--limit is not negative")
			}
			if limit == 0 {
				limit = -1
			}
			found, err := s.verify(c, &newest{limit: limit})
			if err == nil {
				err = s.pin(found.manifest)
			}
			if err != nil {
				return err
			}
			return frame.Print(c, found.shown(), found.shown().rows)
		},
	})
	c.Flags().IntVar(&limit, "limit", limit, "`NUMBER` of the newest entries to show; 0 for all")
	s.flags(c)
	return c
}

func (v verified) shown() shownLog {
	h := v.head
	notes := []string{"note: what the entries say is sealed for the policy engine; a commitment is salted, so that it tells nothing"}
	return shownLog{
		Shard: hex.EncodeToString(h.Shard[:]), Epoch: h.Epoch, Commits: h.Index, Size: v.size, Root: base64.StdEncoding.EncodeToString(v.root[:]),
		State: hex.EncodeToString(h.State[:]), Anchored: v.anchored, Manifest: v.manifest, Rebase: v.rebased, Entries: v.entries, Notes: append(notes, v.notes...),
	}
}

func (l shownLog) rows(w io.Writer) {
	frame.Row(w, "shard", l.Shard)
	frame.Row(w, "epoch", l.Epoch)
	frame.Row(w, "commits", l.Commits)
	if l.Anchored > 0 {
		frame.Row(w, "anchored", l.Anchored)
	}
	frame.Row(w, "size", l.Size)
	frame.Row(w, "root", l.Root)
	frame.Row(w, "state", l.State)
	frame.Row(w, "manifest", l.Manifest)
	l.Rebase.row(w)
	for _, e := range l.Entries {
		if e.Commitment == "" {
			frame.Row(w, fmt.Sprintf("entry %d", e.Index), "leaf "+e.Leaf)
			continue
		}
		frame.Row(w, fmt.Sprintf("entry %d", e.Index), fmt.Sprintf("commitment %s, %d bytes sealed, in commit %d", e.Commitment, e.Sealed, e.Commit))
	}
	for _, note := range l.Notes {
		fmt.Fprintln(w, note)
	}
}
