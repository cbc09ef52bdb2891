package webauthn

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// clientData is what the browser says of a ceremony.
type clientData struct {
	challenge []byte
	origin    string
}

// readClientData reads what the browser signed along. It is JSON without any name twice, and it begins as the limited
// verification of section 5.8.1.2 has it, so that readers who know no JSON read the same. Frames of another origin than
// their page's are refused. Members that follow mean nothing.
func readClientData(b []byte, kind string) (clientData, error) {
	if len(b) > MaxClientData {
		return clientData{}, refused("the client data is longer than 4 KiB")
	}
	var said struct {
		Challenge string         `json:"challenge"`
		Origin    string         `json:"origin"`
		Top       jsontext.Value `json:"topOrigin"`
	}
	if err := json.Unmarshal(b, &said); err != nil {
		return clientData{}, refused("the client data is no JSON object, or names something twice")
	}
	rest, ok := bytes.CutPrefix(b, begin(kind, said.Challenge, said.Origin))
	if !ok || string(rest) != "}" && !bytes.HasPrefix(rest, []byte(",")) {
		return clientData{}, refused("the client data does not begin as that of a " + kind + " in the page itself does")
	}
	if len(said.Top) > 0 {
		return clientData{}, refused("made within the page of another origin")
	}
	challenge, err := base64.RawURLEncoding.Strict().DecodeString(said.Challenge)
	if err != nil || strings.ContainsAny(said.Challenge, "\r\n") {
		return clientData{}, refused("the challenge is not canonical base64url")
	}
	if said.Origin == "" || len(said.Origin) > maxOrigin {
		return clientData{}, refused("the origin is missing or too long")
	}
	return clientData{challenge: challenge, origin: said.Origin}, nil
}

// begin is what client data begins with.
func begin(kind, challenge, origin string) []byte {
	return []byte(`{"type":` + quoted(kind) + `,"challenge":` + quoted(challenge) + `,"origin":` + quoted(origin) + `,"crossOrigin":false`)
}

func writeClientData(kind string, d clientData) []byte {
	return append(begin(kind, base64.RawURLEncoding.EncodeToString(d.challenge), d.origin), '}')
}

// quoted is CCDToString of section 5.8.1.1.
func quoted(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// fits says whether an RP ID with a hash is one that pages of an origin may use: the host or a domain above it
// (section 5.1.3), over TLS or on this very machine. Domains of one label other than localhost are nobody's.
func fits(hash [32]byte, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || u.Hostname() == "" {
		return false
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return false
	}
	for domain := host; ; {
		if (strings.Contains(domain, ".") || domain == "localhost") && sha256.Sum256([]byte(domain)) == hash {
			return true
		}
		_, above, more := strings.Cut(domain, ".")
		if !more {
			return false
		}
		domain = above
	}
}
