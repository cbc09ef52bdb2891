package api

// The states of a request that waits, or waited, for approvals.
const (
	RequestPending  = "pending"
	RequestExecuted = "executed"
	RequestDenied   = "denied" // when its approvals were complete, a policy, a limit or a freeze stopped it
	RequestFailed   = "failed" // when its approvals were complete, it could no longer be done
	RequestRejected = "rejected"
	RequestExpired  = "expired"
)

// Waiting is the body of a 202: the request is neither done nor denied.
type Waiting struct {
	Approval Approval `json:"approval"`
}

// Approval is how a request that needs approvals stands.
type Approval struct {
	ID            string          `json:"id"`
	RequestDigest string          `json:"requestDigest"` // SHA-256 of the request's exact body, hexadecimal
	Status        string          `json:"status"`
	Required      []ApprovalGroup `json:"required"` // all of them
	ExpiresAtMs   int64           `json:"expiresAtMs"`
}

// ApprovalGroup is how many users with a tag must approve, and who did.
type ApprovalGroup struct {
	Required int      `json:"required"`
	Tag      string   `json:"tag,omitempty"`
	Given    []string `json:"given"` // usernames of those whose approval counts now
}

// DecideRequestParams approve or reject a request.
type DecideRequestParams struct {
	OrganizationID string `json:"organizationId"`
	RequestID      string `json:"requestId"`
	RequestDigest  string `json:"requestDigest"` // of what the approver looked at
}

// Organization names the organization in which the request acts.
func (p DecideRequestParams) Organization() string { return p.OrganizationID }

// GetRequestParams name a request.
type GetRequestParams struct {
	OrganizationID string `json:"organizationId"`
	RequestID      string `json:"requestId"`
}

// Organization names the organization in which the request acts.
func (p GetRequestParams) Organization() string { return p.OrganizationID }

// ListRequestsParams choose a page of requests, the newest first.
type ListRequestsParams struct {
	OrganizationID string `json:"organizationId"`
	Status         string `json:"status,omitempty"` // all when it is empty
	Limit          *int   `json:"limit,omitempty"`
	Offset         *int   `json:"offset,omitempty"`
}

// Organization names the organization in which the request acts.
func (p ListRequestsParams) Organization() string { return p.OrganizationID }

// Decided is the answer to an approval or a rejection. When the approval was the last one that was missing, it has the
// outcome of the request.
type Decided struct {
	Approval Approval `json:"approval"`
	Outcome  *Outcome `json:"outcome,omitempty"`
}

// ApprovalRequest is a request that waits, or waited, for approvals, with all that an approver must see.
type ApprovalRequest struct {
	Approval    Approval     `json:"approval"`
	Method      Method       `json:"method"`
	Requester   string       `json:"requester"` // username
	WalletID    string       `json:"walletId,omitempty"`
	CreatedAtMs int64        `json:"createdAtMs"`
	Rule        string       `json:"rule"`   // that requires approval
	Reason      string       `json:"reason"` // for people
	Params      Raw          `json:"params"` // of the body, as sent
	Effects     *Effects     `json:"effects,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
	Approved    []Deed       `json:"approved"` // all that were given, whether or not they count now
	Rejected    *Deed        `json:"rejected,omitempty"`
	Outcome     *Outcome     `json:"outcome,omitempty"` // of a request that was done, denied or failed; not in lists
}

// Deed is an approval or a rejection.
type Deed struct {
	Username        string `json:"username"`
	AuthenticatorID string `json:"authenticatorId"`
	AtMs            int64  `json:"atMs"`
	LogIndex        uint64 `json:"logIndex"`
}

// Outcome is what became of a request, as its own answer says it.
type Outcome struct {
	Status   int    `json:"status"`           // of HTTP
	Result   Raw    `json:"result,omitempty"` // of a 200
	Error    Raw    `json:"error,omitempty"`
	LogIndex uint64 `json:"logIndex"` // of the entry that authorised or denied it
}

// Requests is a page of requests.
type Requests struct {
	Requests   []ApprovalRequest `json:"requests"`
	TotalCount int               `json:"totalCount"`
	Limit      int               `json:"limit"`
	Offset     int               `json:"offset"`
}
