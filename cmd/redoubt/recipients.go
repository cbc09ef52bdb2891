package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// maxKeyFile bounds files of recipients and identities.
const maxKeyFile = 1 << 20

// recipients say to whom a backup is encrypted.
type recipients struct {
	named []string
	files []string
}

func (r *recipients) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&r.named, "recipient", "r", nil, "age `RECIPIENT` that can read the backup, age1… or age1pq1…; may be given several times")
	f.StringArrayVarP(&r.files, "recipients-file", "R", nil, "`FILE` with a recipient a line; may be given several times")
	c.MarkFlagsOneRequired("recipient", "recipients-file")
}

func (r *recipients) parse() ([]age.Recipient, error) {
	all, err := age.ParseRecipients(strings.NewReader(strings.Join(append(r.named, "# none"), "\n")))
	if err != nil && len(r.named) > 0 {
		return nil, frame.Usagef("--recipient: %w: want age1… or age1pq1…", withoutSecret(err))
	}
	for _, path := range r.files {
		b, err := readLimited(path)
		if err != nil {
			return nil, err
		}
		more, err := age.ParseRecipients(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w: want a recipient a line, age1… or age1pq1…", path, withoutSecret(err))
		}
		all = append(all, more...)
	}
	return all, nil
}

func readLimited(path string) ([]byte, error) { return frame.Input(&cobra.Command{}, path, maxKeyFile) }

// readIdentities reads the age identities of a file that nobody else may read.
func readIdentities(c *cobra.Command, path string) ([]age.Identity, error) {
	b, err := frame.Secret(c, path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	identities, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s holds no age identities that can be read: %w", path, withoutSecret(err))
	}
	return identities, nil
}

// withoutSecret keeps of an error of the parser only where it is: the rest may quote a line of the file.
func withoutSecret(err error) error {
	where, _, _ := strings.Cut(err.Error(), ":")
	return fmt.Errorf("%s", where)
}

// madeKey is what 'backup-key --json' prints.
type madeKey struct {
	File      string `json:"file"`
	Recipient string `json:"recipient"`
}

func backupKey() *cobra.Command {
	quantum := false
	c := frame.JSON(&cobra.Command{
		Use: "backup-key FILE", Short: "Make an age identity that opens backups, and print its recipient",
		Long: `Make an age identity that opens backups in a new file, and print its recipient, which is public. Make it where backups
will be restored, not where the server runs. Those of age-keygen are as good.`,
		Example: `  redoubt backup-key offline.key

  redoubt backup-key --post-quantum offline.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			identity, recipient, err := newIdentity(quantum)
			if err != nil {
				return err
			}
			if err := frame.Create(args[0], fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, identity), 0o600); err != nil {
				return err
			}
			return frame.Print(c, madeKey{args[0], recipient}, func(w io.Writer) {
				frame.Row(w, "file", args[0])
				frame.Row(w, "recipient", recipient)
			})
		},
	})
	c.Flags().BoolVar(&quantum, "post-quantum", false, "a hybrid of ML-KEM-768 and X25519 instead of X25519; all recipients of a backup must be of one kind")
	return c
}

func newIdentity(quantum bool) (identity, recipient string, err error) {
	if quantum {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			return "", "", err
		}
		return i.String(), i.Recipient().String(), nil
	}
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return i.String(), i.Recipient().String(), nil
}
