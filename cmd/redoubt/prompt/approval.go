package prompt

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func approvalList(s *session) *cobra.Command {
	var status string
	var limit, offset int
	c := &cobra.Command{
		Use: "list", Short: "List requests that wait for approvals, the newest first",
		Long: `List requests that wait for approvals, or with --status those in another state, as far as they are yours, or yours to
approve, or you have policy ROOT.`,
		Example: `  redoubt approval list

  redoubt approval list --status rejected`,
		Args: cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			if status == "all" {
				status = ""
			}
			page, err := to.Requests(ctx, status, limit, offset)
			if err != nil {
				return err
			}
			return frame.Print(c, page, func(w io.Writer) {
				for _, r := range page.Requests {
					frame.Row(w, r.Approval.Status, r.Approval.ID, r.Requester, r.Method, missingApprovals(r.Approval))
				}
			})
		}),
	}
	f := c.Flags()
	f.StringVar(&status, "status", api.RequestPending, "`STATE`: pending, executed, denied, failed, rejected, expired or all")
	f.IntVar(&limit, "limit", api.DefaultPage, "`NUMBER` of requests to list")
	f.IntVar(&offset, "offset", 0, "`NUMBER` of requests to skip")
	choices(c, "status", api.RequestPending, api.RequestExecuted, api.RequestDenied, api.RequestFailed, api.RequestRejected, api.RequestExpired, "all")
	return c
}

// missingApprovals says in a few words what was given.
func missingApprovals(a api.Approval) string {
	var parts []string
	for _, g := range a.Required {
		parts = append(parts, fmt.Sprintf("%d of %d %s", len(g.Given), g.Required, cmp.Or(g.Tag, "others")))
	}
	return strings.Join(parts, ", ")
}

func approvalShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show REQUEST", Short: "Show what a request asks for, its effects, and what became of it",
		Example: `  redoubt approval show 83a7b233-bfee-85c9-83a3-05ed8a568d5c`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			r, err := to.Request(ctx, args[0])
			if err != nil {
				return err
			}
			return frame.Print(c, r, func(w io.Writer) { printRequest(w, r) })
		}),
	}
}

func printRequest(w io.Writer, r api.ApprovalRequest) {
	frame.Row(w, "request", r.Approval.ID)
	frame.Row(w, "digest", r.Approval.RequestDigest)
	frame.Row(w, "status", r.Approval.Status)
	frame.Row(w, "method", r.Method)
	frame.Row(w, "requester", r.Requester)
	if r.WalletID != "" {
		frame.Row(w, "wallet", r.WalletID)
	}
	frame.Row(w, "created", moment(r.CreatedAtMs))
	frame.Row(w, "expires", moment(r.Approval.ExpiresAtMs))
	frame.Row(w, "rule", r.Rule)
	for _, g := range r.Approval.Required {
		frame.Row(w, "approvals", fmt.Sprintf("%d of %d %s", len(g.Given), g.Required, cmp.Or(g.Tag, "others")), strings.Join(g.Given, ", "))
	}
	if e := r.Effects; e != nil {
		printRequestEffects(w, *e)
	}
	frame.Row(w, "params", string(r.Params))
	if r.Rejected != nil {
		frame.Row(w, "rejected by", r.Rejected.Username, moment(r.Rejected.AtMs))
	}
	printOutcome(w, r.Outcome)
}

func printRequestEffects(w io.Writer, e api.Effects) {
	for _, t := range e.Transfers {
		frame.Row(w, "transfers", t.Amount+" "+t.Asset, "to "+t.To)
	}
	for _, a := range e.Approvals {
		frame.Row(w, "lets spend", a.Amount+" "+a.Asset, "by "+a.To)
	}
	for _, a := range e.AuthorityChanges {
		frame.Row(w, "hands over", a.Kind+" of "+a.Subject, "to "+a.To)
	}
	if e.Unknown {
		frame.Row(w, "effects", "it may do more than is said here")
	}
}

func printOutcome(w io.Writer, o *api.Outcome) {
	if o == nil {
		return
	}
	frame.Row(w, "outcome", o.Status, "log entry "+fmt.Sprint(o.LogIndex))
	if len(o.Result) > 0 {
		frame.Row(w, "result", string(o.Result))
	}
	if len(o.Error) > 0 {
		frame.Row(w, "error", string(o.Error))
	}
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

func approvalApprove(s *session) *cobra.Command {
	return decideCommand(s, "approve REQUEST DIGEST", "Approve a request; the last approval that is missing has it done",
		`Approve exactly what the digest names, as 'redoubt approval show' printed it. The last approval that is missing has the
request done, as the one who asked, by the policies, limits and freezes of now. If it was to be broadcast, it is then.`,
		(*client.Client).Approve)
}

func approvalReject(s *session) *cobra.Command {
	return decideCommand(s, "reject REQUEST DIGEST", "Reject a request; one veto ends it",
		`Reject exactly what the digest names. Whoever may approve a request may reject it, and one who does ends it.
Who asked for it may withdraw it so.`,
		(*client.Client).Reject)
}

func decideCommand(s *session, use, short, long string, do func(*client.Client, context.Context, string, string) (client.Decided, error)) *cobra.Command {
	word, _, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		Example: "  redoubt approval " + word + " 83a7b233-bfee-85c9-83a3-05ed8a568d5c d89aa9ba2d6d02fe40c1a566acf00c38281213bf1af00417f9f1798ba7c2e03d",
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			d, err := do(to, ctx, args[0], args[1])
			if err != nil {
				return err
			}
			err = frame.Print(c, d, func(w io.Writer) {
				frame.Row(w, "status", d.Approval.Status)
				frame.Row(w, "approvals", missingApprovals(d.Approval))
				printOutcome(w, d.Outcome)
			})
			if err != nil {
				return err
			}
			return submitted(d.Submission)
		}),
	}
}
