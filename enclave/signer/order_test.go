package signer

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

var (
	ownWallet   = proof.ID{10}
	otherWallet = proof.ID{11}
)

// good is a batch that is signed: one permit among other entries of the log.
func good(t testing.TB, r *rig) (authorised, wire.SignBatch) {
	t.Helper()
	for range 5 {
		p, payload := r.solanaPermit(t, otherWallet, "another one")
		r.log(t, p, payload, nil)
	}
	p, payload := r.solanaPermit(t, ownWallet, "pay the rent")
	a := r.log(t, p, payload, nil)
	for range 3 {
		p, payload := r.solanaPermit(t, otherWallet, "and one more")
		r.log(t, p, payload, nil)
	}
	receipt := r.receipt(t, nil)
	return a, wire.SignBatch{Receipt: receipt, Orders: []wire.SignOrder{r.order(t, a, r.sealed(t, ownWallet))}}
}

// A permit that was logged under a receipt is signed, once and again, with the same signature, with and without the
// sealed secret.
func TestGoodPermitSigns(t *testing.T) {
	r := newRig(t)
	_, batch := good(t, r)
	bare := wire.SignBatch{Receipt: batch.Receipt, Orders: slices.Clone(batch.Orders)}
	bare.Orders[0].Sealed = nil
	results, err := submit(r.Signer, bare)
	if err != nil || !results[0].Missing || results[0].Signature != nil {
		t.Fatalf("without the secret: %+v, %v", results, err)
	}
	var first []byte
	for i := range 50 {
		s := r.Signer
		if i%5 == 0 {
			s = newSigner(t, r.manifest) // a signer that was started anew
		}
		results, err := submit(s, batch)
		if err != nil || results[0].Fault != "" {
			t.Fatalf("%+v, %v", results, err)
		}
		if first == nil {
			first = results[0].Signature
		}
		if !bytes.Equal(first, results[0].Signature) {
			t.Fatal("the same permit has two signatures")
		}
		if !ed25519.Verify(results[0].PublicKey, []byte("pay the rent"), results[0].Signature) {
			t.Fatal("the signature does not verify")
		}
	}
	if results, err = submit(r.Signer, bare); err != nil || !bytes.Equal(results[0].Signature, first) {
		t.Fatalf("with the secret held: %+v, %v", results, err)
	}
}

