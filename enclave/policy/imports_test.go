package policy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

func standard(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func orgID(t testing.TB, o tenant) proof.ID {
	t.Helper()
	u, err := id.Parse(o.id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// encrypted encrypts a secret to an import envelope, as the SDK does.
func encrypted(t testing.TB, o tenant, e api.ImportEnvelope, s envelope.Secret) string {
	t.Helper()
	purpose := envelope.Purpose{Method: api.CompleteImportWallet, Organization: orgID(t, o), Context: sha256.Sum256(bytesOf(t, e.Envelope))}
	b, err := envelope.Seal(bytesOf(t, e.PublicKey), purpose, &s)
	if err != nil {
		t.Fatal(err)
	}
	return standard(b)
}

func (r *rig) envelope(t testing.TB, o tenant, kem string) api.ImportEnvelope {
	t.Helper()
	params := object{"organizationId": o.id}
	if kem != "" {
		params["kem"] = kem
	}
	return must[api.ImportEnvelope](t, r, o.key, api.InitWalletImport, params)
}

func importParams(t testing.TB, o tenant, e api.ImportEnvelope, s envelope.Secret) object {
	t.Helper()
	return object{"organizationId": o.id, "importEnvelope": e, "encryptedSecret": encrypted(t, o, e, s), "walletName": "imported"}
}

func with(params object, more object) object {
	all := object{}
	for _, m := range []object{params, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// words is a mnemonic of a length, another one for each fill.
func words(t testing.TB, size int, fill byte) envelope.Secret {
	t.Helper()
	s, err := seed.New(bytes.Repeat([]byte{fill}, size))
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Mnemonic()
	if err != nil {
		t.Fatal(err)
	}
	return envelope.Secret{Kind: envelope.Mnemonic, Bytes: text}
}

// An imported wallet has the accounts that its secret has elsewhere, and its export gives the secret back.
func TestImportAndExport(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	accounts := object{"accounts": []string{solanaPath, "m/44'/60'/0'/0/0"}}
	known := words(t, 16, 0) // "abandon … about": accounts that everybody knows
	e := r.envelope(t, o, "")
	w := must[api.Wallet](t, r, o.key, api.CompleteImportWallet, with(importParams(t, o, e, known), accounts))
	if w.Type != api.WalletMnemonic || w.Accounts[0].Address != "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk" || w.Accounts[1].Address != "0x9858EfFD232B4033E47d90003D41EC34EcaEda94" {
		t.Fatalf("%+v", w)
	}
	for _, kem := range []string{api.KEMX25519, api.KEMHybrid} {
		for i, size := range []int{16, 20, 24, 28, 32} {
			fill := byte(10*len(kem) + i)
			s := words(t, size, fill)
			w := must[api.Wallet](t, r, o.key, api.CompleteImportWallet, importParams(t, o, r.envelope(t, o, kem), s))
			if got := r.exported(t, o, w.WalletID); got.Kind != envelope.Entropy || !bytes.Equal(got.Bytes, bytes.Repeat([]byte{fill}, size)) {
				t.Errorf("%d bytes come back as %d of kind %d", size, len(got.Bytes), got.Kind)
			}
		}
	}
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	for name, c := range map[string]struct {
		secret  envelope.Secret
		more    object
		address string
	}{
		"seed and public key": {envelope.Secret{Kind: envelope.Ed25519, Bytes: private}, object{"curve": "Ed25519"}, base58.Encode(public(private))},
		"a seed for Sui":      {envelope.Secret{Kind: envelope.Ed25519, Bytes: bytes.Repeat([]byte{8}, 32)}, object{"curve": "Ed25519", "addressFormat": "Sui"}, ""},
		"a scalar":            {envelope.Secret{Kind: envelope.Secp256k1, Bytes: append(make([]byte, 31), 1)}, object{"curve": "K256"}, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"},
	} {
		w := must[api.Wallet](t, r, o.key, api.CompleteImportWallet, with(importParams(t, o, r.envelope(t, o, ""), c.secret), c.more))
		if w.Type != api.WalletKeypair || w.Account == nil || c.address != "" && c.address != w.Account.Address {
			t.Errorf("%s: %+v", name, w.Account)
		}
		if got := r.exported(t, o, w.WalletID); got.Kind != c.secret.Kind || !bytes.Equal(got.Bytes, c.secret.Bytes[:32]) {
			t.Errorf("%s comes back as kind %d", name, got.Kind)
		}
	}
	signed := must[api.Signature](t, r, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, "from an imported wallet"))
	if signed.Address != w.Accounts[0].Address {
		t.Error("an imported wallet signs with another account")
	}
}

// recipient is a key to export to.
func recipient(t testing.TB, size int) envelope.Key {
	t.Helper()
	b := make([]byte, envelope.SeedSize)
	rand.Read(b)
	k, err := envelope.NewKey(b, size)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// exported exports a wallet to a hybrid key, and opens what comes.
func (r *rig) exported(t testing.TB, o tenant, wallet string) *envelope.Secret {
	t.Helper()
	k := recipient(t, envelope.SizeHybrid)
	body := r.body(t, api.ExportWallet, object{"organizationId": o.id, "walletId": wallet, "publicKey": standard(k.PublicKey())})
	return opened(t, o, wallet, k, body, r.send(t, o.key, body))
}

func opened(t testing.TB, o tenant, wallet string, k envelope.Key, body []byte, a wire.Answer) *envelope.Secret {
	t.Helper()
	var bundle api.ExportedWallet
	if err := json.Unmarshal(a.Result, &bundle); a.Status != 200 || err != nil {
		t.Fatalf("export: %d %s %v", a.Status, a.Result, err)
	}
	subject, err := id.Parse(wallet)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(envelope.Purpose{Method: api.ExportWallet, Organization: orgID(t, o), Subject: subject, Context: sha256.Sum256(body)}, bytesOf(t, bundle.EncryptedBundle))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The same body exports once, to the same bytes, also after a restart; another body is another export.
func TestExportIsRepeated(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	k := recipient(t, envelope.SizeX25519)
	body := r.body(t, api.ExportWallet, object{"organizationId": o.id, "walletId": w.WalletID, "publicKey": standard(k.PublicKey())})
	before := r.entries(t)
	answers := together(8, func(int) wire.Answer { return r.send(t, o.key, body) })
	secret := opened(t, o, w.WalletID, k, body, answers[0])
	for _, a := range answers {
		if !same(a, answers[0]) {
			t.Errorf("another answer: %s", a.Result)
		}
	}
	r.restart(t)
	if a := r.send(t, o.key, body); !same(a, answers[0]) {
		t.Errorf("after a restart: %d %s", a.Status, a.Result)
	}
	if n := r.entries(t); n != before+1 {
		t.Errorf("%d entries for one export", n-before)
	}
	if again := r.exported(t, o, w.WalletID); !bytes.Equal(again.Bytes, secret.Bytes) {
		t.Error("another secret")
	}
	made := before // what the first record of the wallet has: the index of its entry and one
	if first, second := r.storedWallet(t, o, w.WalletID, made), r.storedWallet(t, o, w.WalletID, made+2); first != nil || second == nil || !second.Exported {
		t.Errorf("the wallet's record after two exports: %+v, as it was made %+v", second, first)
	}
	// What the wallet's record says of it is nowhere in answers of the contract.
	a := r.call(t, o.key, api.GetOrganizationWallets, object{"organizationId": o.id})
	if strings.Contains(strings.ToLower(string(a.Result)), "export") {
		t.Errorf("%s", a.Result)
	}
}

// storedWallet reads a wallet's record where it is stored, or nil if that is of another version.
func (r *rig) storedWallet(t *testing.T, o tenant, wallet string, version uint64) *org.Wallet {
	t.Helper()
	u, err := id.Parse(wallet)
	if err != nil {
		t.Fatal(err)
	}
	key := ledger.NewKey(ledger.KindWallet, orgID(t, o), u)
	sealed, err := r.store.Records(t.Context(), [][]byte{key[:]})
	if err != nil || len(sealed) != 1 {
		t.Fatalf("%d records, %v", len(sealed), err)
	}
	plain, err := rootOf(t, proof.RolePolicy).Key("record").Open(ledger.Context(key, version), sealed[0])
	if err != nil {
		return nil
	}
	stored := &org.Wallet{}
	if err := proof.Decode(plain, stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

// A grant lets its holder export only by the scope for it, and not when it is restricted to some accounts: the secret is all
// of them.
func TestExportByGrant(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	restricted := with(scopes("exportWallet"), object{"derivationAllowlist": []object{{"derivationPath": solanaPath, "curve": "Ed25519", "addressFormat": "Solana"}}})
	for name, policy := range map[string]object{"restricted": restricted, "signs": scopes("signaturePayload"), "exports": scopes("exportWallet")} {
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": policy, "policyName": name}))
		k := recipient(t, envelope.SizeX25519)
		body := r.body(t, api.ExportWallet, object{"organizationId": target.id, "walletId": w.WalletID, "publicKey": standard(k.PublicKey()), "policyName": name})
		a := r.send(t, target.key, body)
		if name != "exports" {
			if a.Status != 403 {
				t.Errorf("%s: %d %s", name, a.Status, a.Result)
			}
			continue
		}
		if s := opened(t, target, w.WalletID, k, body, a); s.Kind != envelope.Entropy {
			t.Errorf("kind %d", s.Kind)
		}
		r.restart(t)
		if again := r.send(t, target.key, body); !same(a, again) {
			t.Errorf("after a restart: %d %s", again.Status, again.Result)
		}
	}
}

func TestExportRefused(t *testing.T) {
	r := newRig(t)
	worker, app := newKey(t), newKey(t)
	o := r.tenant(t, user("worker", preset("LEGACY_USER_ROLE"), worker), user("nobody", preset("DENY_ALL"), app))
	w := r.wallet(t, o)
	good := standard(recipient(t, envelope.SizeX25519).PublicKey())
	params := func(key string) object {
		return object{"organizationId": o.id, "walletId": w.WalletID, "publicKey": key}
	}
	for _, key := range []ed25519.PrivateKey{worker, app} {
		for method, p := range map[api.Method]object{
			api.ExportWallet: params(good), api.InitWalletImport: {"organizationId": o.id},
			api.CompleteImportWallet: {"organizationId": o.id, "walletName": "x", "encryptedSecret": "", "importEnvelope": object{"envelope": "", "publicKey": ""}},
		} {
			if a := r.call(t, key, method, p); a.Status != 403 {
				t.Errorf("%s: %d %s", method, a.Status, a.Result)
			}
		}
	}
	low, err := hex.DecodeString("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
	if err != nil {
		t.Fatal(err)
	}
	before := r.entries(t)
	for name, key := range map[string]string{
		"no key": "", "no base64": "!", "a short key": standard(make([]byte, 31)), "zero": standard(make([]byte, 32)), "a point of low order": standard(low),
		"half a hybrid key": standard(make([]byte, 1184)),
	} {
		if a := r.call(t, o.key, api.ExportWallet, params(key)); a.Status != 400 || errorPath(a) != "params.publicKey" {
			t.Errorf("%s: %d %s", name, a.Status, a.Result)
		}
	}
	other := r.tenant(t)
	if a := r.call(t, other.key, api.ExportWallet, object{"organizationId": other.id, "walletId": w.WalletID, "publicKey": good}); a.Status != 404 {
		t.Errorf("the wallet of another organization: %d %s", a.Status, a.Result)
	}
	if n := r.entries(t); n != before+1 { // the other organization
		t.Errorf("%d entries for nothing", n-before-1)
	}
}

// Whatever is wrong with an import, it is refused with a reason, stores nothing, and the envelope can still be used.
func TestImportRefused(t *testing.T) {
	r := newRig(t)
	second := newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, second))
	stranger := r.tenant(t)
	e, foreign := r.envelope(t, o, ""), r.envelope(t, stranger, "")
	s := words(t, 16, 3)
	good := importParams(t, o, e, s)
	sealed := bytesOf(t, good["encryptedSecret"].(string))
	changed := func(b []byte, at int) string {
		b = bytes.Clone(b)
		b[at] ^= 1
		return standard(b)
	}
	other := r.envelope(t, o, "")
	wrongSum := envelope.Secret{Kind: envelope.Mnemonic, Bytes: []byte(strings.Repeat("abandon ", 11) + "abandon")}
	before := r.entries(t)
	for name, c := range map[string]struct {
		key    ed25519.PrivateKey
		params object
		path   string
	}{
		"of another organization":      {nil, with(good, object{"importEnvelope": foreign}), "params.importEnvelope.envelope"},
		"of another user":              {second, good, "params.importEnvelope.envelope"},
		"with another key":             {nil, with(good, object{"importEnvelope": object{"envelope": e.Envelope, "publicKey": other.PublicKey}}), "params.encryptedSecret"},
		"a changed envelope":           {nil, with(good, object{"importEnvelope": object{"envelope": changed(bytesOf(t, e.Envelope), 40), "publicKey": e.PublicKey}}), "params.importEnvelope.envelope"},
		"a changed identifier":         {nil, with(good, object{"importEnvelope": object{"envelope": changed(bytesOf(t, e.Envelope), 5), "publicKey": e.PublicKey}}), "params.importEnvelope.envelope"},
		"a cut envelope":               {nil, with(good, object{"importEnvelope": object{"envelope": standard(bytesOf(t, e.Envelope)[:17]), "publicKey": e.PublicKey}}), "params.importEnvelope.envelope"},
		"a cut secret":                 {nil, with(good, object{"encryptedSecret": standard(sealed[:len(sealed)-1])}), "params.encryptedSecret"},
		"a changed secret":             {nil, with(good, object{"encryptedSecret": changed(sealed, 60)}), "params.encryptedSecret"},
		"a changed exchange":           {nil, with(good, object{"encryptedSecret": changed(sealed, 3)}), "params.encryptedSecret"},
		"an exchange of low order":     {nil, with(good, object{"encryptedSecret": standard(append(make([]byte, 32), sealed[32:]...))}), "params.encryptedSecret"},
		"no secret":                    {nil, with(good, object{"encryptedSecret": ""}), "params.encryptedSecret"},
		"a secret without end":         {nil, with(good, object{"encryptedSecret": standard(make([]byte, 1<<14))}), "params.encryptedSecret"},
		"encrypted for another one":    {nil, with(good, object{"encryptedSecret": encrypted(t, o, other, s)}), "params.encryptedSecret"},
		"a wrong checksum":             {nil, importParams(t, o, e, wrongSum), "params.encryptedSecret"},
		"words of no list":             {nil, importParams(t, o, e, envelope.Secret{Kind: envelope.Mnemonic, Bytes: []byte(strings.Repeat("zzz ", 11) + "zzz")}), "params.encryptedSecret"},
		"another number of words":      {nil, with(good, object{"mnemonicLength": 24}), "params.encryptedSecret"},
		"a mnemonic for a key":         {nil, with(good, object{"curve": "Ed25519"}), "params.encryptedSecret"},
		"a key for a mnemonic":         {nil, importParams(t, o, e, envelope.Secret{Kind: envelope.Ed25519, Bytes: make([]byte, 32)}), "params.encryptedSecret"},
		"a key of another curve":       {nil, with(importParams(t, o, e, envelope.Secret{Kind: envelope.Ed25519, Bytes: make([]byte, 32)}), object{"curve": "K256"}), "params.encryptedSecret"},
		"another public key beside it": {nil, with(importParams(t, o, e, envelope.Secret{Kind: envelope.Ed25519, Bytes: make([]byte, 64)}), object{"curve": "Ed25519"}), "params.encryptedSecret"},
		"a scalar of zero":             {nil, with(importParams(t, o, e, envelope.Secret{Kind: envelope.Secp256k1, Bytes: make([]byte, 32)}), object{"curve": "K256"}), "params.encryptedSecret"},
		"a scalar too large":           {nil, with(importParams(t, o, e, envelope.Secret{Kind: envelope.Secp256k1, Bytes: bytes.Repeat([]byte{0xff}, 32)}), object{"curve": "K256"}), "params.encryptedSecret"},
		"no name":                      {nil, with(good, object{"walletName": ""}), "params.walletName"},
	} {
		key := o.key
		if c.key != nil {
			key = c.key
		}
		if a := r.call(t, key, api.CompleteImportWallet, c.params); a.Status != 400 || errorPath(a) != c.path {
			t.Errorf("%s: %d %s", name, a.Status, a.Result)
		}
	}
	if n := r.entries(t); n != before {
		t.Errorf("%d entries for nothing", n-before)
	}
	if a := r.call(t, o.key, api.InitWalletImport, object{"organizationId": o.id, "kem": "P-256"}); a.Status != 400 || errorPath(a) != "params.kem" {
		t.Errorf("an unknown suite: %d %s", a.Status, a.Result)
	}
	must[api.Wallet](t, r, o.key, "completeMnemonicImport", good) // the contract's other name
	if a := r.call(t, o.key, api.CompleteImportWallet, with(good, object{"walletName": "again"})); a.Status != 400 || errorPath(a) != "params.importEnvelope.envelope" {
		t.Errorf("used twice: %d %s", a.Status, a.Result)
	}
	r.restart(t)
	if a := r.call(t, o.key, api.CompleteImportWallet, with(good, object{"walletName": "again"})); a.Status != 400 || errorPath(a) != "params.importEnvelope.envelope" {
		t.Errorf("used after a restart: %d %s", a.Status, a.Result)
	}
}

// An envelope is used once, however many come at once; equal bodies are one request.
func TestEnvelopeIsUsedOnce(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	e := r.envelope(t, o, "")
	answers := together(8, func(i int) wire.Answer {
		return r.call(t, o.key, api.CompleteImportWallet, importParams(t, o, e, words(t, 16, byte(40+i))))
	})
	good := 0
	for _, a := range answers {
		switch a.Status {
		case 200:
			good++
		case 400:
		default:
			t.Errorf("%d %s", a.Status, a.Result)
		}
	}
	if good != 1 {
		t.Errorf("%d wallets came of one envelope", good)
	}
	body := r.body(t, api.CompleteImportWallet, importParams(t, o, r.envelope(t, o, ""), words(t, 16, 60)))
	answers = together(8, func(int) wire.Answer { return r.send(t, o.key, body) })
	r.restart(t)
	for _, a := range append(answers, r.send(t, o.key, body)) {
		if a.Status != 200 || !same(a, answers[0]) {
			t.Errorf("%d %s", a.Status, a.Result)
		}
	}
}

// A secret that is a wallet here already is not taken in silence: not in the same organization, not in another one, and
// not one that was made here and taken out. Two at once make one wallet.
func TestKnownSecretsAreRefused(t *testing.T) {
	r := newRig(t)
	o, other := r.tenant(t), r.tenant(t)
	s := words(t, 20, 1)
	mine := must[api.Wallet](t, r, o.key, api.CompleteImportWallet, importParams(t, o, r.envelope(t, o, ""), s))
	again := r.call(t, o.key, api.CompleteImportWallet, importParams(t, o, r.envelope(t, o, ""), s))
	if errorType(again) != api.TypeConflict || !strings.Contains(string(again.Result), mine.WalletID) {
		t.Errorf("%d %s", again.Status, again.Result)
	}
	elsewhere := r.call(t, other.key, api.CompleteImportWallet, importParams(t, other, r.envelope(t, other, ""), s))
	if errorType(elsewhere) != api.TypeConflict || strings.Contains(string(elsewhere.Result), mine.WalletID) {
		t.Errorf("%d %s", elsewhere.Status, elsewhere.Result)
	}
	made := r.wallet(t, o)
	out := r.exported(t, o, made.WalletID)
	r.restart(t)
	if a := r.call(t, other.key, api.CompleteImportWallet, importParams(t, other, r.envelope(t, other, ""), *out)); errorType(a) != api.TypeConflict {
		t.Errorf("a wallet that was taken out: %d %s", a.Status, a.Result)
	}
	all, envelopes := make([]tenant, 12), make([]api.ImportEnvelope, 12)
	for i := range all {
		all[i] = r.tenant(t)
		envelopes[i] = r.envelope(t, all[i], "")
	}
	taken, refused := 0, 0
	for round := range byte(4) { // of twelve at once, one is first
		bodies := make([][]byte, len(all))
		for i, o := range all {
			bodies[i] = r.body(t, api.CompleteImportWallet, importParams(t, o, envelopes[i], words(t, 20, 100+round)))
		}
		for i, a := range together(len(all), func(i int) wire.Answer { return r.send(t, all[i].key, bodies[i]) }) {
			if a.Status == 200 {
				taken++
				envelopes[i] = r.envelope(t, all[i], "")
			} else if errorType(a) == api.TypeConflict {
				refused++
			}
		}
	}
	if taken != 4 || refused != 44 {
		t.Errorf("%d wallets of 4 secrets, %d refusals of 44", taken, refused)
	}
}

// There is an end to how many imports wait.
func TestImportsThatWait(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	for range api.MaxImports {
		r.envelope(t, o, "")
	}
	if a := r.call(t, o.key, api.InitWalletImport, object{"organizationId": o.id}); errorType(a) != api.TypeLimit {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}
