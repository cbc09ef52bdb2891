package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
)

// methods lists every method that names an organization, with parameters that are right for a tenant.
func methods(o *tenant, s *server) map[string]func(organization, wallet string) object {
	eth := object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"}
	with := func(more object) func(string, string) object {
		return func(organization, wallet string) object {
			p := object{"organizationId": organization}
			for k, v := range more {
				p[k] = v
			}
			if _, names := more["walletId"]; names {
				p["walletId"] = wallet
			}
			return p
		}
	}
	target := id.String(id.Random())
	// between are the methods about a wallet and two organizations.
	between := func(more object) func(string, string) object {
		return func(organization, wallet string) object {
			p := object{"ownerOrganizationId": organization, "targetOrganizationId": target, "walletId": wallet}
			for k, v := range more {
				p[k] = v
			}
			return p
		}
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))
	return map[string]func(string, string) object{
		"updateUserInOrganization": with(object{"username": id.String(id.Random())}),
		"updateAuthenticator":      with(object{"username": "admin", "authenticatorId": id.String(id.Random()), "authenticator": object{}}),
		"grantOrganizationAccess":  between(object{"policy": object{"version": "v0", "scopes": []string{"owner"}}}),
		"revokeOrganizationAccess": between(nil),
		"getWalletAccessGrantsRequest": func(organization, _ string) object {
			return object{"ownerOrganizationId": organization, "targetOrganizationId": organization, "walletId": target}
		},
		"transferOrganizationWallet": between(nil),
		"listPendingMigrations":      with(nil),
		"completeWalletTransfer":     with(object{"migrationId": id.String(id.Random())}),
		"signRawPayload":             with(object{"walletId": "", "payload": "aGk", "algorithm": "Ed25519", "derivationInfo": solanaAccount()}),
		"initWalletImport":           with(nil),
		"freeze":                     with(object{"walletId": ""}),
		"unfreeze":                   with(object{"walletId": ""}),
		"getOrganizationControls":    with(nil),
		"updateOrganizationControls": with(object{"requirePolicyTests": false}),
		"setPrices":                  with(object{"prices": []object{{"asset": "ETH", "decimals": 18, "usd": "1"}}}),
		"registerContract":           with(object{"chain": "eip155:1", "address": "0x00000000000000000000000000000000000000aa"}),
		"getOrganizationActivity":    with(nil),
		"replayPolicy":               with(object{"username": "admin", "policy": object{"type": "ROOT"}}),
		"approveRequest":             with(object{"requestId": id.String(id.Random()), "requestDigest": "00"}),
		"rejectRequest":              with(object{"requestId": id.String(id.Random()), "requestDigest": "00"}),
		"getRequest":                 with(object{"requestId": id.String(id.Random())}),
		"listRequests":               with(nil),
		"connectApp":                 with(object{"clientId": "app", "appName": "App", "walletId": ""}),
		"disconnectApp":              with(object{"clientId": "app"}),
		"listConnections":            with(nil),
		"listWays":                   with(nil),
		"addWay":                     with(object{"name": "x", "idToken": "a.b.c"}),
		"removeWay":                  with(object{"wayId": id.String(id.Random())}),
		"completeWayChange":          with(object{"changeId": id.String(id.Random())}),
		"vetoWayChange":              with(object{"changeId": id.String(id.Random())}),
		"dryRun":                     with(object{"request": object{"method": "getOrganization", "params": object{}, "timestampMs": 0}}),
		"completeImportWallet":       with(object{"importEnvelope": object{"envelope": "AAAA", "publicKey": key}, "encryptedSecret": "AAAA", "walletName": "x"}),
		"exportWallet":               with(object{"walletId": "", "publicKey": key}),
		"getOrganization":            with(nil),
		"addUserToOrganization":      with(object{"user": object{"username": id.String(id.Random()), "policy": object{"type": "ROOT"}, "authenticators": []object{}}}),
		"deleteUserFromOrganization": with(object{"username": id.String(id.Random())}),
		"createAuthenticator":        with(object{"username": "admin", "authenticator": newKey(s).authenticator("x")}),
		"deleteAuthenticator":        with(object{"username": "admin", "authenticatorId": id.String(id.Random())}),
		"createWallet":               with(object{"walletName": "x"}),
		"getOrCreateWalletWithTag":   with(object{"walletName": "x", "tag": "shared"}),
		"getWalletWithTag":           with(object{"tag": "secret-tag"}),
		"getOrganizationWallets":     with(nil),
		"getAccounts":                with(object{"walletId": "", "accounts": []string{"m/44'/501'/0'/0'"}}),
		"signUtf8Message":            with(object{"walletId": "", "message": "x", "algorithm": "Ed25519", "derivationInfo": solanaAccount()}),
		"ethereumSignMessage":        with(object{"walletId": "", "message": "aGk", "derivationInfo": eth}),
		"ethereumSignTypedData": with(object{"walletId": "", "derivationInfo": eth, "typedData": object{
			"types": object{"M": []object{{"name": "n", "type": "uint256"}}}, "primaryType": "M", "domain": object{"name": "D"}, "message": object{"n": 1},
		}}),
		"signTransaction": with(object{"walletId": "", "derivationInfo": eth, "transaction": object{
			"kind": "RLP_ENCODED", "bytes": "0x02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0",
		}}),
	}
}

