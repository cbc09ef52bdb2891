package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/proof"
)

func filled(fill byte) proof.Hash { return proof.Hash(bytes.Repeat([]byte{fill}, 32)) }

func testID(fill byte) proof.ID { return proof.ID(bytes.Repeat([]byte{fill}, 16)) }

func testEntry() ledger.Entry {
	return ledger.Entry{
		Version: 1, Index: 70_000, Time: 1_795_333_820_985, Organization: testID(1), Method: "signTransaction", Request: filled(2),
		Replay: filled(3), RequestID: testID(4), Caller: testID(5), User: "root", Wallet: testID(6), Decision: ledger.Allowed,
		Policy: "ROOT", PolicyVersion: 7, Environment: 1,
		Effects: ledger.Effects{
			Transfers: []ledger.Movement{{Asset: "SOL", From: "a", To: "b", Amount: "1000000000"}},
			Approvals: []ledger.Movement{{Asset: "eip155:1/erc20:0x01", From: "a", To: "c", Amount: "unlimited"}},
			Authority: []ledger.AuthorityChange{{Subject: "a", Kind: "delegate", To: "d"}}, FeeMax: "5000", Programs: []string{"1111"}, Unknown: true,
		},
		Counters: []ledger.Counter{{Version: 1, Subject: "user", Asset: "SOL", Bucket: 20_779, Total: "12"}},
		Changes:  []ledger.Change{{Key: ledger.NewKey(ledger.KindWallet, testID(1), testID(6)), Version: 2, Hash: filled(8)}},
		Permit:   filled(9), Status: 200, Outcome: []byte(`{}`),
	}
}

func testPermit() permit.Permit {
	return permit.Permit{
		Version: permit.Version, Shard: testID(1), Organization: testID(2), Wallet: testID(3), Path: []uint32{44 + 1<<31, 501 + 1<<31, 1 << 31, 1 << 31},
		Curve: api.CurveEd25519, Format: api.AddressSolana, Algorithm: api.Ed25519, Kind: permit.PayloadSolana, Payload: filled(4), Expires: 1_795_334_480_985,
	}
}

func testCommit() ledger.Commit {
	return ledger.Commit{
		Version: 1, Index: 1000, First: 70_000,
		Entries: []ledger.Stored{{Commitment: filled(1), Sealed: []byte("sealed"), Body: filled(2)}},
		Records: []ledger.Record{
			{Key: ledger.NewKey(ledger.KindOrganization, testID(1), proof.ID{}), Version: 9, Sealed: []byte("record")},
			{Key: ledger.NewKey(ledger.KindTag, testID(1), testID(2)), Version: 2},
		},
	}
}

func testOrganization() org.Organization {
	return org.Organization{
		Version: org.SchemaVersion, ID: testID(1), Name: "org", Parent: testID(2), Tags: []string{"t"}, Created: 1_795_333_820_985,
		Users: []org.User{{
			Username: "root", Policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: testID(3), Environment: 1},
			Authenticators: []org.Authenticator{{ID: testID(4), Name: "k", Kind: "keypair", Algorithm: api.Ed25519, PublicKey: []byte{5}, Created: 6, Expires: 7}},
			Traits:         []org.Trait{{Name: "appId", Value: "x"}}, Created: 8, Expires: 9,
		}},
	}
}

func formats(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name, v := range map[string]any{
		"entry": testEntry(), "entry.zero": ledger.Entry{}, "permit": testPermit(), "commit": testCommit(), "organization": testOrganization(),
		"wallet": org.Wallet{
			Version: 1, ID: testID(1), Organization: testID(2), Name: "w", Tags: []string{"t"}, Type: api.WalletKeypair, Curve: api.CurveSecp256k1,
			Format: api.AddressEthereum, Created: 3, Exported: true,
		},
		"tag": org.Tag{Version: 1, Wallet: testID(1)}, "holder": org.Holder{Version: 1},
	} {
		b, err := proof.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	evidence, err := attest.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)), attest.Evidence{
		Version: 1, Tier: proof.TierProcess, Role: proof.RolePolicy, Binary: filled(2), Channel: filled(3), SigningKey: bytes.Repeat([]byte{4}, 32),
		Nonce: bytes.Repeat([]byte{5}, 32), Measures: []string{"not-dumpable"},
	})
	if err != nil {
		t.Fatal(err)
	}
	root, err := seal.NewRoot(bytes.Repeat([]byte{6}, seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	permitHash, err := testPermit().Hash()
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := state.Genesis(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	genesisHash, err := genesis.Hash()
	if err != nil {
		t.Fatal(err)
	}
	index := state.NewIndex()
	for i := range byte(3) {
		index.Put(state.Item{Key: ledger.NewKey(ledger.KindWallet, testID(1), testID(i)), Version: uint64(i) + 1, Hash: filled(i)})
	}
	digest := index.Sum()
	salt := ledger.Salt(filled(1), testID(2), 70_000)
	commitment := ledger.Commitment(salt, []byte("entry"))
	tag := ledger.Tag(filled(1), []byte("head"))
	key := ledger.NewKey(ledger.KindAuthenticator, testID(1), testID(2))
	derived, rootName := root.Derive("log"), root.Commitment()
	tagID, keyHash := org.TagID(filled(1), testID(2), "tag"), org.KeyHash(api.Ed25519, []byte{1})
	for name, b := range map[string][]byte{
		"evidence": evidence, "permit.hash": permitHash[:], "genesis.hash": genesisHash[:], "digest": digest[:], "salt": salt[:],
		"commitment": commitment[:], "head.tag": tag[:], "key": key[:], "record.context": ledger.Context(key, 9), "entry.context": ledger.EntryContext(9),
		"root.derived": derived[:], "root.commitment": rootName[:], "tag.id": tagID[:], "authenticator.hash": keyHash[:],
	} {
		all[name] = b
	}
	return all
}

// What is stored must be readable, and what was committed to must stay provable, by every later release. If this fails, a
// format changed: give it a new version instead, and keep reading the old one.
func TestFormatsArePinned(t *testing.T) {
	file, err := os.ReadFile("testdata/formats.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, seen := formats(t), 0
	for line := range strings.Lines(string(file)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		want, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[name], want) {
			t.Errorf("%s is\n%x, pinned are\n%x", name, got[name], want)
		}
		seen++
	}
	if seen != len(got) {
		for name, b := range got {
			t.Logf("PIN %s %x", name, b)
		}
		t.Errorf("%d formats are pinned, %d are written", seen, len(got))
	}
}

// An envelope from the past opens: version, salt, ciphertext and tag, in this layout, under this derivation.
func TestPinnedEnvelopeOpens(t *testing.T) {
	root, err := seal.NewRoot(bytes.Repeat([]byte{6}, seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("testdata/envelope.txt")
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := hex.DecodeString(strings.TrimSpace(string(file)))
	if err != nil {
		t.Fatal(err)
	}
	key := ledger.NewKey(ledger.KindWallet, testID(1), testID(2))
	plain, err := root.Key("record").Open(ledger.Context(key, 9), envelope)
	if err != nil || string(plain) != "a record of version 1" {
		t.Errorf("%q, %v", plain, err)
	}
	if len(envelope) != seal.Overhead+len(plain) || seal.Overhead != 41 || envelope[0] != 1 {
		t.Errorf("an envelope of %d bytes, version %d", len(envelope), envelope[0])
	}
}
