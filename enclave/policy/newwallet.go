package policy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// newWallet is a wallet to make.
type newWallet struct {
	name     string
	tags     []string
	bits     uint16 // of a mnemonic
	curve    api.Curve
	format   api.AddressFormat
	accounts []account
}

func readNewWallet(name string, tags []string, p api.WalletParameters) (newWallet, error) {
	w := newWallet{name: name, tags: tags}
	if err := checkName(name, api.MaxName, "params.walletName"); err != nil {
		return w, err
	}
	if err := checkTags(tags, "params.tags"); err != nil {
		return w, err
	}
	return w, w.read(p)
}

// read reads which secret a wallet has and which accounts are wanted.
func (w *newWallet) read(p api.WalletParameters) error {
	w.bits = 256
	if p.Curve != "" {
		return w.readKeypair(p)
	}
	if p.AddressFormat != "" {
		return api.Errorf(api.TypeInvalid, "belongs to keypair wallets, which name a curve").At("params.addressFormat")
	}
	if p.MnemonicLength != nil {
		words := *p.MnemonicLength
		if words < 12 || words > 24 || words%3 != 0 {
			return api.Errorf(api.TypeInvalid, "want 12, 15, 18, 21 or 24 words").At("params.mnemonicLength")
		}
		w.bits = uint16(words / 3 * 32)
	}
	var err error
	w.accounts, err = readAccounts(p.Accounts, "params.accounts")
	return err
}

func (w *newWallet) readKeypair(p api.WalletParameters) error {
	if len(p.Accounts) > 0 || p.MnemonicLength != nil {
		return api.Errorf(api.TypeInvalid, "a keypair wallet has neither accounts nor a mnemonic").At("params.curve")
	}
	format, err := derivation.KeypairFormat(p.Curve, p.AddressFormat)
	if err != nil {
		return api.Errorf(api.TypeInvalid, "want Ed25519 or K256, with an address format of that curve").At("params.curve")
	}
	w.bits, w.curve, w.format = 0, canonicalCurve(p.Curve), format
	w.accounts = []account{{curve: w.curve, format: format}}
	return nil
}

func (e *Engine) createWallet(ctx context.Context, c *caller, params *api.CreateWalletParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	w, err := readNewWallet(params.WalletName, params.Tags, params.WalletParameters)
	if err != nil {
		return answer{}, err
	}
	a, err := e.applyWallet(ctx, c, d, w)
	return a, tagConflict(err)
}

var errTagTaken = errors.New("tag taken")

// applyWallet has the signer make a secret and stores it together with the wallet and its tags. Until then nobody can
// reach it.
func (e *Engine) applyWallet(ctx context.Context, c *caller, d rule.Decision, w newWallet) (answer, error) {
	if taken, err := e.tagTaken(c.organization, w.tags); taken {
		return answer{}, err
	}
	wallet := e.nextWallet(c.now)
	request := wire.CreateSecret{Wallet: wallet, Bits: w.bits, Curve: string(w.curve), Accounts: w.requests()}
	made, err := askSigner[wire.CreatedSecret](ctx, e.signers, wire.KindCreate, request)
	if err != nil {
		return answer{}, err
	}
	return e.storeWallet(ctx, c, d, w, wallet, made, nil)
}

// requests are the accounts to derive.
func (w newWallet) requests() []wire.AccountRequest {
	var all []wire.AccountRequest
	for _, a := range w.accounts {
		all = append(all, a.request())
	}
	return all
}

// storeWallet stores a wallet whose secret the signer sealed. What else may change with it adds to the proposal, and
// returns a check that is made with the lock held.
func (e *Engine) storeWallet(ctx context.Context, c *caller, d rule.Decision, w newWallet, wallet proof.ID, made wire.CreatedSecret, also func(*proposal) func() error) (answer, error) {
	if len(made.Accounts) != len(w.accounts) {
		return answer{}, errNoSigner
	}
	record := &org.Wallet{
		Version: org.SchemaVersion, ID: wallet, Organization: c.organization, Name: w.name, Tags: w.tags,
		Type: api.WalletMnemonic, Curve: w.curve, Format: w.format, Created: c.now,
	}
	if w.curve != "" {
		record.Type = api.WalletKeypair
	}
	a := success(walletResult(record, w.accounts, made.Accounts))
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Wallet, p.entry.Status, p.entry.Outcome = wallet, uint16(a.status), a.body
	p.put(ledger.NewKey(ledger.KindWallet, c.organization, wallet), record)
	p.changes = append(p.changes, change{
		key: ledger.NewKey(ledger.KindSecret, wallet, proof.ID{}), value: sealedSecret(made.Sealed), sealed: made.Sealed,
	})
	for _, tag := range w.tags {
		p.put(e.tagRecord(c.organization, tag), &org.Tag{Version: org.SchemaVersion, Wallet: wallet})
	}
	check := func() error { return nil }
	if also != nil {
		check = also(p)
	}
	err := e.apply(p, func() error {
		if slices.ContainsFunc(w.tags, func(tag string) bool { return e.exists(e.tagRecord(c.organization, tag)) }) {
			return errTagTaken
		}
		return errors.Join(check(), e.unchanged(c))
	})
	if err != nil {
		return answer{}, err
	}
	for i, a := range w.accounts {
		e.accounts.put(wallet, a, made.Accounts[i])
	}
	e.signers.gave(wallet)
	return e.wait(ctx, p)
}

// nextWallet names a wallet. Names follow each other in time, also within a millisecond, so that a listing is in the order
// of creation.
func (e *Engine) nextWallet(now uint64) proof.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.walletTime = max(e.walletTime+1, now)
	return id.Ordered(time.UnixMilli(int64(e.walletTime)))
}

// tagTaken is a first look, before a secret is made for nothing; apply looks again.
func (e *Engine) tagTaken(organization proof.ID, tags []string) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, tag := range tags {
		if e.exists(e.tagRecord(organization, tag)) {
			return true, errTagTaken
		}
	}
	return false, nil
}

func (e *Engine) getOrCreateWallet(ctx context.Context, c *caller, params *api.TaggedWalletParams) (answer, error) {
	if err := checkName(params.Tag, api.MaxTag, "params.tag"); err != nil {
		return answer{}, err
	}
	w, err := readNewWallet(params.WalletName, []string{params.Tag}, params.WalletParameters)
	if err != nil {
		return answer{}, err
	}
	for range maxTries {
		a, there, err := e.taggedWallet(ctx, c, params)
		if there || err != nil {
			return a, err
		}
		d := c.ask(rule.Question{})
		if !d.Allowed {
			return e.deny(ctx, c, proof.ID{}, d)
		}
		if a, err = e.applyWallet(ctx, c, d, w); !errors.Is(err, errTagTaken) {
			return a, err
		}
	}
	return answer{}, errChanged
}
