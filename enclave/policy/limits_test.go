package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// Names are compared by people, too: nothing in them may be invisible, and their length is counted in characters.
func TestCheckName(t *testing.T) {
	const limit = 10
	for name, fine := range map[string]bool{
		"a": true, "a b": true, "Zoë": true, "日本": true, strings.Repeat("é", 10): true, strings.Repeat("a", 10): true, "🔑": true, "<&>": true,
		"": false, " ": false, " a": false, "a ": false, "a\n": false, "a\tb": false, "a\x00b": false, "\x7f": false, strings.Repeat("a", 11): false,
		strings.Repeat("é", 11): false, "a\u200bb": false, "a\u202eb": false, "\ufeffa": false, "a\u00a0b": false, "a\u2028b": false, "a\u00adb": false,
		"\u3000a": false, "a\u0085": false, "\ue000": false, "\U000e0041": false,
	} {
		if err := checkName(name, limit, "p"); (err == nil) != fine {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What a request may not say, with the type of the error and the field that it names.
func TestArgumentsAreChecked(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	with := func(more object) object {
		all := object{"organizationId": o.id}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	long, invalid, malformed := strings.Repeat("x", 65), api.TypeInvalid, api.TypeMalformed
	tags := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint("t", i))
		}
		return all
	}
	paths := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("m/44'/501'/%d'/0'", i))
		}
		return all
	}
	newUser := func(edit object) object {
		u := user("u", preset("DENY_ALL"), newKey(t))
		for name, value := range edit {
			u[name] = value
		}
		return with(object{"user": u})
	}
	newKeyed := func(edit object) object {
		k := keypair("k", newKey(t))
		for name, value := range edit {
			k[name] = value
		}
		return with(object{"username": "root", "authenticator": k})
	}
	signing := func(edit object) object {
		all := utf8Params(o, w.WalletID, "x")
		for name, value := range edit {
			all[name] = value
		}
		return all
	}
	for _, c := range []struct {
		method api.Method
		params object
		want   string
		path   string
	}{
		{api.GetOrganization, object{}, invalid, "params.organizationId"},
		{api.GetOrganization, object{"organizationId": strings.ToUpper(o.id)}, invalid, "params.organizationId"},
		{api.GetOrganization, object{"organizationId": 5}, malformed, "params.organizationId"},
		{api.GetOrganization, with(object{"admin": true}), malformed, "params.admin"},
		{api.CreateWallet, with(object{"walletName": ""}), invalid, "params.walletName"},
		{api.CreateWallet, with(object{"walletName": long}), invalid, "params.walletName"},
		{api.CreateWallet, with(object{"walletName": "a\u200bb"}), invalid, "params.walletName"},
		{api.CreateWallet, with(object{"walletName": "w", "tags": tags(33)}), api.TypeLimit, "params.tags"},
		{api.CreateWallet, with(object{"walletName": "w", "tags": []string{"a", "a"}}), api.TypeConflict, "params.tags[1]"},
		{api.CreateWallet, with(object{"walletName": "w", "tags": []string{strings.Repeat("t", 129)}}), invalid, "params.tags[0]"},
		{api.CreateWallet, with(object{"walletName": "w", "accounts": paths(65)}), api.TypeLimit, "params.accounts"},
		{api.CreateWallet, with(object{"walletName": "w", "accounts": []string{"m/44'/501'/0/0'"}}), invalid, "params.accounts[0]"},
		{api.CreateWallet, with(object{"walletName": "w", "accounts": []string{solanaPath, "m/1"}}), invalid, "params.accounts[1]"},
		{api.CreateWallet, with(object{"walletName": "w", "accounts": []any{5}}), malformed, "params.accounts[0]"},
		{api.CreateWallet, with(object{"walletName": "w", "mnemonicLength": 13}), invalid, "params.mnemonicLength"},
		{api.CreateWallet, with(object{"walletName": "w", "mnemonicLength": 27}), invalid, "params.mnemonicLength"},
		{api.CreateWallet, with(object{"walletName": "w", "mnemonicLength": -12}), invalid, "params.mnemonicLength"},
		{api.CreateWallet, with(object{"walletName": "w", "curve": "Secp256k1"}), invalid, "params.curve"},
		{api.CreateWallet, with(object{"walletName": "w", "curve": "K256", "accounts": paths(1)}), invalid, "params.curve"},
		{api.CreateWallet, with(object{"walletName": "w", "curve": "Ed25519", "addressFormat": "Ethereum"}), invalid, "params.curve"},
		{api.CreateWallet, with(object{"walletName": "w", "addressFormat": "Solana"}), invalid, "params.addressFormat"},
		{api.GetOrganizationWallets, with(object{"limit": 0}), invalid, "params.limit"},
		{api.GetOrganizationWallets, with(object{"limit": 101}), invalid, "params.limit"},
		{api.GetOrganizationWallets, with(object{"offset": -1}), invalid, "params.offset"},
		{api.GetWalletWithTag, with(object{"tag": ""}), invalid, "params.tag"},
		{api.AddUserToOrganization, newUser(object{"username": ""}), invalid, "params.user.username"},
		{api.AddUserToOrganization, newUser(object{"username": "root"}), api.TypeConflict, "params.user.username"},
		{api.AddUserToOrganization, newUser(object{"policy": nil}), invalid, "params.user.policy.type"},
		{api.AddUserToOrganization, newUser(object{"policy": object{"type": "root"}}), invalid, "params.user.policy.type"},
		{api.AddUserToOrganization, newUser(object{"policy": object{"type": "ROOT", "preset": "ALLOW_ALL"}}), invalid, "params.user.policy.type"},
		{api.AddUserToOrganization, newUser(object{"policy": preset("")}), invalid, "params.user.policy.preset"},
		{api.AddUserToOrganization, newUser(object{"policy": preset("ALLOW")}), invalid, "params.user.policy.preset"},
		{api.AddUserToOrganization, newUser(object{"policy": preset("DAPP_CONNECTION_USER")}), invalid, "params.user.policy.walletId"},
		{api.AddUserToOrganization, newUser(object{"policy": object{"type": "CEL", "rules": []any{object{}}}}), invalid, "params.user.policy.rules[0].expression"},
		{api.AddUserToOrganization, newUser(object{"policy": object{"type": "CEL", "preset": "ALLOW_ALL", "usdLimit": object{}}}), invalid, "params.user.policy.usdLimit"},
		{api.AddUserToOrganization, newUser(object{"expiresInMs": 0}), invalid, "params.user.expiresInMs"},
		{api.AddUserToOrganization, newUser(object{"expiresInMs": -1}), invalid, "params.user.expiresInMs"},
		{api.AddUserToOrganization, newUser(object{"expiresInMs": int64(9223372036854775807)}), invalid, "params.user.expiresInMs"},
		{api.AddUserToOrganization, newUser(object{"expiresInMs": 1.5}), malformed, "params.user.expiresInMs"},
		{api.AddUserToOrganization, newUser(object{"traits": object{"": "x"}}), invalid, "params.user.traits"},
		{api.CreateAuthenticator, newKeyed(object{"authenticatorName": ""}), invalid, "params.authenticator.authenticatorName"},
		{api.CreateAuthenticator, newKeyed(object{"authenticatorKind": "passkey"}), invalid, "params.authenticator"},
		{api.CreateAuthenticator, newKeyed(object{"authenticatorKind": "password"}), api.TypeUnsupported, "params.authenticator.authenticatorKind"},
		{api.CreateAuthenticator, newKeyed(object{"credentialId": "AAAA"}), invalid, "params.authenticator"},
		{api.CreateAuthenticator, newKeyed(object{"algorithm": "Secp256k1"}), api.TypeUnsupported, "params.authenticator.algorithm"},
		{api.CreateAuthenticator, newKeyed(object{"algorithm": "Secp256r1"}), invalid, "params.authenticator.publicKey"},
		{api.CreateAuthenticator, newKeyed(object{"publicKey": b64(make([]byte, 31))}), invalid, "params.authenticator.publicKey"},
		{api.CreateAuthenticator, newKeyed(object{"publicKey": b64(make([]byte, 32))}), invalid, "params.authenticator.publicKey"}, // of low order
		{api.CreateAuthenticator, newKeyed(object{"publicKey": b64(append([]byte{1}, make([]byte, 31)...))}), invalid, "params.authenticator.publicKey"},
		{api.CreateAuthenticator, newKeyed(object{"publicKey": []int{256}}), invalid, "params.authenticator.publicKey"},
		{api.CreateAuthenticator, newKeyed(object{"publicKey": []int{-1}}), invalid, "params.authenticator.publicKey"},
		{api.CreateAuthenticator, newKeyed(object{"publicKey": b64(public(o.key))}), api.TypeConflict, ""},
		{api.CreateAuthenticator, newKeyed(object{"expiresInMs": 0}), invalid, "params.authenticator.expiresInMs"},
		{api.DeleteAuthenticator, with(object{"username": "root", "authenticatorId": "x"}), invalid, "params.authenticatorId"},
		{api.DeleteAuthenticator, with(object{"username": "x", "authenticatorId": o.id}), api.TypeNotFound, "params.username"},
		{api.DeleteAuthenticator, with(object{"username": "root", "authenticatorId": o.id}), api.TypeNotFound, "params.authenticatorId"},
		{api.DeleteUserFromOrganization, with(object{"username": "x"}), api.TypeNotFound, "params.username"},
		{api.DeleteUserFromOrganization, with(object{"username": ""}), api.TypeNotFound, "params.username"},
		{api.DeleteUserFromOrganization, with(nil), api.TypeNotFound, "params.username"},
		{api.DeleteUserFromOrganization, with(object{"username": "root"}), invalid, "params.username"}, // the last one
		{api.DeleteUserFromOrganization, with(object{"username": "root", "policyName": "p"}), malformed, "params.policyName"},
		{api.SignUtf8Message, signing(object{"walletId": "x"}), invalid, "params.walletId"},
		{api.SignUtf8Message, signing(object{"derivationInfo": nil}), api.TypeMalformed, "params.derivationInfo"},
		{api.SignUtf8Message, signing(object{"derivationInfo": "m/44'/501'"}), "", ""},
		{api.SignUtf8Message, signing(object{"derivationInfo": object{"derivationPath": solanaPath, "curve": "Secp256k1"}}), invalid, "params.derivationInfo"},
		{api.SignUtf8Message, signing(object{"derivationInfo": object{"derivationPath": solanaPath, "addressFormat": "Sui"}}), invalid, "params.derivationInfo"},
		{api.SignUtf8Message, signing(object{"algorithm": "Secp256k1"}), invalid, "params.algorithm"},
		{api.SignUtf8Message, signing(object{"policyName": "p"}), invalid, "params.policyName"},
		{api.EthereumSignMessage, signing(nil), invalid, "params.derivationInfo"},
		{api.SignTransaction, object{"organizationId": o.id, "walletId": w.WalletID, "derivationInfo": solanaPath, "transaction": "AAAA"}, api.TypeTransaction, "params.transaction"},
	} {
		a := r.call(t, o.key, c.method, c.params)
		if got := errorType(a); got != c.want || errorPath(a) != c.path {
			t.Errorf("%s %v: %q at %q, want %q at %q: %s", c.method, c.params, got, errorPath(a), c.want, c.path, a.Result)
		}
	}
	if a := r.call(t, o.key, api.DeleteAuthenticator, with(object{
		"username":        "root",
		"authenticatorId": must[api.Organization](t, r, o.key, api.GetOrganization, with(nil)).Users[0].Authenticators[0].ID,
	})); errorType(a) != api.TypeInvalid {
		t.Errorf("the last root was deleted: %d %s", a.Status, a.Result)
	}
}
