package stamp

import (
	"encoding/base64"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
)

// Parse reads a header value. It accepts padded and unpadded base64url and any order of members, as clients
// differ in both, and nothing else: canonical base64, known members spelled exactly, each once.
func Parse(header string) (Stamp, error) {
	if len(header) > api.MaxStamp {
		return Stamp{}, malformed("longer than 16 KiB")
	}
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(header, "=") {
		encoding = base64.URLEncoding
	}
	text, err := decode(encoding, header)
	if err != nil {
		return Stamp{}, malformed("not base64url")
	}
	m, err := readMembers(text)
	if err != nil {
		return Stamp{}, err
	}
	if Kind(m["kind"]) == Passkey {
		return readAssertion(m)
	}
	for _, name := range []string{"credentialId", "authenticatorData", "clientDataJSON"} {
		if _, has := m[name]; has {
			return Stamp{}, malformed("only a passkey stamp carries an assertion")
		}
	}
	s := Stamp{
		Kind: Kind(m["kind"]), Algorithm: api.Algorithm(m["algorithm"]), IDToken: m["idToken"], Salt: m["salt"],
	}
	if s.PublicKey, err = decode(base64.RawURLEncoding, m["publicKey"]); err != nil {
		return Stamp{}, malformed("publicKey is not base64url")
	}
	if s.Signature, err = decode(base64.RawURLEncoding, m["signature"]); err != nil {
		return Stamp{}, malformed("signature is not base64url")
	}
	if err := s.check(); err != nil {
		return Stamp{}, err
	}
	if _, has := m["salt"]; has && s.Kind == PKI {
		return Stamp{}, malformed("a PKI stamp carries no token")
	}
	if _, has := m["idToken"]; has && s.Kind == PKI {
		return Stamp{}, malformed("a PKI stamp carries no token")
	}
	return s, nil
}

// Encode writes the header value, with the members in the order of the clients in use.
func (s Stamp) Encode() string {
	var w memberWriter
	key := base64.RawURLEncoding.EncodeToString(s.PublicKey)
	sig := base64.RawURLEncoding.EncodeToString(s.Signature)
	switch s.Kind {
	case Passkey:
		s.Passkey.write(&w)
	case OIDC:
		w.add("kind", string(s.Kind))
		w.add("idToken", s.IDToken)
		w.add("publicKey", key)
		w.add("algorithm", string(s.Algorithm))
		w.add("salt", s.Salt)
		w.add("signature", sig)
	case PKI:
		w.add("publicKey", key)
		w.add("signature", sig)
		w.add("kind", string(s.Kind))
		w.add("algorithm", string(s.Algorithm))
	}
	return base64.RawURLEncoding.EncodeToString(w.bytes())
}

// decode accepts the one canonical spelling. Strict minds the trailing bits; line breaks, which the decoder
// skips, have to be looked for.
func decode(encoding *base64.Encoding, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, ErrMalformed
	}
	return encoding.Strict().DecodeString(text)
}
