package prompt

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// life are the flags of what may expire and may take the place of what expires.
type life struct {
	expires time.Duration
	replace bool
}

func (l *life) flags(c *cobra.Command) {
	c.Flags().DurationVar(&l.expires, "expires", 0, "`TIME` from now until it may do nothing any more, for example 24h (default never)")
	c.Flags().BoolVar(&l.replace, "replace-expirable", false, "when there are too many, give up the oldest one that expires")
}

func (l *life) in() (*int64, error) {
	if l.expires == 0 {
		return nil, nil //nolint:nilnil // what does not expire has no time
	}
	if l.expires < time.Millisecond {
		return nil, frame.Usagef("--expires: want a time in the future")
	}
	ms := l.expires.Milliseconds()
	return &ms, nil
}

const (
	policyRoot       = "ROOT"
	policyConnection = "DAPP_CONNECTION_USER"
)

func userAdd(s *session) *cobra.Command {
	var public, key, policy, wallet, file string
	var traits map[string]string
	var l life
	c := &cobra.Command{
		Use: "add NAME", Short: "Add a user with a key and a policy",
		Long: `Add a user with a key and a policy. The key is the public one that 'redoubt keygen' printed for them. What each policy
allows: docs/spec/policy.md.`,
		Example: `  redoubt user add alice --public-key 6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw

  # an app that may use one wallet, for an hour
  redoubt user add game --public-key 6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw \
      --policy DAPP_CONNECTION_USER --wallet 01a20315-5bc6-703b-82bf-65f2e8d8ff36 --expires 1h`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			user := api.NewUser{Username: args[0], Traits: traits, Authenticators: []api.NewAuthenticator{}}
			var err error
			if user.Policy, err = userPolicy(policy, wallet, file); err != nil {
				return err
			}
			if user.ExpiresInMs, err = l.in(); err != nil {
				return err
			}
			a, err := client.PublicKey(key, public)
			if err != nil {
				return frame.Usagef("--public-key: %w", err)
			}
			user.Authenticators = append(user.Authenticators, a)
			o, err := to.AddUser(ctx, user, l.replace)
			if err != nil {
				return err
			}
			return printOrganization(c, o)
		}),
	}
	f := c.Flags()
	f.StringVar(&public, "public-key", "", "the user's public `KEY`, base64url")
	f.StringVar(&key, "authenticator", "first", "`NAME` of the key")
	f.StringVar(&policy, "policy", client.LegacyUserRole, "`NAME`: ROOT, ALLOW_ALL, DENY_ALL, LEGACY_USER_ROLE or DAPP_CONNECTION_USER")
	f.StringVar(&wallet, "wallet", "", "`ID` of the wallet of a DAPP_CONNECTION_USER")
	f.StringVar(&file, "policy-file", "", "`FILE` with a policy in JSON, in place of --policy; its tests are run first")
	f.StringToStringVar(&traits, "trait", nil, "`NAME=VALUE` to keep with the user; may be given several times")
	l.flags(c)
	_ = c.MarkFlagRequired("public-key")
	choices(c, "policy", policyRoot, client.AllowAll, client.DenyAll, client.LegacyUserRole, policyConnection)
	return c
}

func userPolicy(name, wallet, file string) (api.Raw, error) {
	if file != "" {
		_, whole, _, err := readPolicy(file)
		return whole, err
	}
	if (name == policyConnection) != (wallet != "") {
		return nil, frame.Usagef("--wallet belongs to --policy %s, which needs it", policyConnection)
	}
	switch name {
	case policyRoot:
		return client.Root(), nil
	case policyConnection:
		return client.Connection(wallet), nil
	case client.AllowAll, client.DenyAll, client.LegacyUserRole:
		return client.Preset(name), nil
	}
	return nil, frame.Usagef("--policy: there is no policy %q", strings.TrimSpace(name))
}

func userUpdate(s *session) *cobra.Command {
	var policy, wallet, file string
	var traits map[string]string
	var remove []string
	c := &cobra.Command{
		Use: "update NAME", Short: "Change the policy or the traits of a user",
		Long: `Change the policy or the traits of a user. What is not named stays. A new policy holds from the next request on.`,
		Example: `  redoubt user update alice --policy DENY_ALL

  redoubt user update alice --trait team=ops --remove-trait intern`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			var newer api.Raw
			if policy != "" || file != "" {
				var err error
				if newer, err = userPolicy(policy, wallet, file); err != nil {
					return err
				}
			}
			o, err := to.UpdateUser(ctx, args[0], newer, traits, remove)
			if err != nil {
				return err
			}
			return printOrganization(c, o)
		}),
	}
	f := c.Flags()
	f.StringVar(&policy, "policy", "", "`NAME`: ROOT, ALLOW_ALL, DENY_ALL, LEGACY_USER_ROLE or DAPP_CONNECTION_USER")
	f.StringVar(&wallet, "wallet", "", "`ID` of the wallet of a DAPP_CONNECTION_USER")
	f.StringVar(&file, "policy-file", "", "`FILE` with a policy in JSON, in place of --policy; its tests are run first")
	f.StringToStringVar(&traits, "trait", nil, "`NAME=VALUE` to keep with the user; may be given several times")
	f.StringArrayVar(&remove, "remove-trait", nil, "`NAME` of a trait to remove; may be given several times")
	c.MarkFlagsOneRequired("policy", "trait", "remove-trait")
	choices(c, "policy", policyRoot, client.AllowAll, client.DenyAll, client.LegacyUserRole, policyConnection)
	return c
}

func userRemove(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a user; their keys sign nothing any more",
		Long: `Remove a user with all of their keys. From the next request on those get 401. The last user with policy ROOT stays, or
nobody could ever change the organization again.`,
		Example: `  redoubt user remove alice`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			o, err := to.DeleteUser(ctx, args[0])
			if err != nil {
				return err
			}
			return printOrganization(c, o)
		}),
	}
}
