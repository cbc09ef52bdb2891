package policy

import (
	"encoding/base64"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

func organizationResult(o *org.Organization) api.Organization {
	result := api.Organization{OrganizationID: id.String(o.ID), OrganizationName: o.Name, Tags: append([]string{}, o.Tags...), Users: []api.User{}}
	if o.Parent != (proof.ID{}) {
		result.ParentOrganizationID = id.String(o.Parent)
	}
	for _, u := range o.Users {
		user := api.User{
			Username: u.Username, Policy: policyResult(&u.Policy),
			Authenticators: []api.Authenticator{}, CreatedAtMs: int64(u.Created),
		}
		if u.Expires != 0 {
			at := int64(u.Expires)
			user.ExpiresAtMs = &at
		}
		for _, t := range u.Traits {
			if user.Traits == nil {
				user.Traits = map[string]string{}
			}
			user.Traits[t.Name] = t.Value
		}
		for _, a := range u.Authenticators {
			user.Authenticators = append(user.Authenticators, authenticatorResult(a))
		}
		result.Users = append(result.Users, user)
	}
	return result
}

func authenticatorResult(a org.Authenticator) api.Authenticator {
	result := api.Authenticator{
		ID: id.String(a.ID), AuthenticatorName: a.Name, AuthenticatorKind: a.Kind,
		Algorithm: a.Algorithm, CreatedAtMs: timestamp(a.Created),
	}
	switch a.Kind {
	case org.KindKeypair:
		result.PublicKey = base64.RawURLEncoding.EncodeToString(a.PublicKey)
	case org.KindPasskey:
		describePasskey(&result, a)
	case org.KindOIDC:
		describeOIDC(&result, a)
	}
	if a.Expires != 0 {
		result.ExpiresAtMs = timestamp(a.Expires)
	}
	return result
}

func timestamp(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
