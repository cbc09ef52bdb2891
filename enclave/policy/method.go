package policy

import (
	"context"
	"errors"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/proof"
)

// handler serves one method.
type handler struct {
	limit int // bytes of the body
	run   func(ctx context.Context, c *caller, params []byte) (answer, error)
	// do has the effect itself, for a caller who is known, and again makes the answer of one whose entry is in the log; nil
	// for a method that cannot wait for approvals.
	do    func(ctx context.Context, c *caller, params []byte) (answer, error)
	again func(ctx context.Context, c *caller, params []byte, p *replay) (answer, error)
}

// method finds the handler of a method. What is not listed here does not exist.
func (e *Engine) method(m api.Method) (handler, bool) {
	small, large := api.MaxSmallBody, api.MaxBody
	switch m { //nolint:exhaustive // ownMethod has the rest
	case api.CreateOrganization:
		return handler{limit: small, run: e.createOrganization}, true
	case api.GetOrganization:
		return handler{limit: small, run: read(e, e.getOrganization)}, true
	case api.AddUserToOrganization:
		return effect(e, small, e.addUser, nil), true
	case api.UpdateUserInOrganization:
		return effect(e, small, e.updateUser, nil), true
	case api.DeleteUserFromOrganization:
		return effect(e, small, e.deleteUser, nil), true
	case api.CreateAuthenticator:
		return effect(e, small, e.createAuthenticator, nil), true
	case api.UpdateAuthenticator:
		return effect(e, small, e.updateAuthenticator, nil), true
	case api.DeleteAuthenticator:
		return effect(e, small, e.deleteAuthenticator, nil), true
	case api.GetPhantomOrganization:
		return handler{limit: small, run: e.getIdentity}, true
	case api.GetOrCreatePhantomOrganization:
		return handler{limit: small, run: e.getOrCreateIdentity}, true
	case api.GrantOrganizationAccess:
		return effect(e, small, e.grantAccess, nil), true
	case api.RevokeOrganizationAccess:
		return effect(e, small, e.revokeAccess, nil), true
	case api.GetWalletAccessGrants:
		return handler{limit: small, run: read(e, e.accessGrants)}, true
	case api.TransferOrganizationWallet:
		return effect(e, small, e.transferWallet, nil), true
	case api.ListPendingMigrations:
		return handler{limit: small, run: read(e, e.listPending)}, true
	case api.CompleteWalletTransfer:
		return effect(e, small, e.completeTransfer, nil), true
	case api.CreateWallet:
		return effect(e, small, e.createWallet, nil), true
	case api.GetOrCreateWalletWithTag:
		return effect(e, small, e.getOrCreateWallet, nil), true
	case api.GetWalletWithTag:
		return handler{limit: small, run: read(e, e.getWalletWithTag)}, true
	case api.GetOrganizationWallets:
		return handler{limit: small, run: read(e, e.getWallets)}, true
	case api.GetAccounts:
		return handler{limit: small, run: read(e, e.getAccounts)}, true
	case api.SignUtf8Message:
		return signing(e, small, e.utf8Message), true
	case api.EthereumSignMessage:
		return signing(e, small, e.personalMessage), true
	case api.EthereumSignTypedData:
		return signing(e, large, e.typedData), true
	case api.SignRawPayload:
		return signing(e, large, e.rawPayload), true
	case api.SignTransaction:
		return signing(e, large, e.transaction), true
	case api.InitWalletImport:
		return effect(e, small, e.initImport, nil), true
	case api.CompleteImportWallet:
		return effect(e, small, e.completeImport, nil), true
	case api.ExportWallet:
		return effect(e, small, e.exportWallet, e.exportAgain), true
	}
	return e.ownMethod(m)
}

