package signer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

const testTime = 1_800_000_000_000

// rig is a signer with the certifier's key and a log, from which it makes orders as the policy engine would.
type rig struct {
	*Signer
	certifier ed25519.PrivateKey
	leaves    []proof.Hash
	head      proof.Head
}

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func newRig(t testing.TB) *rig {
	t.Helper()
	certifier := testKey(1)
	manifest := proof.Manifest{Version: 1, Epoch: 1, Shard: proof.ID{5}, Certifier: certifier.Public().(ed25519.PublicKey)}
	head, err := state.Genesis(manifest.Shard)
	if err != nil {
		t.Fatal(err)
	}
	head.Epoch = 1
	r := &rig{certifier: certifier, head: head}
	r.Signer = newSigner(t, manifest)
	return r
}

// newSigner makes a signer that holds nothing and has seen no receipt.
func newSigner(t testing.TB, manifest proof.Manifest) *Signer {
	t.Helper()
	return &Signer{
		manifest: manifest, secretKey: secretKey(t, 2), importKey: secretKey(t, 4), exportKey: secretKey(t, 5),
		cache: newCache(cachedWallets), work: make(chan struct{}, 4),
	}
}

func secretKey(t testing.TB, fill byte) seal.Key {
	t.Helper()
	root, err := seal.NewRoot(bytes.Repeat([]byte{fill}, seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	return root.Key("secret")
}

// sealed seals the secret of the public test mnemonic, "abandon" 23 times and "art", for a wallet.
func (r *rig) sealed(t testing.TB, wallet proof.ID) []byte {
	t.Helper()
	stretched, err := seed.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return r.sealSecret(t, wallet, secret{
		Schema: 1, KeyEpoch: 1, Kind: api.WalletMnemonic, Entropy: make([]byte, 32), Seed: stretched.Stretched(),
	})
}

func (r *rig) sealSecret(t testing.TB, wallet proof.ID, s secret) []byte {
	t.Helper()
	plain, err := proof.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := r.secretKey.Seal(secretContext(wallet), plain)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// authorised is one logged permit.
type authorised struct {
	permit  permit.Permit
	entry   ledger.Entry
	encoded []byte
	salt    proof.Hash
	payload []byte
}

func path(t testing.TB, text string) []uint32 {
	t.Helper()
	p, err := derivation.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// solanaPermit allows to sign a text with the first Solana account.
func (r *rig) solanaPermit(t testing.TB, wallet proof.ID, text string) (permit.Permit, []byte) {
	t.Helper()
	return permit.Permit{
		Version: permit.Version, Shard: r.manifest.Shard, Organization: proof.ID{3}, Wallet: wallet, Path: path(t, "m/44'/501'/0'/0'"),
		Curve: api.CurveEd25519, Format: api.AddressSolana, Algorithm: api.Ed25519, Kind: permit.PayloadUTF8,
		Payload: sha256.Sum256([]byte(text)), Expires: testTime + 660_000,
	}, []byte(text)
}

// log writes the entry that allows a permit; edit may change it first.
func (r *rig) log(t testing.TB, p permit.Permit, payload []byte, edit func(*ledger.Entry)) authorised {
	t.Helper()
	hash, err := p.Hash()
	if err != nil {
		t.Fatal(err)
	}
	a := authorised{permit: p, payload: payload, salt: sha256.Sum256([]byte{byte(len(r.leaves))})}
	a.entry = ledger.Entry{
		Version: 1, Index: uint64(len(r.leaves)), Time: testTime, Organization: p.Organization, Wallet: p.Wallet, Method: "signUtf8Message",
		Decision: ledger.Allowed, Permit: hash, Status: 200,
	}
	if edit != nil {
		edit(&a.entry)
	}
	if a.encoded, err = proof.Encode(a.entry); err != nil {
		t.Fatal(err)
	}
	r.leaves = append(r.leaves, ledger.Commitment(a.salt, a.encoded))
	return a
}

// receipt commits what was logged and has the certifier sign for it; edit may change the receipt first.
func (r *rig) receipt(t testing.TB, edit func(*proof.Receipt)) proof.SignedReceipt {
	t.Helper()
	hash, err := r.manifest.Hash()
	if err != nil {
		t.Fatal(err)
	}
	link, err := r.head.Hash()
	if err != nil {
		t.Fatal(err)
	}
	r.head.Index, r.head.Previous, r.head.Size = r.head.Index+1, link, uint64(len(r.leaves))
	if r.head.Root, err = tlog.TreeHash(int64(len(r.leaves)), r.hashes(t)); err != nil {
		t.Fatal(err)
	}
	receipt := proof.Receipt{Version: 1, Head: r.head, Time: testTime + r.head.Index, Manifest: hash}
	if edit != nil {
		edit(&receipt)
	}
	return signReceipt(t, r.certifier, receipt)
}

func signReceipt(t testing.TB, key ed25519.PrivateKey, receipt proof.Receipt) proof.SignedReceipt {
	t.Helper()
	signed, err := proof.SignReceipt(key, receipt)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (r *rig) hashes(t testing.TB) tlog.HashReaderFunc {
	t.Helper()
	var all []tlog.Hash
	reader := func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = all[x]
		}
		return out, nil
	}
	for i, leaf := range r.leaves {
		stored, err := tlog.StoredHashes(int64(i), proof.Leaf(leaf), tlog.HashReaderFunc(reader))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stored...)
	}
	return reader
}

// order makes the order for what was logged, under the newest head.
func (r *rig) order(t testing.TB, a authorised, sealed []byte) wire.SignOrder {
	t.Helper()
	encoded, err := proof.Encode(a.permit)
	if err != nil {
		t.Fatal(err)
	}
	inclusion, err := tlog.ProveRecord(int64(r.head.Size), int64(a.entry.Index), r.hashes(t))
	if err != nil {
		t.Fatal(err)
	}
	return wire.SignOrder{Permit: encoded, Entry: a.encoded, Salt: a.salt, Path: inclusion, Payload: a.payload, Sealed: sealed}
}

// submit is what the signer does with a batch that arrives.
func submit(s *Signer, batch wire.SignBatch) ([]wire.SignResult, error) {
	receipt, err := s.accept(batch.Receipt)
	if err != nil {
		return nil, err
	}
	return s.sign(receipt, batch.Orders).Results, nil
}

// signs says how many of a batch's orders were signed, by any trace of a signature.
func signs(s *Signer, batch wire.SignBatch) int {
	results, err := submit(s, batch)
	if err != nil {
		return 0
	}
	n := 0
	for _, r := range results {
		if r.Fault == "" && !r.Missing || len(r.Signature) > 0 || len(r.Transaction) > 0 {
			n++
		}
	}
	return n
}
