package org_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// Grants from before there were transaction policies are read as they are and written as they were; others have one
// encoding as well.
func TestGrantRecords(t *testing.T) {
	plain := org.Grant{
		Name: "n", Created: 5, Version: org.GrantV0, Scopes: []string{org.ScopeOwner}, Restricted: true,
		Paths: []org.Path{{Steps: []uint32{1}, Curve: api.CurveEd25519, Format: api.AddressSolana}},
	}
	// array(9): "n", 5, "v0", ["owner"], true, [[[1], "Ed25519", "Solana"]], "", 0, ["", "", 16 zeros, 0]
	const before = "89616e05627630" + "81656f776e6572" + "f5" + "8183" + "8101" + "6745643235353139" + "66536f6c616e61" +
		"6000" + "84606050" + "00000000000000000000000000000000" + "00"
	bounded := plain
	max := uint64(7)
	bounded.Transactions = &org.TransactionPolicy{Version: org.TransactionPolicyV0, Solana: []org.TransactionRule{{Rule: org.RuleBundleSizeLimit, Max: &max}}}
	unbounded := plain
	unbounded.Transactions = &org.TransactionPolicy{Version: org.TransactionPolicyV0}
	for name, g := range map[string]org.Grant{"plain": plain, "bounded": bounded, "unbounded": unbounded} {
		b, err := proof.Encode(org.Grants{Version: 1, All: []org.Grant{g}})
		if err != nil {
			t.Fatal(err)
		}
		var again org.Grants
		if err := proof.Decode(b, &again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(g, again.All[0], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		second, err := proof.Encode(again)
		if err != nil || !bytes.Equal(second, b) {
			t.Errorf("%s: %x, %v, want %x", name, second, err, b)
		}
		for cut := range b {
			if proof.Decode(b[:cut], &org.Grants{}) == nil {
				t.Errorf("%s: %d bytes of %d are read", name, cut, len(b))
			}
		}
	}
	b, err := proof.Encode(plain)
	if err != nil || hex.EncodeToString(b) != before {
		t.Errorf("%x, %v, want %s", b, err, before)
	}
	if err := new(org.Grant).UnmarshalCBOR(nil); err == nil {
		t.Error("nothing is a grant")
	}
}
