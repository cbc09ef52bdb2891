package certifier

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

// Answers that are taken, with their bodies, and answers that are not.
func TestReadAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for answer, want := range map[string]string{
		ok + "Content-Length: 2\r\n\r\n{}":                                              "{}",
		"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}rest":                                "{}",
		ok + "X: y\r\nContent-Type: text/plain\r\nContent-Length: 1 \r\n\r\na":          "a",
		ok + "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\na":                 "a",
		ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n":     "abc",
		ok + "Transfer-Encoding: Chunked\r\n\r\n00a\r\n0123456789\r\n0\r\nX: y\r\n\r\n": "0123456789",
		ok + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 65536):               strings.Repeat("x", 65536),
	} {
		for _, r := range []func(string) ([]byte, error){
			func(s string) ([]byte, error) { return readAnswer(strings.NewReader(s)) },
			func(s string) ([]byte, error) { return readAnswer(iotest.OneByteReader(strings.NewReader(s))) },
		} {
			if got, err := r(answer); err != nil || string(got) != want {
				t.Errorf("%.60q: %.20q, %v", answer, got, err)
			}
		}
	}
	for _, answer := range []string{
		"", ok, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 2000\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: https://x.example\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", ok + "\r\n{}", ok + "Content-Length: 3\r\n\r\n{}", ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
		ok + "Content-Length: 1, 1\r\n\r\na", ok + "Content-Length: +1\r\n\r\na", ok + "Content-Length: 01\r\n\r\na", ok + "Content-Length: -1\r\n\r\na",
		ok + "Content-Length: 65537\r\n\r\n" + strings.Repeat("x", 65537), ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n1_0\r\na\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\na",
		ok + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n", 3) + "0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 40) + "\r\na\r\n0\r\n\r\n",
		ok + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", ok + "Content-Length : 1\r\n\r\na", ok + " Content-Length: 1\r\n\r\na", ok + "X: y\r\n z\r\nContent-Length: 1\r\n\r\na",
		ok + ": y\r\nContent-Length: 1\r\n\r\na", ok + "Content-Length\r\n\r\na", "HTTP/1.1 200 OK\nContent-Length: 1\n\na", ok + "X: a\rb\r\nContent-Length: 1\r\n\r\na",
		ok + "X: " + strings.Repeat("x", maxHead) + "\r\nContent-Length: 1\r\n\r\na", ok + strings.Repeat("X: y\r\n", maxHead/6) + "Content-Length: 1\r\n\r\na",
	} {
		if got, err := readAnswer(strings.NewReader(answer)); err == nil {
			t.Errorf("%.80q is taken for %.20q", answer, got)
		}
	}
}

// What is taken is one body, and means the same when it is written in the one plain form.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readAnswer(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(body) > maxBody {
			t.Errorf("a body of %d bytes", len(body))
		}
		again, err := readAnswer(strings.NewReader(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%q is taken for %q, and that for %q, %v", b, body, again, err)
		}
	})
}

// A discovery document that is taken names the issuer, exactly.
func FuzzReadDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := readDiscovery(b, testIssuer)
		if err == nil && (keys == "" || !bytes.Contains(b, []byte("issuer"))) {
			t.Errorf("%q is taken, with keys at %q", b, keys)
		}
	})
}
