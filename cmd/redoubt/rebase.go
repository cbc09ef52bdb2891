package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/proof"
)

// rebaseOptions are the flags of 'redoubt rebase'.
type rebaseOptions struct {
	place
	reason, key string
	quiet       time.Duration
}

func rebase() *cobra.Command {
	var o rebaseOptions
	c := frame.JSON(&cobra.Command{
		Use: "rebase", Short: "Make a restored, older ledger the one that counts, by the operator's key",
		Long: `Make a restored, older ledger the one that counts. It signs, with the operator's key, that the ledger goes on from the
newest head that is stored here. The certifier takes that at its next start, under a new epoch; the policy engine logs it
before anything else, and everybody sees it. The server must not run. What came after that head is lost, and what was
revoked since is not revoked: read what this command prints.`,
		Example: `  redoubt rebase --data data --reason "the disk failed; restored the backup of Monday"

  redoubt rebase --config /etc/redoubt/redoubt.toml --operator-key /media/stick/operator.key --reason "site lost"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := proof.CheckReason(o.reason); err != nil {
				return frame.Usagef("--reason: want a line of up to %d bytes that says why", proof.MaxReason)
			}
			if o.quiet < 0 || o.quiet > proof.MaxNotBefore {
				return frame.Usagef("--quiet: want 0 to %v", proof.MaxNotBefore)
			}
			if err := o.settle(); err != nil {
				return err
			}
			told, err := o.run(c)
			if err != nil {
				return err
			}
			return frame.Print(c, told, told.rows)
		},
	})
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.reason, "reason", "", "`TEXT` that is logged and shown to everybody")
	f.StringVar(&o.key, "operator-key", "", "`FILE` of the operator's key (default keys/operator.key of the data)")
	f.DurationVar(&o.quiet, "quiet", 0, "also refuse requests whose timestampMs is up to `DURATION` from now; 5m closes the gap for clients whose clocks run ahead")
	_ = c.MarkFlagRequired("reason")
	return c
}

// rebasing is what 'rebase --json' prints.
type rebasing struct {
	Statement string   `json:"statement"` // file
	Onto      headLine `json:"onto"`
	From      headLine `json:"from"`
	Lost      bool     `json:"anchorLost"`
	Reason    string   `json:"reason"`
	Operator  string   `json:"operator"` // hex
	Time      string   `json:"time"`
	NotBefore string   `json:"notBefore"`
	Manifest  string   `json:"manifest"`
	Todo      []string `json:"todo"`
}

// headLine is a head as people compare it.
type headLine struct {
	Commits uint64 `json:"commits"`
	Entries uint64 `json:"entries"`
	Epoch   uint64 `json:"epoch"`
	Root    string `json:"root"` // hex
}

func lineOfHead(h proof.Head) headLine {
	return headLine{h.Index, h.Size, h.Epoch, hex.EncodeToString(h.Root[:])}
}

func (h headLine) String() string {
	return fmt.Sprintf("head %d, %d entries, epoch %d, root %s", h.Commits, h.Entries, h.Epoch, h.Root)
}

// run signs the statement and leaves it for the certifier.
func (o rebaseOptions) run(c *cobra.Command) (rebasing, error) {
	lock, err := lockFolder(o.dir)
	if err != nil {
		return rebasing{}, err
	}
	defer lock.Close()
	if err := o.resume(); err != nil {
		return rebasing{}, err
	}
	signed, _, err := o.readManifest()
	if err != nil {
		return rebasing{}, err
	}
	key, err := o.operator(signed.Manifest)
	if err != nil {
		return rebasing{}, err
	}
	defer clear(key)
	from, err := o.departure()
	if err != nil {
		return rebasing{}, err
	}
	onto, err := o.newestHead(c, signed.Manifest, from)
	if err != nil {
		return rebasing{}, err
	}
	statement, err := o.statement(signed.Manifest, onto, from)
	if err != nil {
		return rebasing{}, err
	}
	sealed, err := proof.SignRebase(key, statement)
	if err == nil {
		err = sealed.Verify(signed.Manifest)
	}
	if err == nil {
		err = o.leave(sealed, from)
	}
	return told(o.order(), sealed), err
}

func told(path string, s proof.SignedRebase) rebasing {
	r := s.Rebase
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339Nano) }
	return rebasing{
		Statement: path, Onto: lineOfHead(r.Onto), From: lineOfHead(r.From), Lost: r.Lost, Reason: r.Reason, Operator: hex.EncodeToString(s.Operator),
		Time: at(r.Time), NotBefore: at(r.NotBefore), Manifest: hex.EncodeToString(r.Manifest[:]), Todo: afterRebase(r),
	}
}

// afterRebase is what people have to do themselves, since what is lost cannot say it.
func afterRebase(r proof.Rebase) []string {
	return []string{
		fmt.Sprintf("make sure that no other copy of this deployment runs or will run: it would go on from entry %d on its own", r.Onto.Size),
		"remove again every authenticator and user that was removed after the backup: they act again as if nothing had been",
		"set again every policy that was tightened after the backup",
		"look on chain for transactions that were signed after the backup: nothing here knows of them",
		"keep what is left of the lost ledger: seeds of wallets that were made after the backup are in it and nowhere else",
		"tell the clients: receipts of later answers name entries that are gone, and their requests have to be made anew",
	}
}

func (r rebasing) rows(w io.Writer) {
	frame.Row(w, "onto", r.Onto)
	frame.Row(w, "from", r.From)
	if r.Lost {
		frame.Row(w, "anchor", "lost: nobody can tell what came after")
	}
	frame.Row(w, "reason", r.Reason)
	frame.Row(w, "operator", r.Operator)
	frame.Row(w, "time", r.Time)
	frame.Row(w, "statement", r.Statement)
	fmt.Fprintln(w, "the next start takes it, within 24 hours; it has one effect, and is logged and shown to everybody")
	fmt.Fprintln(w, "WARNING: everything after this head is lost. Do this:")
	for _, todo := range r.Todo {
		fmt.Fprintln(w, " -", todo)
	}
}

// operator reads the operator's key and checks that the manifest names it.
func (o rebaseOptions) operator(m proof.Manifest) (ed25519.PrivateKey, error) {
	path := o.key
	if path == "" {
		path = o.deployment.key(keyOperator)
	}
	if err := frame.Private(path); err != nil {
		return nil, fmt.Errorf("operator's key: %w", err)
	}
	secret, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("operator's key: %w", err)
	}
	defer clear(secret)
	if err := checkKey(m, keyOperator, secret); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ed25519.NewKeyFromSeed(secret), nil
}
