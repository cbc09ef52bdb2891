package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
)

// call is Call for a result of one type.
func call[Result any](ctx context.Context, c *Client, method api.Method, params any) (Result, error) {
	var result Result
	_, err := c.Call(ctx, method, params, &result)
	return result, err
}

// CreateOrganization founds an organization. With a stamper, its key must be among the users' authenticators.
func (c *Client) CreateOrganization(ctx context.Context, p api.CreateOrganizationParams) (api.Organization, error) {
	return call[api.Organization](ctx, c, api.CreateOrganization, p)
}

// GetOrganization reads the client's organization.
func (c *Client) GetOrganization(ctx context.Context) (api.Organization, error) {
	return call[api.Organization](ctx, c, api.GetOrganization, api.OrganizationParams{OrganizationID: c.Organization})
}

// AddUser adds a user; with replaceExpirable, in place of the oldest one that expires when there are too many.
func (c *Client) AddUser(ctx context.Context, user api.NewUser, replaceExpirable bool) (api.Organization, error) {
	p := api.AddUserParams{OrganizationID: c.Organization, User: user, ReplaceExpirable: replaceExpirable}
	return call[api.Organization](ctx, c, api.AddUserToOrganization, p)
}

// SignRawPayload signs bytes as they are, where a policy allows that.
func (c *Client) SignRawPayload(ctx context.Context, wallet, path string, algorithm api.Algorithm, payload []byte) (api.Signature, error) {
	p := api.SignRawPayloadParams{Signing: c.signing(wallet, path), Payload: base64.RawURLEncoding.EncodeToString(payload), Algorithm: algorithm}
	return call[api.Signature](ctx, c, api.SignRawPayload, p)
}

// UpdateUser changes the policy of a user, unless newPolicy is nil, and their traits.
func (c *Client) UpdateUser(ctx context.Context, username string, newPolicy api.Raw, addTraits map[string]string, removeTraits []string) (api.Organization, error) {
	p := api.UpdateUserParams{OrganizationID: c.Organization, Username: username, NewPolicy: newPolicy, AddTraits: addTraits, RemoveTraits: removeTraits}
	return call[api.Organization](ctx, c, api.UpdateUserInOrganization, p)
}

// DeleteUser removes a user with all of their keys. Once it returns, none of them signs anything any more.
func (c *Client) DeleteUser(ctx context.Context, username string) (api.Organization, error) {
	p := api.DeleteUserParams{OrganizationID: c.Organization, Username: username}
	return call[api.Organization](ctx, c, api.DeleteUserFromOrganization, p)
}

// CreateAuthenticator registers a key for a user.
func (c *Client) CreateAuthenticator(ctx context.Context, username string, a api.NewAuthenticator, replaceExpirable bool) (api.Authenticator, error) {
	p := api.CreateAuthenticatorParams{OrganizationID: c.Organization, Username: username, Authenticator: a, ReplaceExpirable: replaceExpirable}
	return call[api.Authenticator](ctx, c, api.CreateAuthenticator, p)
}

// UpdateAuthenticator renames a key of a user, or moves its expiry to so long from now.
func (c *Client) UpdateAuthenticator(ctx context.Context, username, id string, update api.AuthenticatorUpdate) (api.Authenticator, error) {
	p := api.UpdateAuthenticatorParams{OrganizationID: c.Organization, Username: username, AuthenticatorID: id, Authenticator: update}
	return call[api.Authenticator](ctx, c, api.UpdateAuthenticator, p)
}

// DeleteAuthenticator removes a key of a user. Once it returns, the key signs nothing any more.
func (c *Client) DeleteAuthenticator(ctx context.Context, username, id string) (api.Authenticator, error) {
	p := api.DeleteAuthenticatorParams{OrganizationID: c.Organization, Username: username, AuthenticatorID: id}
	return call[api.Authenticator](ctx, c, api.DeleteAuthenticator, p)
}

// CreateWallet makes a wallet.
func (c *Client) CreateWallet(ctx context.Context, name string, tags []string, p api.WalletParameters) (api.Wallet, error) {
	return call[api.Wallet](ctx, c, api.CreateWallet, api.CreateWalletParams{OrganizationID: c.Organization, WalletName: name, Tags: tags, WalletParameters: p})
}

// WalletWithTag gets the wallet with a tag, and makes it when there is none. Callers at once get the same one.
func (c *Client) WalletWithTag(ctx context.Context, name, tag string, p api.WalletParameters) (api.Wallet, error) {
	return call[api.Wallet](ctx, c, api.GetOrCreateWalletWithTag, api.TaggedWalletParams{OrganizationID: c.Organization, WalletName: name, Tag: tag, WalletParameters: p})
}

// FindWallet gets the wallet with a tag, or nil.
func (c *Client) FindWallet(ctx context.Context, tag string) (*api.Wallet, error) {
	return call[*api.Wallet](ctx, c, api.GetWalletWithTag, api.TaggedWalletParams{OrganizationID: c.Organization, Tag: tag})
}

// Wallets reads a page of wallets in the order of their creation.
func (c *Client) Wallets(ctx context.Context, limit, offset int) (api.Wallets, error) {
	return call[api.Wallets](ctx, c, api.GetOrganizationWallets, api.WalletsParams{OrganizationID: c.Organization, Limit: &limit, Offset: &offset})
}

// Accounts derives accounts of a wallet by their paths.
func (c *Client) Accounts(ctx context.Context, wallet string, paths ...string) ([]api.Account, error) {
	return call[[]api.Account](ctx, c, api.GetAccounts, api.AccountsParams{OrganizationID: c.Organization, WalletID: wallet, Accounts: Paths(paths...)})
}

