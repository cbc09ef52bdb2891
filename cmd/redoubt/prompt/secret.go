package prompt

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// maxSecret is more than any mnemonic or key takes.
const maxSecret = 1 << 10

func walletImport(s *session) *cobra.Command {
	var tags, accounts []string
	var file, curve, format string
	c := &cobra.Command{
		Use: "import NAME", Short: "Make a wallet of a mnemonic or a key that exists elsewhere",
		Long: `Make a wallet of a secret that exists elsewhere: an English BIP-39 mnemonic of 12 to 24 words without passphrase, or with
--keypair a private key, in base58, in hexadecimal or as a JSON list of bytes. It is read from a file that nobody else
may read, from stdin (--file -), or asked for without being shown; never from the command line, where others could see
it. It is encrypted to the signer before it leaves this machine, and only if the server proves, against the manifest of
the profile, that the key is the signer's.

The secret still exists where it came from: whoever has it there can spend.`,
		Example: `  redoubt wallet import Treasury

  redoubt wallet import Hot --keypair Ed25519 --file id.json`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			text, err := secretText(c, file)
			if err != nil {
				return err
			}
			defer clear(text)
			p := api.WalletParameters{Curve: api.Curve(curve), AddressFormat: api.AddressFormat(format)}
			secret := client.Mnemonic(text)
			if curve != "" {
				if secret, err = client.PrivateKey(p.Curve, text); err != nil {
					return frame.Usagef("%w", err)
				}
			} else {
				wanted, err := paths(accounts)
				if err != nil {
					return err
				}
				p.Accounts = client.Paths(wanted...)
			}
			defer secret.Wipe()
			made, err := to.ImportWallet(ctx, args[0], tags, secret, p)
			if err != nil {
				return err
			}
			return printWallet(c, made)
		}),
	}
	f := c.Flags()
	f.StringVar(&file, "file", "", "`FILE` with the secret, mode 0600; - for stdin")
	f.StringArrayVar(&tags, "tag", nil, "`TAG` by which to find it again, unique in the organization; may be given several times")
	f.StringArrayVar(&accounts, "account", usualNames(), "`ACCOUNT` to derive: solana, ethereum, bitcoin, sui, or a path; may be given several times")
	f.StringVar(&curve, "keypair", "", "`CURVE` of a private key, in place of a mnemonic: Ed25519 or K256")
	f.StringVar(&format, "address-format", "", "`FORMAT` of a keypair's address: Solana, Sui, Ethereum, BitcoinSegwit or BitcoinTaproot")
	c.MarkFlagsMutuallyExclusive("keypair", "account")
	choices(c, "keypair", string(api.CurveEd25519), string(api.CurveK256))
	choices(c, "account", usualNames()...)
	return c
}

// secretText reads a secret from a file, or asks for it.
func secretText(c *cobra.Command, file string) ([]byte, error) {
	if file != "" {
		return frame.Secret(c, file, maxSecret)
	}
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, frame.Usagef("there is no terminal to ask for the secret: name its file with --file, or - for stdin")
	}
	fmt.Fprint(c.ErrOrStderr(), "Mnemonic or key (not shown): ")
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(c.ErrOrStderr())
	return text, err
}

// exportedWallet is what 'wallet export --json' prints.
type exportedWallet struct {
	Wallet string `json:"walletId"`
	File   string `json:"file"`
}

func walletExport(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "export WALLET FILE", Short: "Take the secret of a wallet out, into a new file",
		Long: `Take the secret of a wallet out and write it into a new file of mode 0600: the words of a mnemonic, base58 of an Ed25519
key (seed and public key), or hexadecimal of a secp256k1 key. It is written as it is: whoever reads the file can spend.
That it was taken out is in the log and in the wallet's record for ever.`,
		Example: `  redoubt wallet export 01a20315-5bc6-703b-82bf-65f2e8d8ff36 treasury.secret`,
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			if _, err := os.Lstat(args[1]); err == nil { // before the wallet is marked for nothing
				return fmt.Errorf("%s exists already and is not overwritten", args[1])
			}
			secret, err := to.ExportWallet(ctx, args[0])
			if err != nil {
				return err
			}
			defer secret.Wipe()
			text, err := client.SecretText(secret)
			if err != nil {
				return err
			}
			if err := frame.Create(args[1], []byte(text+"\n"), 0o600); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "warning: %s holds the secret as it is; whoever reads it can spend. Move it to where it is safe and delete it here.\n", args[1])
			return frame.Print(c, exportedWallet{args[0], args[1]}, func(w io.Writer) {
				frame.Row(w, "wallet", args[0])
				frame.Row(w, "file", args[1])
			})
		}),
	}
}