// A6: whoever names another tenant's organization or wallet, or one that does not exist, hears the same, and no method
// tells more than the others.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	var all []*tenant
	for range scale(4, 20) {
		o := newTenant(t, s)
		o.root.must(t, "createWallet", object{"organizationId": o.id, "walletName": "tagged", "tags": []string{"secret-tag"}}, "walletId")
		all = append(all, o)
	}
	nobody, nothing := id.String(id.Random()), id.String(id.Random())
	stranger := newKey(s)
	var outside, inside, unknown []byte
	for i, me := range all {
		for j, other := range all {
			if i == j {
				continue
			}
			known := methods(me, s)
			if len(known)+3 != len(api.Methods()) { // all but createOrganization and the two about the caller's own identity
				t.Fatalf("%d methods are tried, of %d", len(known), len(api.Methods()))
			}
			for method, params := range known {
				theirs := me.root.call(t, method, params(other.id, other.wallet))
				none := me.root.call(t, method, params(nobody, nothing))
				alike(t, method+" in another organization", 404, theirs, none, &outside)
				if named, names := params("", "")["walletId"]; names && named == "" {
					alike(t, method+" with another's wallet", 404, me.root.call(t, method, params(me.id, other.wallet)), me.root.call(t, method, params(me.id, nothing)), &inside)
				}
				alike(t, method+" by a stranger", 401, stranger.call(t, method, params(other.id, other.wallet)), stranger.call(t, method, params(nobody, nothing)), &unknown)
			}
		}
	}
}

// alike wants two answers of a status that differ in nothing but the requestId, and are those of all methods before.
func alike(t *testing.T, what string, status int, a, b answer, before *[]byte) {
	t.Helper()
	one, other := anonymous(t, a), anonymous(t, b)
	if a.status != status || b.status != status || !bytes.Equal(one, other) {
		t.Errorf("%s: %d %s\nunknown: %d %s", what, a.status, one, b.status, other)
	}
	if *before == nil {
		*before = one
	}
	if !bytes.Equal(*before, one) {
		t.Errorf("%s answers %s\nothers answer %s", what, one, *before)
	}
}

func anonymous(t *testing.T, a answer) []byte {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.raw, &v); err != nil {
		t.Fatalf("%s: %v", a.raw, err)
	}
	delete(v, "requestId")
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, a.receipt...)
}

