package main

import (
	"encoding/base64"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// source says which log is meant: the one of a data folder or the one of a server.
type source struct {
	place           deployment
	address, pinned string
}

func (s *source) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.place.dir, "data", "", "`DIR` of the data; the server may run or not")
	f.StringVar(&s.place.anchor, "anchor-dir", "", "`DIR` of the anchor (default the folder of the data)")
	f.StringVar(&s.address, "url", "", "base `URL` of a server, for example http://127.0.0.1:8484/v1/wallets")
	f.StringVar(&s.pinned, "manifest", "", "`HASH` of the manifest that must be in force, as printed at the end")
	c.MarkFlagsOneRequired("data", "url")
	c.MarkFlagsMutuallyExclusive("data", "url")
	c.MarkFlagsMutuallyExclusive("anchor-dir", "url")
}

// pin refuses another manifest than the expected one.
func (s *source) pin(manifest string) error {
	if s.pinned != "" && s.pinned != manifest {
		return fmt.Errorf("the manifest in force is %s, not %s", manifest, s.pinned)
	}
	return nil
}

func logs() *cobra.Command {
	return frame.Group("log", "Verify and show the log of a data folder or of a server", logVerify(), logShow())
}

// verification is what 'log verify --json' prints.
type verification struct {
	OK       bool        `json:"ok"` // always true: what is not right is an error
	Size     uint64      `json:"size"`
	Root     string      `json:"root"`             // base64
	Manifest string      `json:"manifest"`         // hash
	Rebase   *rebaseLine `json:"rebase,omitempty"` // the newest one
	Notes    []string    `json:"notes"`
}

func logVerify() *cobra.Command {
	var s source
	c := frame.JSON(&cobra.Command{
		Use: "verify", Short: "Verify all of a log",
		Long: `Verify all of a log. From a data folder: every stored byte, against the anchor. From a server: that the leaves which it
shows to everybody have the root that its certifier signed. It ends with exit code 1 when something is not right.`,
		Example: `  redoubt log verify --data data

  redoubt log verify --url http://127.0.0.1:8484/v1/wallets --manifest 53ff012d5a7150be02c59170617c4154bb6ce50efe239a661341ccc064f3238e`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := s.verify(c, &newest{})
			if err == nil {
				err = s.pin(found.manifest)
			}
			if err != nil {
				return err
			}
			told := verification{true, found.size, base64.StdEncoding.EncodeToString(found.root[:]), found.manifest, found.rebased, append([]string{}, found.notes...)}
			return frame.Print(c, told, func(w io.Writer) {
				fmt.Fprintln(w, frame.Colour(c.OutOrStdout(), frame.Green, "ok"))
				frame.Row(w, "size", told.Size)
				frame.Row(w, "root", told.Root)
				frame.Row(w, "manifest", told.Manifest)
				told.Rebase.row(w)
				for _, note := range told.Notes {
					fmt.Fprintln(w, note)
				}
			})
		},
	})
	s.flags(c)
	return c
}

func (s *source) verify(c *cobra.Command, tail *newest) (verified, error) {
	if s.address != "" {
		show, done := frame.Progress(c, "reading the log")
		defer done()
		return verifyServer(c.Context(), s.address, show, tail)
	}
	if err := s.place.absolute(); err != nil {
		return verified{}, err
	}
	return verifyFolder(c.Context(), s.place, tail)
}
