package prompt

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// policyFile is a policy as users have it, with its tests.
type policyFile struct {
	api.UserPolicy
	Tests []api.PolicyTest `json:"tests"`
}

// readPolicy reads a policy's file: the policy as the server takes it, and its tests.
func readPolicy(name string) (policy, whole api.Raw, tests []api.PolicyTest, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, nil, err
	}
	var f policyFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, nil, nil, frame.Usagef("%s: not a policy in JSON: %w", name, err)
	}
	f.UserPolicy.Tests = nil
	if policy, err = json.Marshal(f.UserPolicy); err != nil {
		return nil, nil, nil, err
	}
	return policy, b, f.Tests, nil
}

func policyLint(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "lint FILE", Short: "Check a policy without giving it to anybody",
		Long: `Check a policy without giving it to anybody: what does not compile is an error with its place, what is probably not
meant is a warning. docs/spec/policy.md tells the language.`,
		Example: `  redoubt policy lint agent.json`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			policy, _, _, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			d, err := to.DryRun(ctx, api.DryRunParams{Policy: policy, Request: probe(to)})
			if err != nil {
				return err
			}
			return frame.Print(c, d.Warnings, func(w io.Writer) {
				for _, text := range d.Warnings {
					frame.Row(w, "warning", text)
				}
				frame.Row(w, "policy", "ok", fmt.Sprintf("%d warnings", len(d.Warnings)))
			})
		}),
	}
}

// probe is a request that every policy can be asked about.
func probe(to *client.Client) api.Request {
	return api.Request{Method: api.GetOrganization, Params: params(to, nil, "")}
}

// params fills in what a request of a test need not repeat: the organization, and the wallet when there is one.
func params(to *client.Client, raw api.Raw, wallet string) api.Raw {
	members := map[string]json.RawMessage{}
	if len(raw) > 0 && json.Unmarshal(raw, &members) != nil {
		return raw
	}
	fill := func(name, value string) {
		if _, there := members[name]; !there && value != "" {
			members[name] = json.RawMessage(fmt.Sprintf("%q", value))
		}
	}
	fill("organizationId", to.Organization)
	fill("walletId", wallet)
	filled, err := json.Marshal(members)
	if err != nil {
		return raw
	}
	return filled
}

func policyTest(s *session) *cobra.Command {
	var username, wallet string
	c := &cobra.Command{
		Use: "test FILE", Short: "Run a policy's own cases",
		Long: `Run the cases in "tests" of a policy's file as dry runs, as if the user had the policy. A case names a request, the
outcome that it must have and, if it likes, a part of the reason. The organization is filled in, and the wallet from --wallet.`,
		Example: `  redoubt policy test agent.json --user agent --wallet 01a20315-5bc6-703b-82bf-65f2e8d8ff36`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			policy, _, tests, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			failed := 0
			err = frame.Print(c, tests, func(w io.Writer) {
				for _, test := range tests {
					if why := runTest(ctx, to, policy, username, wallet, test); why != "" {
						failed++
						frame.Row(w, "FAIL", test.Name, why)
						continue
					}
					frame.Row(w, "ok", test.Name)
				}
			})
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d tests failed", failed, len(tests))
			}
			return err
		}),
	}
	c.Flags().StringVar(&username, "user", "", "`NAME` of the user who would have the policy; you, unless you are root and say otherwise")
	c.Flags().StringVar(&wallet, "wallet", "", "`ID` of the wallet of requests that name none")
	return c
}

// runTest says why a case fails; nothing when it holds.
func runTest(ctx context.Context, to *client.Client, policy api.Raw, username, wallet string, test api.PolicyTest) string {
	request := test.Request
	request.Params = params(to, request.Params, wallet)
	d, err := to.DryRun(ctx, api.DryRunParams{Username: username, Request: request, Policy: policy, TimeMs: test.TimeMs, Usage: test.Usage})
	switch {
	case err != nil:
		return err.Error()
	case d.Decision != test.Expect:
		return fmt.Sprintf("%s, not %s: %s %s", d.Decision, test.Expect, d.Rule, d.Reason)
	case !strings.Contains(d.Reason, test.Because):
		return fmt.Sprintf("the reason is %q, without %q", d.Reason, test.Because)
	}
	return ""
}

