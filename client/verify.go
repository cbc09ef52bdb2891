package client

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// Attestation is what a server attests to, verified down to its manifest.
type Attestation struct {
	Manifest   proof.Manifest
	Hash       string // of the manifest, in hexadecimal
	Receipt    proof.Receipt
	Checkpoint proof.Checkpoint
	Policy     proof.Certificate   // of the policy engine, whose key signs results
	Rebase     *proof.SignedRebase // the newest one; nil when there was none, or the server does not tell
	live       bool                // it was fetched, not read from a file
}

// verifier remembers the attestation, which changes only when the server's manifest does.
type verifier struct {
	mu      sync.Mutex
	current *Attestation
}

// verify checks an answer's receipt. When it does not fit the attestation at hand, that is fetched once more.
func (c *Client) verify(ctx context.Context, request, result []byte, header string) error {
	receipt, err := proof.ParseResultReceipt(header)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	for _, again := range []bool{false, true} {
		var a *Attestation
		if a, err = c.attested(ctx, again); err != nil {
			return fmt.Errorf("%w: %w", ErrUnproven, err)
		}
		if err = receipt.Verify(a.Policy.SigningKey, request, result); err == nil {
			return c.remember(ctx, receipt.Result)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnproven, err)
}

func (c *Client) attested(ctx context.Context, again bool) (*Attestation, error) {
	c.verifier.mu.Lock()
	defer c.verifier.mu.Unlock()
	if c.verifier.current != nil && !again {
		return c.verifier.current, nil
	}
	a, err := c.Attestation(ctx)
	if err != nil {
		return nil, err
	}
	c.verifier.current = a
	return a, nil
}

// Attestation fetches and verifies what the server attests to.
func (c *Client) Attestation(ctx context.Context) (*Attestation, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/attestation", nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http().Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("attestation: status %d", response.StatusCode)
	}
	a, err := ReadAttestation(b)
	if err == nil {
		a.live = true
	}
	if err == nil && c.Manifest != "" && c.Manifest != a.Hash {
		err = fmt.Errorf("the manifest in force is %s, not %s", a.Hash, c.Manifest)
	}
	return a, err
}

// ReadAttestation verifies an attestation: the manifest by its operators, the rest by the manifest's certifier. The
// receipt in it says when the certificates were in force, so that one that was kept stays good.
func ReadAttestation(b []byte) (*Attestation, error) {
	var body struct {
		Manifest, Receipt, Checkpoint, Rebase string
		Certificates                          []string
	}
	if err := json.Unmarshal(b, &body); err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	var manifest proof.SignedManifest
	if err := errors.Join(decode(body.Manifest, &manifest), manifest.Verify()); err != nil {
		return nil, err
	}
	a := &Attestation{Manifest: manifest.Manifest}
	hash, err := a.Manifest.Hash()
	if err != nil {
		return nil, err
	}
	a.Hash = hex.EncodeToString(hash[:])
	var receipt proof.SignedReceipt
	if err := errors.Join(decode(body.Receipt, &receipt), receipt.Verify(a.Manifest.Certifier)); err != nil {
		return nil, err
	}
	a.Receipt = receipt.Receipt
	if a.Receipt.Manifest != hash || a.Receipt.Head.Shard != a.Manifest.Shard {
		return nil, errors.New("the receipt was given under another manifest")
	}
	if a.Checkpoint, err = proof.OpenCheckpoint(a.Manifest.Certifier, a.Manifest.Shard, body.Checkpoint); err != nil {
		return nil, err
	}
	if body.Rebase != "" {
		a.Rebase = &proof.SignedRebase{}
		if err := errors.Join(decode(body.Rebase, a.Rebase), a.Rebase.Verify(a.Manifest)); err != nil {
			return nil, err
		}
	}
	return a, a.certificates(body.Certificates)
}

func (a *Attestation) certificates(encoded []string) error {
	for _, text := range encoded {
		var c proof.SignedCertificate
		if err := decode(text, &c); err != nil {
			return err
		}
		if err := c.Verify(a.Manifest, c.Certificate.Role, time.UnixMilli(int64(a.Receipt.Time))); err != nil {
			return err
		}
		if c.Certificate.Role == proof.RolePolicy {
			a.Policy = c.Certificate
		}
	}
	if len(a.Policy.SigningKey) == 0 {
		return errors.New("the attestation names no policy engine")
	}
	return nil
}

func decode(text string, into any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return err
	}
	return proof.Decode(b, into)
}
