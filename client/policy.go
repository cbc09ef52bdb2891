package client

import (
	"encoding/json"

	"github.com/redoubt-kms/redoubt/api"
)

// The presets of user policies; docs/spec/policy.md says what each allows.
const (
	AllowAll       = "ALLOW_ALL"
	DenyAll        = "DENY_ALL"
	LegacyUserRole = "LEGACY_USER_ROLE"
	dappConnection = "DAPP_CONNECTION_USER"
)

// Root is the policy of an administrator, who may do everything within the organization.
func Root() api.Raw { return policy(api.UserPolicy{Type: "ROOT"}) }

// Preset is a policy by the name of a preset.
func Preset(name string) api.Raw { return policy(api.UserPolicy{Type: "CEL", Preset: name}) }

// Connection is the policy of an app that may use one wallet only.
func Connection(wallet string) api.Raw {
	return policy(api.UserPolicy{Type: "CEL", Preset: dappConnection, WalletID: wallet})
}

func policy(p api.UserPolicy) api.Raw {
	b, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	return b
}
