package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/stamp"
)

// told is what a caller can see of an error, but for the request's own id.
func told(t *testing.T, a wire.Answer) string {
	t.Helper()
	var body object
	if err := json.Unmarshal(a.Result, &body); err != nil {
		t.Fatal(err)
	}
	delete(body, "requestId")
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(rune(a.Status)) + string(b)
}

func (r *rig) stamped(t *testing.T, body []byte, header string) wire.Answer {
	t.Helper()
	a, err := r.desk.Request(t.Context(), wire.KindRequest, wire.Request{Body: body, Stamp: header})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Whatever is wrong with a stamp, the answer is one and the same: it tells nothing about which part was right.
func TestBadStampsAreToldAlike(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	body := r.body(t, api.GetOrganization, object{"organizationId": o.id})
	good := stamp.SignEd25519(o.key, body)
	if a := r.stamped(t, body, good); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	parsed, err := stamp.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(from, to string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), from, to, 1)))
	}
	changed := func(edit func(*stamp.Stamp)) string { s := parsed; edit(&s); return s.Encode() }
	want := told(t, r.send(t, nil, body))
	for why, header := range map[string]string{
		"a stranger's":        stamp.SignEd25519(newKey(t), body),
		"over another body":   stamp.SignEd25519(o.key, append(body, ' ')),
		"over nothing":        stamp.SignEd25519(o.key, nil),
		"another's signature": changed(func(s *stamp.Stamp) { s.Signature = ed25519.Sign(newKey(t), body) }),
		"a zero signature":    changed(func(s *stamp.Stamp) { s.Signature = make([]byte, 64) }),
		"another key":         changed(func(s *stamp.Stamp) { s.PublicKey = public(newKey(t)) }),
		"a key of low order": changed(func(s *stamp.Stamp) {
			s.PublicKey = append([]byte{1}, make([]byte, 31)...)
			s.Signature = append([]byte{1}, make([]byte, 63)...)
		}),
		"another algorithm":    changed(func(s *stamp.Stamp) { s.Algorithm = api.Secp256r1 }),
		"a wallet's algorithm": changed(func(s *stamp.Stamp) { s.Algorithm = api.Secp256k1 }),
		"kind OIDC":            changed(func(s *stamp.Stamp) { s.Kind, s.IDToken = stamp.OIDC, "a.b.c" }),
		"kind unknown":         edit(`"PKI"`, `"MAGIC"`),
		"a member more":        edit(`{`, `{"admin":"true",`),
		"a member twice":       edit(`{`, `{"kind":"PKI",`),
		"a member's case":      edit(`"kind"`, `"Kind"`),
		"not JSON":             base64.RawURLEncoding.EncodeToString([]byte("hello")),
		"not base64":           "%%%", "a space before": " " + good, "a line break in it": good[:9] + "\n" + good[9:],
		"standard base64": base64.StdEncoding.EncodeToString(text) + "+/", "cut short": good[:len(good)-4], "doubled": good + good,
		"too long": good + strings.Repeat("A", api.MaxStamp),
	} {
		if got := told(t, r.stamped(t, body, header)); got != want {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		b := []byte(good)
		b[random.IntN(len(b))] ^= 1 << random.IntN(7)
		if string(b) == good {
			continue
		}
		if again, err := stamp.Parse(string(b)); err == nil && again.Encode() == good {
			continue // another spelling of the same stamp
		}
		if a := r.stamped(t, body, string(b)); a.Status != 401 {
			t.Fatalf("header %s: %d", b, a.Status)
		}
		spoilt := []byte(string(body))
		spoilt[random.IntN(len(spoilt))] ^= 1 << random.IntN(7)
		if a := r.stamped(t, spoilt, good); a.Status != 401 && string(spoilt) != string(body) {
			t.Fatalf("body %s: %d", spoilt, a.Status)
		}
	}
}

