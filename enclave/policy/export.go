package policy

import (
	"context"
	"encoding/base64"
	"encoding/hex"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// exportWallet has the signer encrypt a wallet's secret to the caller's key. What the signer hands over here it sealed
// for itself: it lets go of the encrypted secret only when it sees in the log that the export was allowed, as with a
// signature. The entry keeps the sealed form, so that a retry gets the same answer.
func (e *Engine) exportWallet(ctx context.Context, c *caller, params *api.ExportWalletParams) (answer, error) {
	from, err := e.reach(ctx, c, params.WalletID, params.PolicyName)
	if err != nil {
		return answer{}, err
	}
	wallet := from.wallet.value.ID
	q := from.question(account{})
	q.Recipient = recipientKey(params.PublicKey)
	d := c.ask(q)
	if !d.Allowed {
		return e.deny(ctx, c, wallet, d)
	}
	recipient, err := anyBase64(params.PublicKey)
	if err != nil || envelope.CheckPublicKey(recipient) != nil {
		return answer{}, badRecipient()
	}
	request := wire.ExportSecret{Wallet: wallet, Organization: c.organization, Request: c.request, PublicKey: recipient}
	if request.Sealed, err = e.sealedSecret(ctx, wallet); err != nil {
		return answer{}, err
	}
	made, err := askSigner[wire.ExportedSecret](ctx, e.signers, wire.KindExport, request)
	if fault := (*wire.Fault)(nil); asFault(err, &fault) && fault.Code == "invalid" {
		return answer{}, badRecipient()
	}
	if err != nil {
		return answer{}, err
	}
	return e.applyExport(ctx, c, d, from, made, recipient)
}

func badRecipient() error {
	return api.Errorf(api.TypeInvalid, "%v, in base64, or one that keeps nothing secret", envelope.ErrPublicKey).At("params.publicKey")
}

// applyExport logs an export: the wallet is marked as exported for ever, and the secret as known.
func (e *Engine) applyExport(ctx context.Context, c *caller, d rule.Decision, from access, made wire.ExportedSecret, recipient []byte) (answer, error) {
	w := from.wallet.value
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(answer{}), replay: c.replay}
	p.entry.Wallet, p.entry.Status, p.entry.Outcome = w.ID, 200, made.Bundle
	to := hashOf(recipient)
	p.entry.Effects.Authority = []ledger.AuthorityChange{{Subject: uuid(w.ID), Kind: string(api.ExportWallet), To: "sha256:" + hex.EncodeToString(to[:])}}
	var err error
	if p.order, err = e.newOrder(ctx, c, w, account{}, exportIntent(made.Bundle), &p.entry); err != nil {
		return answer{}, err
	}
	mark := ledger.NewKey(ledger.KindFingerprint, made.Fingerprint, proof.ID{})
	exported := *w
	exported.Exported = true
	p.put(ledger.NewKey(ledger.KindWallet, w.Organization, w.ID), &exported)
	known, err := load[org.Fingerprint](ctx, e, mark)
	if err != nil {
		return answer{}, err
	}
	if known.value == nil {
		p.put(mark, &org.Fingerprint{Version: org.SchemaVersion, Organization: w.Organization, Wallet: w.ID})
	}
	err = e.apply(p, func() error {
		if e.version(mark) != known.version {
			return errChanged
		}
		if err := from.unchanged(e); err != nil {
			return err
		}
		return e.unchanged(c)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// exportAgain answers a retry from what the entry keeps. The signer frees it for the same entry.
func (e *Engine) exportAgain(ctx context.Context, c *caller, params *api.ExportWalletParams, p *replay) (answer, error) {
	from, err := e.reach(ctx, c, params.WalletID, params.PolicyName)
	if err != nil {
		return answer{}, err
	}
	entry, err := e.entryOf(ctx, p)
	if err != nil {
		return answer{}, err
	}
	return e.signAgain(ctx, c, from, account{}, exportIntent(entry.Outcome), p)
}

func exportIntent(bundle []byte) intent {
	return intent{kind: permit.PayloadExport, bytes: bundle, render: func(r wire.SignResult) (any, wire.Submission, error) {
		return api.ExportedWallet{EncryptedBundle: base64.StdEncoding.EncodeToString(r.Signature)}, wire.Submission{}, nil
	}}
}

// recipientKey gives a key the one spelling by which policies know it: base64url.
func recipientKey(text string) string {
	key, err := anyBase64(text)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(key)
}
