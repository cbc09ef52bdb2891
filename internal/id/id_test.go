package id_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/id"
)

func TestParseIsCanonical(t *testing.T) {
	for text, ok := range map[string]bool{
		"e5e42136-74b1-49ea-88b8-741c268a6f1a":  true,
		"E5E42136-74b1-49ea-88b8-741c268a6f1a":  false,
		"e5e4213674b1-49ea-88b8-741c268a6f1a":   false,
		"e5e42136-74b1-49ea-88b8-741c268a6f1g":  false,
		"e5e42136x74b1-49ea-88b8-741c268a6f1a":  false,
		"e5e42136-74b1-49ea-88b8-741c268a6f1a ": false,
		"":                                      false,
	} {
		u, err := id.Parse(text)
		if (err == nil) != ok {
			t.Errorf("Parse(%q) = %v", text, err)
		}
		if ok && id.String(u) != text {
			t.Errorf("%q re-encodes to %q", text, id.String(u))
		}
	}
}

func TestOrderedFollowsTime(t *testing.T) {
	before, after := id.Ordered(time.UnixMilli(1_700_000_000_000)), id.Ordered(time.UnixMilli(1_700_000_000_001))
	if bytes.Compare(before[:], after[:]) >= 0 {
		t.Errorf("%s does not come before %s", id.String(before), id.String(after))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("e5e42136-74b1-49ea-88b8-741c268a6f1a")
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := id.Parse(s); err == nil && id.String(u) != s {
			t.Fatalf("%q re-encodes to %q", s, id.String(u))
		}
	})
}