// Everything that one who controls the host, or a policy engine that went astray, could change about one order. Each is
// refused by a signer that has seen nothing else, so that no cache hides it.
func TestOrdersRefused(t *testing.T) {
	type change = func(t *testing.T, r *rig, a authorised, b *wire.SignBatch)
	relogged := func(p func(*permit.Permit), e func(*ledger.Entry)) change {
		return func(t *testing.T, r *rig, a authorised, b *wire.SignBatch) {
			if p != nil {
				p(&a.permit)
			}
			again := r.log(t, a.permit, a.payload, e)
			b.Receipt = r.receipt(t, nil)
			b.Orders[0] = r.order(t, again, b.Orders[0].Sealed)
		}
	}
	permitOnly := func(edit func(*permit.Permit)) change {
		return func(t *testing.T, r *rig, a authorised, b *wire.SignBatch) {
			edit(&a.permit)
			b.Orders[0].Permit = r.order(t, a, nil).Permit
		}
	}
	receipt := func(edit func(*proof.Receipt)) change {
		return func(t *testing.T, r *rig, _ authorised, b *wire.SignBatch) {
			edit(&b.Receipt.Receipt)
			b.Receipt = signReceipt(t, r.certifier, b.Receipt.Receipt)
		}
	}
	for why, edit := range map[string]change{
		"expired":                     receipt(func(r *proof.Receipt) { r.Time = testTime + 660_000 }),
		"long expired":                receipt(func(r *proof.Receipt) { r.Time *= 2 }),
		"receipt of another shard":    receipt(func(r *proof.Receipt) { r.Head.Shard[0]++ }),
		"receipt of another manifest": receipt(func(r *proof.Receipt) { r.Manifest[0]++ }),
		"receipt of another version":  receipt(func(r *proof.Receipt) { r.Version = 2 }),
		"head of another version":     receipt(func(r *proof.Receipt) { r.Head.Version = 2 }),
		"another digest of the state": receipt(func(r *proof.Receipt) { r.Head.StateAlg = "none" }),
		"another hash of the tree":    receipt(func(r *proof.Receipt) { r.Head.TreeAlg = "none" }),
		"another root":                receipt(func(r *proof.Receipt) { r.Head.Root[0]++ }),
		"a smaller log":               receipt(func(r *proof.Receipt) { r.Head.Size = 5 }),
		"receipt signed by somebody": func(t *testing.T, _ *rig, _ authorised, b *wire.SignBatch) {
			b.Receipt = signReceipt(t, testKey(9), b.Receipt.Receipt)
		},
		"receipt without signature": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { b.Receipt.Signature = nil },
		"other bytes": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) {
			b.Orders[0].Payload = []byte("pay the piper")
		},
		"more bytes": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) {
			b.Orders[0].Payload = []byte("pay the rent!")
		},
		"no bytes":     func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { b.Orders[0].Payload = nil },
		"another salt": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { b.Orders[0].Salt[0]++ },
		"no path":      func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { b.Orders[0].Path = nil },
		"a longer path": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) {
			b.Orders[0].Path = append(b.Orders[0].Path, proof.Hash{})
		},
		"a path in another order":        func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { slices.Reverse(b.Orders[0].Path) },
		"another wallet in the permit":   permitOnly(func(p *permit.Permit) { p.Wallet = otherWallet }),
		"another account in the permit":  permitOnly(func(p *permit.Permit) { p.Path[2]++ }),
		"another chain in the permit":    permitOnly(func(p *permit.Permit) { p.Format = api.AddressSui }),
		"another kind in the permit":     permitOnly(func(p *permit.Permit) { p.Kind = permit.PayloadSolana }),
		"a later expiry in the permit":   permitOnly(func(p *permit.Permit) { p.Expires++ }),
		"another tenant in the permit":   permitOnly(func(p *permit.Permit) { p.Organization[0]++ }),
		"a denied entry":                 relogged(nil, func(e *ledger.Entry) { e.Decision = ledger.Denied }),
		"an undecided entry":             relogged(nil, func(e *ledger.Entry) { e.Decision = ledger.Undecided }),
		"an unknown decision":            relogged(nil, func(e *ledger.Entry) { e.Decision = 3 }),
		"an entry of another version":    relogged(nil, func(e *ledger.Entry) { e.Version = 3 }),
		"an entry without permit":        relogged(nil, func(e *ledger.Entry) { e.Permit = proof.Hash{} }),
		"an entry for another permit":    relogged(nil, func(e *ledger.Entry) { e.Permit[5]++ }),
		"an entry of another wallet":     relogged(nil, func(e *ledger.Entry) { e.Wallet = otherWallet }),
		"an entry of another tenant":     relogged(nil, func(e *ledger.Entry) { e.Organization[0]++ }),
		"an entry at another place":      relogged(nil, func(e *ledger.Entry) { e.Index-- }),
		"a permit of another shard":      relogged(func(p *permit.Permit) { p.Shard[0]++ }, nil),
		"a permit of another version":    relogged(func(p *permit.Permit) { p.Version = 2 }, nil),
		"a permit that never held":       relogged(func(p *permit.Permit) { p.Expires = 0 }, nil),
		"another algorithm":              relogged(func(p *permit.Permit) { p.Algorithm = api.Secp256k1 }, nil),
		"another algorithm still":        relogged(func(p *permit.Permit) { p.Algorithm = api.Secp256k1Keccak256 }, nil),
		"an unknown kind":                relogged(func(p *permit.Permit) { p.Kind = 99 }, nil),
		"a curve that is not the path's": relogged(func(p *permit.Permit) { p.Curve = api.CurveSecp256k1 }, nil),
		"a format that is not the path's": relogged(func(p *permit.Permit) {
			p.Format = api.AddressSui
		}, nil),
		"a message of Sui for Solana": relogged(func(p *permit.Permit) { p.Kind = permit.PayloadSuiText }, nil),
		"a plain text for Sui": relogged(func(p *permit.Permit) {
			p.Path, p.Format = []uint32{1<<31 + 44, 1<<31 + 784, 1 << 31, 1 << 31, 1 << 31}, api.AddressSui
		}, nil),
		"a path of no chain":         relogged(func(p *permit.Permit) { p.Path[1]++ }, nil),
		"no derivation path":         relogged(func(p *permit.Permit) { p.Path = nil }, nil),
		"text under another reading": relogged(func(p *permit.Permit) { p.Kind = permit.PayloadSolana }, nil),
		"the secret of another wallet": func(t *testing.T, r *rig, _ authorised, b *wire.SignBatch) {
			b.Orders[0].Sealed = r.sealed(t, otherWallet)
		},
		"the secret sealed by somebody": func(t *testing.T, r *rig, _ authorised, b *wire.SignBatch) {
			foreign := &rig{Signer: &Signer{secretKey: secretKey(t, 3)}}
			b.Orders[0].Sealed = foreign.sealed(t, ownWallet)
		},
		"a secret of another schema": func(t *testing.T, r *rig, _ authorised, b *wire.SignBatch) {
			b.Orders[0].Sealed = r.sealSecret(t, ownWallet, secret{Schema: 2, KeyEpoch: 1, Kind: api.WalletMnemonic})
		},
		"no secret": func(_ *testing.T, _ *rig, _ authorised, b *wire.SignBatch) { b.Orders[0].Sealed = nil },
	} {
		t.Run(why, func(t *testing.T) {
			r := newRig(t)
			a, batch := good(t, r)
			a.permit.Path = slices.Clone(a.permit.Path)
			edit(t, r, a, &batch)
			if signs(newSigner(t, r.manifest), batch) != 0 {
				t.Error("it was signed")
			}
		})
	}
}

