package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// TestMethodsAreServed: the list of the contract is what the engine serves.
func TestMethodsAreServed(t *testing.T) {
	e := &Engine{}
	for _, m := range api.Methods() {
		if _, known := e.method(m); !known {
			t.Errorf("%s is listed and not served", m)
		}
	}
}
