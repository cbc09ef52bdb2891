package prompt

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// madeKey is what 'keygen --json' prints.
type madeKey struct {
	File      string        `json:"file"`
	Algorithm api.Algorithm `json:"algorithm"`
	PublicKey string        `json:"publicKey"` // base64url, as user add and authenticator add take it
}

const (
	formatPEM    = "pem"
	formatBase58 = "base58"
)

func keygen() *cobra.Command {
	var algorithm, format string
	c := &cobra.Command{
		Use: "keygen FILE", Short: "Make an authenticator's key and write it into a new file",
		Long: `Make an authenticator's key and write the secret into a new file of mode 0600. The public key is printed: give it to
whoever administers the organization, for 'user add' or 'authenticator add'. The secret is never printed.`,
		Example: `  redoubt keygen admin.key

  # as an app on the JavaScript packages takes it
  redoubt keygen app.key --format base58

  # on the curve that browsers keep keys for
  redoubt keygen browser.key --algorithm Secp256r1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := client.GenerateKey(api.Algorithm(algorithm))
			if err != nil {
				return frame.Usagef("%w", err)
			}
			secret, err := encodeKey(key, format)
			if err != nil {
				return frame.Usagef("%w", err)
			}
			defer clear(secret)
			if err := frame.Create(args[0], secret, 0o600); err != nil {
				return err
			}
			made := madeKey{File: args[0], Algorithm: key.Algorithm(), PublicKey: key.Public()}
			return frame.Print(c, made, func(w io.Writer) {
				frame.Row(w, "file", made.File)
				frame.Row(w, "algorithm", made.Algorithm)
				frame.Row(w, "public key", made.PublicKey)
			})
		},
	}
	c.Flags().StringVar(&algorithm, "algorithm", string(api.Ed25519), "`NAME`: Ed25519 or Secp256r1")
	c.Flags().StringVar(&format, "format", formatPEM, "`FORM` of the file: pem, or base58 (Ed25519 only)")
	choices(c, "algorithm", string(api.Ed25519), string(api.Secp256r1))
	choices(c, "format", formatPEM, formatBase58)
	return frame.JSON(c)
}

func encodeKey(key client.Key, format string) ([]byte, error) {
	switch format {
	case formatPEM:
		return key.MarshalPEM()
	case formatBase58:
		return key.MarshalBase58()
	}
	return nil, frame.Usagef("--format: want pem or base58")
}

// choices lets the shell complete the values of a flag.
func choices(c *cobra.Command, flag string, values ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
