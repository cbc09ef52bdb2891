package connect

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Bounds of what is read.
const (
	maxForm   = 16 << 10
	maxBody   = 64 << 10
	maxFields = 32
)

// form are the parameters of a request, each once (RFC 6749, 3.2).
type form map[string]string

// readForm reads the body of a request as parameters.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	if !isType(r, "application/x-www-form-urlencoded") {
		return nil, refuse(invalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return nil, refuse(invalidRequest, "parameters belong into the body, not into the address")
	}
	body, err := readBody(w, r, maxForm)
	if err != nil {
		return nil, err
	}
	return parseForm(string(body))
}

// parseForm reads parameters. Each stands once; only resource and audience may be repeated (RFC 8707), and are not kept then.
func parseForm(body string) (form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, refuse(invalidRequest, "the parameters are not encoded as a form")
	}
	if len(values) > maxFields {
		return nil, refuse(invalidRequest, "too many parameters")
	}
	f := form{}
	for name, given := range values {
		if !utf8.ValidString(name) || !utf8.ValidString(given[0]) {
			return nil, refuse(invalidRequest, "a parameter is not UTF-8")
		}
		if len(given) == 1 {
			f[name] = given[0]
		} else if name != "resource" && name != "audience" {
			return nil, refuse(invalidRequest, "a parameter stands more than once")
		}
	}
	return f, nil
}

// need returns parameters that must be there and not empty.
func (f form) need(names ...string) error {
	for _, name := range names {
		if f[name] == "" {
			return refuse(invalidRequest, "the parameter "+name+" is missing")
		}
	}
	return nil
}

func isType(r *http.Request, want string) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == want
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "" {
		return nil, refuse(invalidRequest, "a Content-Encoding is not taken")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, &fault{status: http.StatusRequestEntityTooLarge, code: invalidRequest, description: "the body is too large"}
	}
	if err != nil {
		return nil, refuse(invalidRequest, "the body could not be read to its end")
	}
	return body, nil
}

// readJSON reads the body of a request into v. Repeated members are refused, and unknown ones unless lenient.
func readJSON(w http.ResponseWriter, r *http.Request, v any, lenient bool) error {
	if !isType(r, "application/json") {
		return refuse(invalidRequest, "the body must be application/json")
	}
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return refuse(invalidRequest, "the body must be a JSON object")
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(!lenient)); err != nil {
		return refuse(invalidRequest, "the body is not JSON as documented")
	}
	return nil
}
