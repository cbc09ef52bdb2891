package certifier

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func (r *rig) nonce(t *testing.T) []byte {
	t.Helper()
	c, err := r.challenge(wire.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Nonce
}

// An admitted enclave gets a certificate for the role and the keys of its evidence, under this manifest.
func TestAdmit(t *testing.T) {
	r := newRig(t)
	for role, binary := range map[proof.Role]proof.Hash{proof.RolePolicy: policyBinary, proof.RoleSigner: signerBinary} {
		key := bytes.Repeat([]byte{byte(len(role))}, 32)
		answer, err := r.admit(r.evidence(t, r.nonce(t), r.launcher, func(e *attest.Evidence) {
			e.Role, e.Binary, e.SigningKey, e.Channel = role, binary, key, proof.Hash{byte(len(role))}
		}))
		if err != nil {
			t.Fatal(err)
		}
		c := answer.Certificate.Certificate
		if c.Channel != (proof.Hash{byte(len(role))}) || !bytes.Equal(c.SigningKey, key) {
			t.Errorf("%s: certificate for other keys", role)
		}
		if err := answer.Certificate.Verify(r.manifest, role, time.Now()); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// Evidence that does not fit the manifest or the challenge in any one respect admits nobody.
func TestAdmitRefuses(t *testing.T) {
	r := newRig(t)
	foreign := testKey(66)
	for why, c := range map[string]struct {
		by   ed25519.PrivateKey
		edit func(*attest.Evidence)
	}{
		"another launcher":               {foreign, nil},
		"the binary of another role":     {r.launcher, func(e *attest.Evidence) { e.Binary = signerBinary }},
		"another role for the binary":    {r.launcher, func(e *attest.Evidence) { e.Role = proof.RoleSigner }},
		"the role of the certifier":      {r.launcher, func(e *attest.Evidence) { e.Role = proof.RoleCertifier }},
		"a role that does not exist":     {r.launcher, func(e *attest.Evidence) { e.Role = "" }},
		"a binary that is not admitted":  {r.launcher, func(e *attest.Evidence) { e.Binary = proof.Hash{77} }},
		"a nonce that was not given out": {r.launcher, func(e *attest.Evidence) { e.Nonce = bytes.Repeat([]byte{1}, 32) }},
		"a nonce of zeros":               {r.launcher, func(e *attest.Evidence) { e.Nonce = make([]byte, 32) }},
		"no nonce":                       {r.launcher, func(e *attest.Evidence) { e.Nonce = nil }},
		"part of the nonce":              {r.launcher, func(e *attest.Evidence) { e.Nonce = e.Nonce[:31] }},
		"another tier":                   {r.launcher, func(e *attest.Evidence) { e.Tier = "microvm" }},
		"another version":                {r.launcher, func(e *attest.Evidence) { e.Version = 2 }},
		"a short signing key":            {r.launcher, func(e *attest.Evidence) { e.SigningKey = make([]byte, 31) }},
	} {
		if answer, err := r.admit(r.evidence(t, r.nonce(t), c.by, c.edit)); faultCode(err) != "refused" || answer.Certificate.Signature != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	good := r.evidence(t, r.nonce(t), r.launcher, nil).Evidence
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := r.admit(wire.Evidence{Evidence: bad}); faultCode(err) != "refused" {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, err := r.admit(wire.Evidence{}); faultCode(err) != "refused" {
		t.Errorf("no evidence: %v", err)
	}
}

// A challenge admits once, for a minute, and not after a restart, so that evidence cannot be shown again.
func TestChallengeIsForOneUse(t *testing.T) {
	r := newRig(t)
	evidence := r.evidence(t, r.nonce(t), r.launcher, nil)
	if _, err := r.admit(evidence); err != nil {
		t.Fatal(err)
	}
	if _, err := r.admit(evidence); faultCode(err) != "refused" {
		t.Errorf("shown twice: %v", err)
	}
	evidence = r.evidence(t, r.nonce(t), r.launcher, nil)
	r.reopen(t)
	if _, err := r.admit(evidence); faultCode(err) != "refused" {
		t.Errorf("shown to the next run: %v", err)
	}
}

func TestChallengeExpires(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		early, late := r.nonce(t), r.nonce(t)
		time.Sleep(challengeLifetime)
		if _, err := r.admit(r.evidence(t, early, r.launcher, nil)); err != nil {
			t.Errorf("within the minute: %v", err)
		}
		time.Sleep(time.Millisecond)
		if _, err := r.admit(r.evidence(t, late, r.launcher, nil)); faultCode(err) != "refused" {
			t.Errorf("after the minute: %v", err)
		}
	})
}

// Strangers can ask for any number of challenges; they cost a bounded amount of memory, for a minute.
func TestChallengesAreBounded(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		for range maxChallenges {
			r.nonce(t)
		}
		if _, err := r.challenge(wire.Empty{}); faultCode(err) != "overloaded" {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(challengeLifetime + time.Millisecond)
		r.nonce(t)
		if len(r.challenges) != 1 {
			t.Errorf("%d challenges are kept", len(r.challenges))
		}
	})
}

// Who may ask what. A stranger may become somebody and do nothing else; the anchor is the policy engine's alone.
func TestRoles(t *testing.T) {
	r := newRig(t)
	everybody := []proof.Role{"", proof.RolePolicy, proof.RoleSigner, proof.RoleCertifier, "host"}
	messages := map[wire.Kind]any{
		wire.KindAdmit: wire.Evidence{Evidence: []byte("none")}, wire.KindAnchor: wire.AnchorRequest{},
	}
	for kind, allowed := range map[wire.Kind]string{
		wire.KindChallenge: "|policy|signer|certifier|host|", wire.KindAdmit: "|policy|signer|certifier|host|",
		wire.KindOpen: "policy|", wire.KindAnchor: "policy|", wire.KindNote: "policy|", wire.KindCertifierCounters: "policy|",
		wire.KindNewest: "policy|signer|certifier|host|", 0: "", 255: "", wire.KindSign: "", wire.KindRequest: "",
	} {
		message, ok := messages[kind]
		if !ok {
			message = wire.Empty{}
		}
		for _, role := range everybody {
			before := r.state
			err := r.ask(t, role, kind, message)
			told := err != nil && strings.Contains(err.Error(), "may not ask this")
			may := strings.Contains("|"+allowed, "|"+string(role)+"|")
			if told == may {
				t.Errorf("role %q, kind %d: %v, want allowed %v", role, kind, err, may)
			}
			if !may && (r.state.Sequence != before.Sequence || r.state.Epoch != before.Epoch) {
				t.Errorf("role %q, kind %d: it was refused and yet changed the anchor", role, kind)
			}
		}
	}
	if err := r.ask(t, proof.RolePolicy, wire.KindAnchor, "not a request"); faultCode(err) != "malformed" {
		t.Errorf("a message that does not decode: %v", err)
	}
}
