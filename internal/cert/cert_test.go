package cert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/cert"
	"github.com/redoubt-kms/redoubt/proof"
)

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func testManifest() proof.Manifest {
	return proof.Manifest{Version: 1, Epoch: 2, Shard: proof.ID{1}, Certifier: testKey(1).Public().(ed25519.PublicKey)}
}

func newKeys(t *testing.T) *cert.Keys {
	t.Helper()
	k, err := cert.NewKeys([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// statement certifies keys for a role; edit may change it before it is signed.
func statement(t *testing.T, k *cert.Keys, role proof.Role, by ed25519.PrivateKey, edit func(*proof.Certificate)) proof.SignedCertificate {
	t.Helper()
	hash, err := testManifest().Hash()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := proof.Certificate{
		Version: 1, Role: role, Channel: k.Channel(), SigningKey: k.SigningKey(), Manifest: hash, Epoch: 2,
		NotBefore: uint64(now.Add(-time.Minute).UnixMilli()), NotAfter: uint64(now.Add(time.Hour).UnixMilli()),
	}
	if edit != nil {
		edit(&c)
	}
	s, err := proof.SignCertificate(by, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// certified are keys with a statement in use.
func certified(t *testing.T, role proof.Role, by ed25519.PrivateKey, edit func(*proof.Certificate)) *cert.Keys {
	t.Helper()
	k := newKeys(t)
	if err := k.Use(statement(t, k, role, by, edit)); err != nil {
		t.Fatal(err)
	}
	return k
}

// shake connects two ends and sends a byte each way; it returns what each end found. A client of TLS 1.3 hears that it
// was refused only when it reads.
func shake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error, seen tls.ConnectionState) { //nolint:staticcheck // two errors of equal rank
	t.Helper()
	a, b := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	end := func(conn *tls.Conn, plain net.Conn) error {
		defer plain.Close()
		if err := conn.Handshake(); err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() {
			_, err := conn.Write([]byte{1})
			done <- err
		}()
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return err
		}
		return <-done
	}
	s := tls.Server(b, server)
	outcome := make(chan error, 1)
	go func() { outcome <- end(s, b) }()
	clientErr = end(tls.Client(a, client), a)
	serverErr = <-outcome
	return clientErr, serverErr, s.ConnectionState()
}

// A channel opens between the roles that it is for, when both are certified under this manifest now, and not otherwise.
func TestChannels(t *testing.T) {
	m := testManifest()
	signer := certified(t, proof.RoleSigner, testKey(1), nil)
	server := signer.Server(m, false, proof.RolePolicy)
	good := certified(t, proof.RolePolicy, testKey(1), nil)
	clientErr, serverErr, state := shake(t, good.Client(m, proof.RoleSigner), server)
	if clientErr != nil || serverErr != nil || state.Version != tls.VersionTLS13 {
		t.Fatalf("a good channel: %v, %v, version %x", clientErr, serverErr, state.Version)
	}
	if role, err := cert.Peer(state, m, proof.RoleCertifier, proof.RolePolicy); err != nil || role != proof.RolePolicy {
		t.Errorf("the peer is %q, %v", role, err)
	}
	other := testManifest()
	other.OpenSignUp = true
	hours := func(from, to time.Duration) func(*proof.Certificate) {
		return func(c *proof.Certificate) {
			c.NotBefore, c.NotAfter = uint64(time.Now().Add(from).UnixMilli()), uint64(time.Now().Add(to).UnixMilli())
		}
	}
	type edit = func(*proof.Certificate)
	for why, bad := range map[string]edit{
		"another role":     func(c *proof.Certificate) { c.Role = proof.RoleSigner },
		"the certifier":    func(c *proof.Certificate) { c.Role = proof.RoleCertifier },
		"no role":          func(c *proof.Certificate) { c.Role = "" },
		"another manifest": func(c *proof.Certificate) { c.Manifest[0]++ },
		"an older epoch":   func(c *proof.Certificate) { c.Epoch-- },
		"expired":          hours(-2*time.Hour, -time.Second),
		"not yet valid":    hours(time.Hour, 2*time.Hour),
		"another version":  func(c *proof.Certificate) { c.Version = 2 },
	} {
		if _, err, _ := shake(t, certified(t, proof.RolePolicy, testKey(1), bad).Client(m, proof.RoleSigner), server); err == nil {
			t.Errorf("a client with %s is let in", why)
		}
		impostor := certified(t, proof.RoleSigner, testKey(1), func(c *proof.Certificate) {
			if bad(c); c.Role == proof.RoleSigner && why == "another role" {
				c.Role = proof.RolePolicy
			}
		})
		if err, _, _ := shake(t, good.Client(m, proof.RoleSigner), impostor.Server(m, false, proof.RolePolicy)); err == nil {
			t.Errorf("a server with %s is believed", why)
		}
	}
	forged := certified(t, proof.RolePolicy, testKey(2), nil)
	if _, err, _ := shake(t, forged.Client(m, proof.RoleSigner), server); err == nil {
		t.Error("a client certified by somebody is let in")
	}
	if err, _, _ := shake(t, good.Client(m, proof.RoleSigner), certified(t, proof.RoleSigner, testKey(2), nil).Server(m, false, proof.RolePolicy)); err == nil {
		t.Error("a server certified by somebody is believed")
	}
	if err, _, _ := shake(t, good.Client(other, proof.RoleSigner), server); err == nil {
		t.Error("a server under another manifest is believed")
	}
	if err, _, _ := shake(t, good.Client(m, proof.RoleCertifier), server); err == nil {
		t.Error("a signer is believed to be the certifier")
	}
}

// The statement names the TLS key: shown with another key, it says nothing.
func TestStolenStatement(t *testing.T) {
	m := testManifest()
	victim := newKeys(t)
	stolen := statement(t, victim, proof.RolePolicy, testKey(1), nil)
	if err := newKeys(t).Use(stolen); err == nil {
		t.Error("keys take the statement of others into use")
	}
	der := func(key *ecdsa.PrivateKey, values ...[]byte) tls.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		for _, v := range values {
			template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: []int{2, 25, 1364283729, 1}, Value: v})
		}
		b, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{b}, PrivateKey: key}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	carried, err := proof.Encode(stolen)
	if err != nil {
		t.Fatal(err)
	}
	server := certified(t, proof.RoleSigner, testKey(1), nil).Server(m, false, proof.RolePolicy)
	chain := der(key, carried)
	chain.Certificate = append(chain.Certificate, chain.Certificate[0])
	for why, c := range map[string]tls.Certificate{
		"a stolen statement": der(key, carried), "no statement": der(key), "garbage for a statement": der(key, []byte("x")),
		"an empty statement": der(key, nil), "two certificates": chain, "more behind the statement": der(key, append(bytes.Clone(carried), 0)),
	} {
		client := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{c}} //nolint:gosec // the server is the one under test
		if _, err, _ := shake(t, client, server); err == nil {
			t.Errorf("%s is accepted", why)
		}
	}
}

