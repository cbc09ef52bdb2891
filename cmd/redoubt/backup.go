package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/backup"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func backups() *cobra.Command {
	var p place
	var to recipients
	c := frame.JSON(&cobra.Command{
		Use: "backup FILE", Short: "Write a backup of a deployment, encrypted to age recipients, also while it serves",
		Long: `Write a backup of a deployment into a new file: ledger, manifest, keys, and the apps and passkeys of logins, as they
belong together, encrypted to age recipients. The server may run. Every commit is checked on the way. 'redoubt restore'
reads it; what was acknowledged before the backup began is in it.`,
		Example: `  redoubt backup monday.backup --data data --recipients-file recipients.txt

  redoubt backup monday.backup --config /etc/redoubt/redoubt.toml \
    --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.settle(); err != nil {
				return err
			}
			recipients, err := to.parse()
			if err != nil {
				return err
			}
			told, err := p.backUp(c, args[0], recipients)
			if err != nil {
				return err
			}
			return frame.Print(c, told, told.rows)
		},
	})
	p.flags(c)
	to.flags(c)
	return c
}

// keptAnchor is what a backup keeps of the anchor: enough to show the certifier what it wrote itself, in a form in which
// it is no anchor.
type keptAnchor struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	Witness []byte
}

// backedUp is what 'backup --json' prints.
type backedUp struct {
	File string `json:"file"`
	backup.Contents
}

func (b backedUp) rows(w io.Writer) {
	frame.Row(w, "file", b.File)
	contentRows(w, b.Contents)
	fmt.Fprintln(w, "note: whoever reads this file has every key of the deployment; keep the identities that open it elsewhere")
}

func contentRows(w io.Writer, c backup.Contents) {
	frame.Row(w, "created", c.Created)
	frame.Row(w, "shard", c.Shard)
	frame.Row(w, "manifest", c.Manifest)
	frame.Row(w, "commits", c.Commits)
	frame.Row(w, "entries", c.Entries)
	frame.Row(w, "root", c.Root)
	frame.Row(w, "apps", c.Apps)
	frame.Row(w, "passkeys", c.Passkeys)
	for _, key := range c.Keys {
		frame.Row(w, "key", key)
	}
}

// backUp writes the file. What must be together is read in this order: manifest and keys, which do not change while it
// serves; the anchor; the ledger, in one snapshot, which therefore holds all that was anchored; and what logins keep, in one
// snapshot, which therefore holds the passkeys of all people that the ledger knows.
func (d deployment) backUp(c *cobra.Command, path string, to []age.Recipient) (backedUp, error) {
	signed, manifest, err := d.readManifest()
	if err != nil {
		return backedUp{}, err
	}
	keys, err := d.readKeys(signed.Manifest)
	if err != nil {
		return backedUp{}, err
	}
	defer keys.clear()
	anchor, err := d.keepAnchor(keys)
	if err != nil {
		return backedUp{}, err
	}
	witness, err := proof.Encode(keptAnchor{Version: 1, Witness: anchor.Witness})
	if err != nil {
		return backedUp{}, err
	}
	headKey, err := keys.headKey()
	if err != nil {
		return backedUp{}, err
	}
	walk, err := newChain(signed.Manifest.Shard, headKey, anchor.Head)
	if err != nil {
		return backedUp{}, err
	}
	f, err := backup.Create(path, to)
	if err != nil {
		return backedUp{}, err
	}
	if err := errors.Join(f.Add(backup.MemberManifest, manifest), keys.each(f.AddKey), f.Add(backup.MemberAnchor, witness)); err != nil {
		f.Abort()
		return backedUp{}, err
	}
	var rows kept
	if err := d.copyAll(c, f, walk, &rows); err != nil {
		f.Abort()
		return backedUp{}, err
	}
	contents, err := contentsOf(signed.Manifest, walk.head)
	contents.Anchored, contents.Keys, contents.Apps, contents.Passkeys = anchor.Head.Index, keys.names(), rows.apps, rows.passkeys
	if err == nil {
		err = f.Finish(&contents)
	}
	if err != nil {
		f.Abort()
	}
	return backedUp{path, contents}, err
}

// keepAnchor reads the anchor, and makes a witness of it.
func (d deployment) keepAnchor(keys keySet) (certifier.Peeked, error) {
	root, err := seal.NewRoot(keys[string(proof.RoleCertifier)])
	if err != nil {
		return certifier.Peeked{}, err
	}
	defer root.Zero()
	f, err := os.Open(d.anchorFile())
	if err != nil {
		return certifier.Peeked{}, fmt.Errorf("anchor: %w", err)
	}
	defer f.Close()
	return certifier.Keep(f, root)
}

// maxAhead is how many commits a ledger may be ahead of its anchor (docs/spec/ledger.md).
const maxAhead = 4

func (d deployment) copyLedger(c *cobra.Command, f *backup.File, walk *chain) error {
	see, done := progress(c, "backup", walk.wanted.Index, func(commit wire.Commit) error {
		return errors.Join(walk.see(commit), f.AddCommit(commit))
	})
	defer done()
	if err := d.commits(c.Context(), see); err != nil {
		return err
	}
	if err := walk.check(); err != nil {
		return err
	}
	now, err := d.peekAnchor()
	if err == nil && walk.head.Index > now.Head.Index+maxAhead {
		err = fmt.Errorf("the ledger holds %d commits, the anchor knows only %d: the anchor was rolled back, or it is another ledger's", walk.head.Index, now.Head.Index)
	}
	return err
}

func contentsOf(m proof.Manifest, head proof.Head) (backup.Contents, error) {
	hash, err := m.Hash()
	return backup.Contents{
		Created: time.Now().UTC().Format(time.RFC3339), Shard: hex.EncodeToString(m.Shard[:]), Manifest: hex.EncodeToString(hash[:]),
		Commits: head.Index, Entries: head.Size, Epoch: head.Epoch, Root: base64.StdEncoding.EncodeToString(head.Root[:]),
	}, err
}
