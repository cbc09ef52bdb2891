package prompt

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func walletCreate(s *session) *cobra.Command {
	var tags, accounts []string
	var words int
	var curve, format string
	var reuse bool
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a wallet: a mnemonic that nobody sees, or one keypair",
		Example: `  redoubt wallet create Treasury

  # the wallet with this tag, made only if there is none; safe to run again
  redoubt wallet create Treasury --tag treasury --reuse

  # one key on secp256k1 instead of a mnemonic
  redoubt wallet create Hot --keypair K256`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			p := api.WalletParameters{Curve: api.Curve(curve), AddressFormat: api.AddressFormat(format)}
			if curve == "" {
				wanted, err := paths(accounts)
				if err != nil {
					return err
				}
				p.Accounts, p.MnemonicLength = client.Paths(wanted...), &words
			}
			var made api.Wallet
			var err error
			switch {
			case !reuse:
				made, err = to.CreateWallet(ctx, args[0], tags, p)
			case len(tags) == 1:
				made, err = to.WalletWithTag(ctx, args[0], tags[0], p)
			default:
				return frame.Usagef("--reuse finds a wallet by one --tag")
			}
			if err != nil {
				return err
			}
			return printWallet(c, made)
		}),
	}
	f := c.Flags()
	f.StringArrayVar(&tags, "tag", nil, "`TAG` by which to find it again, unique in the organization; may be given several times")
	f.BoolVar(&reuse, "reuse", false, "if a wallet has the tag already, take that one")
	f.StringArrayVar(&accounts, "account", usualNames(), "`ACCOUNT` to derive: solana, ethereum, bitcoin, sui, or a path; may be given several times")
	f.IntVar(&words, "words", 24, "`NUMBER` of words of the mnemonic: 12, 15, 18, 21 or 24")
	f.StringVar(&curve, "keypair", "", "`CURVE` of one keypair instead of a mnemonic: Ed25519 or K256")
	f.StringVar(&format, "address-format", "", "`FORMAT` of a keypair's address: Solana, Sui, Ethereum, BitcoinSegwit, BitcoinNestedSegwit or BitcoinTaproot")
	c.MarkFlagsMutuallyExclusive("keypair", "words")
	c.MarkFlagsMutuallyExclusive("keypair", "account")
	choices(c, "keypair", string(api.CurveEd25519), string(api.CurveK256))
	choices(c, "account", usualNames()...)
	return c
}

func walletList(s *session) *cobra.Command {
	var limit, offset int
	c := &cobra.Command{
		Use: "list", Short: "List the wallets in the order of their creation",
		Example: `  redoubt wallet list

  redoubt wallet list --limit 10 --offset 20 --json`,
		Args: cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			page, err := list(ctx, to, limit, offset)
			if err != nil {
				return err
			}
			return frame.Print(c, page, func(w io.Writer) {
				for _, wallet := range page.Wallets {
					frame.Row(w, wallet.WalletID, wallet.WalletName, wallet.Type, strings.Join(wallet.Tags, ", "))
				}
			})
		}),
	}
	c.Flags().IntVar(&limit, "limit", 0, "`NUMBER` of wallets to list (default all)")
	c.Flags().IntVar(&offset, "offset", 0, "`NUMBER` of wallets to leave out at the beginning")
	return c
}

// list reads as many wallets as are wanted, or all, page by page.
func list(ctx context.Context, to *client.Client, limit, offset int) (api.Wallets, error) {
	if limit < 0 || offset < 0 {
		return api.Wallets{}, frame.Usagef("--limit and --offset are not negative")
	}
	all := api.Wallets{Wallets: []api.Wallet{}, Limit: limit, Offset: offset}
	for {
		size := api.MaxPage
		if limit > 0 {
			size = min(size, limit-len(all.Wallets))
		}
		page, err := to.Wallets(ctx, size, offset+len(all.Wallets))
		if err != nil {
			return all, err
		}
		all.Wallets, all.TotalCount = append(all.Wallets, page.Wallets...), page.TotalCount
		if len(page.Wallets) < size || len(all.Wallets) == limit {
			return all, nil
		}
	}
}

func walletFind(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "find TAG", Short: "Show the wallet with a tag",
		Example: `  redoubt wallet find treasury`,
		Args:    cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			found, err := to.FindWallet(ctx, args[0])
			if err != nil {
				return err
			}
			if found == nil {
				return api.Errorf(api.TypeNotFound, "no wallet of the organization has the tag %q", args[0])
			}
			return printWallet(c, *found)
		}),
	}
}

func walletAccounts(s *session) *cobra.Command {
	var accounts []string
	c := &cobra.Command{
		Use: "accounts WALLET", Short: "Derive accounts of a wallet and show their addresses",
		Example: `  redoubt wallet accounts 01a20315-5bc6-703b-82bf-65f2e8d8ff36

  redoubt wallet accounts 01a20315-5bc6-703b-82bf-65f2e8d8ff36 --account solana --account "m/44'/501'/1'/0'"`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			wanted, err := paths(accounts)
			if err != nil {
				return err
			}
			all, err := to.Accounts(ctx, args[0], wanted...)
			if err != nil {
				return err
			}
			return frame.Print(c, all, func(w io.Writer) {
				for _, a := range all {
					printAccount(w, a)
				}
			})
		}),
	}
	c.Flags().StringArrayVar(&accounts, "account", usualNames(), "`ACCOUNT` to derive: solana, ethereum, bitcoin, sui, keypair, or a path; may be given several times")
	choices(c, "account", append(usualNames(), keypair)...)
	return c
}

func printWallet(c *cobra.Command, wallet api.Wallet) error {
	return frame.Print(c, wallet, func(w io.Writer) {
		frame.Row(w, "wallet", wallet.WalletID)
		frame.Row(w, "name", wallet.WalletName)
		frame.Row(w, "type", wallet.Type)
		if len(wallet.Tags) > 0 {
			frame.Row(w, "tags", strings.Join(wallet.Tags, ", "))
		}
		for _, a := range wallet.Accounts {
			printAccount(w, a)
		}
		if wallet.Account != nil {
			printAccount(w, *wallet.Account)
		}
	})
}

func printAccount(w io.Writer, a api.Account) {
	frame.Row(w, a.AddressFormat, a.Address, a.DerivationPath)
}
