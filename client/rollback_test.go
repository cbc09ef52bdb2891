package client

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

func seedKey(fill byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = fill
	return ed25519.NewKeyFromSeed(seed)
}

// minute is the time of the tests, in Unix milliseconds.
func minute(n uint64) uint64 { return 1_795_333_820_985 + n*60_000 }

// attestedJSON is the JSON of an attestation at a minute, of a log with so many entries, and of a rebase onto 50 if there was one.
func attestedJSON(t *testing.T, at, size uint64, rebased bool) []byte {
	t.Helper()
	public := func(k ed25519.PrivateKey) []byte { return k.Public().(ed25519.PublicKey) }
	operator, certifier := seedKey(1), seedKey(2)
	m := proof.Manifest{
		Version: 1, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 1, Shard: proof.ID{1},
		Launcher: public(seedKey(3)), Certifier: public(certifier), Operators: [][]byte{public(operator)},
	}
	hash, err := m.Hash()
	if err != nil {
		t.Fatal(err)
	}
	head := proof.Head{Version: 1, Shard: m.Shard, Index: size, Size: size, StateAlg: proof.StateAlgorithm, TreeAlg: proof.TreeAlgorithm}
	b64 := func(v any, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		b, err := proof.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := func(s proof.SignedManifest, err error) string { return b64(s, err) }
	receipt := func(s proof.SignedReceipt, err error) string { return b64(s, err) }
	certificate := func(s proof.SignedCertificate, err error) string { return b64(s, err) }
	rebase := func(s proof.SignedRebase, err error) string { return b64(s, err) }
	checkpoint, err := proof.SignCheckpoint(certifier, proof.Checkpoint{Origin: proof.CheckpointOrigin(m.Shard), Size: size})
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{
		"manifest": signed(proof.SignManifest(operator, m)), "checkpoint": checkpoint,
		"receipt": receipt(proof.SignReceipt(certifier, proof.Receipt{Version: 1, Head: head, Time: minute(at), Manifest: hash})),
		"certificates": []string{certificate(proof.SignCertificate(certifier, proof.Certificate{
			Version: 1, Role: proof.RolePolicy, SigningKey: public(seedKey(4)), Manifest: hash, Epoch: 1, NotBefore: minute(0), NotAfter: minute(1000),
		}))},
	}
	if rebased {
		onto := head
		onto.Size, onto.Index = 50, 50
		body["rebase"] = rebase(proof.SignRebase(operator, proof.Rebase{
			Version: 1, Shard: m.Shard, Manifest: hash, Onto: onto, From: head, Reason: "the disk", Time: minute(20), NotBefore: minute(20),
		}))
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An answer whose entry is gone is told from one that is there, and a rebase from a silent roll-back.
func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		at, size uint64
		rebased  bool
		live     bool
		index    uint64
		time     uint64
		read     bool
		want     string // part of the error; empty for none
	}{
		"there":                            {at: 30, size: 100, index: 60, time: minute(10)},
		"beyond the log":                   {at: 30, size: 50, index: 60, time: minute(10), want: "old state was put back"},
		"the first one that is missing":    {at: 30, size: 60, index: 60, time: minute(10), want: "old state was put back"},
		"the last one that is there":       {at: 30, size: 61, index: 60, time: minute(10)},
		"later than a kept attestation":    {at: 9, size: 50, index: 60, time: minute(10)},
		"hardly older than a kept one":     {at: 10, size: 50, index: 60, time: minute(10) - 1},
		"hardly older than a fetched one":  {at: 10, size: 50, index: 60, time: minute(10) - 1, live: true, want: "old state was put back"},
		"a read is no entry":               {at: 30, size: 50, index: 60, time: minute(10), read: true},
		"before the head of the rebase":    {at: 30, size: 100, rebased: true, index: 49, time: minute(10)},
		"lost by the rebase":               {at: 30, size: 51, rebased: true, index: 50, time: minute(10), want: `an operator rebased the server onto entry 50 ("the disk")`},
		"lost, and the log grew beyond it": {at: 30, size: 100, rebased: true, index: 60, time: minute(10), want: "an operator rebased"},
		"after the rebase":                 {at: 30, size: 100, rebased: true, index: 60, time: minute(21)},
		"a read of what was lost":          {at: 30, size: 100, rebased: true, index: 60, time: minute(10), read: true, want: "an operator rebased"},
		"put back after the rebase":        {at: 30, size: 55, rebased: true, index: 60, time: minute(21), want: "old state was put back"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ReadAttestation(attestedJSON(t, c.at, c.size, c.rebased))
			if err != nil {
				t.Fatal(err)
			}
			a.live = c.live
			err = a.Holds(proof.Result{LogIndex: c.index, Time: c.time, Logged: !c.read})
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrRolledBack) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// A rebase in an attestation is believed by its operator's signature alone.
func TestForeignRebaseIsRefused(t *testing.T) {
	good := string(attestedJSON(t, 30, 100, true))
	var body map[string]any
	if err := json.Unmarshal([]byte(good), &body); err != nil {
		t.Fatal(err)
	}
	text := body["rebase"].(string)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if _, err := ReadAttestation([]byte(strings.Replace(good, text, base64.RawURLEncoding.EncodeToString(b), 1))); !errors.Is(err, proof.ErrRebase) {
		t.Errorf("%v", err)
	}
}

// A client that runs notices when the log goes back, and trusts no answer from then on. Answers that overtake one another
// are not that.
func TestClientNoticesARollback(t *testing.T) {
	for _, rebased := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(attestedJSON(t, 30, 55, rebased)) }))
		defer server.Close()
		c := New(server.URL, "", nil)
		remember := func(index, at uint64) error {
			return c.remember(t.Context(), proof.Result{Logged: true, LogIndex: index, Time: at})
		}
		for _, r := range [][2]uint64{{58, minute(10)}, {60, minute(10)}, {59, minute(10) + uint64((slack - time.Second).Milliseconds())}} {
			if err := remember(r[0], r[1]); err != nil {
				t.Fatal(err)
			}
		}
		err := remember(52, minute(25))
		if !errors.Is(err, ErrRolledBack) || strings.Contains(err.Error(), "the disk") != rebased {
			t.Errorf("rebased %v: %v", rebased, err)
		}
		if again := remember(70, minute(26)); !errors.Is(again, ErrRolledBack) {
			t.Errorf("and later it trusts again: %v", again)
		}
	}
}
