// Package cert makes the channels between enclaves: TLS 1.3 where both ends show a statement of the certifier that
// names their role and manifest. The TLS certificate itself is self-signed and proves nothing; it carries the statement
// (proof.SignedCertificate) in an extension, and the statement names the hash of the TLS key.
package cert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// Lifetime is how long a certificate holds. Enclaves renew theirs when half of it has passed.
const Lifetime = 24 * time.Hour

// statementOID marks the extension that carries the statement: under 2.25, the arc of UUIDs.
func statementOID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 25, 1364283729, 1} }

// Keys are an enclave's: one for its channels, made anew at each start, and one for what it signs, which follows from
// its root secret so that what it signed once can be verified for as long as the deployment lasts.
type Keys struct {
	channel *ecdsa.PrivateKey
	spki    []byte
	Signing ed25519.PrivateKey
	current atomic.Pointer[tls.Certificate]
	issued  atomic.Pointer[proof.SignedCertificate]
}

// NewKeys makes the keys of an enclave; seed is that of its signing key.
func NewKeys(seed [ed25519.SeedSize]byte) (*Keys, error) {
	channel, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(channel.Public())
	if err != nil {
		return nil, err
	}
	return &Keys{channel: channel, spki: spki, Signing: ed25519.NewKeyFromSeed(seed[:])}, nil
}

// Channel returns the hash of the channel's public key.
func (k *Keys) Channel() proof.Hash { return sha256.Sum256(k.spki) }

// SigningKey returns the public half of the signing key.
func (k *Keys) SigningKey() ed25519.PublicKey { return k.Signing.Public().(ed25519.PublicKey) }

// Certificate returns the statement in use, or nil before the first one.
func (k *Keys) Certificate() *proof.SignedCertificate { return k.issued.Load() }

// Use takes a statement for these keys into use, for new channels.
func (k *Keys) Use(statement proof.SignedCertificate) error {
	if statement.Certificate.Channel != k.Channel() {
		return fmt.Errorf("%w: for another channel", proof.ErrCertificate)
	}
	carried, err := proof.Encode(statement)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		Subject:         pkix.Name{CommonName: "redoubt " + string(statement.Certificate.Role)},
		NotBefore:       time.UnixMilli(int64(statement.Certificate.NotBefore)),
		NotAfter:        time.UnixMilli(int64(statement.Certificate.NotAfter)),
		ExtraExtensions: []pkix.Extension{{Id: statementOID(), Value: carried}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.channel.Public(), k.channel)
	if err != nil {
		return err
	}
	k.current.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k.channel})
	k.issued.Store(&statement)
	return nil
}

// ErrPeer says that the other end of a channel is not whom it must be.
var ErrPeer = errors.New("peer refused")

// Client returns the configuration for a channel to an enclave of a role.
func (k *Keys) Client(m proof.Manifest, role proof.Role) *tls.Config {
	c := k.config(func(state tls.ConnectionState) error {
		_, err := Peer(state, m, role)
		return err
	})
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if current := k.current.Load(); current != nil {
			return current, nil
		}
		return &tls.Certificate{}, nil // not yet admitted
	}
	return c
}

// Server returns the configuration for channels that others open. With strangers, an enclave that is not yet admitted
// may connect without a certificate; what it may say is for the server to limit.
func (k *Keys) Server(m proof.Manifest, strangers bool, roles ...proof.Role) *tls.Config {
	c := k.config(func(state tls.ConnectionState) error {
		if strangers && len(state.PeerCertificates) == 0 {
			return nil
		}
		_, err := Peer(state, m, roles...)
		return err
	})
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if current := k.current.Load(); current != nil {
			return current, nil
		}
		return nil, fmt.Errorf("%w: not yet admitted", ErrPeer)
	}
	c.ClientAuth = tls.RequireAnyClientCert
	if strangers {
		c.ClientAuth = tls.RequestClientCert
	}
	return c
}

func (k *Keys) config(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true, // each channel proves itself anew
		InsecureSkipVerify:     true, //nolint:gosec // names mean nothing here; VerifyConnection checks the statement
		VerifyConnection:       verify,
	}
}

// Peer returns the role of the other end, which must be one of those given and admitted under the manifest.
func Peer(state tls.ConnectionState, m proof.Manifest, roles ...proof.Role) (proof.Role, error) {
	if len(state.PeerCertificates) != 1 {
		return "", fmt.Errorf("%w: it shows %d certificates", ErrPeer, len(state.PeerCertificates))
	}
	leaf := state.PeerCertificates[0]
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(statementOID()) {
			continue
		}
		var statement proof.SignedCertificate
		if err := proof.Decode(e.Value, &statement); err != nil {
			return "", fmt.Errorf("%w: %w", ErrPeer, err)
		}
		if statement.Certificate.Channel != sha256.Sum256(leaf.RawSubjectPublicKeyInfo) {
			return "", fmt.Errorf("%w: its statement is for another key", ErrPeer)
		}
		for _, role := range roles {
			if statement.Certificate.Role == role {
				return role, statement.Verify(m, role, time.Now())
			}
		}
		return "", fmt.Errorf("%w: role %q has no business here", ErrPeer, statement.Certificate.Role)
	}
	return "", fmt.Errorf("%w: its certificate carries no statement", ErrPeer)
}
