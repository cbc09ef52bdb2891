package strictjson_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// request resembles the requests of the contract.
type request struct {
	Method      string `json:"method"`
	Params      params `json:"params"`
	TimestampMs int64  `json:"timestampMs"`
}

type params struct {
	WalletID string             `json:"walletId"`
	KeyID    string             `json:"keyId"`
	Users    []user             `json:"users,omitempty"`
	Raw      stdjson.RawMessage `json:"raw,omitempty"`
	Replace  bool               `json:"replace,omitempty"`
	Traits   map[string]string  `json:"traits,omitempty"`
	Expires  *int64             `json:"expires,omitempty"`
	page
}

type page struct {
	Limit *int `json:"limit,omitempty"`
}

type user struct {
	Username string `json:"username"`
}

func TestDecode(t *testing.T) {
	const body = ` {"method":"m\u00e9","params":{"walletId":"w","users":[{"username":"a"},{"username":"b"}],` +
		`"raw":{"x":[1,{"y":-0.5e3}]},"replace":true,"traits":{"k":"v"},"expires":null,"limit":20},"timestampMs":-1795333820985}` + "\n"
	var got request
	if err := strictjson.Decode([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := request{
		Method: "mé", TimestampMs: -1795333820985,
		Params: params{
			WalletID: "w", Users: []user{{"a"}, {"b"}}, Raw: stdjson.RawMessage(`{"x":[1,{"y":-0.5e3}]}`),
			Replace: true, Traits: map[string]string{"k": "v"}, page: page{Limit: new(20)},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(params{})); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for body, want := range map[string]strictjson.Error{
		``:                                       {"", "malformed JSON"},
		`{"method":"m"`:                          {"", "malformed JSON"},
		`{"method":"m"}x`:                        {"", "malformed JSON"},
		`{"method":"m"}{}`:                       {"", "malformed JSON"},
		"\ufeff{}":                               {"", "malformed JSON"},
		"{\"method\":\"\xff\"}":                  {"", "invalid UTF-8"},
		`{"method":"\ud800"}`:                    {"method", "malformed JSON"},
		`{"method":"\udc00\ud800"}`:              {"method", "malformed JSON"},
		`{"method":"a` + "\n" + `b"}`:            {"method", "malformed JSON"},
		`{"method":"a","method":"a"}`:            {"method", "duplicate field"},
		`{"method":"a","\u006dethod":"a"}`:       {"method", "duplicate field"},
		`{"Method":"a"}`:                         {"Method", "unknown field"},
		`{"METHOD":"a"}`:                         {"METHOD", "unknown field"},
		`{"params":{"walletid":"a"}}`:            {"params.walletid", "unknown field"},
		"{\"params\":{\"\u212aeyId\":\"a\"}}":    {"params.?eyId", "unknown field"},
		`{"params":{"users":[{},{"name":"a"}]}}`: {"params.users[1].name", "unknown field"},
		`{"params":{"users":[{"username":1}]}}`:  {"params.users[0].username", "wants a string"},
		`{"params":{"users":{}}}`:                {"params.users", "wants an array"},
		`{"params":{"traits":[]}}`:               {"params.traits", "wants an object"},
		`{"params":{"traits":{"a":"","a":""}}}`:  {"params.traits.a", "duplicate field"},
		`{"params":{"replace":"true"}}`:          {"params.replace", "wants true or false"},
		`{"params":[]}`:                          {"params", "wants an object"},
		`[]`:                                     {"", "wants an object"},
		`{"params":{"raw":{"a":{"b":1,"b":2}}}}`: {"params.raw.a.b", "duplicate field"},
		`{"params":{"raw":[{"b":1,"b":2}]}}`:     {"params.raw[0].b", "duplicate field"},
		`{"params":{"raw":"\ud800"}}`:            {"params.raw", "malformed JSON"},
		`{"params":{"raw":{"a":01}}}`:            {"params.raw", "malformed JSON"},
		`{"timestampMs":1e3}`:                    {"timestampMs", "wants a plain integer"},
		`{"timestampMs":1.0}`:                    {"timestampMs", "wants a plain integer"},
		`{"timestampMs":-0}`:                     {"timestampMs", "wants a plain integer"},
		`{"timestampMs":"1"}`:                    {"timestampMs", "wants a plain integer"},
		`{"timestampMs":null}`:                   {"timestampMs", "wants a plain integer"},
		`{"timestampMs":9223372036854775808}`:    {"timestampMs", "wants a plain integer"},
		`{"timestampMs":01}`:                     {"", "malformed JSON"},
		`{"params":{"expires":1.5}}`:             {"params.expires", "wants a plain integer"},
		`{"params":{"limit":1e2}}`:               {"params.limit", "wants a plain integer"},
		`{"params":{"limit":-0}}`:                {"params.limit", "wants a plain integer"},
		`{"params":{"page":{"limit":1}}}`:        {"params.page", "unknown field"},
		`{"params":{"expires":-0}}`:              {"params.expires", "wants a plain integer"},
	} {
		err := strictjson.Decode([]byte(body), new(request))
		got, ok := errors.AsType[*strictjson.Error](err)
		if !ok {
			t.Errorf("%s: error %v", body, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

// TestErrorsQuoteNothing: a secret in the wrong place does not end up in an error.
func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, body := range []string{
		`{"timestampMs":"` + secret + `"}`, `{"params":"` + secret + `"}`, `{"method":"` + secret,
		`{"method":"` + secret + `\x"}`, `{"method":` + secret + `}`, `{"params":{"traits":{"a":["` + secret + `"]}}}`,
		`{"params":{"replace":"` + secret + `"}}`, `{} ` + secret,
	} {
		err := strictjson.Decode([]byte(body), new(request))
		if err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: error %v", body, err)
		}
	}
	err := strictjson.Decode([]byte(`{"`+strings.Repeat("\u2028\x7f", 10_000)+`":1}`), new(request))
	if err == nil || len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\u2028\x7f") {
		t.Errorf("a hostile name is shown as it is: %d bytes", len(err.Error()))
	}
}

func TestDecodeAt(t *testing.T) {
	err := strictjson.DecodeAt("params.policy", []byte(`{"username":[]}`), new(user))
	if err == nil || err.Error() != "params.policy.username: wants a string" {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("0,", n), ",") + "]" }
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"deepest", nest(strictjson.MaxDepth), true},
		{"too deep", nest(strictjson.MaxDepth + 1), false},
		{"brackets in a string", `["` + strings.Repeat(`[{\"`, 100) + `"]`, true},
		{"most elements", list(strictjson.MaxMembers), true},
		{"too many elements", list(strictjson.MaxMembers + 1), false},
		{"most empty objects", "[" + strings.Repeat("{},", strictjson.MaxMembers-1) + "[]]", true},
		{"too many empty objects", "[" + strings.Repeat("{ }, ", strictjson.MaxMembers) + "{}]", false},
		{"most nested", "[" + strings.Repeat(`{"a":[1]},`, strictjson.MaxMembers/3-1) + "{}]", true},
		{"too many nested", "[" + strings.Repeat(`{"a":[1]},`, strictjson.MaxMembers/3+1) + "{}]", false},
		{"commas in a string", `"` + strings.Repeat(`,`, 100_000) + `"`, true},
		{"longest number", strings.Repeat("1", strictjson.MaxNumber), true},
		{"too long a number", strings.Repeat("1", strictjson.MaxNumber+1), false},
		{"backslashes", `["\\","\\\"",",\\\\"]`, true},
	} {
		var raw stdjson.RawMessage
		err := strictjson.Decode([]byte(tt.body), &raw)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

// TestHostile has the inputs whose decoding would cost far more than their size. The bar is 5 ms, four times that
// on a machine that is busy with other tests.
func TestHostile(t *testing.T) {
	if raced {
		t.Skip("no measuring under the race detector")
	}
	keys := new(bytes.Buffer)
	for i := range 100_000 {
		keys.WriteString(`,"` + strings.Repeat("k", i%7) + string(rune('a'+i%26)) + strings.Repeat("z", i/26%50) + `":0`)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, body := range map[string]string{
		"depth of a million":   strings.Repeat("[", 1_000_000),
		"objects nested":       strings.Repeat(`{"a":`, 1_000_000),
		"14 MB of objects":     "[" + strings.Repeat("{},", 14<<20/3) + "{}]",
		"100,000 keys":         "{" + keys.String()[1:] + "}",
		"number of a megabyte": `{"timestampMs":` + strings.Repeat("9", 1<<20) + "}",
		"colliding keys":       "{" + strings.TrimSuffix(strings.Repeat(`"a":0,`, 100_000), ",") + "}",
		"escaped quotes":       `{"method":"` + strings.Repeat(`\"`, 500_000) + `"}`,
		"backslashes":          `{"method":"` + strings.Repeat(`\\`, 500_000) + `"}`,
		"unclosed string":      `{"method":"` + strings.Repeat("a", 1<<20),
	} {
		in := []byte(body)
		best, allocated := time.Hour, uint64(1<<62)
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := processorTime(t)
			_ = strictjson.Decode(in, new(request)) // the cost is what matters
			best = min(best, processorTime(t)-start)
			runtime.ReadMemStats(&after)
			allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
		}
		if limit := uint64(2*len(in) + 16384); allocated > limit {
			t.Errorf("%s: %d bytes allocated for %d", name, allocated, len(in))
		}
		if limit := 20 * time.Millisecond; best > limit {
			t.Errorf("%s: took %v, limit %v", name, best, limit)
		}
		t.Logf("%s: %v, %d bytes of %d", name, best, allocated, len(in))
	}
}

// processorTime is what the calling thread has used, whatever else the machine does.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// TestJSONTestSuite: everything that must be refused is; everything that must be accepted is, but for
// duplicate names; and what is left to the implementation stays as it is.
func TestJSONTestSuite(t *testing.T) {
	dir := vectors.Dir(t, "JSONTestSuite", "test_parsing")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(map[byte]int)
	count := make(map[byte]int)
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		ok := strictjson.Decode(body, &v) == nil
		kind := f.Name()[0]
		count[kind]++
		if ok {
			accepted[kind]++
		}
		switch name := strings.TrimSuffix(f.Name(), ".json"); {
		case kind == 'n' && ok:
			t.Errorf("%s accepted", name)
		case kind == 'y' && ok == strings.HasPrefix(name, "y_object_duplicated_key"):
			t.Errorf("%s: accepted %v", name, ok)
		case kind == 'i' && ok != acceptedByChoice(name):
			t.Errorf("%s: accepted %v", name, ok)
		}
	}
	if diff := cmp.Diff(map[byte]int{'y': 95, 'n': 188, 'i': 35}, count); diff != "" {
		t.Error("files: " + diff)
	}
	if diff := cmp.Diff(map[byte]int{'y': 93, 'i': 5}, accepted); diff != "" {
		t.Error("accepted: " + diff)
	}
}

// acceptedByChoice are the files that the suite leaves to the implementation and that we accept: numbers that
// only an untyped field takes.
func acceptedByChoice(name string) bool {
	switch name {
	case "i_number_double_huge_neg_exp", "i_number_real_underflow", // become zero
		"i_number_too_big_neg_int", "i_number_too_big_pos_int", "i_number_very_big_negative_int": // are floats
		return true
	}
	return false
}

// FuzzDecode: what we accept, the standard library accepts and reads alike.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"method":"m","params":{"walletId":"w","raw":[1,{"a":null}]},"timestampMs":1}`))
	f.Add([]byte(`{"params":{"users":[{"username":"\ud83d\ude00"}],"expires":-5,"traits":{"a":"b"}}}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var ours, std request
		if strictjson.Decode(body, &ours) != nil {
			return
		}
		dec := stdjson.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&std); err != nil {
			t.Fatalf("accepted what the standard library refuses: %v", err)
		}
		// An empty list and no list are the same to a request.
		text := cmp.Transformer("raw", func(r stdjson.RawMessage) string { return string(r) })
		if diff := cmp.Diff(std, ours, cmp.AllowUnexported(params{}), text); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"method":"signUtf8Message","params":{"walletId":"e5e42136-74b1-49ea-88b8-741c268a6f1a","keyId":"x",` +
		`"users":[{"username":"a"}]},"timestampMs":1795333820985}`)
	for b.Loop() {
		if err := strictjson.Decode(body, new(request)); err != nil {
			b.Fatal(err)
		}
	}
}
