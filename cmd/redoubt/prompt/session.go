package prompt

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/profile"
)

// session says to which server a command talks, and as whom: what the flags name, and for the rest the profile.
type session struct {
	config, profile string
	given           profile.Profile
	timeout         time.Duration
}

const (
	defaultTimeout = time.Minute
	maxKey         = 16 << 10 // bytes of a key's file
)

func (s *session) flags(group *cobra.Command) {
	f := group.PersistentFlags()
	f.StringVar(&s.config, "config", "", "`FILE` of the profiles (default $REDOUBT_CONFIG, or redoubt/config.toml in the user's folder of configurations)")
	f.StringVar(&s.profile, "profile", "", "`NAME` of the profile (default $REDOUBT_PROFILE, or the one that 'profile use' chose)")
	f.StringVar(&s.given.URL, "url", "", "base `URL` of the server, in place of the profile's")
	f.StringVar(&s.given.Organization, "organization", "", "`ID` of the organization, in place of the profile's")
	f.StringVar(&s.given.KeyFile, "key", "", "`FILE` of the authenticator's key, - for stdin, in place of the profile's")
	f.StringVar(&s.given.Manifest, "manifest", "", "`HASH` of the manifest that must be in force, in place of the profile's")
	f.DurationVar(&s.timeout, "timeout", defaultTimeout, "`TIME` after which the command gives up, with all its tries")
	_ = group.RegisterFlagCompletionFunc("profile", s.completeProfile)
}

func (s *session) file() (*profile.File, error) {
	path, err := profile.Path(s.config)
	if err != nil {
		return nil, err
	}
	return profile.Read(path)
}

func (s *session) completeProfile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	f, err := s.file()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return f.Names(), cobra.ShellCompDirectiveNoFileComp
}

// target is where the command goes: the profile, with what the flags say in its place.
func (s *session) target() (profile.Profile, error) {
	f, err := s.file()
	if err != nil {
		return profile.Profile{}, err
	}
	name, err := f.Choose(s.profile)
	if err != nil {
		return profile.Profile{}, frame.Usagef("%w", err)
	}
	p := f.Profiles[name]
	if s.given.URL != "" && s.given.URL != p.URL {
		p.Manifest = "" // it is another server's
	}
	p = profile.Profile{
		URL: cmp.Or(s.given.URL, p.URL), Organization: cmp.Or(s.given.Organization, p.Organization),
		KeyFile: cmp.Or(s.given.KeyFile, p.KeyFile), Manifest: cmp.Or(s.given.Manifest, p.Manifest),
	}
	if p.URL == "" {
		return p, frame.Usagef("which server? name a profile with --profile, or --url; 'redoubt org create' and 'redoubt profile add' make profiles")
	}
	return p, nil
}

// act runs a command that acts within an organization: it makes the client and a context that ends in time.
func (s *session) act(do func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		p, err := s.target()
		if err != nil {
			return err
		}
		stamper, err := readStamper(c, &p)
		if err != nil {
			return err
		}
		if p.Organization == "" {
			return frame.Usagef("which organization? name a profile with --profile, or --organization")
		}
		ctx, cancel := context.WithTimeout(c.Context(), s.timeout)
		defer cancel()
		return do(ctx, c, connect(p, stamper), args)
	}
}

// connect makes a client that wants the manifest of the profile.
func connect(p profile.Profile, stamper client.Stamper) *client.Client {
	to := client.New(p.URL, p.Organization, stamper)
	to.Manifest = p.Manifest
	return to
}

// readStamper reads a key, or the session of a login, which knows its organization.
func readStamper(c *cobra.Command, p *profile.Profile) (client.Stamper, error) {
	if p.KeyFile == "" || p.KeyFile == "-" {
		return readKey(c, p.KeyFile)
	}
	text, err := frame.Secret(c, p.KeyFile, maxKey)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	defer clear(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		return readKey(c, p.KeyFile)
	}
	l, err := readLogin(p.KeyFile, text)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", p.KeyFile, err)
	}
	p.Organization = cmp.Or(p.Organization, l.Organization())
	return l, nil
}

// readKey reads the authenticator's key, which nobody else may read.
func readKey(c *cobra.Command, path string) (client.Key, error) {
	if path == "" {
		return client.Key{}, frame.Usagef("which key? name its file with --key; 'redoubt keygen' makes one")
	}
	text, err := frame.Secret(c, path, maxKey)
	if err != nil {
		return client.Key{}, fmt.Errorf("key: %w", err)
	}
	defer clear(text)
	key, err := client.ParseKey(text)
	if err != nil {
		return client.Key{}, fmt.Errorf("key %s: %w", path, err)
	}
	return key, nil
}