// A deleted or an expired key is a stranger's, also for a request that it had answered before.
func TestGoneKeysAreStrangers(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	gone, expiring := newKey(s), newKey(s)
	add := func(k *key, more object) string {
		a := k.authenticator("k")
		for name, v := range more {
			a[name] = v
		}
		return o.root.must(t, "createAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticator": a}, "id")
	}
	identifier := add(gone, nil)
	add(expiring, object{"expiresInMs": 1500})
	b := body("signUtf8Message", o.signParams("x"), time.Now())
	for name, k := range map[string]*key{"gone": gone, "expiring": expiring} {
		if a, err := k.send(b); err != nil || a.status != 200 {
			t.Fatalf("%s: %d %s %v", name, a.status, a.raw, err)
		}
	}
	o.root.must(t, "deleteAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticatorId": identifier}, "id")
	time.Sleep(1600 * time.Millisecond)
	want := anonymous(t, newKey(s).call(t, "getOrganization", object{"organizationId": o.id}))
	for name, k := range map[string]*key{"gone": gone, "expiring": expiring} {
		a, err := k.send(b)
		if err != nil || a.status != 401 || !bytes.Equal(anonymous(t, a), want) {
			t.Errorf("%s: %d %s, a stranger: %s", name, a.status, a.raw, want)
		}
	}
}

// Users' policies hold over every method.
func TestPoliciesHold(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	other := o.root.must(t, "createWallet", object{"organizationId": o.id, "walletName": "other"}, "walletId")
	user := func(policy object) *key {
		k := newKey(s)
		o.root.must(t, "addUserToOrganization", object{"organizationId": o.id, "user": object{
			"username": id.String(id.Random()), "policy": policy, "authenticators": []object{k.authenticator("k")},
		}}, "organizationId")
		return k
	}
	users := map[string]*key{
		"ALLOW_ALL": user(object{"type": "CEL", "preset": "ALLOW_ALL"}), "DENY_ALL": user(object{"type": "CEL", "preset": "DENY_ALL"}),
		"LEGACY_USER_ROLE":     user(object{"type": "CEL", "preset": "LEGACY_USER_ROLE"}),
		"DAPP_CONNECTION_USER": user(object{"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": o.wallet}),
	}
	administers := map[string]bool{ // or is otherwise for administrators only
		"addUserToOrganization": true, "updateUserInOrganization": true, "deleteUserFromOrganization": true,
		"createAuthenticator": true, "updateAuthenticator": true, "deleteAuthenticator": true,
		"grantOrganizationAccess": true, "revokeOrganizationAccess": true, "transferOrganizationWallet": true, "completeWalletTransfer": true,
		"initWalletImport": true, "completeImportWallet": true, "exportWallet": true, "signRawPayload": true, "replayPolicy": true,
		"connectApp": true, "disconnectApp": true, "listConnections": true, "listWays": true,
	}
	rootOnly := map[string]bool{
		"updateOrganizationControls": true, "setPrices": true, "registerContract": true,
		"addWay": true, "removeWay": true, "completeWayChange": true, "vetoWayChange": true,
	}
	// A wallet that is frozen answers nobody, and who may approve depends on the request: enclave/policy tries who may.
	apart := map[string]bool{"freeze": true, "unfreeze": true, "approveRequest": true, "rejectRequest": true, "getRequest": true, "listRequests": true}
	every := map[string]bool{"getOrganization": true, "listPendingMigrations": true, "dryRun": true}
	for name, k := range users {
		for method, params := range methods(o, s) {
			if apart[method] {
				continue
			}
			allowed := map[string]bool{"ALLOW_ALL": !rootOnly[method], "DENY_ALL": false, "LEGACY_USER_ROLE": !administers[method] && !rootOnly[method]}[name]
			wallets := []string{o.wallet}
			if name == "DAPP_CONNECTION_USER" {
				wallets = append(wallets, other)
			}
			for _, wallet := range wallets {
				if name == "DAPP_CONNECTION_USER" {
					named, names := params("", "")["walletId"]
					allowed = every[method] || names && named == "" && wallet == o.wallet && !administers[method]
				}
				a := k.call(t, method, params(o.id, wallet))
				if denied := a.status == 403; denied == allowed {
					t.Errorf("%s %s on its wallet %v: %d %s", name, method, wallet == o.wallet, a.status, a.raw)
				}
				if a.status == 403 && (a.kind != "policy-denied" || !bytes.Contains(a.raw, []byte(name)) || a.receipt == "") {
					t.Errorf("%s %s: a denial without reason or receipt: %s", name, method, a.raw)
				}
			}
		}
	}
	for what, policy := range map[string]object{
		"rules":  {"type": "CEL", "rules": []object{{"expression": "tru", "outcome": "ALLOW", "comment": ""}}, "constants": []object{}},
		"limits": {"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": o.wallet, "usdLimit": object{"usdCentsLimitPerDay": 100}},
	} {
		a := o.root.call(t, "addUserToOrganization", object{"organizationId": o.id, "user": object{"username": what, "policy": policy, "authenticators": []object{}}})
		if a.status != 400 || a.kind != "invalid-argument" {
			t.Errorf("%s that cannot be enforced: %d %s", what, a.status, a.raw)
		}
	}
}

