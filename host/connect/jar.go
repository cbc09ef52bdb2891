package connect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxJAR bounds a request object, in bytes.
const maxJAR = 8 << 10

// lifetimes of a request object: how long it may live, and by how much clocks may differ.
const (
	maxJARLife = 300 * time.Second
	clockSkew  = 60 * time.Second
)

// jar is a request object (RFC 9101) that an app's page signed with the session key that the login is for.
type jar struct {
	audience []string
	issued   float64 // seconds
	expires  float64 // seconds

	clientID, redirectURI, scope, nonce string
	challenge, method                   string // PKCE
	hint, state                         string
}

type jarHeader struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
	Key       jarKey `json:"jwk"`
}

// jarKey is a public key as WebCrypto exports it. Of what is here only the point counts; a private part is unknown, and so
// refused.
type jarKey struct {
	Type        string         `json:"kty"`
	Curve       string         `json:"crv"`
	X           string         `json:"x"`
	Y           string         `json:"y"`
	Use         string         `json:"use"`
	Algorithm   string         `json:"alg"`
	KeyID       string         `json:"kid"`
	Extractable jsontext.Value `json:"ext"`
	Operations  jsontext.Value `json:"key_ops"`
}

type jarClaims struct {
	Audience     jsontext.Value `json:"aud"`
	Issuer       string         `json:"iss"`
	Issued       float64        `json:"iat"`
	NotBefore    float64        `json:"nbf"`
	Expires      float64        `json:"exp"`
	ClientID     string         `json:"client_id"`
	RedirectURI  string         `json:"redirect_uri"`
	ResponseType string         `json:"response_type"`
	Scope        string         `json:"scope"`
	Nonce        string         `json:"nonce"`
	Challenge    string         `json:"code_challenge"`
	Method       string         `json:"code_challenge_method"`
	Hint         string         `json:"login_hint"`
	State        string         `json:"state"`
}

// errJAR says that a request object is none. The texts that wrap it are for the app's developer.
var errJAR = errors.New("the app's request cannot be read or is not signed by its own key")

// parseJAR reads a request object and verifies that its own key signed it and that its nonce names the key. Whom it is for
// and when it is good is for the caller to check.
func parseJAR(compact string) (jar, error) {
	parts := strings.Split(compact, ".")
	if len(compact) > maxJAR || len(parts) != 3 {
		return jar{}, errJAR
	}
	header, err1 := unb64(parts[0])
	payload, err2 := unb64(parts[1])
	signature, err3 := unb64(parts[2])
	if errors.Join(err1, err2, err3) != nil {
		return jar{}, errJAR
	}
	var h jarHeader
	if json.Unmarshal(header, &h, json.RejectUnknownMembers(true)) != nil {
		return jar{}, errJAR
	}
	point, err := h.point()
	if err != nil {
		return jar{}, err
	}
	if !verifyES256(point, compact[:len(parts[0])+1+len(parts[1])], signature) {
		return jar{}, errJAR
	}
	return readClaims(payload, point)
}

// point returns the key, 65 bytes uncompressed, if the header names the one algorithm that we take.
func (h jarHeader) point() ([]byte, error) {
	x, err1 := unb64(h.Key.X)
	y, err2 := unb64(h.Key.Y)
	if h.Algorithm != "ES256" || h.Type != "oauth-authz-req+jwt" || h.Key.Type != "EC" || h.Key.Curve != "P-256" ||
		h.Key.Use != "" && h.Key.Use != "sig" || h.Key.Algorithm != "" && h.Key.Algorithm != "ES256" ||
		errors.Join(err1, err2) != nil || len(x) != 32 || len(y) != 32 {
		return nil, errJAR
	}
	return slices.Concat([]byte{4}, x, y), nil
}

// verifyES256 verifies a signature of r and s, 32 bytes each, as WebCrypto makes it (RFC 7518, 3.4).
func verifyES256(point []byte, signed string, signature []byte) bool {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil || len(signature) != 64 {
		return false
	}
	hash := sha256.Sum256([]byte(signed))
	return ecdsa.Verify(key, hash[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// nonceOf returns the nonce that names a session key: base64url(SHA-256(key)).
func nonceOf(key []byte) string {
	h := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func readClaims(payload, point []byte) (jar, error) {
	var c jarClaims
	if json.Unmarshal(payload, &c) != nil { // more claims may come with later clients
		return jar{}, errJAR
	}
	audience, err := readAudience(c.Audience)
	if err != nil {
		return jar{}, err
	}
	switch {
	case c.Nonce != nonceOf(point):
		return jar{}, errors.New("the app's request names another key than the one that signed it")
	case c.ResponseType != "" && c.ResponseType != "code":
		return jar{}, errors.New("the app's request wants another response type than code")
	case c.Issuer != "" && c.Issuer != c.ClientID:
		return jar{}, errors.New("the app's request comes from another app than it is for")
	case c.Method != "S256" || !isHash(c.Challenge):
		return jar{}, errors.New("the app's request has no code challenge of method S256")
	case len(c.State) > maxState || len(c.Hint) > maxState || len(c.Scope) > maxState:
		return jar{}, errors.New("the app's request has a value that is too long")
	}
	issued := c.Issued
	if c.NotBefore > issued {
		issued = c.NotBefore
	}
	return jar{
		audience: audience, issued: issued, expires: c.Expires, clientID: c.ClientID, redirectURI: c.RedirectURI, scope: c.Scope,
		nonce: c.Nonce, challenge: c.Challenge, method: c.Method, hint: c.Hint, state: c.State,
	}, nil
}

const maxState = 1024

// isHash says whether a text is the base64url of 32 bytes.
func isHash(s string) bool {
	b, err := unb64(s)
	return err == nil && len(b) == sha256.Size
}

func readAudience(v jsontext.Value) ([]string, error) {
	var one string
	if json.Unmarshal(v, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(v, &many) != nil || len(many) == 0 || len(many) > 8 {
		return nil, errors.New("the app's request says for nobody that it is for")
	}
	return many, nil
}

// check says whether a request object is for one of the given audiences and good at a time.
func (j jar) check(now time.Time, audiences ...string) error {
	at := float64(now.UnixMilli()) / 1000
	skew, life := clockSkew.Seconds(), maxJARLife.Seconds()
	switch {
	case !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(j.audience, a) }):
		return errors.New("the app's request is for another address than this one")
	case math.IsNaN(j.expires) || j.issued <= 0 || j.expires <= j.issued || j.expires > j.issued+life:
		return errors.New("the app's request does not live for at most five minutes")
	case j.issued > at+skew:
		return errors.New("the app's request was made in the future; is the clock of this device right?")
	case j.expires <= at-skew:
		return errors.New("the app's request has expired; go back to the app and log in again")
	}
	return nil
}
