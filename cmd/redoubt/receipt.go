package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/proof"
)

// runReceipt verifies that a policy engine gave this answer to this request.
func runReceipt(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("receipt", "receipt verify (--url URL | --attestation FILE) --receipt HEADER --request FILE --response FILE", stderr)
	if len(args) == 0 || args[0] != "verify" {
		f.Usage()
		return fmt.Errorf("%w: want 'receipt verify'", errUsage)
	}
	address := f.String("url", "", "base URL of the server, to fetch its attestation")
	file := f.String("attestation", "", "file with an attestation that was fetched before")
	header := f.String("receipt", "", "value of the header X-Redoubt-Receipt")
	requestFile := f.String("request", "", "file with the request's body, byte for byte")
	responseFile := f.String("response", "", "file with the answer's body, byte for byte")
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
	if err := receipt.Verify(attestation.policy.SigningKey, request, resultOf(response)); err != nil {
		return err
	}
	r := receipt.Result
	where := fmt.Sprintf("a read, of the log with %d entries", r.LogIndex)
	if r.Logged {
		where = fmt.Sprintf("entry %d of the log", r.LogIndex)
	}
	fmt.Fprintf(stdout, "ok\nrequest       %s\norganization  %s\nlogged        %s\ntime          %s\nmanifest      %s\n",
		id.String(r.RequestID), id.String(r.Organization), where, time.UnixMilli(int64(r.Time)).UTC().Format(time.RFC3339Nano), attestation.hash)
	return nil
}

func attestationFrom(ctx context.Context, address, file string) (attested, error) {
	var b []byte
	var err error
	if file != "" {
		b, err = os.ReadFile(file)
	} else {
		b, err = get(ctx, strings.TrimSuffix(address, "/")+"/attestation")
	}
	if err != nil {
		return attested{}, err
	}
	return readAttestation(b)
}

// resultOf returns the exact bytes of the member "result", or the whole body of an error.
func resultOf(response []byte) []byte {
	var body struct {
		Result json.RawMessage `json:"result"`
	}
	if json.Unmarshal(response, &body) != nil || len(body.Result) == 0 {
		return response
	}
	return body.Result
}
