package policy

import (
	"net/url"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// Bounds of an authenticator of kind oidc.
const (
	maxClaim     = 256 // bytes of sub, iss, and each aud
	maxAudiences = 16
	maxURL       = 512
)

// newOIDC reads an authenticator whose tokens another issuer signs. Keys behind a URL may be shared by many who trust that
// issuer, for apps and people of whatever kind; so iss and aud are wanted with them.
func newOIDC(made org.Authenticator, a api.NewAuthenticator, path string) (org.Authenticator, error) {
	if a.PublicKey.Given() || a.Algorithm != "" {
		return made, api.Errorf(api.TypeInvalid, "an authenticator of kind oidc has no key of its own: its tokens name one").At(path + ".publicKey")
	}
	if hasPasskey(a) {
		return made, api.Errorf(api.TypeInvalid, "an authenticator of kind oidc has no credential").At(path)
	}
	claims := a.IDTokenClaims
	if claims == nil || claims.Subject == "" {
		return made, api.Errorf(api.TypeMalformed, "is missing").At(path + ".idTokenClaims.sub")
	}
	o := org.OIDC{Version: 1, Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience}
	if err := checkClaims(o, path+".idTokenClaims"); err != nil {
		return made, err
	}
	if err := readSource(&o, a, path); err != nil {
		return made, err
	}
	if o.Source != org.SourceKeySet && (o.Issuer == "" || len(o.Audience) == 0) {
		return made, api.Errorf(api.TypeInvalid, "iss and aud are needed with keys behind a URL: others share those, and their tokens would be taken, too").At(path + ".idTokenClaims")
	}
	var err error
	made.PublicKey, err = o.Encode()
	return made, err
}

func checkClaims(o org.OIDC, path string) error {
	if len(o.Audience) > maxAudiences {
		return api.Errorf(api.TypeLimit, "at most %d", maxAudiences).At(path + ".aud")
	}
	if err := checkName(o.Subject, maxClaim, path+".sub"); err != nil {
		return err
	}
	if o.Issuer != "" {
		if err := checkName(o.Issuer, maxClaim, path+".iss"); err != nil {
			return err
		}
	}
	for i, a := range o.Audience {
		if err := checkName(a, maxClaim, element(path+".aud", i)); err != nil {
			return err
		}
	}
	return nil
}

// readSource reads where the keys come from: one of three members.
func readSource(o *org.OIDC, a api.NewAuthenticator, path string) error {
	given := 0
	if a.JWKSet.Given() {
		o.Source, o.Keys = org.SourceKeySet, string(a.JWKSet)
		if _, err := jose.ParseKeySet(a.JWKSet); err != nil {
			return api.Errorf(api.TypeInvalid, "not a usable JWK set: %v", err).At(path + ".jwkSet")
		}
		given++
	}
	for name, text := range map[string]string{org.SourceURL: a.JWKSURL, org.SourceIssuer: a.IssuerURL} {
		if text == "" {
			continue
		}
		o.Source, o.Keys = name, text
		if err := checkKeyURL(text); err != nil {
			return err.At(path + "." + name)
		}
		given++
	}
	if given != 1 {
		return api.Errorf(api.TypeInvalid, "want exactly one of jwkSet, jwksUrl and issuerUrl").At(path)
	}
	if o.Source == org.SourceIssuer && o.Issuer != "" && o.Issuer != o.Keys {
		return api.Errorf(api.TypeInvalid, "is not the issuer of issuerUrl, whose tokens name that one").At(path + ".idTokenClaims.iss")
	}
	return nil
}

// checkKeyURL refuses what the certifier would not fetch. It looks again.
func checkKeyURL(text string) *api.Error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return api.Errorf(api.TypeInvalid, "want an https URL without user or fragment, of at most %d bytes", maxURL)
	}
	return nil
}

func describeOIDC(result *api.Authenticator, a org.Authenticator) {
	o, err := a.OIDC()
	if err != nil {
		return
	}
	result.IDTokenClaims = &api.IDTokenClaims{Subject: o.Subject, Issuer: o.Issuer, Audience: o.Audience}
	switch o.Source {
	case org.SourceKeySet:
		result.JWKSet = api.Raw(o.Keys)
	case org.SourceURL:
		result.JWKSURL = o.Keys
	case org.SourceIssuer:
		result.IssuerURL = o.Keys
	}
}
