// Package jose reads and verifies identity tokens (JWT, RFC 7519, as compact JWS, RFC 7515) and the sets of keys that they
// are signed with (RFC 7517), and signs our own. The signatures are those of a well-kept library; what is let through to it
// is decided here: RS256, ES256 and EdDSA, each only with a key of its kind, and no header that could bring a key along or
// change what is signed.
package jose

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	library "github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrToken says that a token does not hold. Its text never quotes the token.
var ErrToken = errors.New("token refused")

// The types of our own tokens, as their header says.
const (
	TypeSession = "session+jwt"
	TypeAccess  = "at+jwt" // RFC 9068
	TypeID      = "JWT"
)

// MaxToken is the size of the largest token, in bytes.
const MaxToken = 8 << 10

// skew is how far the clock of an issuer may be from ours.
const skew = 60 * time.Second

// Token is a token that was read and not verified.
type Token struct {
	Type      string // header typ, empty when there is none
	Algorithm string // RS256, ES256 or EdDSA
	KeyID     string // header kid, empty when there is none; it selects a key and vouches for nothing
	Claims    Claims
	signed    *library.JSONWebSignature
}

// Claims are those that Redoubt looks at. Times are Unix seconds; 0 is absent.
type Claims struct {
	Issuer, Subject              string
	Audience                     []string
	Nonce                        string
	Expires, IssuedAt, NotBefore int64
	AuthTime                     int64
	AuthorizedParty              string // azp of OpenID Connect
	ClientID, Origin, SessionID  string // of our own tokens
}

// payload is how claims are spelled.
type payload struct {
	Issuer          string         `json:"iss"`
	Subject         string         `json:"sub"`
	Audience        jsontext.Value `json:"aud"`
	Nonce           string         `json:"nonce"`
	Expires         jsontext.Value `json:"exp"`
	IssuedAt        jsontext.Value `json:"iat"`
	NotBefore       jsontext.Value `json:"nbf"`
	AuthTime        jsontext.Value `json:"auth_time"`
	AuthorizedParty string         `json:"azp"`
	ClientID        string         `json:"client_id"`
	Origin          string         `json:"origin"`
	SessionID       string         `json:"sid"`
}

// Parse reads a compact token. Nothing in it is true before Verify.
func Parse(compact string) (Token, error) {
	t, body, err := parseSigned(compact)
	if err != nil {
		return Token{}, err
	}
	t.Claims, err = readClaims(body)
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// parseSigned reads all of a token but its claims, which it returns as they are.
func parseSigned(compact string) (Token, []byte, error) {
	if len(compact) > MaxToken {
		return Token{}, nil, refused("longer than 8 KiB")
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return Token{}, nil, refused("not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return Token{}, nil, refused("not canonical base64url")
		}
		decoded[i] = b
	}
	t, err := readHeader(decoded[0])
	if err != nil {
		return Token{}, nil, err
	}
	if t.signed, err = library.ParseSignedCompact(compact, algorithms()); err != nil {
		return Token{}, nil, refused("not a signed token")
	}
	return t, decoded[1], nil
}

func algorithms() []library.SignatureAlgorithm {
	return []library.SignatureAlgorithm{library.RS256, library.ES256, library.EdDSA}
}

// readHeader refuses what could bring a key along (jwk, jku, x5u, x5c), what changes what is signed (b64, zip), and what we
// would have to understand (crit). Other unknown members mean nothing (RFC 7515 section 4).
func readHeader(b []byte) (Token, error) {
	var header map[string]jsontext.Value
	if err := strict(b, &header); err != nil {
		return Token{}, refused("the header is no JSON object, or names something twice")
	}
	for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"} {
		if _, there := header[name]; there {
			return Token{}, refused("a header that is not taken: " + name)
		}
	}
	var t Token
	for name, into := range map[string]*string{"alg": &t.Algorithm, "kid": &t.KeyID, "typ": &t.Type} {
		if value, there := header[name]; there && strict(value, into) != nil {
			return Token{}, refused("the header " + name + " is no text")
		}
	}
	for _, a := range algorithms() {
		if t.Algorithm == string(a) {
			return t, nil
		}
	}
	return Token{}, refused("not signed with RS256, ES256 or EdDSA")
}

