package policy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func (r *rig) counters(t *testing.T) wire.PolicyCounters {
	t.Helper()
	c, err := r.desk.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Signer == nil || c.Certifier == nil {
		t.Fatal("an enclave does not tell its counters")
	}
	return c
}

// TestCountersMoveByWhatWasDone: the counters of all three enclaves, before and after a known run.
func TestCountersMoveByWhatWasDone(t *testing.T) {
	r := newRig(t)
	denied := newKey(t)
	o := r.tenant(t, user("nobody", preset("DENY_ALL"), denied))
	w := r.wallet(t, o)
	before := r.counters(t)
	if before.Queued != 0 || before.HeadTime == 0 || before.Commits != before.HeadIndex || before.LogSize != before.Allowed+before.Denied {
		t.Errorf("%+v", before)
	}
	body := r.body(t, api.SignUtf8Message, utf8Params(o, w.WalletID, "once"))
	for range 3 {
		r.send(t, o.key, body)
	}
	for range 2 {
		if answer := r.call(t, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, "more")); answer.Status != 200 {
			t.Fatalf("%s", answer.Result)
		}
	}
	if answer := r.call(t, denied, api.SignUtf8Message, utf8Params(o, w.WalletID, "never")); answer.Status != 403 {
		t.Fatalf("%s", answer.Result)
	}
	want := before
	signer, certifier := *before.Signer, *before.Certifier
	want.Signer, want.Certifier = &signer, &certifier
	want.Allowed, want.Denied, want.Repeated = want.Allowed+3, want.Denied+1, want.Repeated+2
	want.Commits, want.HeadIndex, want.LogSize = want.Commits+4, want.HeadIndex+4, want.LogSize+4
	want.Changed += 4 // the end of the organization's entries
	signer.Ed25519, signer.SeedHits = signer.Ed25519+3, signer.SeedHits+3
	certifier.Anchors, certifier.Heads = certifier.Anchors+4, certifier.Heads+4
	got := r.counters(t)
	// Look-ups depend on how often the reading of records is needed, and time goes on by itself.
	free := cmp.Options{
		cmpopts.IgnoreFields(wire.PolicyCounters{}, "HeadTime", "RecordHits", "AccountHits", "AccountMisses"),
		cmpopts.IgnoreFields(wire.CertifierCounters{}, "Receipts"),
		cmpopts.IgnoreUnexported(wire.PolicyCounters{}, wire.SignerCounters{}, wire.CertifierCounters{}),
	}
	if diff := cmp.Diff(want, got, free); diff != "" {
		t.Error(diff)
	}
	if got.RecordHits <= before.RecordHits || got.AccountHits+got.AccountMisses < before.AccountHits+3 || got.HeadTime < before.HeadTime {
		t.Errorf("%+v", got)
	}
	if got.IndexBytes != got.Records*itemBytes || got.Records == 0 {
		t.Errorf("%d records, %d bytes", got.Records, got.IndexBytes)
	}
}

// TestCountersWithoutSigner: an enclave that does not answer is left out, and not waited for long.
func TestCountersWithoutSigner(t *testing.T) {
	r := newRig(t)
	signer := 1 + slices.Index(roles(), proof.RoleSigner) // after the store; nobody has called it yet
	r.halt[signer]()
	r.halt[signer] = func() {}
	got, err := r.desk.Counters(t.Context())
	if err != nil || got.Signer != nil || got.Certifier == nil {
		t.Errorf("%+v, %v", got, err)
	}
}
