package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// read1 reads the result of an answer.
func read1[Result any](t testing.TB, a wire.Answer) Result {
	t.Helper()
	var result Result
	if err := json.Unmarshal(a.Result, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// The window of timestampMs, exact to the millisecond, and all that is not an integer in it.
func TestTimestamps(t *testing.T) {
	const now = 1_795_333_820_985
	fine, expired, malformed := api.TypeUnauthenticated, api.TypeExpired, api.TypeMalformed // an unstamped request goes no further
	at := func(off int) string { return fmt.Sprint(now + off) }
	for _, c := range []struct{ text, want string }{
		{at(0), fine},
		{at(1), fine},
		{at(-1), fine},
		{at(299_900), fine},
		{at(-299_900), fine},
		{at(299_999), fine},
		{at(-299_999), fine},
		{at(300_000), fine},
		{at(-300_000), fine},
		{at(300_001), expired},
		{at(-300_001), expired},
		{at(300_100), expired},
		{at(-300_100), expired},
		{at(600_000), expired},
		{at(-600_000), expired},
		{at(86_400_000), expired},
		{at(-86_400_000), expired},
		{"0", expired},
		{"1", expired},
		{"-1", expired},
		{"-" + at(0), expired},
		{"1795333820", expired},       // seconds
		{"1795333820985000", expired}, // microseconds
		{"9007199254740991", expired},
		{"9007199254740992", expired},
		{"9007199254740993", expired},
		{"9223372036854775807", expired},
		{"-9223372036854775808", expired},
		{"-9223372036854775807", expired},
		{"9223372036854775808", malformed},
		{"-9223372036854775809", malformed},
		{"18446744073709551615", malformed},
		{"99999999999999999999999999", malformed},
		{at(0) + ".0", malformed},
		{at(0) + ".5", malformed},
		{"1.795333820985e12", malformed},
		{"1795333820985e0", malformed},
		{`"` + at(0) + `"`, malformed},
		{`""`, malformed},
		{"null", expired},
		{"true", malformed},
		{"[" + at(0) + "]", malformed},
		{"{}", malformed},
		{"-0", malformed},
		{"0" + at(0), malformed},
		{"+" + at(0), malformed},
		{"0x1a2", malformed},
		{"NaN", malformed},
		{"Infinity", malformed},
		{at(0) + "n", malformed},
		{"", malformed},
	} {
		e := &Engine{clock: &clock{boot: enclave.SinceBoot(), last: now}}
		body := fmt.Sprintf(`{"method":"getOrganization","params":{"organizationId":"x"},"timestampMs":%s}`, c.text)
		a, _ := e.serve(t.Context(), wire.Request{Body: []byte(body)})
		got := errorType(wireAnswer(a, ""))
		if got != c.want && (c.text != "null" || got != malformed) {
			t.Errorf("timestampMs %s: %s, want %s", c.text, got, c.want)
		}
	}
	for body, want := range map[string]string{
		`{"method":"getOrganization","params":{"organizationId":"x"}}`:                                                 expired,
		`{"method":"getOrganization","params":{},"timestampMs":` + at(0) + `,"timestampMs":` + at(0) + `}`:             malformed,
		`{"method":"getOrganization","params":{},"TimestampMs":` + at(0) + `}`:                                         malformed,
		`{"method":"getOrganization","params":{},"timestampMs":` + at(0) + `}x`:                                        malformed,
		`{"method":"getOrganization","timestampMs":` + at(0) + `}`:                                                     malformed,
		`{"method":"getorganization","params":{},"timestampMs":` + at(0) + `}`:                                         api.TypeUnknownMethod,
		`{"method":"signAnything","params":{},"timestampMs":` + at(0) + `}`:                                            api.TypeUnknownMethod,
		`{"method":"getOrganization","params":{},"timestampMs":` + at(0) + strings.Repeat(" ", api.MaxSmallBody) + `}`: api.TypeTooLarge,
		`{"method":"getOrganization","params":{},"timestampMs":` + at(0) + strings.Repeat(" ", api.MaxBody) + `}`:      api.TypeTooLarge,
		"": malformed, "null": malformed, "[]": malformed, "{}": api.TypeUnknownMethod, "\xef\xbb\xbf{}": malformed,
	} {
		e := &Engine{clock: &clock{boot: enclave.SinceBoot(), last: now}}
		a, _ := e.serve(t.Context(), wire.Request{Body: []byte(body)})
		if got := errorType(wireAnswer(a, "")); got != want && (body != "null" || got != api.TypeUnknownMethod) {
			t.Errorf("%.80s: %s, want %s", body, got, want)
		}
	}
}

// Without word from the certifier the time runs out, and nothing is decided by a clock that nobody vouches for.
func TestClockNeedsTheCertifier(t *testing.T) {
	c := &clock{boot: enclave.SinceBoot() - maxSilence - 1, time: 5}
	if at, err := c.now(); err == nil {
		t.Errorf("after %v of silence it is %d", maxSilence, at)
	}
	c = &clock{boot: enclave.SinceBoot(), time: 10_000}
	first, err := c.now()
	if err != nil || first < 10_000 {
		t.Fatalf("%d, %v", first, err)
	}
	c.time = 9_000 // a receipt whose time is a little older
	if second, err := c.now(); err != nil || second < first {
		t.Errorf("time fell from %d to %d, %v", first, second, err)
	}
}
