package fact

import (
	"encoding/base64"

	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/internal/org"
)

var (
	requestType       = types.NewObjectType("Request")
	derivationType    = types.NewObjectType("Derivation")
	organizationType  = types.NewObjectType("Organization")
	userType          = types.NewObjectType("User")
	authenticatorType = types.NewObjectType("Authenticator")
	walletType        = types.NewObjectType("Wallet")
	stringMap         = types.NewMapType(types.StringType, types.StringType)
	stringList        = types.NewListType(types.StringType)
)

var requestFields = define(requestType,
	always("method", types.StringType, func(f *Facts) any { return types.String(f.Request.Method) }),
	maybe("time", types.TimestampType, func(f *Facts) (any, bool) { return moment(f.Request.Time) }),
	always("walletId", types.StringType, func(f *Facts) any {
		if f.Wallet == nil {
			return types.String("")
		}
		return types.String(uuid(f.Wallet.ID))
	}),
	always("policyName", types.StringType, func(f *Facts) any { return types.String(f.Request.PolicyName) }),
	always("origin", types.StringType, func(f *Facts) any { return types.String(f.Request.Origin) }),
	always("username", types.StringType, func(f *Facts) any { return types.String(f.Request.Target) }),
	always("recipientKey", types.StringType, func(f *Facts) any { return types.String(f.Request.Recipient) }),
	maybe("derivation", derivationType, func(f *Facts) (any, bool) {
		return object{derivationFields, f}, f.Request.Path != nil
	}),
)

var derivationFields = define(derivationType,
	always("path", types.StringType, func(f *Facts) any { return types.String(f.Request.PathText) }),
	always("curve", types.StringType, func(f *Facts) any { return types.String(f.Request.Path.Curve) }),
	always("addressFormat", types.StringType, func(f *Facts) any { return types.String(f.Request.Path.Format) }),
	always("index", types.IntType, func(f *Facts) any { return types.Int(f.Request.Index) }),
	always("address", types.StringType, func(f *Facts) any { return types.String(f.Address) }),
)

var organizationFields = define(organizationType,
	always("id", types.StringType, func(o *org.Organization) any { return types.String(uuid(o.ID)) }),
	always("name", types.StringType, func(o *org.Organization) any { return types.String(o.Name) }),
	always("tags", stringList, func(o *org.Organization) any { return stringValues(o.Tags) }),
)

var userFields = define(userType,
	always("name", types.StringType, func(u *org.User) any { return types.String(u.Username) }),
	always("traits", stringMap, func(u *org.User) any {
		traits := make(map[string]string, len(u.Traits))
		for _, t := range u.Traits {
			traits[t.Name] = t.Value
		}
		return types.NewStringStringMap(types.DefaultTypeAdapter, traits)
	}),
	always("tags", stringList, func(u *org.User) any { return stringValues(u.Tags()) }),
)

var authenticatorFields = define(authenticatorType,
	always("id", types.StringType, func(a *org.Authenticator) any { return types.String(uuid(a.ID)) }),
	always("name", types.StringType, func(a *org.Authenticator) any { return types.String(a.Name) }),
	always("kind", types.StringType, func(a *org.Authenticator) any { return types.String(a.Kind) }),
	always("algorithm", types.StringType, func(a *org.Authenticator) any { return types.String(a.Algorithm) }),
	always("publicKey", types.StringType, func(a *org.Authenticator) any {
		return types.String(base64.RawURLEncoding.EncodeToString(a.PublicKey))
	}),
)

var walletFields = define(walletType,
	always("id", types.StringType, func(w *org.Wallet) any { return types.String(uuid(w.ID)) }),
	always("name", types.StringType, func(w *org.Wallet) any { return types.String(w.Name) }),
	always("tags", stringList, func(w *org.Wallet) any { return stringValues(w.Tags) }),
	always("type", types.StringType, func(w *org.Wallet) any { return types.String(w.Type) }),
	always("owner", types.StringType, func(w *org.Wallet) any { return types.String(uuid(w.Organization)) }),
	always("exported", types.BoolType, func(w *org.Wallet) any { return types.Bool(w.Exported) }),
)

func stringValues(all []string) any { return types.NewStringList(types.DefaultTypeAdapter, all) }
