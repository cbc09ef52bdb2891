package policy

import (
	"context"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// requestOf derives the identifier of a request that waits from its replay key, so from its body and who stamped it.
func requestOf(key proof.Hash) proof.ID { return id.Derived(key) }

// involved says whether a member may look at a request whatever their policy says: who asked, and who may approve.
func involved(w *org.Waiting, u *org.User) bool {
	return u.Username == w.User || w.MayApprove(u) || slices.ContainsFunc(w.Given, func(g org.Given) bool { return g.User == u.Username })
}

// getRequest tells all of one request, and what became of it.
func (e *Engine) getRequest(ctx context.Context, c *caller, params *api.GetRequestParams) (answer, error) {
	w, err := e.waitingRequest(ctx, c, params.RequestID)
	if err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{Involved: involved(w.value, c.member.User)}); !d.Allowed {
		return e.deny(ctx, c, w.value.Wallet, d)
	}
	result, err := shown(w.value, c)
	if err != nil {
		return answer{}, err
	}
	if w.value.State != api.RequestPending {
		done, err := e.outcome(ctx, c.organization, w.value)
		if err != nil {
			done = failure(err, w.value.RequestID)
		}
		result.Outcome = outcomeResult(w.value, done)
	}
	return success(result), nil
}

// listRequests tells of the requests that the caller may look at, the newest first.
func (e *Engine) listRequests(ctx context.Context, c *caller, params *api.ListRequestsParams) (answer, error) {
	if params.Status != "" && !slices.Contains(requestStates(), params.Status) {
		return answer{}, api.Errorf(api.TypeInvalid, "want one of %v", requestStates()).At("params.status")
	}
	limit, offset, err := readPage(params.Limit, params.Offset)
	if err != nil {
		return answer{}, err
	}
	all := c.ask(rule.Question{})
	if d := c.ask(rule.Question{Involved: true}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	roll, err := load[org.Roll](ctx, e, rollKey(c.organization))
	if err != nil {
		return answer{}, err
	}
	page := api.Requests{Requests: []api.ApprovalRequest{}, Limit: limit, Offset: offset}
	if roll.value == nil {
		return success(page), nil
	}
	for _, line := range slices.Backward(roll.value.Lines) {
		w, err := load[org.Waiting](ctx, e, waitingKey(c.organization, line.ID))
		if err != nil {
			return answer{}, err
		}
		if w.value == nil {
			return answer{}, errChanged
		}
		if !all.Allowed && !involved(w.value, c.member.User) || params.Status != "" && c.stateOf(w.value) != params.Status {
			continue
		}
		if page.TotalCount++; page.TotalCount <= offset || len(page.Requests) >= limit {
			continue
		}
		one, err := shown(w.value, c)
		if err != nil {
			return answer{}, err
		}
		page.Requests = append(page.Requests, one)
	}
	return success(page), nil
}

func requestStates() []string {
	return []string{api.RequestPending, api.RequestExecuted, api.RequestDenied, api.RequestFailed, api.RequestRejected, api.RequestExpired}
}
