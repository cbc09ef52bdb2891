package stamp

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// readMembers reads a flat JSON object of strings. The standard decoder lets a later duplicate win, matches
// names in any case (and the Kelvin sign for a k) and repairs broken UTF-8, each a way to make two readers see
// two stamps in one header. The object is so small that reading it by hand is the shorter way.
func readMembers(text []byte) (map[string]string, error) {
	r := memberReader{rest: text}
	members := make(map[string]string, 6)
	if !r.take('{') {
		return nil, malformed("not an object")
	}
	for first := true; !r.take('}'); first = false {
		if !first && !r.take(',') {
			return nil, malformed("not an object")
		}
		name, ok := r.str()
		if !ok || !r.take(':') {
			return nil, malformed("not a member")
		}
		value, ok := r.str()
		if !ok {
			return nil, malformed("a member is not a string")
		}
		switch name {
		case "kind", "algorithm", "publicKey", "signature", "idToken", "salt", "credentialId", "authenticatorData", "clientDataJSON":
		default:
			return nil, malformed("unknown member")
		}
		if _, twice := members[name]; twice {
			return nil, malformed("a member occurs twice")
		}
		members[name] = value
	}
	if r.space(); len(r.rest) > 0 {
		return nil, malformed("something follows the object")
	}
	return members, nil
}

// memberReader walks over the text of the object.
type memberReader struct{ rest []byte }

func (r *memberReader) space() { r.rest = bytes.TrimLeft(r.rest, " \t\r\n") }

// take skips white space and then, if it comes next, the byte c.
func (r *memberReader) take(c byte) bool {
	r.space()
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// str reads a string (RFC 8259, section 7) of valid Unicode: no raw control characters, no lone surrogates.
func (r *memberReader) str() (string, bool) {
	if !r.take('"') {
		return "", false
	}
	var out []byte
	for len(r.rest) > 0 {
		switch c := r.rest[0]; {
		case c == '"':
			r.rest = r.rest[1:]
			return string(out), true
		case c == '\\':
			ch, ok := r.escape()
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, ch)
		case c < 0x20:
			return "", false
		default:
			ch, n := utf8.DecodeRune(r.rest)
			if ch == utf8.RuneError && n == 1 {
				return "", false
			}
			out = append(out, r.rest[:n]...)
			r.rest = r.rest[n:]
		}
	}
	return "", false
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (r *memberReader) escape() (rune, bool) {
	if len(r.rest) < 2 {
		return 0, false
	}
	if r.rest[1] == 'u' {
		high, ok := r.hex4()
		if !ok || !utf16.IsSurrogate(high) {
			return high, ok
		}
		low, ok := r.hex4()
		ch := utf16.DecodeRune(high, low)
		return ch, ok && ch != utf8.RuneError
	}
	const names, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := bytes.IndexByte([]byte(names), r.rest[1])
	if i < 0 {
		return 0, false
	}
	r.rest = r.rest[2:]
	return rune(meanings[i]), true
}

// hex4 reads \u and four hexadecimal digits.
func (r *memberReader) hex4() (rune, bool) {
	if len(r.rest) < 6 || r.rest[0] != '\\' || r.rest[1] != 'u' {
		return 0, false
	}
	for _, c := range r.rest[2:6] {
		if ('0' > c || c > '9') && ('a' > c || c > 'f') && ('A' > c || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(r.rest[2:6]), 16, 16)
	r.rest = r.rest[6:]
	return rune(n), err == nil
}

// memberWriter is the inverse of readMembers.
type memberWriter struct{ out []byte }

func (w *memberWriter) add(name, value string) {
	sep := byte(',')
	if w.out == nil {
		sep = '{'
	}
	w.out = append(w.out, sep)
	w.quote(name)
	w.out = append(w.out, ':')
	w.quote(value)
}

func (w *memberWriter) quote(s string) {
	const digits = "0123456789abcdef"
	w.out = append(w.out, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c < 0x20:
			w.out = append(w.out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}

func (w *memberWriter) bytes() []byte { return append(w.out, '}') }
