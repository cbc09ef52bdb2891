package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// account is an account of a wallet, as a request names it.
type account struct {
	path   derivation.Path // empty for a keypair wallet
	curve  api.Curve
	format api.AddressFormat
}

func (a account) request() wire.AccountRequest {
	return wire.AccountRequest{Path: a.path, Curve: string(a.curve), Format: string(a.format)}
}

// readAccount reads a DerivationInfo: an object, or a path alone, from which curve and format follow.
func readAccount(raw []byte, at string) (account, error) {
	var info api.DerivationInfo
	if strings.HasPrefix(string(raw), `"`) {
		if err := decode(raw, &info.DerivationPath, at); err != nil {
			return account{}, err
		}
	} else if err := decode(raw, &info, at); err != nil {
		return account{}, err
	}
	path, err := derivation.ParsePath(info.DerivationPath)
	if err != nil {
		return account{}, api.Errorf(api.TypeInvalid, "%v", err).At(at + ".derivationPath")
	}
	a := account{path: path, curve: canonicalCurve(info.Curve), format: info.AddressFormat}
	if a.curve == api.CurveSecp256r1 && a.format == "" {
		a.format = api.AddressNone
	}
	curve, format, err := derivation.InferAccount(path)
	if a.curve == "" && err == nil {
		a.curve = curve
	}
	if a.format == "" && err == nil {
		a.format = format
	}
	if err := derivation.CheckAccount(a.path, a.curve, a.format); err != nil {
		return a, api.Errorf(api.TypeInvalid, "%v", err).At(at)
	}
	return a, nil
}

// canonicalCurve gives the second curve one name: keypair wallets call it K256.
func canonicalCurve(c api.Curve) api.Curve {
	if c == api.CurveK256 {
		return api.CurveSecp256k1
	}
	return c
}

func readAccounts[R ~[]byte](raw []R, at string) ([]account, error) {
	if len(raw) > api.MaxAccounts {
		return nil, api.Errorf(api.TypeLimit, "at most %d accounts", api.MaxAccounts).At(at)
	}
	all := make([]account, len(raw))
	for i, r := range raw {
		var err error
		if all[i], err = readAccount(r, element(at, i)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// accountOf returns the account of a wallet that a signing request names.
func accountOf(w *org.Wallet, raw api.Raw, at string) (account, error) {
	if w.Type == api.WalletKeypair {
		own := account{curve: w.Curve, format: w.Format}
		if raw.Given() {
			return own, api.Errorf(api.TypeInvalid, "a keypair wallet has one account and no derivation path").At(at)
		}
		return own, nil
	}
	if !raw.Given() {
		return account{}, missing(at)
	}
	return readAccount(raw, at)
}

// derive returns accounts of a wallet, from the cache or from the signer.
func (e *Engine) derive(ctx context.Context, wallet proof.ID, wanted []account) ([]wire.Account, error) {
	all := make([]wire.Account, len(wanted))
	var missing []wire.AccountRequest
	var at []int
	for i, a := range wanted {
		if known, ok := e.accounts.get(wallet, a); ok {
			all[i] = known
			e.stats.accountHits.Add(1)
			continue
		}
		missing, at = append(missing, a.request()), append(at, i)
	}
	if len(missing) == 0 {
		return all, nil
	}
	e.stats.accountMisses.Add(uint64(len(missing)))
	derived, err := e.deriveBySigner(ctx, wallet, missing)
	if err != nil {
		return nil, err
	}
	for j, i := range at {
		all[i] = derived[j]
		e.accounts.put(wallet, wanted[i], derived[j])
	}
	return all, nil
}

func (e *Engine) deriveBySigner(ctx context.Context, wallet proof.ID, missing []wire.AccountRequest) ([]wire.Account, error) {
	request := wire.AccountsRequest{Wallet: wallet, Accounts: missing}
	for try := range 2 {
		if try > 0 || !e.signers.holding(wallet) {
			var err error
			if request.Sealed, err = e.sealedSecret(ctx, wallet); err != nil {
				return nil, err
			}
		}
		answer, err := askSigner[wire.Accounts](ctx, e.signers, wire.KindAccounts, request)
		if err != nil {
			return nil, err
		}
		if answer.Missing {
			continue
		}
		if len(answer.Accounts) != len(missing) {
			return nil, fmt.Errorf("%w: %d accounts for %d", errNoSigner, len(answer.Accounts), len(missing))
		}
		e.signers.gave(wallet)
		return answer.Accounts, nil
	}
	return nil, fmt.Errorf("%w: it does not keep the secret", errNoSigner)
}

// sealedSecret reads a wallet's sealed secret, which only the signer can open.
func (e *Engine) sealedSecret(ctx context.Context, wallet proof.ID) ([]byte, error) {
	key := ledger.NewKey(ledger.KindSecret, wallet, proof.ID{})
	e.mu.Lock()
	d, applied := e.dirty[key]
	item, stored := e.index.Get(key)
	e.mu.Unlock()
	if sealed, ok := d.value.(sealedSecret); applied && ok {
		return sealed, nil
	}
	if !stored {
		return nil, ledger.ErrStale
	}
	return e.fetchSealed(ctx, item)
}

// sealedSecret is the value of a secret's record while it is not yet committed.
type sealedSecret []byte

// accountResult writes an account as the contract does.
func accountResult(a account, derived wire.Account) api.Account {
	curve := a.curve
	result := api.Account{Curve: curve, AddressFormat: a.format, Address: derived.Address, PublicKey: base58.Encode(derived.PublicKey)}
	if len(a.path) > 0 {
		result.DerivationPath = a.path.String()
	} else if curve == api.CurveSecp256k1 {
		result.Curve = api.CurveK256
	}
	return result
}

// accountCache remembers derived accounts: public data that costs a trip to the signer. When it is full it starts anew.
type accountCache struct {
	mu  sync.Mutex
	max int
	by  map[string]wire.Account
}

func newAccountCache(limit int) *accountCache {
	return &accountCache{max: limit, by: map[string]wire.Account{}}
}

func accountName(wallet proof.ID, a account) string {
	return string(wallet[:]) + string(a.curve) + "|" + string(a.format) + "|" + a.path.String()
}

func (c *accountCache) get(wallet proof.ID, a account) (wire.Account, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.by[accountName(wallet, a)]
	return known, ok
}

func (c *accountCache) put(wallet proof.ID, a account, derived wire.Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.by) >= c.max {
		clear(c.by)
	}
	c.by[accountName(wallet, a)] = derived
}
