package client_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
)

// found makes a key and founds an organization with it.
func found(ctx context.Context) (*client.Client, error) {
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		return nil, err
	}
	c := client.New(server, "", key)
	o, err := c.CreateOrganization(ctx, api.CreateOrganizationParams{OrganizationName: "Demo", Users: []api.NewUser{{
		Username: "admin", Policy: client.Root(), Authenticators: []api.NewAuthenticator{key.Authenticator("laptop")},
	}}})
	c.Organization = o.OrganizationID
	return c, err
}

// A first program: a key, an organization, a wallet, a signature. Every answer was checked on the way against the
// attestation of the server.
func Example() {
	ctx := context.Background()
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New(server, "", key) // http://127.0.0.1:8484/v1/wallets, for example
	o, err := c.CreateOrganization(ctx, api.CreateOrganizationParams{OrganizationName: "Demo", Users: []api.NewUser{{
		Username: "admin", Policy: client.Root(), Authenticators: []api.NewAuthenticator{key.Authenticator("laptop")},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	c.Organization = o.OrganizationID
	wallet, err := c.CreateWallet(ctx, "Treasury", nil, api.WalletParameters{Accounts: client.Paths("m/44'/501'/0'/0'")})
	if err != nil {
		log.Fatal(err)
	}
	signed, err := c.SignText(ctx, wallet.WalletID, "m/44'/501'/0'/0'", "hello", api.Ed25519)
	if err != nil {
		log.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(signed.Signature)
	fmt.Println(o.Users[0].Username, wallet.Type, len(signature), signed.Address == wallet.Accounts[0].Address, err)
	// Output: admin MNEMONIC 64 true <nil>
}

// What a policy does not allow is a signed denial; errors.Is tells it from other refusals, errors.As gives the words.
func ExampleErrDenied() {
	ctx := context.Background()
	admin, err := found(ctx)
	if err != nil {
		log.Fatal(err)
	}
	key, err := client.GenerateKey(api.Secp256r1)
	if err != nil {
		log.Fatal(err)
	}
	user := api.NewUser{Username: "reader", Policy: client.Preset(client.LegacyUserRole), Authenticators: []api.NewAuthenticator{key.Authenticator("phone")}}
	if _, err := admin.AddUser(ctx, user, false); err != nil {
		log.Fatal(err)
	}
	_, err = client.New(server, admin.Organization, key).DeleteUser(ctx, "admin")
	var refused *api.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Type, refused.Status, refused.RequestID != "")
	}
	fmt.Println(errors.Is(err, client.ErrDenied), errors.Is(err, client.ErrUnauthenticated))
	// Output:
	// policy-denied 403 true
	// true false
}

// A wallet is found again by its tag. Run twice, or by many at once, it is the same one.
func ExampleClient_WalletWithTag() {
	ctx := context.Background()
	c, err := found(ctx)
	if err != nil {
		log.Fatal(err)
	}
	one, err := c.WalletWithTag(ctx, "App Wallet", "app-1", api.WalletParameters{})
	if err != nil {
		log.Fatal(err)
	}
	two, err := c.WalletWithTag(ctx, "App Wallet", "app-1", api.WalletParameters{})
	fmt.Println(one.WalletID == two.WalletID, err)
	none, err := c.FindWallet(ctx, "app-2")
	fmt.Println(none, err)
	// Output:
	// true <nil>
	// <nil> <nil>
}

// A transaction is given as its RLP or as an object. With a network, the server broadcasts it; what the node says stands
// in Submission and is not signed.
func ExampleClient_SignEVM() {
	ctx := context.Background()
	c, err := found(ctx)
	if err != nil {
		log.Fatal(err)
	}
	wallet, err := c.CreateWallet(ctx, "Treasury", nil, api.WalletParameters{})
	if err != nil {
		log.Fatal(err)
	}
	unsigned := api.TransactionObject{Kind: "RLP_ENCODED", Bytes: "0x02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0"}
	signed, err := c.SignEVM(ctx, wallet.WalletID, "m/44'/60'/0'/0/0", unsigned, &api.SubmissionConfig{Chain: "ethereum", Network: "sepolia"})
	fmt.Println(signed.Kind, signed.RawTransactionHex[:4], err)
	fmt.Println(string(signed.Submission))
	// Output:
	// ETHEREUM 0x02 <nil>
	// {"error":{"code":-32601,"message":"no node is configured for ethereum/sepolia; the signed transaction was not broadcast"}}
}

// A receipt that is kept proves what was answered for as long as the deployment lasts; 'redoubt receipt verify' takes it.
func ExampleAnswer_Kept() {
	ctx := context.Background()
	c, err := found(ctx)
	if err != nil {
		log.Fatal(err)
	}
	c.Answered = func(a client.Answer) {
		kept, err := json.Marshal(a.Kept())
		again, _ := client.ReadKept(kept)
		fmt.Println(again.Version, again.Receipt == a.Receipt, err)
	}
	_, err = c.GetOrganization(ctx)
	fmt.Println(err)
	// Output:
	// 1 true <nil>
	// <nil>
}

// A context ends the tries. Until then the same bytes are sent again, and have one effect.
func ExampleErrUnavailable() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New("http://127.0.0.1:1/v1/wallets", "5c0d4cf9-8d9e-4b0e-9b0b-3f7a57e0e0a1", key) // nobody is there
	_, err = c.CreateWallet(ctx, "Treasury", nil, api.WalletParameters{})
	fmt.Println(errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}
