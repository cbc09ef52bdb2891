// Package id makes and reads identifiers: UUIDs (RFC 9562), 16 bytes inside, 36 lower-case characters outside.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// ID is the 16 bytes of a UUID. The zero value names nothing.
type ID = [16]byte

// ErrSyntax says that a text is not a UUID in its canonical form.
var ErrSyntax = errors.New("not a UUID in lower-case 8-4-4-4-12 form")

// Random returns a version 4 UUID: 122 random bits.
func Random() ID {
	var u ID
	rand.Read(u[:]) // never fails: crypto/rand ends the process instead
	return stamped(u, 4)
}

// Ordered returns a version 7 UUID: milliseconds first, so that byte order is the order of creation, then 74 random bits.
func Ordered(at time.Time) ID {
	var u ID
	rand.Read(u[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(u[:6], ms[2:])
	return stamped(u, 7)
}

// Derived returns a version 8 UUID made of the first 16 bytes of a hash.
func Derived(hash [32]byte) ID { return stamped(ID(hash[:16]), 8) }

func stamped(u ID, version byte) ID {
	u[6] = u[6]&0x0f | version<<4
	u[8] = u[8]&0x3f | 0x80
	return u
}

// String writes the canonical form.
func String(u ID) string {
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:], u[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// Parse reads the canonical form and nothing else, so that an identifier has one spelling.
func Parse(s string) (ID, error) {
	var u ID
	if len(s) != 36 {
		return ID{}, ErrSyntax
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(u[:], []byte(digits)); err != nil || String(u) != s {
		return ID{}, ErrSyntax
	}
	return u, nil
}
