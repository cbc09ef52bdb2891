package prompt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func signTransaction(s *session) *cobra.Command {
	var o signing
	var submit string
	var finalize bool
	c := &cobra.Command{
		Use: "transaction WALLET FILE", Short: "Sign a transaction, and broadcast it if you like",
		Long: `Sign a transaction, which is read from a file or, with -, from stdin. For a Solana account: a whole transaction or its
message, in base64, base64url or hexadecimal; for a Sui account likewise its TransactionData, and for a Bitcoin account a
PSBT, whose inputs are finished with --finalize. For an Ethereum account: the unsigned RLP in hexadecimal, or a JSON object
with kind EIP_1559 or RLP_ENCODED (docs/spec/rpc.md).

With --submit the server broadcasts it through the node that its operator configured for that network. What the node
says is not signed, and a failed broadcast ends with exit code 1; the signed transaction is printed all the same.`,
		Example: `  redoubt sign transaction 01a20315-5bc6-703b-82bf-65f2e8d8ff36 transfer.b64 --submit solana/devnet

  echo 0x02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0 |
      redoubt sign transaction 01a20315-5bc6-703b-82bf-65f2e8d8ff36 - --account ethereum --receipt transfer.receipt`,
		Args: cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			text, err := frame.Input(c, args[1], api.MaxBody)
			if err != nil {
				return err
			}
			network, err := submission(submit)
			if err != nil {
				return err
			}
			var outcome json.RawMessage
			err = o.signed(c, to, func(path string) (any, func(io.Writer), error) {
				made, err := signPayload(ctx, to, args[0], path, text, network, finalize)
				outcome = made.Submission
				return made, transactionText(made), err
			})
			if err != nil {
				return err
			}
			return submitted(outcome)
		}),
	}
	o.flags(c, "solana")
	c.Flags().BoolVar(&finalize, "finalize", false, "of a PSBT, finish the inputs that can be")
	c.Flags().StringVar(&submit, "submit", "", "`CHAIN/NETWORK` to broadcast to, for example solana/devnet or ethereum/sepolia")
	return c
}

func submission(name string) (*api.SubmissionConfig, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no broadcast was asked for
	}
	chain, network, ok := strings.Cut(name, "/")
	if !ok {
		return nil, frame.Usagef("--submit: want CHAIN/NETWORK, for example solana/devnet")
	}
	return &api.SubmissionConfig{Chain: chain, Network: network}, nil
}

// signPayload reads a transaction by its spelling. A text in hexadecimal is taken for what the account can sign.
func signPayload(ctx context.Context, to *client.Client, wallet, path string, text []byte, network *api.SubmissionConfig, finalize bool) (client.Signed, error) {
	text = bytes.TrimSpace(text)
	if bytes.HasPrefix(text, []byte("{")) {
		if !json.Valid(text) {
			return client.Signed{}, frame.Usagef("the transaction begins like JSON, but is none")
		}
		return to.SignObject(ctx, wallet, path, text, network)
	}
	digits, prefixed := strings.CutPrefix(string(text), "0x")
	raw, err := hex.DecodeString(digits)
	switch {
	case err == nil && (prefixed || strings.HasPrefix(path, "m/44'/60'")):
		return to.SignEVM(ctx, wallet, path, api.TransactionObject{Kind: "RLP_ENCODED", Bytes: "0x" + hex.EncodeToString(raw)}, network)
	case err != nil:
		raw, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(string(text)), "="))
	}
	if err != nil || len(raw) == 0 {
		return client.Signed{}, frame.Usagef("the transaction is neither JSON nor base64 nor hexadecimal")
	}
	if isPSBT := bytes.HasPrefix(raw, []byte("psbt\xff")); isPSBT && network == nil {
		return to.SignPSBT(ctx, wallet, path, raw, finalize)
	} else if isPSBT || finalize {
		return client.Signed{}, frame.Usagef("a PSBT is not submitted, and nothing else is finished: sign it with --finalize and send what is under raw to a node")
	}
	if network == nil && strings.HasPrefix(path, "m/44'/784'") {
		return to.SignSui(ctx, wallet, path, raw)
	}
	return to.SignSolana(ctx, wallet, path, raw, network) // also of a keypair, whichever its format: the request is the same
}

func transactionText(made client.Signed) func(io.Writer) {
	return func(w io.Writer) {
		if made.Signature != "" {
			frame.Row(w, "signature", made.Signature)
		}
		frame.Row(w, "address", made.Address)
		frame.Row(w, "transaction", made.Transaction)
		if made.RawTransactionHex != "" {
			frame.Row(w, "raw", made.RawTransactionHex)
		}
		if made.Submission != nil {
			frame.Row(w, "submission", string(made.Submission))
		}
	}
}

// submitted says whether the node took the transaction.
func submitted(outcome json.RawMessage) error {
	var told struct{ Error *struct{ Message string } }
	if outcome == nil {
		return nil
	}
	if err := json.Unmarshal(outcome, &told); err != nil {
		return fmt.Errorf("it is signed, but what the node said is not JSON: %w", err)
	}
	if told.Error == nil {
		return nil
	}
	return fmt.Errorf("it is signed, but it was not broadcast: %s", told.Error.Message)
}
