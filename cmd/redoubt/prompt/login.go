package prompt

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// loggedIn is what 'login --json' prints.
type loggedIn struct {
	File         string `json:"file"`
	Organization string `json:"organizationId"`
	ClientID     string `json:"clientId"` // tag of the program's wallet
}

const loginPatience = 10 * time.Minute

func login(s *session) *cobra.Command {
	var name, clientID string
	c := &cobra.Command{
		Use: "login FILE", Short: "Log a program in: a person allows it on a page of the server",
		Long: `Log a program in on a machine without a browser. The page to open and the code to compare are printed; when the person
has allowed it there, the session is written into a new file of mode 0600, which --key takes in place of a key's file.`,
		Example: `  redoubt login agent.session --url http://127.0.0.1:8484/v1/wallets --name "my agent"

  redoubt wallet list --url http://127.0.0.1:8484/v1/wallets --key agent.session`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := s.target()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), loginPatience)
			defer cancel()
			pending, err := client.BeginLogin(ctx, p.URL, name, clientID)
			if err != nil {
				return err
			}
			frame.Row(c.ErrOrStderr(), "open", pending.URL)
			frame.Row(c.ErrOrStderr(), "code", pending.UserCode)
			made, err := pending.Wait(ctx)
			if err != nil {
				return err
			}
			saved, err := made.Save()
			if err != nil {
				return err
			}
			defer clear(saved)
			if err := frame.Create(args[0], saved, 0o600); err != nil {
				return err
			}
			return frame.Print(c, loggedIn{args[0], made.Organization(), made.ClientID()}, func(w io.Writer) {
				frame.Row(w, "file", args[0])
				frame.Row(w, "organization", made.Organization())
				frame.Row(w, "client id", made.ClientID())
			})
		},
	}
	c.Flags().StringVar(&name, "name", "redoubt", "`NAME` of the program, as the person reads it")
	c.Flags().StringVar(&clientID, "client-id", "", "`ID` of an earlier login, to have the same wallet (default a new program)")
	return c
}

// readLogin reads a saved session, and keeps the file up to date as its tokens are refreshed.
func readLogin(path string, text []byte) (*client.Login, error) {
	l, err := client.ParseLogin(text)
	if err != nil {
		return nil, err
	}
	l.Refreshed = func(saved []byte) error { return replaceFile(path, saved) }
	return l, nil
}

// replaceFile puts new content in the place of a file, whole or not at all.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".session-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