// A stranger gets in where strangers are expected, without a role, and nowhere else; one who shows something must show the
// right thing even there. An enclave that is not yet admitted serves nobody.
func TestStrangers(t *testing.T) {
	m := testManifest()
	certifier := certified(t, proof.RoleCertifier, testKey(1), nil)
	stranger := newKeys(t).Client(m, proof.RoleCertifier)
	clientErr, serverErr, state := shake(t, stranger, certifier.Server(m, true, proof.RolePolicy))
	if clientErr != nil || serverErr != nil || len(state.PeerCertificates) != 0 {
		t.Errorf("a stranger where they are expected: %v, %v", clientErr, serverErr)
	}
	if role, err := cert.Peer(state, m, proof.RolePolicy); err == nil {
		t.Errorf("a stranger plays %q", role)
	}
	if _, err, _ := shake(t, stranger, certifier.Server(m, false, proof.RolePolicy)); err == nil {
		t.Error("a stranger gets in where none is expected")
	}
	wrong := certified(t, proof.RolePolicy, testKey(2), nil)
	if _, err, _ := shake(t, wrong.Client(m, proof.RoleCertifier), certifier.Server(m, true, proof.RolePolicy)); err == nil {
		t.Error("one who shows a forged statement is taken for a stranger")
	}
	if _, err, _ := shake(t, stranger, newKeys(t).Server(m, true, proof.RolePolicy)); err == nil {
		t.Error("an enclave that is not admitted serves")
	}
}

// Only TLS 1.3, and every channel proves itself anew.
func TestNoOlderProtocolAndNoTickets(t *testing.T) {
	m := testManifest()
	server := certified(t, proof.RoleSigner, testKey(1), nil).Server(m, false, proof.RolePolicy)
	client := certified(t, proof.RolePolicy, testKey(1), nil).Client(m, proof.RoleSigner)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 2 {
		if err, _, state := shake(t, client, server); err != nil || state.DidResume {
			t.Errorf("resumed: %v, %v", state.DidResume, err)
		}
	}
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err, _ := shake(t, old, server); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.2: %v", err)
	}
}

// A statement can be renewed while the keys are in use: later channels show the new one.
func TestRenewal(t *testing.T) {
	m := testManifest()
	k := certified(t, proof.RolePolicy, testKey(1), func(c *proof.Certificate) { c.NotAfter = c.NotBefore + 1 })
	server := certified(t, proof.RoleSigner, testKey(1), nil).Server(m, false, proof.RolePolicy)
	client := k.Client(m, proof.RoleSigner)
	if _, err, _ := shake(t, client, server); err == nil {
		t.Error("an expired statement is accepted")
	}
	if err := k.Use(statement(t, k, proof.RolePolicy, testKey(1), nil)); err != nil {
		t.Fatal(err)
	}
	if _, err, _ := shake(t, client, server); err != nil {
		t.Errorf("the new statement: %v", err)
	}
}
