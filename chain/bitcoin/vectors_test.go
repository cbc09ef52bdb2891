package bitcoin_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// corePSBT is rpc_psbt.json of Bitcoin Core.
type corePSBT struct {
	Invalid   []string
	Valid     []string
	Signer    []struct{ PSBT, Result string }
	Finalizer []struct{ Finalize, Result string }
	Extractor []struct{ Extract, Result string }
}

// jsPSBT is psbt.json of bitcoinjs-lib.
type jsPSBT struct {
	BIP174 struct {
		Invalid   []struct{ Description, PSBT string }
		Valid     []struct{ Description, PSBT string }
		Finalizer []struct{ PSBT, Result string }
		Extractor []struct{ PSBT, Transaction string }
	}
}

func readVectors(t testing.TB) (core corePSBT, js jsPSBT) {
	t.Helper()
	vectors.ReadJSON(t, &core, "bitcoin-core", "rpc_psbt.json")
	vectors.ReadJSON(t, &js, "bitcoinjs", "fixtures", "psbt.json")
	for what, n := range map[string][2]int{
		"Core invalid": {len(core.Invalid), 27}, "Core valid": {len(core.Valid), 6},
		"Core finalizer": {len(core.Finalizer), 1}, "Core extractor": {len(core.Extractor), 1},
		"bitcoinjs invalid": {len(js.BIP174.Invalid), 18}, "bitcoinjs valid": {len(js.BIP174.Valid), 7},
		"bitcoinjs finalizer": {len(js.BIP174.Finalizer), 7}, "bitcoinjs extractor": {len(js.BIP174.Extractor), 1},
	} {
		if n[0] != n[1] {
			t.Fatalf("%s: %d vectors, want %d", what, n[0], n[1])
		}
	}
	return core, js
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInvalidVectors(t *testing.T) {
	core, js := readVectors(t)
	notBase64 := 0
	refuse := func(name, text string) {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			notBase64++ // refused before it gets here
			return
		}
		if _, err := bitcoin.Parse(b); err == nil {
			t.Errorf("%s is accepted: %s", name, text)
		} else if !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range core.Invalid {
		refuse("Core", text)
	}
	for _, v := range js.BIP174.Invalid {
		refuse(v.Description, v.PSBT)
	}
	if notBase64 != 1 {
		t.Errorf("%d vectors are no base64, want 1", notBase64)
	}
}

// valid is every valid PSBT of the vectors.
func valid(t testing.TB) [][]byte {
	t.Helper()
	core, js := readVectors(t)
	var all [][]byte
	for _, text := range core.Valid {
		all = append(all, unbase64(t, text))
	}
	for _, v := range js.BIP174.Valid {
		all = append(all, unbase64(t, v.PSBT))
	}
	for _, v := range js.BIP174.Finalizer {
		all = append(all, unbase64(t, v.PSBT), unbase64(t, v.Result))
	}
	for _, v := range core.Signer {
		all = append(all, unbase64(t, v.PSBT), unbase64(t, v.Result))
	}
	return all
}

func TestValidVectors(t *testing.T) {
	for i, b := range valid(t) {
		p, err := bitcoin.Parse(b)
		if err != nil {
			t.Errorf("%d: %v: %s", i, err, base64.StdEncoding.EncodeToString(b))
			continue
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Errorf("%d is written back differently", i)
		}
	}
}

// TestFinalVectors finishes what the vectors finish, where it is by one key; of the others nothing changes.
func TestFinalVectors(t *testing.T) {
	core, js := readVectors(t)
	finished := 0
	for i, v := range js.BIP174.Finalizer {
		got, err := bitcoin.Finalize(unbase64(t, v.PSBT))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got.PSBT, unbase64(t, v.Result)) {
			finished++
		} else if got.Transaction != nil {
			t.Errorf("finalizer %d: %x, want %s", i, got.PSBT, v.Result)
		}
	}
	if finished != 3 { // the others are of several keys
		t.Errorf("%d of %d finished as bitcoinjs-lib does", finished, len(js.BIP174.Finalizer))
	}
	for _, v := range []struct{ psbt, want string }{
		{core.Extractor[0].Extract, core.Extractor[0].Result},
		{js.BIP174.Extractor[0].PSBT, js.BIP174.Extractor[0].Transaction},
	} {
		got, err := bitcoin.Finalize(unbase64(t, v.psbt))
		if err != nil || hex.EncodeToString(got.Transaction) != v.want {
			t.Errorf("extracted %x, %v", got.Transaction, err)
		}
	}
}
