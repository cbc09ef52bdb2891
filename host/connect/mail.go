package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"time"
)

// Mail says how one-time codes are sent: by SMTP with STARTTLS (RFC 3207).
type Mail struct {
	Server   string // host:port
	From     string // address
	User     string // empty for no authentication
	Password string
	TLS      *tls.Config // nil for the system's roots and the server's host name
	// Plain sends without TLS. Only to this machine.
	Plain bool
}

const mailTimeout = 15 * time.Second

// Check says what is wrong with the settings.
func (m *Mail) Check() error {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	if m.Plain && !isLoopbackHost(host) {
		return errors.New("mail without TLS goes only to this machine")
	}
	if _, err := readAddress(m.From); err != nil {
		return errors.New("mail: the address to send from is none")
	}
	return nil
}

// send sends a one-time code.
func (m *Mail) send(ctx context.Context, to, code, origin string, now time.Time) error {
	if err := m.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return err
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := m.secure(client, host); err != nil {
		return err
	}
	if err := client.Mail(m.From); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write([]byte(m.message(to, code, origin, now))); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	return client.Quit()
}

// secure turns TLS on, and authenticates.
func (m *Mail) secure(client *smtp.Client, host string) error {
	if !m.Plain {
		config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		if m.TLS != nil {
			config = m.TLS.Clone()
		}
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return errors.New("the mail server offers no STARTTLS")
		}
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if m.User == "" {
		return nil
	}
	return client.Auth(smtp.PlainAuth("", m.User, m.Password, host))
}

// message writes the mail (RFC 5322). The code stands in the subject, where phones show it.
func (m *Mail) message(to, code, origin string, now time.Time) string {
	_, domain, _ := strings.Cut(m.From, "@")
	return strings.Join([]string{
		"From: <" + m.From + ">", "To: <" + to + ">", "Subject: " + code + " is your sign-in code", "Date: " + now.UTC().Format(time.RFC1123Z),
		"Message-ID: <" + random(16) + "@" + domain + ">", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
		"Auto-Submitted: auto-generated", "",
		"Your code to sign in at " + origin + " is", "", "    " + code, "",
		"It is good for ten minutes. Nobody will ask you for it but the page on which", "you are signing in. If that is not you, do nothing.", "",
	}, "\r\n")
}
