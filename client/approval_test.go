package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
)

// A request that needs approval is an error of its own, which names what to approve. Who holds the tag looks at it and
// approves; the last approval has it done.
func ExamplePendingApproval() {
	ctx := context.Background()
	admin, err := found(ctx)
	if err != nil {
		log.Fatal(err)
	}
	wallet, err := admin.CreateWallet(ctx, "Treasury", nil, api.WalletParameters{})
	if err != nil {
		log.Fatal(err)
	}
	agent, err := join(ctx, admin, "agent", api.Raw(`{"type":"CEL","constants":[],"rules":[{"expression":"request.method == 'signUtf8Message'",
		"outcome":"REQUIRE_APPROVAL","comment":"four eyes","approvals":[{"required":1,"tag":"finance"}]}]}`), nil)
	if err != nil {
		log.Fatal(err)
	}
	ann, err := join(ctx, admin, "ann", client.Preset(client.LegacyUserRole), map[string]string{"tags": "finance"})
	if err != nil {
		log.Fatal(err)
	}

	_, err = agent.SignText(ctx, wallet.WalletID, "m/44'/501'/0'/0'", "hello", api.Ed25519)
	var waits *client.PendingApproval
	if !errors.As(err, &waits) {
		log.Fatal(err)
	}
	seen, err := ann.Request(ctx, waits.ID)
	if err != nil {
		log.Fatal(err)
	}
	decided, err := ann.Approve(ctx, waits.ID, seen.Approval.RequestDigest)
	if err != nil {
		log.Fatal(err)
	}
	done, err := agent.Request(ctx, waits.ID)
	fmt.Println(waits.Status, seen.Requester, seen.Method, decided.Approval.Status, done.Outcome.Status, err)
	fmt.Println(string(done.Outcome.Result) == string(decided.Outcome.Result))
	// Output:
	// pending agent signUtf8Message executed 200 <nil>
	// true
}

// join adds a user with a key, and makes a client that acts as them.
func join(ctx context.Context, admin *client.Client, name string, policy api.Raw, traits map[string]string) (*client.Client, error) {
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		return nil, err
	}
	_, err = admin.AddUser(ctx, api.NewUser{
		Username: name, Policy: policy, Traits: traits, Authenticators: []api.NewAuthenticator{key.Authenticator("first")},
	}, false)
	return client.New(server, admin.Organization, key), err
}
