package client

import (
	"encoding/json"

	"github.com/redoubt-kms/redoubt/api"
)

// Scopes is what a grant allows by scopes, to the accounts at some paths, or without paths to all of the wallet's.
func Scopes(scopes []string, at ...string) api.Raw {
	p := api.OrganizationPolicy{Version: "v0", Scopes: scopes}
	if len(at) > 0 {
		list, err := json.Marshal(at)
		if err != nil {
			return nil
		}
		p.DerivationAllowlist = list
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	return b
}
