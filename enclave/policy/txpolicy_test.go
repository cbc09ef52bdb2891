package policy

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/solana"
)

// payments are the bytes of a message in which an account pays so many lamports each to somebody.
func payments(t testing.TB, from string, lamports ...uint16) []byte {
	t.Helper()
	payer, err := base58.Decode(from)
	if err != nil {
		t.Fatal(err)
	}
	raw := slices.Concat([]byte{1, 0, 1, 3}, payer, slices.Repeat([]byte{7}, 32), make([]byte, 32), slices.Repeat([]byte{9}, 32), []byte{byte(len(lamports))})
	for _, n := range lamports {
		raw = append(raw, 2, 2, 0, 1, 12, 2, 0, 0, 0)
		raw = append(raw, byte(n), byte(n>>8), 0, 0, 0, 0, 0, 0)
	}
	if _, err := solana.Parse(raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// A wallet is lent for payments of at most 1,000 lamports in a transaction. All ways to sign are held against that, also
// after a restart, and the denial says what was wrong.
func TestTransactionPolicy(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	bounds := object{"version": "v0", "solana": object{"rules": []object{
		{"rule": "NoAddressLookupTables"},
		{"rule": "InstructionAllowlist", "instructions": []object{{
			"programId": systemProgram, "discriminator": object{"Exact": 2},
			"validate": []object{{"rule": "SystemInstructionLamportsThreshold", "max": 1000}},
		}}},
	}}}
	params := between(owner, target, w.WalletID, object{"policy": scopes("owner"), "transactionPolicy": bounds})
	made := must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, params)
	if p := made.TransactionPolicy; p == nil || p.Version != "v0" || len(p.Solana.Rules) != 2 || *p.Solana.Rules[1].Instructions[0].Validate[0].Max != 1000 {
		t.Fatalf("%+v", made)
	}
	r.restart(t)
	list := must[api.Grants](t, r, target.key, api.GetWalletAccessGrants, between(owner, target, w.WalletID, nil))
	if len(list.Grants) != 1 || !cmp.Equal(list.Grants[0].TransactionPolicy, made.TransactionPolicy) {
		t.Errorf("%+v", list)
	}
	address := w.Accounts[0].Address
	sign := func(o tenant, lamports ...uint16) (uint16, string) {
		t.Helper()
		a := r.call(t, o.key, api.SignTransaction, object{
			"organizationId": o.id, "walletId": w.WalletID, "derivationInfo": solanaPath,
			"transaction": base64.RawURLEncoding.EncodeToString(payments(t, address, lamports...)),
		})
		return a.Status, string(a.Result)
	}
	for i, c := range []struct {
		lamports []uint16
		want     uint16
		says     string
	}{
		{[]uint16{1000}, 200, ""},
		{[]uint16{400, 600}, 200, ""},
		{[]uint16{1001}, 403, "transaction policy: rule 1 (InstructionAllowlist): instruction 0, system.transfer(from " + address},
		{[]uint16{999, 2}, 403, "2 instructions move 1001 together, more than the maximum of 1000"},
	} {
		if status, body := sign(target, c.lamports...); status != c.want || !strings.Contains(body, c.says) {
			t.Errorf("%d: %d %s", i, status, body)
		}
		if status, body := sign(owner, c.lamports...); status != 200 {
			t.Errorf("%d, by the owner: %d %s", i, status, body)
		}
	}
	of := object{"organizationId": target.id, "walletId": w.WalletID, "derivationInfo": solanaPath}
	with := func(more object) object {
		p := object{}
		for k, v := range of {
			p[k] = v
		}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	raw := func(b []byte) object {
		return with(object{"payload": base64.StdEncoding.EncodeToString(b), "algorithm": "Ed25519"})
	}
	ethereum := uses(target, w.WalletID, "")
	if a := r.call(t, target.key, api.SignRawPayload, raw(payments(t, address, 1))); a.Status != 403 {
		t.Errorf("a transaction as raw bytes: %d %s", a.Status, a.Result)
	}
	if a := r.call(t, target.key, api.SignRawPayload, raw(make([]byte, 32))); a.Status != 403 {
		t.Errorf("a digest: %d %s", a.Status, a.Result)
	}
	if a := r.call(t, target.key, api.SignRawPayload, raw([]byte("other bytes"))); a.Status != 200 {
		t.Errorf("other bytes: %d %s", a.Status, a.Result)
	}
	for scope, want := range map[string]uint16{"signaturePayload": 200, "ethereumSignMessage": 200, "signatureTransaction": 403, "exportWallet": 403} {
		if a := ethereum[scope](r, t, target); a.Status != want {
			t.Errorf("%s: %d %s", scope, a.Status, a.Result)
		}
	}
	dry := must[api.DryRunResult](t, r, target.key, api.DryRun, object{"organizationId": target.id, "request": object{
		"method": api.SignTransaction, "params": with(object{"transaction": base64.RawURLEncoding.EncodeToString(payments(t, address, 1001))}),
	}})
	if dry.Decision != "DENY" || !strings.Contains(dry.Reason, "1001 is more than the maximum of 1000") {
		t.Errorf("%+v", dry)
	}
	// A policy that says nothing of Solana bounds nothing, and the next grant takes the place of this one.
	params["transactionPolicy"] = object{"version": "v0", "solana": nil}
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, params)
	if status, body := sign(target, 1001); status != 200 {
		t.Errorf("without bounds: %d %s", status, body)
	}
	if a := ethereum["signatureTransaction"](r, t, target); a.Status != 200 {
		t.Errorf("another chain without bounds: %d %s", a.Status, a.Result)
	}
}

// Users with policy ROOT whom a grant of version 1 gives everything are bound as well.
func TestTransactionPolicyBindsRoot(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{
		"policy":            rooted("ALWAYS", object{"preset": "DENY_ALL"}),
		"transactionPolicy": object{"version": "v0", "solana": object{"rules": []object{{"rule": "NoSignerAccountUsage"}}}},
	}))
	a := r.call(t, target.key, api.SignTransaction, object{
		"organizationId": target.id, "walletId": w.WalletID, "derivationInfo": solanaPath,
		"transaction": base64.RawURLEncoding.EncodeToString(payments(t, w.Accounts[0].Address, 1)),
	})
	if a.Status != 403 || !strings.Contains(string(a.Result), "it uses the signing account "+w.Accounts[0].Address) {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}