// Limits of an organization: names, users, keys, and who is evicted.
func TestLimitsOfAnOrganization(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	create := func(k *key, replace bool, more object) answer {
		a := k.authenticator("k")
		for name, v := range more {
			a[name] = v
		}
		return o.root.call(t, "createAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticator": a, "replaceExpirable": replace})
	}
	var keys []*key
	for i := range 9 {
		k := newKey(s)
		keys = append(keys, k)
		if a := create(k, false, object{"expiresInMs": 60_000 + i}); a.status != 200 {
			t.Fatalf("key %d: %d %s", i, a.status, a.raw)
		}
	}
	if a := create(newKey(s), false, nil); a.status != 400 || a.kind != "limit-reached" {
		t.Errorf("an eleventh key: %d %s", a.status, a.raw)
	}
	if a := create(keys[3], true, nil); a.status != 400 || a.kind != "conflict" {
		t.Errorf("the same key again: %d %s", a.status, a.raw)
	}
	if a := create(newKey(s), true, object{"expiresInMs": 60_000}); a.status != 200 {
		t.Errorf("a key in place of the oldest: %d %s", a.status, a.raw)
	}
	for i, k := range keys {
		want := 200
		if i == 0 {
			want = 401
		}
		if a := k.call(t, "getOrganization", object{"organizationId": o.id}); a.status != want {
			t.Errorf("key %d after the eviction: %d", i, a.status)
		}
	}
	var organization struct {
		Users []struct {
			Authenticators []struct{ ID, ExpiresAtMs string }
		}
	}
	_ = json.Unmarshal(o.root.call(t, "getOrganization", object{"organizationId": o.id}).result, &organization)
	for _, a := range organization.Users[0].Authenticators {
		if a.ExpiresAtMs != "" {
			continue
		}
		got := o.root.call(t, "deleteAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticatorId": a.ID})
		if got.status != 400 {
			t.Errorf("the last lasting root key: %d %s", got.status, got.raw)
		}
	}
	for i, name := range []string{"", " x", "x\u200bx", string(bytes.Repeat([]byte("x"), 65)), "x\ny"} {
		if a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": name}); a.status != 400 {
			t.Errorf("name %d: %d %s", i, a.status, a.raw)
		}
	}
	if a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": "a", "tags": []string{"t"}}); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": "b", "tags": []string{"t"}}); a.status != 400 || a.kind != "conflict" {
		t.Errorf("a tag twice: %d %s", a.status, a.raw)
	}
	for words, want := range map[int]int{12: 200, 15: 200, 18: 200, 21: 200, 24: 200, 11: 400, 25: 400, 0: 400, -3: 400} {
		if a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": fmt.Sprint("words ", words), "mnemonicLength": words}); a.status != want {
			t.Errorf("%d words: %d %s", words, a.status, a.raw)
		}
	}
}