// ownMethod finds the handler of a method that the contract does not have.
func (e *Engine) ownMethod(m api.Method) (handler, bool) {
	small, large := api.MaxSmallBody, api.MaxBody
	switch m { //nolint:exhaustive // the others are the contract's
	case api.SetPrices:
		return effect(e, small, e.setPrices, nil), true
	case api.RegisterContract:
		return effect(e, large, e.registerContract, nil), true
	case api.ReplayPolicy:
		return handler{limit: large, run: read(e, e.replayPolicy)}, true
	case api.GetOrganizationActivity:
		return handler{limit: small, run: read(e, e.getActivity)}, true
	case api.DryRun:
		return handler{limit: large, run: read(e, e.dryRun)}, true
	case api.Freeze:
		return effect(e, small, e.freeze, nil), true
	case api.Unfreeze:
		return effect(e, small, e.unfreeze, nil), true
	case api.GetOrganizationControls:
		return handler{limit: small, run: read(e, e.getControls)}, true
	case api.UpdateOrganizationControls:
		return effect(e, small, e.updateControls, nil), true
	case api.ApproveRequest:
		return handler{limit: small, run: e.approveRequest}, true
	case api.RejectRequest:
		return handler{limit: small, run: effect(e, small, e.reject, nil).run}, true
	case api.GetRequest:
		return handler{limit: small, run: read(e, e.getRequest)}, true
	case api.ListRequests:
		return handler{limit: small, run: read(e, e.listRequests)}, true
	}
	return e.personMethod(m)
}

// personMethod finds the handler of a method by which people say which apps act for them, and how they sign in.
func (e *Engine) personMethod(m api.Method) (handler, bool) {
	small, large := api.MaxSmallBody, api.MaxBody // which holds several tokens
	switch m {                                    //nolint:exhaustive // the others are found elsewhere
	case api.ConnectApp:
		return effect(e, small, e.connectApp, nil), true
	case api.DisconnectApp:
		return effect(e, small, e.disconnectApp, nil), true
	case api.ListConnections:
		return handler{limit: small, run: read(e, e.listConnections)}, true
	case api.ListWays:
		return handler{limit: small, run: read(e, e.listWays)}, true
	case api.AddWay:
		return effect(e, large, e.addWay, nil), true
	case api.RemoveWay:
		return effect(e, large, e.removeWay, nil), true
	case api.CompleteWayChange:
		return effect(e, small, e.completeWayChange, nil), true
	case api.VetoWayChange:
		return effect(e, small, e.vetoWayChange, nil), true
	}
	return handler{}, false
}

// scoped is implemented by the parameters of all methods that name an organization to act in.
type scoped interface{ Organization() string }

// eitherOr is implemented by parameters that members of two organizations may send.
type eitherOr interface{ OrElse() string }

// enter decodes the parameters and authenticates the caller within the organization that they name.
func enter[P scoped](ctx context.Context, e *Engine, c *caller, raw []byte) (P, error) {
	var params P
	if err := decode(raw, &params, "params"); err != nil {
		return params, err
	}
	err := e.enterOrganization(ctx, c, params.Organization())
	if two, ok := any(params).(eitherOr); ok && err != nil {
		err = e.enterOrganization(ctx, c, two.OrElse())
	}
	if err != nil {
		return params, err
	}
	return params, e.limiter.allow(c)
}

func (e *Engine) enterOrganization(ctx context.Context, c *caller, text string) error {
	organization, err := id.Parse(text)
	if err != nil {
		return api.Errorf(api.TypeInvalid, "not the identifier of an organization: %v", err).At("params.organizationId")
	}
	c.organization = organization
	return e.authenticate(ctx, c)
}

// read serves a method without effect. Its answer is signed but neither logged nor kept.
func read[P scoped](e *Engine, do func(context.Context, *caller, *P) (answer, error)) func(context.Context, *caller, []byte) (answer, error) {
	return func(ctx context.Context, c *caller, raw []byte) (answer, error) {
		params, err := enter[P](ctx, e, c, raw)
		if err != nil {
			return answer{}, err
		}
		if err := c.passkey.fresh(); err != nil {
			return answer{}, err
		}
		for range maxTries {
			a, err := do(ctx, c, &params)
			if errors.Is(err, errChanged) {
				if err := e.authenticate(ctx, c); err != nil {
					return answer{}, err
				}
				continue
			}
			if err != nil || a.receipt != "" {
				return a, err
			}
			if err := e.settled(ctx); err != nil {
				return answer{}, err
			}
			return e.signRead(ctx, c.complete(a)), nil
		}
		return answer{}, errChanged
	}
}

