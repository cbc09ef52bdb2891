package policy

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/webauthn"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Bounds of a registration.
const (
	maxTransports        = 8
	maxTransport         = 32 // bytes
	maxRegisterChallenge = 64 // bytes
)

// newPasskey reads an authenticator that signs by Web Authentication. Nothing signs a registration: whoever sends one
// vouches for it with their own stamp. RP and origin are pinned as they are.
func newPasskey(made org.Authenticator, a api.NewAuthenticator, path string) (org.Authenticator, error) {
	if a.PublicKey.Given() || a.Algorithm != "" || a.TakesTokens() {
		return made, api.Errorf(api.TypeInvalid, "an authenticator of kind passkey has credentialId, attestationObject, clientDataJSON and transports only").At(path)
	}
	var object, client, id []byte
	for name, field := range map[string]struct {
		text string
		into *[]byte
	}{"attestationObject": {a.AttestationObject, &object}, "clientDataJSON": {a.ClientDataJSON, &client}, "credentialId": {a.CredentialID, &id}} {
		var err error
		if *field.into, err = base64.RawURLEncoding.Strict().DecodeString(field.text); err != nil || field.text == "" || strings.ContainsAny(field.text, "\r\n") {
			return made, api.Errorf(api.TypeInvalid, "want unpadded base64url, as browsers give it").At(path + "." + name)
		}
	}
	c, err := webauthn.Register(object, client, webauthn.Expect{})
	if err != nil {
		return made, api.Errorf(api.TypeInvalid, "%v", err).At(path + ".attestationObject")
	}
	if string(c.ID) != string(id) {
		return made, api.Errorf(api.TypeInvalid, "is not that of the attestation object").At(path + ".credentialId")
	}
	if len(c.Challenge) > maxRegisterChallenge {
		return made, api.Errorf(api.TypeLimit, "the challenge has more than %d bytes", maxRegisterChallenge).At(path + ".clientDataJSON")
	}
	if err := checkTransports(a.Transports, path+".transports"); err != nil {
		return made, err
	}
	made.PublicKey, err = org.Passkey{
		Version: 1, Credential: c.ID, Key: c.PublicKey, RPIDHash: c.RPIDHash, Origin: c.Origin, Challenge: c.Challenge,
		Count: c.Count, BackupEligible: c.BackupEligible, BackedUp: c.BackedUp, Verified: c.UserVerified, Transports: a.Transports,
	}.Encode()
	return made, err
}

// hasPasskey says whether anything of a passkey is given.
func hasPasskey(a api.NewAuthenticator) bool {
	return a.CredentialID != "" || a.AttestationObject != "" || a.ClientDataJSON != "" || a.Transports != nil
}

func checkTransports(all []string, path string) error {
	if len(all) > maxTransports {
		return api.Errorf(api.TypeLimit, "at most %d", maxTransports).At(path)
	}
	for i, t := range all {
		if err := checkName(t, maxTransport, element(path, i)); err != nil {
			return err
		}
	}
	return nil
}

// credential is what verifies a passkey's assertions.
func credential(p org.Passkey) webauthn.Credential {
	return webauthn.Credential{
		ID: p.Credential, PublicKey: p.Key, RPIDHash: p.RPIDHash, Origin: p.Origin, Challenge: p.Challenge, Count: p.Count,
		BackupEligible: p.BackupEligible, BackedUp: p.BackedUp, UserVerified: p.Verified,
	}
}

func describePasskey(result *api.Authenticator, a org.Authenticator) {
	p, err := a.Passkey()
	if err != nil {
		return
	}
	object, client, err := credential(p).Registration()
	if err != nil {
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	result.CredentialID, result.AttestationObject, result.ClientDataJSON = encode(p.Credential), encode(object), encode(client)
	result.Transports = p.Transports
}

// passkeyUse is a signature by a passkey: how often it says to have signed, and how often it had before.
type passkeyUse struct {
	key      ledger.Key // of the record of its count
	read     found[org.PasskeyCount]
	first    uint32 // count at registration
	count    uint32
	verified bool // the person, and not only that somebody is there
}

func passkeyCountKey(organization, authenticator proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindPasskeyCount, organization, authenticator)
}

// verifyPasskey checks the caller's stamp by a passkey, all but the count.
func (c *caller) verifyPasskey(p org.Passkey) (webauthn.Result, error) {
	a := c.stamp.Passkey
	known := credential(p)
	known.Count = 0 // whether it grows is for passkeyUse to say, when the request takes effect
	return webauthn.Verify(webauthn.Assertion{
		CredentialID: a.CredentialID, AuthenticatorData: a.AuthenticatorData, ClientDataJSON: a.ClientDataJSON, Signature: a.Signature,
	}, known, webauthn.Expect{Challenge: stamp.Challenge(c.body)})
}

// authenticatePasskey is authenticate for a stamp by a passkey. Who is no member here is told nothing more: no other
// organization is asked whether it knows the credential, which anybody can name.
func (e *Engine) authenticatePasskey(ctx context.Context, c *caller) error {
	if c.record.value == nil {
		return unauthenticated()
	}
	member, p, ok := c.record.value.Credential(c.stamp.Passkey.CredentialID)
	if !ok || !member.Live(c.now) {
		return unauthenticated()
	}
	said, err := c.verifyPasskey(p)
	if err != nil {
		return unauthenticated()
	}
	use := &passkeyUse{key: passkeyCountKey(c.organization, member.Authenticator.ID), first: p.Count, count: said.Count, verified: said.UserVerified}
	if use.read, err = load[org.PasskeyCount](ctx, e, use.key); err != nil {
		return err
	}
	c.member, c.passkey = member, use
	return nil
}

// fresh says whether a passkey's count follows the one that is known. Equal bodies are answered alike without it.
func (u *passkeyUse) fresh() error {
	if u == nil {
		return nil
	}
	before := u.first
	if u.read.value != nil {
		before = u.read.value.Count
	}
	if !webauthn.Grows(before, u.count) {
		return unauthenticated()
	}
	return nil
}

// spend checks the count against the newest one, and keeps it with what the request changes. The engine's lock is held.
func (u *passkeyUse) spend(e *Engine, p *proposal) error {
	if u == nil {
		return nil
	}
	if e.version(u.key) != u.read.version {
		return errChanged
	}
	if err := u.fresh(); err != nil || u.count == 0 {
		return err
	}
	for i := range p.changes {
		if p.changes[i].key == u.key { // the passkey is being deleted
			return nil
		}
	}
	p.put(u.key, &org.PasskeyCount{Version: org.SchemaVersion, Count: u.count})
	return nil
}

// forgetCounts deletes the counts of passkeys that an organization loses.
func (e *Engine) forgetCounts(p *proposal, before, after *org.Organization) {
	stay := map[proof.ID]bool{}
	for i := range after.Users {
		for _, a := range after.Users[i].Authenticators {
			stay[a.ID] = true
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range before.Users {
		for _, a := range before.Users[i].Authenticators {
			if key := passkeyCountKey(after.ID, a.ID); a.Kind == org.KindPasskey && !stay[a.ID] && e.exists(key) {
				p.put(key, nil)
			}
		}
	}
}
