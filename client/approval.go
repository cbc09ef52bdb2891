package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
)

// PendingApproval is the error of a request that is neither done nor denied: it waits for approvals. Client.Request tells
// what became of it; the same request made anew would be another one. Its receipt was verified.
type PendingApproval struct {
	api.Approval
}

// Error says whose approvals it waits for.
func (p *PendingApproval) Error() string {
	var groups []string
	for _, g := range p.Required {
		who := "of other users"
		if g.Tag != "" {
			who = fmt.Sprintf("of users with tag %q", g.Tag)
		}
		groups = append(groups, fmt.Sprintf("%d %s", g.Required, who))
	}
	return fmt.Sprintf("request %s waits for approval: %s", p.ID, strings.Join(groups, " and "))
}

// pending reads the body of a 202.
func pending(raw []byte) error {
	var told api.Waiting
	if err := json.Unmarshal(raw, &told); err != nil || told.Approval.ID == "" {
		return fmt.Errorf("%w: the server accepts the request and does not say what it waits for", ErrUnproven)
	}
	return &PendingApproval{told.Approval}
}

// Decided is what an approval or a rejection led to.
type Decided struct {
	api.Decided

	Submission json.RawMessage `json:"submission,omitempty"` // when the approval had something broadcast; not signed
}

// Approve approves a request of another user: the one whose digest this is, as Request showed it. When it was the last
// approval that was missing, the request is done, and the answer has its outcome.
func (c *Client) Approve(ctx context.Context, request, digest string) (Decided, error) {
	return c.decide(ctx, api.ApproveRequest, request, digest)
}

// Reject ends a request of another user. One veto is enough.
func (c *Client) Reject(ctx context.Context, request, digest string) (Decided, error) {
	return c.decide(ctx, api.RejectRequest, request, digest)
}

func (c *Client) decide(ctx context.Context, method api.Method, request, digest string) (Decided, error) {
	var d Decided
	answer, err := c.Call(ctx, method, api.DecideRequestParams{OrganizationID: c.Organization, RequestID: request, RequestDigest: digest}, &d.Decided)
	d.Submission = answer.Submission
	return d, err
}

// Request shows a request that waits, or waited, for approvals, and its outcome.
func (c *Client) Request(ctx context.Context, request string) (api.ApprovalRequest, error) {
	return call[api.ApprovalRequest](ctx, c, api.GetRequest, api.GetRequestParams{OrganizationID: c.Organization, RequestID: request})
}

// Requests lists requests in a state, or all for an empty one, the newest first.
func (c *Client) Requests(ctx context.Context, status string, limit, offset int) (api.Requests, error) {
	p := api.ListRequestsParams{OrganizationID: c.Organization, Status: status, Limit: &limit, Offset: &offset}
	return call[api.Requests](ctx, c, api.ListRequests, p)
}
