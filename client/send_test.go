package client

import (
	"testing"
	"time"
)

// A server can neither have a client wait for years nor, by a number that overflows, keep it from trying again.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "2": 2 * time.Second, "30": maxWait, "31": maxWait, "100000000": maxWait, "9223372036854775807": maxWait,
		"99999999999999999999": maxWait, "-1": 0, "1.5": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
