package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/backup"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func restore() *cobra.Command {
	var p place
	var identity, pinned string
	c := frame.JSON(&cobra.Command{
		Use: "restore FILE", Short: "Read a backup into an empty folder",
		Long: `Read a backup into an empty or missing folder, all of it or nothing. What comes out does not serve: nothing proves that
it is the newest state. 'redoubt rebase' makes it usable, with the operator's key. age says who can read a backup, not
who wrote it: compare the manifest's hash with the one that you were given, or pass it as --manifest.`,
		Example: `  redoubt restore monday.backup --data data --identity offline.key

  redoubt restore monday.backup --config /etc/redoubt/redoubt.toml --identity offline.key \
    --manifest 53ff012d5a7150be02c59170617c4154bb6ce50efe239a661341ccc064f3238e`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.settle(); err != nil {
				return err
			}
			identities, err := readIdentities(c, identity)
			if err != nil {
				return err
			}
			from, err := backup.Open(args[0], identities)
			if err != nil {
				return err
			}
			defer from.Close()
			told, err := p.restore(c, from, pinned)
			if err != nil {
				return err
			}
			return frame.Print(c, restored{p.dir, told}, restored{p.dir, told}.rows)
		},
	})
	p.flags(c)
	c.Flags().StringVarP(&identity, "identity", "i", "", "`FILE` with an age identity that opens the backup")
	c.Flags().StringVar(&pinned, "manifest", "", "`HASH` of the manifest that the backup must hold")
	_ = c.MarkFlagRequired("identity")
	return c
}

// restored is what 'restore --json' prints.
type restored struct {
	Data string `json:"data"`
	backup.Contents
}

func (r restored) rows(w io.Writer) {
	frame.Row(w, "data", r.Data)
	contentRows(w, r.Contents)
	fmt.Fprintf(w, "it does not serve yet: run 'redoubt rebase', with the operator's key and a reason; keep what is left of the old ledger\n")
}

// restore fills a folder of its own inside the data folder, and moves it into place when all of it is there, durable and
// checked: an interrupted one leaves nothing that could be used.
func (d deployment) restore(c *cobra.Command, from io.Reader, pinned string) (backup.Contents, error) {
	made := !there(d.dir)
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return backup.Contents{}, err
	}
	told, err := d.restoreInto(c, from, pinned)
	if err != nil && made {
		_ = os.Remove(d.dir) // only when it is empty
	}
	return told, err
}

func (d deployment) restoreInto(c *cobra.Command, from io.Reader, pinned string) (backup.Contents, error) {
	lock, err := lockFolder(d.dir)
	if err != nil {
		return backup.Contents{}, err
	}
	defer lock.Close()
	if there(filepath.Join(d.stage(), stageMark)) {
		return backup.Contents{}, errors.Join(fmt.Errorf("%s held a restore or set-up that was interrupted when all was there; it is finished now, and nothing was read from this backup", d.dir), d.resume())
	}
	if err := os.RemoveAll(d.stage()); err != nil {
		return backup.Contents{}, err
	}
	if entries, err := os.ReadDir(d.dir); err != nil || len(entries) > 0 {
		return backup.Contents{}, errors.Join(fmt.Errorf("%s is not empty: a backup is restored into an empty folder only", d.dir), err)
	}
	told, err := d.at(d.stage()).unpack(c, from, pinned)
	if err != nil {
		return told, errors.Join(err, os.RemoveAll(d.stage()))
	}
	if err := writeNew(filepath.Join(d.stage(), stageMark), nil); err != nil {
		return told, errors.Join(err, os.RemoveAll(d.stage()))
	}
	if err := errors.Join(syncFolder(d.stage()), syncFolder(d.dir)); err != nil {
		return told, err
	}
	return told, d.resume()
}

// unpack reads a backup into the files of a folder that nothing uses yet.
func (d deployment) unpack(c *cobra.Command, from io.Reader, pinned string) (backup.Contents, error) {
	if err := os.MkdirAll(filepath.Join(d.dir, "keys"), 0o700); err != nil {
		return backup.Contents{}, err
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	u := &unpacked{ctx: ctx, at: d, pinned: pinned, keys: keySet{}}
	defer u.close()
	u.show, u.done = frame.Progress(c, "restore")
	defer func() { u.done() }()
	told, err := backup.Read(from, u)
	if err != nil {
		return told, err
	}
	if err := u.finish(told); err != nil {
		return told, err
	}
	return told, errors.Join(syncFolder(filepath.Join(d.dir, "keys")), syncFolder(d.dir))
}
