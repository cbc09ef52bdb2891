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
	keyed := &org.Organization{Version: 1, Tags: make([]string, api.MaxTags)}
	for i := range api.MaxUsers {
		u := org.User{Username: fmt.Sprint(i), Policy: org.Policy{Type: org.PolicyRoot}}
		for range api.MaxKeys {
			u.Authenticators = append(u.Authenticators, org.Authenticator{Kind: org.KindOIDC, PublicKey: make([]byte, org.MaxKeyBytes/api.MaxUsers/api.MaxKeys)})
		}
		for range api.MaxTraits {
			u.Traits = append(u.Traits, org.Trait{Name: "name", Value: strings.Repeat("v", 4*api.MaxName)})
		}
		keyed.Users = append(keyed.Users, u)
	}
	ways := &org.Ways{Version: 1}
	for range maxWayChanges {
		ways.Pending = append(ways.Pending, org.WayChange{Subject: strings.Repeat("s", 51), Name: strings.Repeat("n", 4*api.MaxName), By: strings.Repeat("s", 51)})
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
		"organization": users, "organization with keys": keyed, "ways": ways, "controls": controls, "grants": grants, "usage": series, "waiting": waiting,
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

// The cache of records holds so many, and not more than it weighs.
func TestRecordsAreBounded(t *testing.T) {
	heavy := &org.Organization{Users: []org.User{{Authenticators: []org.Authenticator{{PublicKey: make([]byte, org.MaxKeyBytes)}}}}}
	c := newRecordCache(1 << 10)
	name := func(i int) ledger.Key {
		return ledger.NewKey(ledger.KindOrganization, proof.ID{byte(i), byte(i >> 8)}, proof.ID{})
	}
	for i := range 3 * maxHeld / org.MaxKeyBytes {
		c.put(name(i), 1, heavy)
		c.put(name(i), 2, heavy) // a newer version takes the place of the one before
	}
	if n := c.order.Len(); n != len(c.by) || n != maxHeld/weight(heavy) || c.held != n*weight(heavy) {
		t.Errorf("%d records of %d bytes are kept, which weigh %d", n, weight(heavy), c.held)
	}
	for i := range 3 << 10 {
		c.put(name(i), 3, &org.Roll{})
	}
	if n := c.order.Len(); n != 1<<10 || c.held != n*weight(&org.Roll{}) {
		t.Errorf("%d small records are kept, which weigh %d", n, c.held)
	}
	for i := range 3 << 10 {
		c.drop(name(i))
	}
	if c.held != 0 || len(c.by) != 0 {
		t.Errorf("what was dropped weighs %d", c.held)
	}
}