// Paths writes derivation paths as requests take them.
func Paths(paths ...string) []api.Raw {
	all := make([]api.Raw, len(paths))
	for i, p := range paths {
		all[i] = quoted(p)
	}
	return all
}

func quoted(text string) api.Raw {
	b, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return b
}

func (c *Client) signing(wallet, path string) api.Signing {
	s := api.Signing{OrganizationID: c.Organization, WalletID: wallet}
	if path != "" { // a keypair wallet has none
		s.DerivationInfo = quoted(path)
	}
	return s
}

// SignText signs text as it is with an account of a wallet; a Sui account signs it as a personal message, and a Bitcoin
// account proves it by BIP-322.
func (c *Client) SignText(ctx context.Context, wallet, path, text string, algorithm api.Algorithm) (api.Signature, error) {
	return call[api.Signature](ctx, c, api.SignUtf8Message, api.SignMessageParams{Signing: c.signing(wallet, path), Message: &text, Algorithm: algorithm})
}

// SignPersonal signs bytes by EIP-191.
func (c *Client) SignPersonal(ctx context.Context, wallet, path string, message []byte) (api.Signature, error) {
	text := base64.RawURLEncoding.EncodeToString(message)
	return call[api.Signature](ctx, c, api.EthereumSignMessage, api.SignMessageParams{Signing: c.signing(wallet, path), Message: &text})
}

// SignTypedData signs EIP-712 typed data, given as its JSON.
func (c *Client) SignTypedData(ctx context.Context, wallet, path string, typed json.RawMessage) (api.Signature, error) {
	return call[api.Signature](ctx, c, api.EthereumSignTypedData, api.SignTypedDataParams{Signing: c.signing(wallet, path), TypedData: api.Raw(typed)})
}

// Signed is a signed transaction with what became of its broadcast, if one was asked for.
type Signed struct {
	api.SignedTransaction
	Submission json.RawMessage `json:"submission,omitempty"` // rpc_submission_result; a node's word, not signed
}

// SignSolana signs a Solana transaction, or its message alone, and broadcasts it when to is given.
func (c *Client) SignSolana(ctx context.Context, wallet, path string, transaction []byte, to *api.SubmissionConfig) (Signed, error) {
	return c.sign(ctx, wallet, path, quoted(base64.RawURLEncoding.EncodeToString(transaction)), to)
}

// SignSui signs TransactionData of Sui, or SenderSignedData that others signed already. The result's signature is
// serialized as Sui takes it (scheme, signature, public key), in base64url; its transaction is SenderSignedData.
func (c *Client) SignSui(ctx context.Context, wallet, path string, transaction []byte) (Signed, error) {
	return c.sign(ctx, wallet, path, quoted(base64.RawURLEncoding.EncodeToString(transaction)), nil)
}

// SignPSBT signs the inputs of a PSBT that pay the account, and with finalize finishes what can be. The result's
// transaction is the PSBT, in base64url.
func (c *Client) SignPSBT(ctx context.Context, wallet, path string, psbt []byte, finalize bool) (Signed, error) {
	return c.SignEVM(ctx, wallet, path, api.TransactionObject{Kind: "PSBT", Bytes: base64.StdEncoding.EncodeToString(psbt), Finalize: finalize}, nil)
}

// SignEVM signs a transaction given as its object (RLP_ENCODED, EIP_1559, EIP_4844 or EIP_7702), and broadcasts it when to is given.
func (c *Client) SignEVM(ctx context.Context, wallet, path string, transaction api.TransactionObject, to *api.SubmissionConfig) (Signed, error) {
	raw, err := json.Marshal(transaction)
	if err != nil {
		return Signed{}, err
	}
	return c.sign(ctx, wallet, path, raw, to)
}

// SignObject signs a transaction given as its object in JSON, as SignEVM does.
func (c *Client) SignObject(ctx context.Context, wallet, path string, transaction json.RawMessage, to *api.SubmissionConfig) (Signed, error) {
	return c.sign(ctx, wallet, path, api.Raw(transaction), to)
}

func (c *Client) sign(ctx context.Context, wallet, path string, transaction api.Raw, to *api.SubmissionConfig) (Signed, error) {
	var s Signed
	p := api.SignTransactionParams{Signing: c.signing(wallet, path), Transaction: transaction, SubmissionConfig: to}
	answer, err := c.Call(ctx, api.SignTransaction, p, &s.SignedTransaction)
	s.Submission = answer.Submission
	return s, err
}

// Prepare asks whether a Solana transaction could be signed, and returns the one to sign: today the same. It has no effect,
// and its answer is not signed.
func (c *Client) Prepare(ctx context.Context, transaction []byte, to *api.SubmissionConfig) ([]byte, error) {
	body, err := json.Marshal(api.PrepareParams{
		OrganizationID: c.Organization, Transaction: quoted(base64.RawURLEncoding.EncodeToString(transaction)), SubmissionConfig: to,
	})
	if err != nil {
		return nil, err
	}
	answer, err := c.send(ctx, preparePath, body)
	if err != nil {
		return nil, err
	}
	var prepared api.Prepared
	if err := json.Unmarshal(answer.Result, &prepared); err != nil {
		return nil, fmt.Errorf("the answer is not JSON: %w", err)
	}
	return base64.RawURLEncoding.DecodeString(prepared.Transaction)
}
