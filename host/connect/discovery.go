package connect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// keysFor is how long the published keys may be kept: as long as they are not asked for anew here.
const keysFor = 5 * time.Minute

// discovery serves the metadata of OpenID Connect Discovery 1.0 and RFC 8414.
func (c *Connect) discovery(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(keysFor.Seconds())))
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                      c.Origin,
		"authorization_endpoint":                      c.Origin + "/login/start",
		"token_endpoint":                              c.Origin + "/oauth2/token",
		"registration_endpoint":                       c.Origin + "/oauth2/register",
		"device_authorization_endpoint":               c.Origin + "/oauth2/device/auth",
		"jwks_uri":                                    c.Origin + "/.well-known/jwks.json",
		"scopes_supported":                            []string{"openid", "offline_access"},
		"response_types_supported":                    []string{"code"},
		"response_modes_supported":                    []string{"query"},
		"grant_types_supported":                       []string{grantCode, grantRefresh, grantDevice},
		"code_challenge_methods_supported":            []string{"S256"},
		"subject_types_supported":                     []string{"public"},
		"id_token_signing_alg_values_supported":       []string{"ES256"},
		"request_object_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported":       []string{"none"},
		"claims_supported":                            []string{"iss", "sub", "aud", "nonce", "iat", "exp", "organization_id"},
		"request_parameter_supported":                 true,
		"request_uri_parameter_supported":             false,
		"require_signed_request_object":               true,
	})
	return nil
}

// jwk is a public key of P-256 (RFC 7517).
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	KeyID string `json:"kid"` // RFC 7638
}

// issued are the keys as they were published, and when.
type issued struct {
	key jwk
	at  time.Time
}

// jwks serves the key that signs tokens, as the certifier states it.
func (c *Connect) jwks(w http.ResponseWriter, r *http.Request) error {
	key, err := c.issuerKey(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(keysFor.Seconds())))
	writeJSON(w, http.StatusOK, map[string][]jwk{"keys": {key}})
	return nil
}

func (c *Connect) issuerKey(ctx context.Context) (jwk, error) {
	now := c.Now()
	c.mu.Lock()
	known := c.issued
	c.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < keysFor {
		return known.key, nil
	}
	said, err := c.Certifier.Issuer(ctx)
	if err != nil {
		return jwk{}, &unreached{err}
	}
	var s proof.SignedIssuer
	if err := proof.Decode(said.Statement, &s); err != nil {
		return jwk{}, err
	}
	if s.Issuer.Origin != c.Origin {
		return jwk{}, fmt.Errorf("the certifier signs logins of %s, and this is %s", s.Issuer.Origin, c.Origin)
	}
	key, err := publicKey(s.Issuer.Key)
	if err != nil {
		return jwk{}, err
	}
	c.mu.Lock()
	c.issued = issued{key: key, at: now}
	c.mu.Unlock()
	return key, nil
}

// publicKey writes an uncompressed point as a JWK.
func publicKey(point []byte) (jwk, error) {
	if len(point) != 65 || point[0] != 4 {
		return jwk{}, fmt.Errorf("a key of %d bytes, want an uncompressed point of P-256", len(point))
	}
	x, y := b64(point[1:33]), b64(point[33:])
	thumbprint := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return jwk{Type: "EC", Curve: "P-256", X: x, Y: y, Use: "sig", Alg: "ES256", KeyID: b64(thumbprint[:])}, nil
}
