package prompt

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// scopeNames are the scopes of grants.
func scopeNames() []string {
	return []string{"owner", "signaturePayload", "signatureTransaction", "ethereumSignMessage", "ethereumSignTypedData", "exportWallet"}
}

// maxTransactionPolicy is the most bytes of a transaction policy; the server takes fewer.
const maxTransactionPolicy = 64 << 10

func walletGrant(s *session) *cobra.Command {
	var scopes, accounts []string
	var name, bounds string
	c := &cobra.Command{
		Use: "grant WALLET ORGANIZATION", Short: "Let another organization use a wallet",
		Long: `Let another organization use a wallet, as far as the scopes say, and there as far as its users' own policies allow. A
second grant of the same name takes the place of the first. What each scope allows, and what a transaction policy is:
docs/spec/policy.md.`,
		Example: `  redoubt wallet grant 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd --scope signatureTransaction

  # one account only, for requests that name the grant
  redoubt wallet grant 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd \
      --scope ethereumSignMessage --account ethereum --name mail

  # Solana transactions as far as a file says: {"version":"v0","solana":{"rules":[{"rule":"NoAddressLookupTables"}]}}
  redoubt wallet grant 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd \
      --scope signatureTransaction --transaction-policy bounds.json`,
		Args: cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			at, err := paths(accounts)
			if err != nil {
				return err
			}
			var transactions api.Raw
			if bounds != "" {
				if transactions, err = frame.Input(c, bounds, maxTransactionPolicy); err != nil {
					return err
				}
				if !json.Valid(transactions) {
					return frame.Usagef("%s is not JSON", bounds)
				}
			}
			made, err := to.Grant(ctx, args[1], args[0], name, client.Scopes(scopes, at...), transactions)
			if err != nil {
				return err
			}
			return printGrants(c, made, made)
		}),
	}
	c.Flags().StringArrayVar(&scopes, "scope", nil, "`SCOPE` to grant: "+strings.Join(scopeNames(), ", ")+"; may be given several times")
	c.Flags().StringArrayVar(&accounts, "account", nil, "`ACCOUNT` to which it is restricted: solana, ethereum, bitcoin, sui, or a path; may be given several times (default all)")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the grant, which requests must then give (default the one for requests that name none)")
	c.Flags().StringVar(&bounds, "transaction-policy", "", "`FILE` with a transaction policy in JSON, which bounds Solana transactions and leaves no others; - for stdin")
	_ = c.MarkFlagRequired("scope")
	choices(c, "scope", scopeNames()...)
	choices(c, "account", usualNames()...)
	return c
}

func walletGrants(s *session) *cobra.Command {
	var owner string
	c := &cobra.Command{
		Use: "grants WALLET ORGANIZATION", Short: "List what an organization may do with a wallet",
		Example: `  redoubt wallet grants 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd

  # what was granted to yours
  redoubt wallet grants 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd \
      --owner 2f1d7c1c-0a3e-4f43-8f4b-5a6f1f0f7a11`,
		Args: cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			if owner == "" {
				owner = to.Organization
			}
			list, err := to.Grants(ctx, owner, args[1], args[0])
			if err != nil {
				return err
			}
			return printGrants(c, list, list.Grants...)
		}),
	}
	c.Flags().StringVar(&owner, "owner", "", "`ID` of the organization whose wallet it is (default yours)")
	return c
}

func walletRevoke(s *session) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "revoke WALLET ORGANIZATION", Short: "End a grant; nothing is signed by it any more",
		Example: `  redoubt wallet revoke 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd`,
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			gone, err := to.Revoke(ctx, args[1], args[0], name)
			if err != nil {
				return err
			}
			return printGrants(c, gone, gone)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "`NAME` of the grant (default the one without)")
	return c
}

func walletTransfer(s *session) *cobra.Command {
	var retain []string
	var await bool
	c := &cobra.Command{
		Use: "transfer WALLET ORGANIZATION", Short: "Give a wallet to another organization",
		Long: `Give a wallet to another organization, with all of its accounts. Its grants end and its tags stay behind. Nothing but the
other organization can give it back.`,
		Example: `  redoubt wallet transfer 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd --await

  # and go on signing transactions with it, until the new owner ends that
  redoubt wallet transfer 01a20315-5bc6-703b-82bf-65f2e8d8ff36 80ca1352-b55e-4392-aac6-ef7636fc8ffd --retain signatureTransaction`,
		Args: cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			var policy api.Raw
			if len(retain) > 0 {
				policy = client.Scopes(retain)
			}
			made, err := to.Transfer(ctx, args[1], args[0], policy, await)
			if err != nil {
				return err
			}
			return printGrants(c, made, made)
		}),
	}
	c.Flags().StringArrayVar(&retain, "retain", nil, "`SCOPE` that your organization keeps; may be given several times")
	c.Flags().BoolVar(&await, "await", false, "change nothing until the other organization accepts it, within seven days")
	choices(c, "retain", scopeNames()...)
	return c
}

func walletPending(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "pending", Short: "List the wallets that others want to give to the organization",
		Example: `  redoubt wallet pending`,
		Args:    cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			list, err := to.PendingTransfers(ctx)
			if err != nil {
				return err
			}
			return frame.Print(c, list, func(w io.Writer) {
				for _, p := range list {
					frame.Row(w, "transfer", p.MigrationID, p.WalletID, p.WalletName, "from "+p.OwnerOrganizationID)
				}
			})
		}),
	}
}

func walletAccept(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "accept TRANSFER", Short: "Take a wallet that another organization wants to give",
		Long: `Take a wallet that another organization wants to give; 'redoubt wallet pending' lists them. Whoever had it may know its
secret.`,
		Example: `  redoubt wallet accept 01a20315-5bc6-703b-82bf-65f2e8d8ff36`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			made, err := to.AcceptTransfer(ctx, args[0])
			if err != nil {
				return err
			}
			return printGrants(c, made, made)
		}),
	}
}

// printGrants shows grants, one a line.
func printGrants(c *cobra.Command, whole any, grants ...api.Grant) error {
	return frame.Print(c, whole, func(w io.Writer) {
		for _, g := range grants {
			p := g.OrganizationPolicy
			allows := strings.Join(p.Scopes, " ")
			if p.RootAccess != nil {
				allows = "root " + p.RootAccess.Type + ", " + p.Preset
			}
			if p.DerivationAllowlist.Given() {
				allows += ", at " + string(p.DerivationAllowlist)
			}
			if t := g.TransactionPolicy; t != nil && t.Solana != nil {
				var rules []string
				for _, r := range t.Solana.Rules {
					rules = append(rules, r.Rule)
				}
				allows += ", Solana transactions by " + strings.Join(rules, " ")
			}
			name := "default"
			if g.PolicyName != "" {
				name = g.PolicyName
			}
			if g.DeletedAtMs != nil {
				name += " (ended)"
			}
			if g.MigrationID != "" {
				name = "transfer " + g.MigrationID
			}
			frame.Row(w, g.WalletID, g.OrganizationID, name, allows)
		}
	})
}