// No method but createOrganization answers without a stamp, and that one only where the manifest says so.
func TestUnstamped(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	for _, method := range methods() {
		params := object{"organizationId": o.id, "walletId": w.WalletID}
		if a := r.call(t, nil, method, params); method != api.CreateOrganization && a.Status != 401 {
			t.Errorf("%s without a stamp: %d %s", method, a.Status, a.Result)
		}
	}
	made := object{"organizationName": "n", "users": []object{user("u", object{"type": "ROOT"}, o.key)}}
	if a := r.call(t, newKey(t), api.CreateOrganization, made); a.Status != 401 {
		t.Errorf("an organization stamped by a key that it does not list: %d %s", a.Status, a.Result)
	}
	if a := r.call(t, o.key, api.CreateOrganization, made); a.Status != 200 {
		t.Errorf("an organization stamped by its own key: %d %s", a.Status, a.Result)
	}
}

func methods() []api.Method { return api.Methods() }

// A member of one organization learns nothing about another: it is told that there is none, whether there is or not. A
// stranger is told nothing but that they are one. Wallets of others and wallets that are not are told alike.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	r := newRig(t)
	one, two := r.tenant(t), r.tenant(t)
	own, foreign := r.wallet(t, one), r.wallet(t, two)
	params := func(organization, wallet string) object {
		return object{
			"organizationId": organization, "walletId": wallet, "message": "aGVsbG8", "derivationInfo": solanaPath, "accounts": []string{solanaPath},
			"walletName": "w", "tag": "t", "username": "root", "authenticatorId": id.String(id.Random()), "limit": 1, "offset": 0,
			"authenticator": keypair("k", newKey(t)), "user": user("u", preset("DENY_ALL")), "transaction": "AQAB", "typedData": object{},
			"ownerOrganizationId": organization, "targetOrganizationId": one.id, "policy": scopes("owner"), "migrationId": id.String(id.Random()),
			"update": object{}, "payload": "aGVsbG8", "algorithm": "Ed25519", "publicKey": standard(append([]byte{9}, make([]byte, 31)...)),
			"importEnvelope": object{"envelope": "", "publicKey": ""}, "encryptedSecret": "", "requirePolicyTests": true,
			"prices": []any{}, "chain": "eip155:1", "address": "0x00", "request": object{},
			"requestId": id.String(id.Random()), "requestDigest": strings.Repeat("0", 64),
			"clientId": "app", "appName": "App", "name": "n", "idToken": "a.b.c", "wayId": id.String(id.Random()), "changeId": id.String(id.Random()),
		}
	}
	takes := map[api.Method][]string{
		api.UpdateUserInOrganization: {"organizationId", "username"}, api.UpdateAuthenticator: {"organizationId", "username", "authenticatorId", "update"},
		api.GrantOrganizationAccess:    {"ownerOrganizationId", "targetOrganizationId", "walletId", "policy"},
		api.RevokeOrganizationAccess:   {"ownerOrganizationId", "targetOrganizationId", "walletId"},
		api.TransferOrganizationWallet: {"ownerOrganizationId", "targetOrganizationId", "walletId"},
		api.ListPendingMigrations:      {"organizationId"}, api.CompleteWalletTransfer: {"organizationId", "migrationId"},
		api.GetOrganization: {"organizationId"}, api.AddUserToOrganization: {"organizationId", "user"},
		api.DeleteUserFromOrganization: {"organizationId", "username"},
		api.CreateAuthenticator:        {"organizationId", "username", "authenticator"}, api.DeleteAuthenticator: {"organizationId", "username", "authenticatorId"},
		api.CreateWallet: {"organizationId", "walletName"}, api.GetOrCreateWalletWithTag: {"organizationId", "walletName", "tag"},
		api.GetWalletWithTag: {"organizationId", "tag"}, api.GetOrganizationWallets: {"organizationId"},
		api.GetAccounts: {"organizationId", "walletId", "accounts"}, api.SignUtf8Message: {"organizationId", "walletId", "message", "derivationInfo"},
		api.EthereumSignMessage:   {"organizationId", "walletId", "message", "derivationInfo"},
		api.EthereumSignTypedData: {"organizationId", "walletId", "typedData", "derivationInfo"},
		api.SignTransaction:       {"organizationId", "walletId", "transaction", "derivationInfo"},
		api.SignRawPayload:        {"organizationId", "walletId", "payload", "algorithm", "derivationInfo"},
		api.InitWalletImport:      {"organizationId"}, api.ExportWallet: {"organizationId", "walletId", "publicKey"},
		api.Freeze: {"organizationId", "walletId"}, api.Unfreeze: {"organizationId", "walletId"},
		api.ApproveRequest: {"organizationId", "requestId", "requestDigest"}, api.RejectRequest: {"organizationId", "requestId", "requestDigest"},
		api.GetRequest: {"organizationId", "requestId"}, api.ListRequests: {"organizationId"},
		api.GetOrganizationControls: {"organizationId"}, api.UpdateOrganizationControls: {"organizationId", "requirePolicyTests"},
		api.SetPrices: {"organizationId", "prices"}, api.RegisterContract: {"organizationId", "chain", "address"}, api.DryRun: {"organizationId", "request"},
		api.GetOrganizationActivity: {"organizationId"}, api.ReplayPolicy: {"organizationId", "username", "policy"},
		api.ConnectApp: {"organizationId", "clientId", "appName", "walletId"}, api.DisconnectApp: {"organizationId", "clientId"},
		api.ListConnections: {"organizationId"}, api.ListWays: {"organizationId"}, api.AddWay: {"organizationId", "name", "idToken"},
		api.RemoveWay: {"organizationId", "wayId"}, api.CompleteWayChange: {"organizationId", "changeId"}, api.VetoWayChange: {"organizationId", "changeId"},
		api.CompleteImportWallet: {"organizationId", "walletName", "importEnvelope", "encryptedSecret"},
	}
	others := []api.Method{api.CreateOrganization, api.GetPhantomOrganization, api.GetOrCreatePhantomOrganization, api.GetWalletAccessGrants}
	for _, method := range methods() {
		if takes[method] == nil && !slices.Contains(others, method) {
			t.Errorf("%s is not tried", method)
		}
	}
	nobody := id.String(id.Random())
	stranger := newKey(t)
	for method, members := range takes {
		ask := func(key ed25519.PrivateKey, organization, wallet string) wire.Answer {
			all, sent := params(organization, wallet), object{}
			for _, name := range members {
				sent[strings.Replace(name, "update", "authenticator", 1)] = all[name]
			}
			return r.call(t, key, method, sent)
		}
		elsewhere, nowhere := ask(one.key, two.id, foreign.WalletID), ask(one.key, nobody, foreign.WalletID)
		if elsewhere.Status != 404 || told(t, elsewhere) != told(t, nowhere) {
			t.Errorf("%s: another organization: %s; none: %s", method, elsewhere.Result, nowhere.Result)
		}
		elsewhere, nowhere = ask(stranger, two.id, foreign.WalletID), ask(stranger, nobody, foreign.WalletID)
		if elsewhere.Status != 401 || told(t, elsewhere) != told(t, nowhere) {
			t.Errorf("%s by a stranger: an organization: %s; none: %s", method, elsewhere.Result, nowhere.Result)
		}
		if _, wallet := params("", "")["walletId"]; wallet && strings.Contains(strings.Join(members, " "), "walletId") {
			elsewhere, nowhere = ask(one.key, one.id, foreign.WalletID), ask(one.key, one.id, nobody)
			if elsewhere.Status != 404 || told(t, elsewhere) != told(t, nowhere) {
				t.Errorf("%s: another's wallet: %s; none: %s", method, elsewhere.Result, nowhere.Result)
			}
		}
	}
	list := must[api.Wallets](t, r, one.key, api.GetOrganizationWallets, object{"organizationId": one.id})
	if list.TotalCount != 1 || list.Wallets[0].WalletID != own.WalletID {
		t.Errorf("the list shows %+v", list)
	}
	if body := r.call(t, one.key, api.GetWalletWithTag, object{"organizationId": one.id, "tag": "none"}); string(body.Result) != "null" {
		t.Errorf("a tag that is not there: %d %s", body.Status, body.Result)
	}
}
