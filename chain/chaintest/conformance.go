// Package chaintest holds the checks that every parser of transactions must pass. It is for tests only.
package chaintest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
)

// Format is one serialized form of transactions and the code that reads it.
type Format struct {
	// Parse reads the form.
	Parse func([]byte) (chain.Transaction, error)
	// Encode writes a parsed transaction in the same form.
	Encode func(chain.Transaction) []byte
	// Reparse reads what Attach returns and gives the signed transaction's SigningBytes.
	Reparse func(signed []byte) ([]byte, error)
	// Sign signs the transaction with a key of its own that may sign it.
	Sign func(chain.Transaction) (publicKey, signature []byte)
}

// Run holds a form against what every chain promises, on valid transactions: each one is read and written back to the
// same bytes, no proper beginning of it and nothing longer is read, and a signature does not change what is signed.
func Run(t *testing.T, f Format, valid ...[]byte) {
	t.Helper()
	for i, b := range valid {
		tx, err := f.Parse(b)
		if err != nil {
			t.Fatalf("sample %d is refused: %v", i, err)
		}
		if !bytes.Equal(f.Encode(tx), b) {
			t.Errorf("sample %d is written back differently", i)
		}
		f.checkLengths(t, i, b)
		f.checkCopy(t, i, b)
		f.checkAttach(t, i, tx)
	}
}

// checkLengths cuts a transaction after every byte and adds bytes to its end.
func (f Format) checkLengths(t *testing.T, i int, b []byte) {
	t.Helper()
	for n := range b {
		f.refuse(t, b[:n], "sample %d cut to %d bytes", i, n)
	}
	for _, tail := range []byte{0, 1, 0x80, 0xc0, 0xff} {
		f.refuse(t, append(bytes.Clone(b), tail), "sample %d with %#x after it", i, tail)
	}
}

func (f Format) refuse(t *testing.T, b []byte, format string, args ...any) {
	t.Helper()
	_, err := f.Parse(b)
	if err == nil {
		t.Errorf(format+" is accepted", args...)
	} else if !errors.Is(err, chain.ErrMalformed) {
		t.Errorf(format+": error %v is not ErrMalformed", append(args, err)...)
	}
}

// checkCopy scribbles over the input: a parsed transaction must not change with it.
func (f Format) checkCopy(t *testing.T, i int, b []byte) {
	t.Helper()
	input := bytes.Clone(b)
	tx, err := f.Parse(input)
	if err != nil {
		t.Fatal(err)
	}
	for j := range input {
		input[j] ^= 0xff
	}
	if !bytes.Equal(f.Encode(tx), b) {
		t.Errorf("sample %d changes with its input", i)
	}
}

func (f Format) checkAttach(t *testing.T, i int, tx chain.Transaction) {
	t.Helper()
	want := tx.SigningBytes()
	publicKey, signature := f.Sign(tx)
	signed, err := tx.Attach(publicKey, signature)
	if err != nil {
		t.Fatalf("sample %d takes no signature: %v", i, err)
	}
	got, err := f.Reparse(signed)
	if err != nil {
		t.Fatalf("sample %d signed is refused: %v", i, err)
	}
	if !bytes.Equal(got, want) || !bytes.Equal(tx.SigningBytes(), want) {
		t.Errorf("sample %d: the signature changes what is signed", i)
	}
	if _, err := tx.Attach(publicKey, signature[:len(signature)-1]); err == nil {
		t.Errorf("sample %d takes a short signature", i)
	}
	if _, err := tx.Attach(publicKey[1:], signature); err == nil {
		t.Errorf("sample %d takes a short public key", i)
	}
}

// Canonical is the body of a fuzz target: what Parse accepts, Encode writes back to the same bytes.
func (f Format) Canonical(t *testing.T, b []byte) {
	t.Helper()
	tx, err := f.Parse(b)
	if err != nil {
		if !errors.Is(err, chain.ErrMalformed) {
			t.Fatalf("error %v is not ErrMalformed", err)
		}
		return
	}
	if !bytes.Equal(f.Encode(tx), b) {
		t.Fatal("accepted bytes are written back differently")
	}
}
