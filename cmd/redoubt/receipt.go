package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/proof"
)

// runReceipt verifies that a policy engine gave this answer to this request.
func runReceipt(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("receipt", "receipt verify (--url URL | --attestation FILE) --receipt HEADER --request FILE --response FILE [--manifest HASH]", stderr)
	if len(args) == 0 || args[0] != "verify" {
		f.Usage()
		return fmt.Errorf("%w: want 'receipt verify'", errUsage)
	}
	address := f.String("url", "", "base URL of the server, to fetch its attestation")
	file := f.String("attestation", "", "file with an attestation that was fetched before")
	header := f.String("receipt", "", "value of the header X-Redoubt-Receipt")
	requestFile := f.String("request", "", "file with the request's body, byte for byte")
	responseFile := f.String("response", "", "file with the answer's body, byte for byte")
	pinned := f.String("manifest", "", "hash of the manifest that must be in force")
	if err := parse(f, args[1:], 0); err != nil {
		return err
	}
	if (*address == "") == (*file == "") || *header == "" || *requestFile == "" || *responseFile == "" {
		f.Usage()
		return fmt.Errorf("%w: a flag is missing", errUsage)
	}
	attestation, err := attestationFrom(ctx, *address, *file)
	if err != nil {
		return err
	}
	request, err := os.ReadFile(*requestFile)
	if err != nil {
		return err
	}
	response, err := os.ReadFile(*responseFile)
	if err != nil {
		return err
	}
	receipt, err := proof.ParseResultReceipt(*header)
	if err != nil {
		return err
	}
	result, err := resultOf(response)
	if err != nil {
		return err
	}
	if *pinned != "" && *pinned != attestation.Hash {
		return fmt.Errorf("the manifest in force is %s, not %s", attestation.Hash, *pinned)
	}
	if err := receipt.Verify(attestation.Policy.SigningKey, request, result); err != nil {
		return err
	}
	r := receipt.Result
	where := fmt.Sprintf("a read, of the log with %d entries", r.LogIndex)
	if r.Logged {
		where = fmt.Sprintf("entry %d of the log", r.LogIndex)
	}
	fmt.Fprintf(stdout, "ok\nrequest       %s\norganization  %s\nlogged        %s\ntime          %s\nmanifest      %s\n",
		id.String(r.RequestID), id.String(r.Organization), where, time.UnixMilli(int64(r.Time)).UTC().Format(time.RFC3339Nano), attestation.Hash)
	return nil
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
	var failure api.Error
	if err := strictjson.Decode(response, &failure); err != nil {
		return nil, fmt.Errorf("the answer is neither a result nor an error: %w", err)
	}
	return response, nil
}
