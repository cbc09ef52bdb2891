package certifier

import (
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/redoubt-kms/redoubt/proof"
)

// trusted are Mozilla's roots, with what Mozilla lets each of them do, and those of the manifest. Those of the machine are
// the host's to choose, so they count for nothing.
func trusted(connect proof.Connect) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		parsed, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("a root of Mozilla's cannot be read: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(parsed)
		} else {
			pool.AddCertWithConstraint(parsed, root.Constraint)
		}
	}
	for _, der := range connect.Roots {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("a root of the manifest is no certificate: %w", err)
		}
		pool.AddCert(parsed)
	}
	return pool, nil
}
