package connect

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// postOffice is an SMTP server for one conversation.
type postOffice struct {
	listener net.Listener
	tls      *tls.Config // nil for a server without STARTTLS
	said     chan []string
}

func newPostOffice(t *testing.T, withTLS bool) (*postOffice, *x509.CertPool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p, roots := &postOffice{listener: l, said: make(chan []string, 1)}, x509.NewCertPool()
	if withTLS {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(certificate)
		p.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
	go p.serve()
	return p, roots
}

func (p *postOffice) serve() {
	conn, err := p.listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	var said []string
	defer func() { p.said <- said }()
	fmt.Fprint(conn, "220 here\r\n")
	lines, data := bufio.NewScanner(conn), false
	for lines.Scan() {
		line := lines.Text()
		said = append(said, line)
		command, _, _ := strings.Cut(line, " ")
		switch {
		case data:
			if line == "." {
				data = false
				fmt.Fprint(conn, "250 ok\r\n")
			}
		case command == "EHLO":
			if p.tls != nil {
				fmt.Fprint(conn, "250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
			} else {
				fmt.Fprint(conn, "250 here\r\n")
			}
		case command == "STARTTLS":
			fmt.Fprint(conn, "220 go on\r\n")
			secure := tls.Server(conn, p.tls)
			conn, lines = secure, bufio.NewScanner(secure)
		case command == "AUTH":
			fmt.Fprint(conn, "235 ok\r\n")
		case command == "DATA":
			data = true
			fmt.Fprint(conn, "354 go on\r\n")
		case command == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func TestMail(t *testing.T) {
	p, roots := newPostOffice(t, true)
	m := &Mail{
		Server: p.listener.Addr().String(), From: "login@connect.example", User: "user", Password: "password",
		TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"},
	}
	b := newBench(t, func(o *Options) { o.Mail = m })
	id := b.start(t, map[string]any{"account": true})
	b.post("/login/begin", map[string]any{"login": id, "nonce": nonceOf(nil), "email": "me@example.com"}).succeeds(t, "begin")
	said := strings.Join(<-p.said, "\n")
	for _, want := range []string{
		"STARTTLS", "AUTH PLAIN", "MAIL FROM:<login@connect.example>", "RCPT TO:<me@example.com>", "Subject: 12345678 is your sign-in code",
		"Date: Fri, 15 Jan 2027 08:00:00 +0000", "    12345678",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s\n%s", want, said)
		}
	}
	if strings.Contains(b.log.String(), "12345678") {
		t.Error("the code is in the log")
	}
}

// A server that offers no TLS, or shows a certificate that nobody vouches for, gets no code.
func TestMailRefuses(t *testing.T) {
	for what, withTLS := range map[string]bool{"no STARTTLS": false, "unknown certificate": true} {
		p, _ := newPostOffice(t, withTLS)
		m := &Mail{Server: p.listener.Addr().String(), From: "login@connect.example"}
		if err := m.send(t.Context(), "me@example.com", "12345678", origin, time.Now()); err == nil {
			t.Errorf("%s: sent", what)
		}
		if said := strings.Join(<-p.said, "\n"); strings.Contains(said, "12345678") || strings.Contains(said, "me@example.com") {
			t.Errorf("%s: %s", what, said)
		}
	}
	p, _ := newPostOffice(t, false)
	m := &Mail{Server: p.listener.Addr().String(), From: "login@connect.example", Plain: true}
	if err := m.send(t.Context(), "me@example.com", "12345678", origin, time.Now()); err != nil {
		t.Errorf("to this machine: %v", err)
	}
	for what, m := range map[string]*Mail{
		"plain elsewhere": {Server: "mail.example:25", From: "a@b.example", Plain: true}, "no port": {Server: "mail.example", From: "a@b.example"},
		"no sender": {Server: "mail.example:25"}, "two senders": {Server: "mail.example:25", From: "a@b.example\r\nBcc: c@d.example"},
	} {
		if m.Check() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
