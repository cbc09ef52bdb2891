package prompt

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// signing are the flags of the commands that sign.
type signing struct {
	account string
	receipt string
}

func (o *signing) flags(c *cobra.Command, usually string) {
	accountFlag(c, &o.account, usually)
	c.Flags().StringVar(&o.receipt, "receipt", "", "new `FILE` for the receipt, which 'redoubt receipt verify' takes")
}

// keep has the client write the receipt of the answer into a file, also when the answer is a denial.
func (o *signing) keep(to *client.Client, fault *error) {
	if o.receipt == "" {
		return
	}
	to.Answered = func(a client.Answer) {
		b, err := json.Marshal(a.Kept())
		if err == nil {
			err = frame.Create(o.receipt, append(b, '\n'), 0o600)
		}
		*fault = err
	}
}

// signed runs a call that signs, and prints its result even when the receipt could not be written: it is signed.
func (o *signing) signed(c *cobra.Command, to *client.Client, call func(path string) (any, func(io.Writer), error)) error {
	p, err := path(o.account)
	if err != nil {
		return err
	}
	var fault error
	o.keep(to, &fault)
	result, text, err := call(p)
	if err != nil {
		return err
	}
	if err := frame.Print(c, result, text); err != nil {
		return err
	}
	return fault
}

func signMessage(s *session) *cobra.Command {
	var o signing
	var file, algorithm string
	var eip191 bool
	c := &cobra.Command{
		Use: "message WALLET [TEXT]", Short: "Sign a text",
		Long: `Sign a text as it is: with Ed25519, or with secp256k1 over its SHA-256 or its Keccak-256. With --eip191, sign it as
Ethereum wallets do, so that it cannot be a transaction. A Bitcoin account proves it by BIP-322, a Sui account signs it as
a personal message. The signature is base64url.`,
		Example: `  redoubt sign message 01a20315-5bc6-703b-82bf-65f2e8d8ff36 "on the record"

  redoubt sign message 01a20315-5bc6-703b-82bf-65f2e8d8ff36 "on the record" --account ethereum --eip191

  redoubt sign message 01a20315-5bc6-703b-82bf-65f2e8d8ff36 --file letter.txt --account bitcoin --algorithm Secp256k1 --receipt letter.receipt`,
		Args: cobra.RangeArgs(1, 2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			if (len(args) == 2) == (file != "") {
				return frame.Usagef("want the text, or a file with --file")
			}
			text := []byte(args[len(args)-1])
			if file != "" {
				var err error
				if text, err = frame.Input(c, file, api.MaxSmallBody); err != nil {
					return err
				}
			}
			return o.signed(c, to, func(path string) (any, func(io.Writer), error) {
				var made api.Signature
				var err error
				if eip191 {
					made, err = to.SignPersonal(ctx, args[0], path, text)
				} else {
					made, err = to.SignText(ctx, args[0], path, string(text), api.Algorithm(algorithm))
				}
				return made, signatureText(made), err
			})
		}),
	}
	o.flags(c, "solana")
	c.Flags().StringVar(&file, "file", "", "`FILE` with the text, every byte of it; - for stdin")
	c.Flags().StringVar(&algorithm, "algorithm", "", "`NAME`: Ed25519, Secp256k1 or Secp256k1Keccak256 (default what the account's curve usually takes)")
	c.Flags().BoolVar(&eip191, "eip191", false, "sign as an Ethereum personal message")
	c.MarkFlagsMutuallyExclusive("eip191", "algorithm")
	choices(c, "algorithm", string(api.Ed25519), string(api.Secp256k1), string(api.Secp256k1Keccak256))
	return c
}

func signTypedData(s *session) *cobra.Command {
	var o signing
	c := &cobra.Command{
		Use: "typed-data WALLET FILE", Short: "Sign EIP-712 typed data",
		Long: `Sign EIP-712 typed data, which is read as JSON from a file or, with -, from stdin. The signature is base64url of 65
bytes.`,
		Example: `  redoubt sign typed-data 01a20315-5bc6-703b-82bf-65f2e8d8ff36 permit.json`,
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			typed, err := frame.Input(c, args[1], api.MaxBody)
			if err != nil {
				return err
			}
			if !json.Valid(typed) {
				return frame.Usagef("%s is not JSON", args[1])
			}
			return o.signed(c, to, func(path string) (any, func(io.Writer), error) {
				made, err := to.SignTypedData(ctx, args[0], path, typed)
				return made, signatureText(made), err
			})
		}),
	}
	o.flags(c, "ethereum")
	return c
}

func signatureText(made api.Signature) func(io.Writer) {
	return func(w io.Writer) {
		frame.Row(w, "signature", made.Signature)
		frame.Row(w, "address", made.Address)
	}
}