// maxTries bounds how often a decision is made again because the organization changed under it.
const maxTries = 64

// effect serves a method that has one: at most once for the same body by the same caller. again makes the answer of
// one whose entry is in the log; without it the entry holds the answer.
func effect[P scoped](e *Engine, limit int, do func(context.Context, *caller, *P) (answer, error), again func(context.Context, *caller, *P, *replay) (answer, error)) handler {
	h := handler{limit: limit}
	h.do = func(ctx context.Context, c *caller, raw []byte) (answer, error) {
		var params P
		if err := decode(raw, &params, "params"); err != nil {
			return answer{}, err
		}
		return do(ctx, c, &params)
	}
	if again != nil {
		h.again = func(ctx context.Context, c *caller, raw []byte, p *replay) (answer, error) {
			var params P
			if err := decode(raw, &params, "params"); err != nil {
				return answer{}, err
			}
			return again(ctx, c, &params, p)
		}
	}
	h.run = func(ctx context.Context, c *caller, raw []byte) (answer, error) {
		params, err := enter[P](ctx, e, c, raw)
		if err != nil {
			return answer{}, err
		}
		first := func(p *replay) answer {
			c.replay = p
			return e.untilSettled(ctx, c, func() (answer, error) { return do(ctx, c, &params) })
		}
		key := replayKey(c.request, c.member.Authenticator.ID)
		repeated := func() *answer { return e.frozenMeanwhile(ctx, c, &params) }
		return e.once(ctx, key, c.now, first, repeated, func(p *replay) answer {
			var remake func() (answer, error)
			if again != nil {
				remake = func() (answer, error) { return again(ctx, c, &params, p) }
			}
			a, err := e.fromLog(ctx, c, p, remake)
			if err != nil {
				e.vault.Log.Printf("entry %d: its answer cannot be made again: %v", p.index, err)
				return failure(err, c.requestID)
			}
			return a
		}), nil
	}
	return h
}

// untilSettled makes a decision again, from authentication on, as long as the organization changes under it.
func (e *Engine) untilSettled(ctx context.Context, c *caller, do func() (answer, error)) answer {
	for range maxTries {
		c.replay.passkey = c.passkey // as authentication saw it last
		a, err := do()
		if err == nil {
			return a
		}
		if !errors.Is(err, errChanged) {
			return failure(err, c.requestID)
		}
		if err := e.authenticate(ctx, c); err != nil {
			return failure(err, c.requestID)
		}
	}
	return unavailable("the organization keeps changing")
}

// settled waits until every change that was applied so far is anchored, so that a read never shows what might be lost.
func (e *Engine) settled(ctx context.Context) error {
	e.mu.Lock()
	upto := e.changed
	e.mu.Unlock()
	return e.anchored(ctx, upto)
}

// anchored waits until a head with so many entries is under a receipt.
func (e *Engine) anchored(ctx context.Context, entries uint64) error {
	return e.underReceipt(ctx, func(h proof.Head) bool { return h.Size >= entries })
}

// anchoredCommit waits until a commit is under a receipt.
func (e *Engine) anchoredCommit(ctx context.Context, index uint64) error {
	return e.underReceipt(ctx, func(h proof.Head) bool { return h.Index >= index })
}

func (e *Engine) underReceipt(ctx context.Context, enough func(proof.Head) bool) error {
	for {
		e.mu.Lock()
		done, heard := enough(e.receipt.Receipt.Head), e.heard
		e.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-heard:
		case <-e.stopped:
			return errStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// parseID reads an identifier of a field.
func parseID(text, path string) (proof.ID, error) {
	u, err := id.Parse(text)
	if err != nil {
		return u, api.Errorf(api.TypeInvalid, "%v", err).At(path)
	}
	return u, nil
}
