package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/proof"
)

// evidence says where a receipt is, what it is about, and what it is verified against.
type evidence struct {
	address, attestation      string // a server, or a file
	header, request, response string // as they were captured, in place of a kept receipt
	pinned                    string
}

func receipts() *cobra.Command {
	return frame.Group("receipt", "Verify that a server gave this answer to that request", receiptVerify())
}

// proven is what 'receipt verify --json' prints.
type proven struct {
	OK           bool   `json:"ok"` // always true: what is not right is an error
	RequestID    string `json:"requestId"`
	Organization string `json:"organizationId"`
	Logged       bool   `json:"logged"`
	Index        uint64 `json:"logIndex"` // of the entry; of a read, the size of the log
	Time         string `json:"time"`
	Manifest     string `json:"manifest"` // hash
}

func receiptVerify() *cobra.Command {
	var e evidence
	c := frame.JSON(&cobra.Command{
		Use: "verify [FILE]", Short: "Verify the receipt of one request",
		Long: `Verify the receipt of one request: one that 'redoubt sign … --receipt FILE' kept, or the header X-Redoubt-Receipt with
the bodies of request and answer, byte for byte. It ends with exit code 1 when it does not fit, and
when the log does not hold it any more.`,
		Example: `  redoubt receipt verify letter.receipt --url http://127.0.0.1:8484/v1/wallets

  redoubt receipt verify --attestation attestation.json --receipt "$HEADER" --request request.json --response response.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kept, err := e.read(args)
			if err != nil {
				return err
			}
			told, err := e.verify(c.Context(), kept)
			if err != nil {
				return err
			}
			return frame.Print(c, told, func(w io.Writer) {
				fmt.Fprintln(w, frame.Colour(c.OutOrStdout(), frame.Green, "ok"))
				told.rows(w)
			})
		},
	})
	f := c.Flags()
	f.StringVar(&e.address, "url", "", "base `URL` of the server, to fetch its attestation")
	f.StringVar(&e.attestation, "attestation", "", "`FILE` with an attestation that was fetched before")
	f.StringVar(&e.header, "receipt", "", "`VALUE` of the header X-Redoubt-Receipt")
	f.StringVar(&e.request, "request", "", "`FILE` with the request's body, byte for byte")
	f.StringVar(&e.response, "response", "", "`FILE` with the answer's body, byte for byte")
	f.StringVar(&e.pinned, "manifest", "", "`HASH` of the manifest that must be in force")
	c.MarkFlagsOneRequired("url", "attestation")
	c.MarkFlagsMutuallyExclusive("url", "attestation")
	c.MarkFlagsRequiredTogether("receipt", "request", "response")
	return c
}

// read returns the receipt with what it is about.
func (e evidence) read(args []string) (client.Kept, error) {
	if (len(args) == 1) == (e.header != "") {
		return client.Kept{}, frame.Usagef("want a kept receipt, or --receipt with --request and --response")
	}
	if len(args) == 1 {
		b, err := os.ReadFile(args[0])
		if err != nil {
			return client.Kept{}, err
		}
		return client.ReadKept(b)
	}
	request, err := os.ReadFile(e.request)
	if err != nil {
		return client.Kept{}, err
	}
	response, err := os.ReadFile(e.response)
	if err != nil {
		return client.Kept{}, err
	}
	result, err := resultOf(response)
	return client.Kept{Request: string(request), Result: string(result), Receipt: e.header}, err
}

func (e evidence) verify(ctx context.Context, kept client.Kept) (proven, error) {
	attestation, err := attestationFrom(ctx, e.address, e.attestation)
	if err != nil {
		return proven{}, err
	}
	receipt, err := proof.ParseResultReceipt(kept.Receipt)
	if err != nil {
		return proven{}, err
	}
	if e.pinned != "" && e.pinned != attestation.Hash {
		return proven{}, fmt.Errorf("the manifest in force is %s, not %s", attestation.Hash, e.pinned)
	}
	if err := receipt.Verify(attestation.Policy.SigningKey, []byte(kept.Request), []byte(kept.Result)); err != nil {
		return proven{}, err
	}
	r := receipt.Result
	if err := attestation.Holds(r); err != nil {
		return proven{}, err
	}
	return proven{
		OK: true, RequestID: id.String(r.RequestID), Organization: id.String(r.Organization), Logged: r.Logged, Index: r.LogIndex,
		Time: time.UnixMilli(int64(r.Time)).UTC().Format(time.RFC3339Nano), Manifest: attestation.Hash,
	}, nil
}

func (p proven) rows(w io.Writer) {
	where := fmt.Sprintf("a read, of the log with %d entries", p.Index)
	if p.Logged {
		where = fmt.Sprintf("entry %d of the log", p.Index)
	}
	frame.Row(w, "request", p.RequestID)
	frame.Row(w, "organization", p.Organization)
	frame.Row(w, "logged", where)
	frame.Row(w, "time", p.Time)
	frame.Row(w, "manifest", p.Manifest)
}

func attestationFrom(ctx context.Context, address, file string) (*client.Attestation, error) {
	if file == "" {
		return client.New(address, "", nil).Attestation(ctx)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return client.ReadAttestation(b)
}

// resultOf returns the exact bytes of the member "result", or the whole body of an error. It reads as strictly as the
// policy engine: where one reader sees this member and another that one, nothing is proven.
func resultOf(response []byte) ([]byte, error) {
	var success struct {
		Result     api.Raw `json:"result"`
		Submission api.Raw `json:"rpc_submission_result"`
		Signature  string  `json:"signature"`
	}
	if err := strictjson.Decode(response, &success); err == nil {
		return success.Result, nil
	}
	var waiting api.Waiting
	if err := strictjson.Decode(response, &waiting); err == nil && waiting.Approval.ID != "" {
		return response, nil
	}
	var failure api.Error
	if err := strictjson.Decode(response, &failure); err != nil {
		return nil, fmt.Errorf("the answer is neither a result nor an error: %w", err)
	}
	return response, nil
}
