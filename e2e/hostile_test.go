package e2e_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/stamp"
)

// raw sends what a client should not.
func (s *server) raw(b io.Reader, change func(*http.Request)) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/kms/rpc", b)
	if err != nil {
		return 0, nil, err
	}
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// counter is an endless body that counts what is read of it.
type counter struct {
	n   atomic.Int64 // the connection may still read when the answer is there
	max int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.n.Load() >= c.max {
		return 0, io.EOF
	}
	n := copy(p, bytes.Repeat([]byte("a"), min(len(p), 32<<10)))
	c.n.Add(int64(n))
	return n, nil
}

// memory is the resident size of a process in kilobytes.
func memory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := fmt.Sscanf(lineOf(string(b), "VmRSS"), "VmRSS: %d kB", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// X1: a body that is too large is refused before more of it is read than may be, whichever way it comes.
func TestLargeBodies(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	before := memory(t, s.cmd.Process.Pid)
	const slack = 6 << 20 // what the kernel's buffers of the connection swallow
	for name, length := range map[string]int64{"announced": 100 << 20, "chunked": -1} {
		endless := &counter{max: 100 << 20}
		status, answer, err := s.raw(endless, func(r *http.Request) { r.ContentLength = length })
		if err == nil && (status != 413 || !bytes.Contains(answer, []byte("request-too-large"))) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		if endless.n.Load() > 256<<10+slack {
			t.Errorf("%s: %d bytes were taken", name, endless.n.Load())
		}
	}
	if grown := memory(t, s.cmd.Process.Pid) - before; grown > 5<<10+4<<10 {
		t.Errorf("memory grew by %d kB", grown)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.Copy(z, &counter{max: 50 << 20})
	_ = z.Close()
	status, answer, err := s.raw(&bomb, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	if err != nil || status != 400 {
		t.Errorf("a compressed body: %d %s %v", status, answer, err)
	}
	for size, want := range map[int]int{250 << 10: 413, 60 << 10: 200} {
		params := o.signParams(strings.Repeat("x", size))
		if a := o.root.call(t, "signUtf8Message", params); a.status != want {
			t.Errorf("a message of %d bytes: %d %.200s", size, a.status, a.raw)
		}
	}
}

// X3: JSON that is made to be costly is refused quickly, with the place where it is wrong.
func TestCostlyJSON(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	var keys strings.Builder
	for i := range 15_000 {
		fmt.Fprintf(&keys, `"k%d":0,`, i)
	}
	now := time.Now().UnixMilli()
	for name, b := range map[string]string{
		"deep":         `{"method":"getOrganization","params":` + deep + `}`,
		"many objects": `{"method":"getOrganization","params":[` + strings.Repeat("{},", 80_000) + `{}]}`,
		"many keys":    `{"method":"getOrganization","params":{` + keys.String() + `"a":1}}`,
		"long number":  `{"method":"getOrganization","params":{},"timestampMs":` + strings.Repeat("9", 250_000) + `}`,
		"float":        `{"method":"getOrganization","params":{},"timestampMs":1.7e12}`,
		"string time":  `{"method":"getOrganization","params":{},"timestampMs":"1"}`,
		"duplicate":    `{"method":"getOrganization","method":"x","params":{}}`,
		"other case":   `{"Method":"getOrganization","params":{}}`,
		"kelvin":       fmt.Sprintf(`{"method":"signUtf8Message","params":{"organizationId":"%s","wallet\u212aey":1},"timestampMs":%d}`, o.id, now),
		"unknown":      fmt.Sprintf(`{"method":"getOrganization","params":{"organizationId":"%s","more":1},"timestampMs":%d}`, o.id, now),
		"inner twice":  fmt.Sprintf(`{"method":"getOrganization","params":{"organizationId":"%s","organizationId":"%s"},"timestampMs":%d}`, o.id, o.id, now),
		"trailing":     fmt.Sprintf(`{"method":"getOrganization","params":{"organizationId":"%s"},"timestampMs":%d}{}`, o.id, now),
		"bad UTF-8":    "{\"method\":\"getOrganization\xff\",\"params\":{}}",
		"lone half":    `{"method":"getOrganization\ud800","params":{}}`,
		"byte order":   "\xef\xbb\xbf{}",
		"empty":        ``,
		"null":         `null`,
		"array":        `[]`,
		"no params":    fmt.Sprintf(`{"method":"getOrganization","timestampMs":%d}`, now),
	} {
		began := time.Now()
		a, err := o.root.send([]byte(b))
		if took := time.Since(began); took > 250*time.Millisecond { // generous: the bound of 5 ms is the decoder's own test
			t.Errorf("%s took %v", name, took)
		}
		var told struct{ Message, Type, RequestID, Error string }
		if err != nil || a.status != 400 && a.status != 413 || json.Unmarshal(a.raw, &told) != nil || told.Message == "" || told.Type == "" || told.RequestID == "" || told.Error == "" {
			t.Errorf("%s: %d %.300s %v", name, a.status, a.raw, err)
		}
	}
	a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": 7})
	if !bytes.Contains(a.raw, []byte(`"path":"params.walletName"`)) {
		t.Errorf("the path of the field is missing: %s", a.raw)
	}
	a, err := o.root.send(body("nonsense", object{}, time.Now()))
	if err != nil || a.status != 400 || a.kind != "unknown-method" {
		t.Errorf("an unknown method: %d %s %v", a.status, a.raw, err)
	}
}

// Whatever is wrong with time or stamp is told as it is, and nothing more.
func TestTimeAndStamp(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	for off, want := range map[time.Duration]int{
		0: 200, -299 * time.Second: 200, 299 * time.Second: 200, -301 * time.Second: 400, 301 * time.Second: 400, 24 * time.Hour: 400,
	} {
		a, err := o.root.send(body("getOrganization", object{"organizationId": o.id}, time.Now().Add(off)))
		if err != nil || a.status != want || want == 400 && (a.kind != "request-expired" || !bytes.Contains(a.raw, []byte("serverTimeMs"))) {
			t.Errorf("%v off: %d %s %v", off, a.status, a.raw, err)
		}
	}
	b := body("getOrganization", object{"organizationId": o.id}, time.Now())
	good := stamp.SignEd25519(o.root.private, b)
	var first []byte
	for name, header := range map[string]string{
		"none": "", "not base64": "%%%", "of another body": stamp.SignEd25519(o.root.private, append(b, ' ')),
		"of another key": stamp.SignEd25519(newKey(s).private, b), "cut": good[:len(good)/2],
	} {
		status, answer, _, err := s.post("/kms/rpc", b, header)
		if err != nil || status != 401 {
			t.Errorf("stamp %s: %d %s %v", name, status, answer, err)
			continue
		}
		told := anonymous(t, answerOf(status, answer))
		if first == nil {
			first = told
		}
		if !bytes.Equal(first, told) {
			t.Errorf("stamp %s can be told apart: %s\n%s", name, told, first)
		}
	}
	status, answer, err := s.raw(bytes.NewReader(b), func(r *http.Request) { r.Header["X-Phantom-Stamp"] = []string{good, good} })
	if err != nil || status != 400 {
		t.Errorf("two stamps: %d %s %v", status, answer, err)
	}
}

func answerOf(status int, raw []byte) answer { return answer{status: status, raw: raw} }

// Unstamped organizations are few; a rate limit holds for an organization and tells when to come again.
func TestRateLimits(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"), "--rate-limit", "5")
	counts := map[int]int{}
	for i := range 25 {
		b := body("createOrganization", object{"organizationName": fmt.Sprint(i), "users": []object{{
			"username": "u", "policy": object{"type": "ROOT"}, "authenticators": []object{newKey(s).authenticator("k")},
		}}}, time.Now())
		status, _, header, err := s.post("/kms/rpc", b, "")
		if err != nil {
			t.Fatal(err)
		}
		if counts[status]++; status == 429 && header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if counts[200] != 20 || counts[429] != 5 {
		t.Errorf("unstamped organizations: %v", counts)
	}
	o := newTenant(t, s)
	counts = map[int]int{}
	for range 30 {
		a := o.root.call(t, "getOrganization", object{"organizationId": o.id})
		counts[a.status]++
	}
	if counts[200] > 8 || counts[429] < 20 {
		t.Errorf("five requests a second: %v", counts)
	}
}

// Text that is something else to a network is not signed as text, whichever algorithm is asked for.
func TestTextThatIsATransaction(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	eth := object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"}
	sui := object{"derivationPath": "m/44'/784'/0'/0'/0'", "curve": "Ed25519", "addressFormat": "Sui"}
	// An RLP list of six items, as a legacy transaction without chain id is, whose bytes are valid UTF-8.
	legacy := "\xc6\x80\x01\x02\x03\x04\x05"
	for name, c := range map[string]struct {
		account   object
		algorithm string
		text      string
		want      int
	}{
		"EVM transaction":           {eth, "Secp256k1Keccak256", legacy, 400},
		"typed EVM transaction":     {eth, "Secp256k1Keccak256", "\x02\xc5\x80\x01\x02\x03\x04", 400},
		"EIP-191 prefix":            {eth, "Secp256k1Keccak256", "\x19Ethereum Signed Message:\n1x", 400},
		"plain text":                {eth, "Secp256k1Keccak256", "hello", 200},
		"32 bytes on Sui":           {sui, "Ed25519", strings.Repeat("x", 32), 200}, // a personal message, so no digest
		"digest":                    {eth, "Secp256k1", strings.Repeat("x", 32), 400},
		"algorithm of another kind": {eth, "Ed25519", "hello", 400},
		"Schnorr":                   {eth, "Secp256k1Schnorr", "hello", 400},
	} {
		a := o.root.call(t, "signUtf8Message", object{
			"organizationId": o.id, "walletId": o.wallet, "message": c.text, "algorithm": c.algorithm, "derivationInfo": c.account,
		})
		if !utf8.ValidString(c.text) && c.want != 400 {
			t.Errorf("%s is no text", name)
		}
		if a.status != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}
