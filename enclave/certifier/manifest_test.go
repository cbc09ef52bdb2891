package certifier

import (
	"errors"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A manifest that was in force stays the least that is taken: putting back an older one, which may admit a binary that
// is known to be bad, needs no key, and must not work.
func TestOlderManifestIsRefused(t *testing.T) {
	r := newRig(t)
	if _, err := r.open(wire.Empty{}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"an older epoch":     func() { r.manifest.Epoch-- },
		"other operators":    func() { r.manifest.Operators = [][]byte{make([]byte, 32)} },
		"another deployment": func() { r.manifest.Shard[0]++ },
	} {
		t.Run(name, func(t *testing.T) {
			before := r.manifest
			defer func() { r.manifest = before }()
			change()
			if _, err := open(r.vault(t)); !errors.Is(err, ErrAnchor) {
				t.Errorf("it opens: %v", err)
			}
		})
	}
	r.manifest.Epoch++
	if _, err := open(r.vault(t)); err != nil {
		t.Errorf("a newer manifest: %v", err)
	}
}

// Two certifiers on one anchor would be two opinions about which head is the newest.
func TestSecondCertifierOnOneAnchorIsRefused(t *testing.T) {
	r := newRig(t)
	held := r.file
	r.file = nil // the first one goes on
	if _, err := open(r.vault(t)); !errors.Is(err, ErrAnchor) {
		t.Errorf("it opens: %v", err)
	}
	held.Close()
	if _, err := open(r.vault(t)); err != nil {
		t.Errorf("after the first one ended: %v", err)
	}
}