func readClaims(b []byte) (Claims, error) {
	var p payload
	if err := strict(b, &p); err != nil {
		return Claims{}, refused("the claims are no JSON object, name something twice, or are of another type")
	}
	c := Claims{
		Issuer: p.Issuer, Subject: p.Subject, Nonce: p.Nonce, AuthorizedParty: p.AuthorizedParty,
		ClientID: p.ClientID, Origin: p.Origin, SessionID: p.SessionID,
	}
	if len(p.Audience) > 0 {
		var one string
		if strict(p.Audience, &one) == nil {
			c.Audience = []string{one}
		} else if err := strict(p.Audience, &c.Audience); err != nil {
			return Claims{}, refused("aud is neither text nor a list of texts")
		}
	}
	for _, at := range []struct {
		from jsontext.Value
		into *int64
	}{{p.Expires, &c.Expires}, {p.IssuedAt, &c.IssuedAt}, {p.NotBefore, &c.NotBefore}, {p.AuthTime, &c.AuthTime}} {
		if err := readTime(at.from, at.into); err != nil {
			return Claims{}, err
		}
	}
	return c, nil
}

// readTime reads a NumericDate; the fractions that RFC 7519 allows are cut off.
func readTime(from jsontext.Value, into *int64) error {
	if len(from) == 0 {
		return nil
	}
	whole, fraction, _ := bytes.Cut(from, []byte("."))
	power := bytes.ContainsAny(fraction, "eE") // which would move the point
	if err := strict(whole, into); err != nil || power || *into < 0 || *into > 1<<40 {
		return refused("a time is not a number of seconds")
	}
	return nil
}

// strict reads one JSON value: duplicate names, names in another case and broken UTF-8 are refused by the decoder.
func strict(b []byte, into any) error {
	if string(bytes.TrimSpace(b)) == "null" {
		return ErrToken
	}
	return json.Unmarshal(b, into)
}

// maxTried bounds how many keys of a set a token is tried with: a bad signature takes a millisecond of an RSA key of 8192 bits to be
// seen as one, and whoever writes a set down may give all of its keys one name.
const maxTried = 4

// Verify checks the token's signature by the one key of a set that it names, or, when it names none, by the first ones of its
// algorithm.
func (t Token) Verify(keys KeySet) error {
	if t.signed == nil {
		return refused("not read")
	}
	tried := 0
	for _, k := range keys.keys {
		if string(k.algorithm) != t.Algorithm || t.KeyID != "" && k.id != "" && k.id != t.KeyID {
			continue
		}
		if tried++; tried > maxTried {
			break
		}
		if _, err := t.signed.Verify(k.public); err == nil {
			return nil
		}
	}
	return refused("not signed by a key of its issuer")
}

// Live checks that a token holds at a time, in Unix milliseconds, and that it is not older than maxAge, whatever it says
// itself. A token without time of issue or expiry never holds.
func (c Claims) Live(now uint64, maxAge time.Duration) error {
	at := time.UnixMilli(int64(now))
	issued, expires := time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	switch {
	case c.IssuedAt == 0 || c.Expires == 0:
		return refused("without iat or exp")
	case !at.Before(expires.Add(skew)):
		return refused("expired")
	case issued.After(at.Add(skew)):
		return refused("issued in the future")
	case c.NotBefore != 0 && time.Unix(c.NotBefore, 0).After(at.Add(skew)):
		return refused("not valid yet")
	case at.Sub(issued) > maxAge+skew:
		return refused("older than tokens may be")
	}
	return nil
}

func refused(reason string) error { return fmt.Errorf("%w: %s", ErrToken, reason) }