func policyTry(s *session) *cobra.Command {
	var username, wallet, file string
	c := &cobra.Command{
		Use: "try METHOD [PARAMS]", Short: "Ask what a request would be answered, without any effect",
		Long: `Ask what a request would be answered, without any effect. The parameters are JSON, or @FILE; the organization is filled
in, and the wallet from --wallet.`,
		Example: `  redoubt policy try createWallet '{}' --user agent

  redoubt policy try signTransaction @params.json --policy tighter.json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			var raw, policy api.Raw
			if len(args) > 1 {
				raw = api.Raw(args[1])
				if name, file := strings.CutPrefix(args[1], "@"); file {
					b, err := os.ReadFile(name)
					if err != nil {
						return err
					}
					raw = b
				}
			}
			if file != "" {
				var err error
				if policy, _, _, err = readPolicy(file); err != nil {
					return err
				}
			}
			request := api.Request{Method: api.Method(args[0]), Params: params(to, raw, wallet)}
			d, err := to.DryRun(ctx, api.DryRunParams{Username: username, Request: request, Policy: policy})
			if err != nil {
				return err
			}
			return frame.Print(c, d, func(w io.Writer) { printDecision(w, d) })
		}),
	}
	c.Flags().StringVar(&username, "user", "", "`NAME` of the user who would send it; you, unless you are root and say otherwise")
	c.Flags().StringVar(&wallet, "wallet", "", "`ID` of the wallet, unless the parameters name one")
	c.Flags().StringVar(&file, "policy", "", "`FILE` with the policy that they would have; without it the one that they have")
	return c
}

func printDecision(w io.Writer, d api.DryRunResult) {
	frame.Row(w, "decision", d.Decision, d.Rule)
	if d.Reason != "" {
		frame.Row(w, "reason", d.Reason)
	}
	if e := d.Effects; e != nil {
		for _, t := range e.Transfers {
			frame.Row(w, "transfer", t.Amount, t.Asset, "to", t.To)
		}
		for _, a := range e.Approvals {
			frame.Row(w, "approval", a.Amount, a.Asset, "for", a.To)
		}
		for _, a := range e.AuthorityChanges {
			frame.Row(w, "authority", a.Kind, a.Subject, "to", a.To)
		}
		if e.Unknown {
			frame.Row(w, "effects", "some are unknown")
		}
	}
	if d.Explanation != nil {
		for _, r := range d.Explanation.Rules {
			frame.Row(w, fmt.Sprintf("rule %d", r.Rule), r.Outcome, r.Result, r.Comment, r.Error)
		}
	}
}

func policyReplay(s *session) *cobra.Command {
	var username, file string
	var since time.Duration
	c := &cobra.Command{
		Use: "replay", Short: "Say which past decisions another policy would have changed",
		Long: `Ask a policy again about what a user sent: which requests it would have denied that were allowed, and the other way
round. Usage is counted from the oldest request that is asked.`,
		Example: `  redoubt policy replay --user agent --since 24h --policy tighter.json`,
		Args:    cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			policy, _, _, err := readPolicy(file)
			if err != nil {
				return err
			}
			p := api.ReplayPolicyParams{Username: username, Policy: policy}
			if since > 0 {
				p.SinceMs = time.Now().Add(-since).UnixMilli()
			}
			result, err := to.ReplayPolicy(ctx, p)
			if err != nil {
				return err
			}
			return frame.Print(c, result, func(w io.Writer) {
				for _, one := range result.Changes {
					frame.Row(w, one.Sequence, time.UnixMilli(one.TimeMs).UTC().Format(time.RFC3339), one.Method, one.Was, "would be "+one.Would, one.Rule, one.Reason)
				}
				for _, one := range result.Skipped {
					frame.Row(w, one.Sequence, time.UnixMilli(one.TimeMs).UTC().Format(time.RFC3339), one.Method, one.Was, "cannot be asked", one.Reason)
				}
				whole := ""
				if !result.Whole {
					whole = "older ones were not looked at"
				}
				frame.Row(w, "requests", result.Examined, "changed", len(result.Changes), whole)
			})
		}),
	}
	c.Flags().StringVar(&username, "user", "", "`NAME` of the user whose requests to ask about")
	c.Flags().StringVar(&file, "policy", "", "`FILE` with the policy")
	c.Flags().DurationVar(&since, "since", 0, "how far back; as far as a thousand requests when it is not given")
	_ = c.MarkFlagRequired("user")
	_ = c.MarkFlagRequired("policy")
	return c
}
