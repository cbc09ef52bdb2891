// Package prompt holds the commands with which people use a server: they make keys, organizations, users and wallets, and
// sign. All of them go through the Go SDK, as any program would; none can do more than its key may.
package prompt

import (
	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// Commands lists the commands of this package.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		keygen(), alone(login), profiles(),
		acting("org", "Found an organization, show it, set what bounds everybody", orgCreate, orgShow, orgControls),
		acting("user", "Add, change and remove users of the organization", userAdd, userUpdate, userRemove),
		acting("authenticator", "Add, change and remove the keys of a user", authenticatorAdd, authenticatorUpdate, authenticatorRemove),
		acting("wallet", "Make wallets, find them, derive accounts, import and export, lend and give", walletCreate, walletList, walletFind, walletAccounts, walletImport, walletExport,
			walletGrant, walletGrants, walletRevoke, walletTransfer, walletPending, walletAccept),
		acting("sign", "Sign messages, typed data and transactions", signMessage, signTransaction, signTypedData),
		acting("policy", "Check policies, run their tests, try requests out", policyLint, policyTest, policyTry, policyReplay),
		acting("approval", "Approve and reject requests that wait for it", approvalList, approvalShow, approvalApprove, approvalReject),
		alone(freeze), alone(unfreeze), alone(activity),
	}
}

// acting makes a group of commands that talk to a server, and so share the flags which say to which one and as whom.
func acting(word, short string, commands ...func(*session) *cobra.Command) *cobra.Command {
	s := &session{}
	var all []*cobra.Command
	for _, c := range commands {
		all = append(all, frame.JSON(c(s)))
	}
	group := frame.Group(word, short, all...)
	s.flags(group)
	return group
}

// alone makes a command that talks to a server and belongs to no group.
func alone(command func(*session) *cobra.Command) *cobra.Command {
	s := &session{}
	c := frame.JSON(command(s))
	s.flags(c)
	return c
}
