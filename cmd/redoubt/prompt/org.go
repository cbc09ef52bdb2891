package prompt

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/profile"
)

func orgCreate(s *session) *cobra.Command {
	var username, authenticator, save string
	var tags []string
	c := &cobra.Command{
		Use: "create NAME", Short: "Found an organization whose first administrator is your key",
		Long: `Found an organization. Its first user has policy ROOT and the key of --key, which stamps the request. A profile is
written, and it pins the manifest that the server shows now. Keep that key: an organization whose last ROOT key is lost
is out of reach for ever, and its wallets with it.`,
		Example: `  redoubt org create Demo --url http://127.0.0.1:8484/v1/wallets --key admin.key

  redoubt org create Work --url https://keys.example.com/v1/wallets --key admin.key --save work --manifest 53ff012d…`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, f, err := s.founding(save)
			if err != nil {
				return err
			}
			key, err := readKey(c, p.KeyFile)
			if err != nil {
				return err
			}
			if err := pin(c, &p); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), s.timeout)
			defer cancel()
			made, err := connect(p, key).CreateOrganization(ctx, api.CreateOrganizationParams{
				OrganizationName: args[0], Tags: tags, Users: []api.NewUser{{
					Username: username, Policy: client.Root(), Authenticators: []api.NewAuthenticator{key.Authenticator(authenticator)},
				}},
			})
			if err != nil {
				return err
			}
			p.Organization = made.OrganizationID
			if err := f.Put(save, p); err != nil {
				return fmt.Errorf("the organization %s is there, but its profile could not be written: %w", made.OrganizationID, err)
			}
			return frame.Print(c, made, func(w io.Writer) {
				frame.Row(w, "organization", made.OrganizationID)
				show(f, save).rows(w)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&username, "username", "admin", "`NAME` of the first user")
	f.StringVar(&authenticator, "authenticator", "first", "`NAME` of the key")
	f.StringVar(&save, "save", "default", "`NAME` of the profile to write")
	f.StringArrayVar(&tags, "tag", nil, "`TAG` of the organization; may be given several times")
	return c
}

// founding says where an organization is to be founded. What a profile of that name holds is not written over.
func (s *session) founding(save string) (profile.Profile, *profile.File, error) {
	f, err := s.file()
	if err != nil {
		return profile.Profile{}, nil, err
	}
	if old, there := f.Profiles[save]; there {
		return old, nil, frame.Usagef("there is a profile %q for organization %s already: name another one with --save, or remove it", save, old.Organization)
	}
	p, err := s.target()
	if err == nil && p.KeyFile == "-" {
		err = frame.Usagef("--key: the profile names the key's file; stdin is none")
	}
	return p, f, err
}

func orgShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the organization with its users and their keys",
		Example: `  redoubt org show

  redoubt org show --json | jq -r '.users[].username'`,
		Args: cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			o, err := to.GetOrganization(ctx)
			if err != nil {
				return err
			}
			return printOrganization(c, o)
		}),
	}
}

func printOrganization(c *cobra.Command, o api.Organization) error {
	return frame.Print(c, o, func(w io.Writer) {
		frame.Row(w, "organization", o.OrganizationID)
		frame.Row(w, "name", o.OrganizationName)
		if len(o.Tags) > 0 {
			frame.Row(w, "tags", strings.Join(o.Tags, ", "))
		}
		for _, u := range o.Users {
			frame.Row(w, "user", u.Username, policyText(u.Policy), expiryText(u.ExpiresAtMs))
			for _, a := range u.Authenticators {
				printAuthenticator(w, a)
			}
		}
	})
}

func printAuthenticator(w io.Writer, a api.Authenticator) {
	expires := ""
	if a.ExpiresAtMs != "" {
		expires = "until " + a.ExpiresAtMs
	}
	frame.Row(w, "  key", a.ID, a.AuthenticatorName, a.Algorithm, a.PublicKey, expires)
}

func policyText(p api.UserPolicy) string {
	return strings.TrimSpace(strings.Join([]string{p.Type, p.Preset, p.WalletID}, " "))
}

func expiryText(ms *int64) string {
	if ms == nil {
		return ""
	}
	return "until " + time.UnixMilli(*ms).UTC().Format(time.RFC3339)
}
