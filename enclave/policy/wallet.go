package policy

import (
	"context"
	"math"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func (e *Engine) getWalletWithTag(ctx context.Context, c *caller, params *api.TaggedWalletParams) (answer, error) {
	if err := checkName(params.Tag, api.MaxTag, "params.tag"); err != nil {
		return answer{}, err
	}
	if err := new(newWallet).read(params.WalletParameters); err != nil {
		return answer{}, err
	}
	a, there, err := e.taggedWallet(ctx, c, params)
	if there || err != nil {
		return a, err
	}
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	return success(nil), nil // clients take a null result for "none"
}

// taggedWallet answers with the wallet that carries a tag, if there is one.
func (e *Engine) taggedWallet(ctx context.Context, c *caller, params *api.TaggedWalletParams) (answer, bool, error) {
	wanted, at := params.Accounts, "params.accounts"
	if len(params.DerivationPaths) > 0 {
		wanted, at = params.DerivationPaths, "params.derivationPaths"
	}
	accounts, err := readAccounts(wanted, at)
	if err != nil {
		return answer{}, false, err
	}
	tag, err := load[org.Tag](ctx, e, e.tagRecord(c.organization, params.Tag))
	if err != nil || tag.value == nil {
		return answer{}, false, err
	}
	if d := c.ask(rule.Question{Wallet: tag.value.Wallet}); !d.Allowed {
		a, err := e.deny(ctx, c, tag.value.Wallet, d)
		return a, true, err
	}
	w, err := e.wallet(ctx, c.organization, tag.value.Wallet)
	if err != nil {
		return answer{}, true, err
	}
	if w.value == nil {
		return answer{}, true, errChanged
	}
	if w.value.Type == api.WalletKeypair {
		accounts = []account{{curve: w.value.Curve, format: w.value.Format}}
	}
	derived, err := e.derive(ctx, w.value.ID, accounts)
	if err != nil {
		return answer{}, true, err
	}
	a, err := e.readAnswer(ctx, c, success(walletResult(w.value, accounts, derived)))
	return a, true, err
}

// readAnswer finishes an answer that shows state without changing it.
func (e *Engine) readAnswer(ctx context.Context, c *caller, a answer) (answer, error) {
	if err := e.settled(ctx); err != nil {
		return answer{}, err
	}
	return e.signRead(ctx, c.complete(a)), nil
}

func (e *Engine) getWallets(ctx context.Context, c *caller, params *api.WalletsParams) (answer, error) {
	page := api.Wallets{Wallets: []api.Wallet{}}
	var err error
	if page.Limit, page.Offset, err = readPage(params.Limit, params.Offset); err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	if err := e.settled(ctx); err != nil {
		return answer{}, err
	}
	var wanted []proof.ID
	e.mu.Lock()
	snapshot := e.index.Snapshot() // to be counted while others go on
	e.mu.Unlock()
	for item := range snapshot.Range(ledger.KindWallet, c.organization) {
		if page.TotalCount >= page.Offset && len(wanted) < page.Limit {
			wanted = append(wanted, item.Key.Second())
		}
		page.TotalCount++
	}
	for _, wallet := range wanted {
		w, err := e.wallet(ctx, c.organization, wallet)
		if err != nil {
			return answer{}, err
		}
		if w.value != nil {
			page.Wallets = append(page.Wallets, walletResult(w.value, nil, nil))
		}
	}
	return success(page), nil
}

// readPage reads which part of a list is wanted.
func readPage(limit, offset *int) (int, int, error) {
	size, from := api.DefaultPage, 0
	if limit != nil {
		size = *limit
	}
	if offset != nil {
		from = *offset
	}
	if size < 1 || size > api.MaxPage {
		return 0, 0, api.Errorf(api.TypeInvalid, "want 1 to %d", api.MaxPage).At("params.limit")
	}
	if from < 0 || from > math.MaxInt32 {
		return 0, 0, api.Errorf(api.TypeInvalid, "want 0 to %d", math.MaxInt32).At("params.offset")
	}
	return size, from, nil
}

func (e *Engine) getAccounts(ctx context.Context, c *caller, params *api.AccountsParams) (answer, error) {
	from, err := e.reach(ctx, c, params.WalletID, params.PolicyName)
	if err != nil {
		return answer{}, err
	}
	w := from.wallet.value
	if params.Accounts == nil {
		return answer{}, missing("params.accounts")
	}
	accounts, err := readAccounts(params.Accounts, "params.accounts")
	if err != nil {
		return answer{}, err
	}
	if w.Type == api.WalletKeypair {
		if len(accounts) > 0 {
			return answer{}, api.Errorf(api.TypeInvalid, "a keypair wallet has one account and no derivation path").At("params.accounts")
		}
		accounts = []account{{curve: w.Curve, format: w.Format}}
	}
	if len(accounts) == 0 {
		if d := c.ask(rule.Question{Wallet: w.ID, Held: w}); !d.Allowed {
			return e.deny(ctx, c, w.ID, d)
		}
	}
	for _, a := range accounts {
		if d := c.ask(from.question(a)); !d.Allowed {
			return e.deny(ctx, c, w.ID, d)
		}
	}
	derived, err := e.derive(ctx, w.ID, accounts)
	if err != nil {
		return answer{}, err
	}
	results := make([]api.Account, len(accounts))
	for i, a := range accounts {
		results[i] = accountResult(a, derived[i])
	}
	return success(results), nil
}

func walletResult(w *org.Wallet, accounts []account, derived []wire.Account) api.Wallet {
	result := api.Wallet{WalletID: uuid(w.ID), WalletName: w.Name, Tags: append([]string{}, w.Tags...), Type: w.Type}
	if w.Type == api.WalletMnemonic {
		result.Accounts = []api.Account{} // always there, if only as a list of none
	}
	for i, a := range accounts {
		one := accountResult(a, derived[i])
		if w.Type == api.WalletKeypair {
			result.Account = &one
			return result
		}
		result.Accounts = append(result.Accounts, one)
	}
	return result
}
