package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/proof"
)

// rebaseLine is what everybody may see of a rebase.
type rebaseLine struct {
	Time     string `json:"time"`  // when the operator signed it
	Entry    uint64 `json:"entry"` // of the log that tells of it; what once followed the entry before is lost
	Onto     uint64 `json:"ontoCommits"`
	From     uint64 `json:"fromCommits"`
	Lost     bool   `json:"anchorLost"` // more may be lost than those from Onto to From
	Reason   string `json:"reason"`
	Operator string `json:"operator"` // hex
}

func lineOfRebase(s proof.SignedRebase) *rebaseLine {
	r := s.Rebase
	return &rebaseLine{
		time.UnixMilli(int64(r.Time)).UTC().Format(time.RFC3339Nano), r.Onto.Size, r.Onto.Index, r.From.Index, r.Lost, r.Reason, hex.EncodeToString(s.Operator),
	}
}

// rebaseOf reads what an anchor says of the newest rebase. Its operator signed it, so that no key of the certifier is needed
// to believe it.
func rebaseOf(m proof.Manifest, b []byte) (*rebaseLine, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var s proof.SignedRebase
	if err := proof.Decode(b, &s); err != nil {
		return nil, fmt.Errorf("anchor: rebase: %w", err)
	}
	if err := s.Verify(m); err != nil {
		return nil, fmt.Errorf("anchor: %w", err)
	}
	return lineOfRebase(s), nil
}

func (l *rebaseLine) row(w io.Writer) {
	if l == nil {
		return
	}
	from := fmt.Sprintf("from commit %d", l.From)
	if l.Lost {
		from = fmt.Sprintf("from commit %d or a later one", l.From)
	}
	frame.Row(w, "rebased", fmt.Sprintf("%s by operator %s, %s onto commit %d; it is entry %d: %q", l.Time, l.Operator, from, l.Onto, l.Entry, l.Reason))
}
