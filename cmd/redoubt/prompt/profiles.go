package prompt

import (
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/profile"
)

// shownProfile is what the commands on profiles print with --json. A key is named by its file.
type shownProfile struct {
	Name         string `json:"name"`
	Default      bool   `json:"default"`
	URL          string `json:"url"`
	Organization string `json:"organizationId"`
	KeyFile      string `json:"keyFile"`
	Manifest     string `json:"manifest"`
}

func show(f *profile.File, name string) shownProfile {
	p := f.Profiles[name]
	return shownProfile{name, name == f.Default, p.URL, p.Organization, p.KeyFile, p.Manifest}
}

func (p shownProfile) rows(w io.Writer) {
	frame.Row(w, "profile", p.Name)
	frame.Row(w, "url", p.URL)
	frame.Row(w, "organization", p.Organization)
	frame.Row(w, "key", p.KeyFile)
	frame.Row(w, "manifest", p.Manifest)
}

// profiles makes the commands on the file of profiles. Only add asks a server, for its manifest.
func profiles() *cobra.Command {
	s := &session{}
	group := frame.Group("profile", "Keep which server, organization and key are yours",
		frame.JSON(profileAdd(s)), frame.JSON(profileList(s)), frame.JSON(profileUse(s)), frame.JSON(profileRemove(s)))
	group.PersistentFlags().StringVar(&s.config, "config", "", "`FILE` of the profiles (default $REDOUBT_CONFIG, or redoubt/config.toml in the user's folder of configurations)")
	return group
}

func profileAdd(s *session) *cobra.Command {
	var p profile.Profile
	c := &cobra.Command{
		Use: "add NAME", Short: "Write down how to reach an organization",
		Long: `Write down how to reach an organization. Without --manifest the server is asked for the manifest that is in force, and
from then on every command refuses a server that shows another one. Compare its hash with one that you were given in
another way: a server chooses which manifest it shows.`,
		Example: `  redoubt profile add work --url http://127.0.0.1:8484/v1/wallets --organization 80ca1352-b55e-4392-aac6-ef7636fc8ffd --key work.key`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if p.KeyFile == "-" {
				return frame.Usagef("--key: a profile names a file")
			}
			if _, err := readKey(c, p.KeyFile); err != nil {
				return err
			}
			f, err := s.file()
			if err != nil {
				return err
			}
			if err := pin(c, &p); err != nil {
				return err
			}
			if err := f.Put(args[0], p); err != nil {
				return frame.Usagef("%w", err)
			}
			return frame.Print(c, show(f, args[0]), show(f, args[0]).rows)
		},
	}
	f := c.Flags()
	f.StringVar(&p.URL, "url", "", "base `URL` of the server")
	f.StringVar(&p.Organization, "organization", "", "`ID` of the organization")
	f.StringVar(&p.KeyFile, "key", "", "`FILE` of the authenticator's key")
	f.StringVar(&p.Manifest, "manifest", "", "`HASH` of the manifest that must be in force")
	for _, name := range []string{"url", "organization", "key"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// pin asks the server for its manifest when none is expected, and makes the key's path hold from any folder.
func pin(c *cobra.Command, p *profile.Profile) error {
	var err error
	if p.KeyFile, err = filepath.Abs(p.KeyFile); err != nil {
		return err
	}
	to := client.New(p.URL, "", nil)
	to.Manifest = p.Manifest
	a, err := to.Attestation(c.Context())
	if err == nil {
		p.Manifest = a.Hash
	}
	return err
}

func profileList(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the profiles", Example: "  redoubt profile list", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := s.file()
			if err != nil {
				return err
			}
			all := []shownProfile{}
			for _, name := range f.Names() {
				all = append(all, show(f, name))
			}
			return frame.Print(c, all, func(w io.Writer) {
				for _, p := range all {
					mark := " "
					if p.Default {
						mark = "*"
					}
					frame.Row(w, mark+" "+p.Name, p.Organization, p.URL, p.KeyFile)
				}
			})
		},
	}
}

func profileUse(s *session) *cobra.Command {
	return s.named("use NAME", "Make a profile the one that is used when none is named", "  redoubt profile use work", (*profile.File).Use)
}

func profileRemove(s *session) *cobra.Command {
	return s.named("remove NAME", "Forget a profile; the key's file and the organization stay", "  redoubt profile remove work", (*profile.File).Remove)
}

// named makes a command that does one thing to one profile and prints the name.
func (s *session) named(use, short, example string, do func(*profile.File, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: cobra.ExactArgs(1),
		ValidArgsFunction: s.completeProfile,
		RunE: func(c *cobra.Command, args []string) error {
			f, err := s.file()
			if err != nil {
				return err
			}
			before := show(f, args[0])
			if err := do(f, args[0]); err != nil {
				return frame.Usagef("%w", err)
			}
			before.Default = f.Default == args[0]
			return frame.Print(c, before, func(w io.Writer) { frame.Row(w, "profile", args[0]) })
		},
	}
}
