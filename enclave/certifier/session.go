package certifier

import (
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// session is what a person authorized, version 1. The host keeps it sealed; nobody else reads it.
type session struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // 1
	Subject      string
	ClientID     string
	Nonce        string // of the one session key that tokens are made for
	Origin       string // of the app's page; empty for one without
	Audience     []string
	Organization id.ID
	ID           id.ID  // claim sid
	AuthTime     int64  // when the person signed in, Unix seconds
	Ends         uint64 // Unix milliseconds
}

// context binds a sealed session to its format and to the origin of Connect.
func (l *logins) context() []byte { return []byte("redoubt/session/v1\x00" + l.connect.Origin) }

func (l *logins) seal(s session) ([]byte, error) {
	b, err := proof.Encode(s)
	if err != nil {
		return nil, err
	}
	return l.sealing.Seal(l.context(), b)
}

// unseal opens a session that holds still.
func (l *logins) unseal(sealed []byte, now uint64) (session, error) {
	var s session
	b, err := l.sealing.Open(l.context(), sealed)
	if err == nil {
		err = proof.Decode(b, &s)
	}
	switch {
	case err != nil || s.Version != 1:
		return session{}, refused("this is no session of this certifier")
	case now >= s.Ends:
		return session{}, wire.Faultf("expired", "the session has ended; sign in again")
	}
	return s, nil
}
