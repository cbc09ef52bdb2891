package policy

import (
	"encoding/json"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// The whole road once: an organization, a wallet, a signature, each with a receipt that an outsider can check.
func TestRoad(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	body := r.body(t, api.SignUtf8Message, utf8Params(o, w.WalletID, "hello"))
	answer := r.send(t, o.key, body)
	var signature api.Signature
	if err := json.Unmarshal(answer.Result, &signature); err != nil || answer.Status != 200 {
		t.Fatalf("%d %s: %v", answer.Status, answer.Result, err)
	}
	if signature.Address != w.Accounts[0].Address {
		t.Errorf("signed by %s, want %s", signature.Address, w.Accounts[0].Address)
	}
	attestation, err := r.desk.Attestation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var certificate proof.SignedCertificate
	if err := proof.Decode(attestation.Certificates[0], &certificate); err != nil {
		t.Fatal(err)
	}
	receipt, err := proof.ParseResultReceipt(answer.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	if err := receipt.Verify(certificate.Certificate.SigningKey, body, answer.Result); err != nil {
		t.Error(err)
	}
}
