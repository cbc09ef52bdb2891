package signer

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

func envelopeKey(t *testing.T, fill byte) envelope.Key {
	t.Helper()
	k, err := envelope.NewKey(bytes.Repeat([]byte{fill}, 32), envelope.SizeX25519)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// An encrypted secret leaves the signer only under a permit that the log holds, for the wallet and the organization for
// which it was made.
func TestExportWaitsForTheLog(t *testing.T) {
	r := newRig(t)
	k := envelopeKey(t, 1)
	request := wire.ExportSecret{Wallet: ownWallet, Organization: proof.ID{3}, Request: proof.Hash{4}, PublicKey: k.PublicKey(), Sealed: r.sealed(t, ownWallet)}
	made, err := r.export(request)
	if err != nil {
		t.Fatal(err)
	}
	purpose := envelope.Purpose{Method: api.ExportWallet, Organization: proof.ID{3}, Subject: ownWallet, Context: proof.Hash{4}}
	if _, err := k.Open(purpose, made.Bundle); err == nil {
		t.Fatal("what is handed over before the log holds it opens already")
	}
	free := func(edit func(*permit.Permit), break_ func(*wire.SignBatch)) []byte {
		p := permit.Permit{
			Version: permit.Version, Shard: r.manifest.Shard, Organization: proof.ID{3}, Wallet: ownWallet, Kind: permit.PayloadExport,
			Payload: sha256.Sum256(made.Bundle), Expires: testTime + 660_000,
		}
		if edit != nil {
			edit(&p)
		}
		a := r.log(t, p, made.Bundle, nil)
		batch := wire.SignBatch{Receipt: r.receipt(t, nil), Orders: []wire.SignOrder{r.order(t, a, nil)}}
		if break_ != nil {
			break_(&batch)
		}
		results, err := submit(r.Signer, batch)
		if err != nil || results[0].Fault != "" {
			return nil
		}
		return results[0].Signature
	}
	for why, edit := range map[string]func(*permit.Permit){
		"another wallet":       func(p *permit.Permit) { p.Wallet = otherWallet },
		"another organization": func(p *permit.Permit) { p.Organization = proof.ID{9} },
		"other bytes":          func(p *permit.Permit) { p.Payload[0]++ },
		"another kind":         func(p *permit.Permit) { p.Kind = permit.PayloadUTF8 },
	} {
		if free(edit, nil) != nil {
			t.Errorf("%s: it is let go", why)
		}
	}
	if free(nil, func(b *wire.SignBatch) { b.Orders[0].Path = nil }) != nil {
		t.Error("it is let go though it is not in the log")
	}
	bundle := free(nil, nil)
	secret, err := k.Open(purpose, bundle)
	if err != nil || secret.Kind != envelope.Entropy || !bytes.Equal(secret.Bytes, make([]byte, 32)) {
		t.Fatalf("%v", err)
	}
	if again := free(nil, nil); !bytes.Equal(again, bundle) {
		t.Error("the same entry frees something else the second time")
	}
	request.Wallet = otherWallet
	if _, err := r.export(request); err == nil {
		t.Error("the secret of another wallet is exported")
	}
}

// The signer opens an import key for nothing but what it was made for.
func TestImportKeyIsBound(t *testing.T) {
	r := newRig(t)
	purpose := wire.ImportPurpose{Envelope: proof.ID{1}, Organization: proof.ID{3}, User: proof.Hash{5}, Expires: testTime + 900_000}
	made, err := r.newImport(wire.NewImport{Purpose: purpose, Size: envelope.SizeX25519})
	if err != nil {
		t.Fatal(err)
	}
	context := sha256.Sum256([]byte("the envelope"))
	sealed, err := envelope.Seal(made.PublicKey, envelope.Purpose{Method: api.CompleteImportWallet, Organization: proof.ID{3}, Context: context},
		&envelope.Secret{Kind: envelope.Entropy, Bytes: make([]byte, 16)})
	if err != nil {
		t.Fatal(err)
	}
	good := wire.ImportSecret{Wallet: ownWallet, Purpose: purpose, Context: context, Sealed: made.Sealed, PublicKey: made.PublicKey, Encrypted: sealed}
	for why, edit := range map[string]func(*wire.ImportSecret){
		"another envelope":     func(i *wire.ImportSecret) { i.Purpose.Envelope[0]++ },
		"another organization": func(i *wire.ImportSecret) { i.Purpose.Organization[0]++ },
		"another user":         func(i *wire.ImportSecret) { i.Purpose.User[0]++ },
		"a later end":          func(i *wire.ImportSecret) { i.Purpose.Expires++ },
		"another context":      func(i *wire.ImportSecret) { i.Context[0]++ },
		"another public key":   func(i *wire.ImportSecret) { i.PublicKey = envelopeKey(t, 1).PublicKey() },
		"another sealed key":   func(i *wire.ImportSecret) { i.Sealed = slices.Clone(i.Sealed); i.Sealed[30]++ },
	} {
		bad := good
		edit(&bad)
		if _, err := r.importSecret(bad); err == nil {
			t.Errorf("%s: it is imported", why)
		}
	}
	first, err := r.importSecret(good)
	if err != nil {
		t.Fatal(err)
	}
	second := good
	second.Wallet = otherWallet
	if again, err := r.importSecret(second); err != nil || again.Fingerprint != first.Fingerprint {
		t.Errorf("equal secrets have different fingerprints: %v", err)
	}
	r.newest.Time = testTime + 899_999
	if _, err := r.importSecret(good); err != nil {
		t.Errorf("just in time: %v", err)
	}
	r.newest.Time++
	if _, err := r.importSecret(good); err == nil {
		t.Error("an envelope that has expired is opened")
	}
	if _, err := r.newImport(wire.NewImport{Size: 65}); err == nil {
		t.Error("a key of no suite is made")
	}
}
