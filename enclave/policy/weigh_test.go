package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// However heavy the records and entries are that organizations change at once, a commit fits into a frame.
func TestCommitsFitIntoFrames(t *testing.T) {
	ruled := org.Policy{Type: org.PolicyCEL, Rules: []org.Rule{{Expression: strings.Repeat("x", 60<<10), Outcome: org.OutcomeAllow}}}
	users := &org.Organization{Version: 1}
	for i := range api.MaxUsers {
		users.Users = append(users.Users, org.User{Username: fmt.Sprint(i), Policy: ruled})
	}
	controls := &org.Controls{Version: 1}
	for range maxContracts {
		controls.Contracts = append(controls.Contracts, org.Contract{ABI: make([]byte, 250<<10)})
	}
	for i := range maxPrices {
		controls.Prices.Table = append(controls.Prices.Table, org.Price{Asset: fmt.Sprint(i)})
	}
	grants := &org.Grants{Version: 1}
	for range api.MaxGrants {
		grants.All = append(grants.All, org.Grant{Policy: ruled})
	}
	series := &usage.Series{Version: 1}
	for range 400 {
		series.Buckets = append(series.Buckets, usage.Bucket{Start: 1 << 40, Width: 360, Total: make([]byte, 32)})
	}
	waiting := &org.Waiting{Version: 1, Body: make([]byte, api.MaxBody), Explanation: make([]byte, 1<<20)}
	for name, record := range map[string]any{
		"organization": users, "controls": controls, "grants": grants, "usage": series, "waiting": waiting,
		"pending": &org.Pending{Version: 1, Retain: grants.All[:1]}, "roll": &org.Roll{Version: 1, Lines: make([]org.Line, 512)},
	} {
		encoded, err := proof.Encode(record)
		if err != nil {
			t.Fatal(err)
		}
		if got := weight(record); got < len(encoded) || got > 4*len(encoded) {
			t.Errorf("%s: %d bytes are taken for %d", name, len(encoded), got)
		}
		e := &Engine{}
		for i := range maxBatch {
			p := &proposal{}
			p.put(ledger.NewKey(ledger.KindControls, proof.ID{byte(i), byte(i >> 8)}, proof.ID{}), record)
			e.queue = append(e.queue, p)
		}
		if n := len(e.take()); n == 0 || n*len(encoded) > wire.MaxFrame/2 {
			t.Errorf("%s: a commit takes %d of %d bytes", name, n, len(encoded))
		}
	}
	e := &Engine{}
	for range maxBatch {
		e.queue = append(e.queue, &proposal{entry: ledger.Entry{Explanation: make([]byte, 1<<20)}})
	}
	if n := len(e.take()); n == 0 || n<<20 > wire.MaxFrame/2 {
		t.Errorf("a commit takes %d explanations of a MiB", n)
	}
}
