package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// ErrNoManifest says that Client.Manifest is not set. Without it a receipt proves that some enclave answered, which may be
// one that a host in between made up to read the secret; so nothing is encrypted to the key that it shows.
var ErrNoManifest = errors.New("no manifest is known by which to tell the server's own key from another's: set Client.Manifest")

// ImportWallet makes a wallet of a secret that exists elsewhere. The secret is encrypted, with X25519 and ML-KEM-768, to a
// key that only the signer holds; that it is the signer's is checked first, against Client.Manifest. With p.Curve the
// secret is a key, without it a mnemonic. The caller wipes the secret.
func (c *Client) ImportWallet(ctx context.Context, name string, tags []string, secret *Secret, p api.WalletParameters) (api.Wallet, error) {
	if c.Manifest == "" {
		return api.Wallet{}, ErrNoManifest
	}
	e, err := call[api.ImportEnvelope](ctx, c, api.InitWalletImport, api.InitWalletImportParams{OrganizationID: c.Organization, KEM: api.KEMHybrid})
	if err != nil {
		return api.Wallet{}, err
	}
	encrypted, err := c.encrypt(e, secret)
	if err != nil {
		return api.Wallet{}, err
	}
	return call[api.Wallet](ctx, c, api.CompleteImportWallet, api.CompleteImportWalletParams{
		OrganizationID: c.Organization, ImportEnvelope: e, EncryptedSecret: encrypted, WalletName: name, Tags: tags, WalletParameters: p,
	})
}

func (c *Client) encrypt(e api.ImportEnvelope, secret *Secret) (string, error) {
	organization, err := parseID(c.Organization)
	if err != nil {
		return "", err
	}
	sealed, err := base64.StdEncoding.DecodeString(e.Envelope)
	if err != nil {
		return "", fmt.Errorf("import envelope: %w", err)
	}
	publicKey, err := base64.StdEncoding.DecodeString(e.PublicKey)
	if err != nil {
		return "", fmt.Errorf("import envelope: %w", err)
	}
	purpose := envelope.Purpose{Method: api.CompleteImportWallet, Organization: organization, Context: sha256.Sum256(sealed)}
	b, err := envelope.Seal(publicKey, purpose, secret)
	return base64.StdEncoding.EncodeToString(b), err
}

// ExportWallet takes the secret of a wallet out: the entropy of a mnemonic, or a key. It is encrypted to a key that is
// made for this and forgotten. The wallet goes on; that its secret was taken out is in its record for ever. The caller
// wipes the secret.
func (c *Client) ExportWallet(ctx context.Context, wallet string) (*Secret, error) {
	seed := make([]byte, envelope.SeedSize)
	rand.Read(seed)
	defer clear(seed)
	key, err := envelope.NewKey(seed, envelope.SizeHybrid)
	if err != nil {
		return nil, err
	}
	var bundle api.ExportedWallet
	answer, err := c.Call(ctx, api.ExportWallet, api.ExportWalletParams{
		OrganizationID: c.Organization, WalletID: wallet, PublicKey: base64.StdEncoding.EncodeToString(key.PublicKey()),
	}, &bundle)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(bundle.EncryptedBundle)
	if err != nil {
		return nil, fmt.Errorf("exported wallet: %w", err)
	}
	organization, err := parseID(c.Organization)
	if err != nil {
		return nil, err
	}
	subject, err := parseID(wallet)
	if err != nil {
		return nil, err
	}
	return key.Open(envelope.Purpose{
		Method: api.ExportWallet, Organization: organization, Subject: subject, Context: sha256.Sum256(answer.Request),
	}, sealed)
}

// parseID reads the bytes of an identifier as envelopes bind them.
func parseID(text string) (proof.ID, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != len(proof.ID{}) {
		return proof.ID{}, fmt.Errorf("%q is not an identifier", text)
	}
	return proof.ID(b), nil
}
