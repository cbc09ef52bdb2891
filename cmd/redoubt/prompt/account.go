package prompt

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// usual gives the derivation paths that wallets usually have, by the name of the chain.
func usual(name string) (string, bool) {
	path, known := map[string]string{
		"solana": "m/44'/501'/0'/0'", "ethereum": "m/44'/60'/0'/0/0", "bitcoin": "m/84'/0'/0'/0", "sui": "m/44'/784'/0'/0'/0'",
	}[name]
	return path, known
}

func usualNames() []string { return []string{"solana", "ethereum", "bitcoin", "sui"} }

// keypair is the name of the only account of a wallet that is one keypair: it has no path.
const keypair = "keypair"

// path reads an account as people name it: a chain, a path, or the one of a keypair wallet.
func path(account string) (string, error) {
	if p, known := usual(account); known {
		return p, nil
	}
	if account == keypair {
		return "", nil
	}
	if !strings.HasPrefix(account, "m/") {
		return "", frame.Usagef("there is no account %q: want solana, ethereum, bitcoin, sui, keypair, or a path such as m/44'/501'/1'/0'", account)
	}
	return account, nil
}

func paths(accounts []string) ([]string, error) {
	var all []string
	for _, a := range accounts {
		p, err := path(a)
		if err != nil {
			return nil, err
		}
		if p != "" { // a keypair wallet is asked without
			all = append(all, p)
		}
	}
	return all, nil
}

func accountFlag(c *cobra.Command, into *string, usually string) {
	c.Flags().StringVar(into, "account", usually, "`ACCOUNT` of the wallet: solana, ethereum, bitcoin, sui, keypair, or a derivation path")
	choices(c, "account", append(usualNames(), keypair)...)
}