// A receipt that is older than one seen before is refused, whatever it holds: a roll-back while the signer runs.
func TestOldReceiptsRefused(t *testing.T) {
	r := newRig(t)
	_, old := good(t, r)
	_, young := good(t, r)
	s := newSigner(t, r.manifest)
	if signs(s, old) != 1 || signs(s, young) != 1 {
		t.Fatal("the good ones were refused")
	}
	if signs(s, old) != 0 {
		t.Error("the receipt before the newest was accepted")
	}
	for why, edit := range map[string]func(*proof.Receipt){
		"another head in its place": func(r *proof.Receipt) { r.Head.State[0]++ },
		"an earlier epoch":          func(r *proof.Receipt) { r.Head.Epoch-- },
		"an earlier head":           func(r *proof.Receipt) { r.Head.Index-- },
	} {
		batch := young
		edit(&batch.Receipt.Receipt)
		batch.Receipt = signReceipt(t, r.certifier, batch.Receipt.Receipt)
		if signs(s, batch) != 0 {
			t.Errorf("%s was accepted", why)
		}
	}
	if signs(s, young) != 1 {
		t.Error("the newest receipt is refused after all that")
	}
}

// A receipt that was held back has an earlier time; it must not make a permit live longer than the newest time allows.
func TestHeldBackReceiptGainsNoTime(t *testing.T) {
	r := newRig(t)
	_, batch := good(t, r)
	late := batch
	late.Receipt.Receipt.Time = testTime + 660_000
	late.Receipt = signReceipt(t, r.certifier, late.Receipt.Receipt)
	s := newSigner(t, r.manifest)
	if signs(s, batch) != 1 || signs(s, late) != 0 || signs(s, batch) != 0 {
		t.Error("a permit was used after its time")
	}
}
