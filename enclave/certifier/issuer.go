package certifier

import (
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// issuer states which key signs logins, so that nobody has to fetch it from a URL.
func (c *Certifier) issuer(wire.Empty) (wire.Issuer, error) {
	public, err := c.logins.key.PublicKey.Bytes()
	if err != nil {
		return wire.Issuer{}, err
	}
	signed, err := proof.SignIssuer(c.key, proof.Issuer{Version: 1, Origin: c.logins.connect.Origin, Key: public, Manifest: c.manifest})
	if err != nil {
		return wire.Issuer{}, err
	}
	statement, err := proof.Encode(signed)
	return wire.Issuer{Statement: statement}, err
}
