package prompt

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func activity(s *session) *cobra.Command {
	var most int
	var since time.Duration
	var export, username string
	var verify bool
	c := &cobra.Command{
		Use: "activity", Short: "List what the organization did, and what was denied",
		Long: `List the organization's entries in the log, newest first, and check that none is left out. With --verify, also that each
is in the log under a receipt of the certifier. --export writes all that is listed, one JSON object a line.`,
		Example: `  redoubt activity --since 24h

  redoubt activity --limit 0 --verify --export activity.jsonl`,
		Args: cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			list := []api.ActivityEntry{}
			for entry, err := range to.Activity(ctx, verify) {
				if err != nil {
					return err
				}
				if since > 0 && time.Since(time.UnixMilli(entry.TimeMs)) > since {
					break
				}
				if username == "" || entry.Username == username {
					list = append(list, entry)
				}
				if most > 0 && len(list) >= most {
					break
				}
			}
			if export != "" {
				return writeLines(c, export, list)
			}
			return frame.Print(c, list, func(w io.Writer) {
				for _, e := range list {
					frame.Row(w, e.Sequence, time.UnixMilli(e.TimeMs).UTC().Format(time.RFC3339), e.Username, e.Method, e.Decision, e.Policy, activityText(e))
				}
			})
		}),
	}
	f := c.Flags()
	f.IntVar(&most, "limit", 50, "`N` entries at most; 0 for all")
	f.DurationVar(&since, "since", 0, "no entries older than this")
	f.StringVar(&username, "user", "", "`NAME` whose entries to list")
	f.StringVar(&export, "export", "", "`FILE` to write, one JSON object a line")
	f.BoolVar(&verify, "verify", false, "check each entry against the log")
	return c
}

// activityText says what was spent, of the first transfer.
func activityText(e api.ActivityEntry) string {
	if e.Effects == nil || len(e.Effects.Transfers) == 0 {
		return ""
	}
	t := e.Effects.Transfers[0]
	text := fmt.Sprintf("%s %s to %s", t.Amount, t.Asset, t.To)
	if more := len(e.Effects.Transfers) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

func writeLines(c *cobra.Command, name string, list []api.ActivityEntry) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(f)
	for _, e := range list {
		if err := encoder.Encode(e); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return frame.Print(c, map[string]int{"entries": len(list)}, func(w io.Writer) { frame.Row(w, "written", name, len(list)) })
}
