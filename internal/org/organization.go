package org

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// SchemaVersion is the version of the records in this package.
const SchemaVersion = 1

// Organization is the record of an organization.
type Organization struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	ID      proof.ID
	Name    string
	Parent  proof.ID // zero for none
	Tags    []string
	Created uint64 // Unix milliseconds
	Users   []User
}

// User acts within an organization.
type User struct {
	_              struct{} `cbor:",toarray"`
	Username       string
	Policy         Policy
	Authenticators []Authenticator
	Traits         []Trait
	Created        uint64 // Unix milliseconds
	Expires        uint64 // Unix milliseconds, 0 for never
}

// Trait is a name and a value, in the order of names.
type Trait struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Value string
}

// Policy is a user policy as it is stored.
type Policy struct {
	_           struct{} `cbor:",toarray"`
	Type        string   // ROOT or CEL
	Preset      string   // of type CEL
	Wallet      proof.ID // of DAPP_CONNECTION_USER
	Environment uint8    // version of the policy environment under which it was written
	Rules       []Rule   // of a full policy
	Constants   []Constant
	USDLimit    *USDLimit // of DAPP_CONNECTION_USER, nil for none
}

// Full says whether the policy has rules of its own rather than being a preset.
func (p *Policy) Full() bool { return p.Type == PolicyCEL && p.Preset == "" }

// ByRules says whether rules decide, be they written or those of a preset with a limit.
func (p *Policy) ByRules() bool { return p.Full() || p.Type == PolicyCEL && p.USDLimit != nil }

// Rule is one rule of a full policy.
type Rule struct {
	_          struct{} `cbor:",toarray"`
	Expression string
	Outcome    string // ALLOW, DENY or REQUIRE_APPROVAL
	Comment    string
	Approvals  []Approval // of REQUIRE_APPROVAL: all of them are needed
	Expires    uint64     // milliseconds that a request waits for them; 0 for the organization's own
}

// Approval is how many users with a tag must approve. One person counts once for each Approval whose tag they hold.
type Approval struct {
	_        struct{} `cbor:",toarray"`
	Required uint8
	Tag      string // empty for any user but the one who asks
}

// Constant is a value that rules may use by name.
type Constant struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Value   []byte // JSON
	Comment string
}

// USDLimit bounds what a connection may spend in a day.
type USDLimit struct {
	_             struct{} `cbor:",toarray"`
	CentsPerDay   uint64
	MemoryAccount string // of the Lighthouse program, as clients name it
	MemoryID      uint8
	MemoryBump    uint8
}

// The outcomes of rules.
const (
	OutcomeAllow    = "ALLOW"
	OutcomeDeny     = "DENY"
	OutcomeApproval = "REQUIRE_APPROVAL"
)

// The types and presets of user policies.
const (
	PolicyRoot           = "ROOT"
	PolicyCEL            = "CEL"
	PresetAllowAll       = "ALLOW_ALL"
	PresetDenyAll        = "DENY_ALL"
	PresetLegacyUserRole = "LEGACY_USER_ROLE"
	PresetDappConnection = "DAPP_CONNECTION_USER"
)

// Authenticator is a registered key. KeyHash of algorithm and canonical key names it.
type Authenticator struct {
	_         struct{} `cbor:",toarray"`
	ID        proof.ID
	Name      string
	Kind      string        // keypair, passkey or oidc
	Algorithm api.Algorithm // of a keypair
	PublicKey []byte        // of a keypair, canonical: 32 bytes for Ed25519, 65 uncompressed for Secp256r1; else CBOR of Passkey or OIDC
	Created   uint64        // Unix milliseconds
	Expires   uint64        // Unix milliseconds, 0 for never
}

// KeyHash names a public key under its algorithm, so that 32 bytes of one curve are never taken for another's.
func KeyHash(algorithm api.Algorithm, publicKey []byte) proof.Hash {
	h := sha256.New()
	h.Write([]byte(algorithm))
	h.Write([]byte{0})
	h.Write(publicKey)
	return proof.Hash(h.Sum(nil))
}

// Expired says whether a time of expiry has passed.
func Expired(expires, now uint64) bool { return expires != 0 && now >= expires }

// Member is a user together with the authenticator by which they came.
type Member struct {
	User          *User
	Authenticator *Authenticator
}

// Find returns who holds a key, whether or not they expired.
func (o *Organization) Find(algorithm api.Algorithm, publicKey []byte) (Member, bool) {
	for i := range o.Users {
		u := &o.Users[i]
		for j := range u.Authenticators {
			a := &u.Authenticators[j]
			if a.Algorithm == algorithm && slices.Equal(a.PublicKey, publicKey) {
				return Member{User: u, Authenticator: a}, true
			}
		}
	}
	return Member{}, false
}

// User returns the position of a user by name, or -1.
func (o *Organization) User(username string) int {
	return slices.IndexFunc(o.Users, func(u User) bool { return u.Username == username })
}

// Live says whether both the user and the authenticator may act at a time.
func (m Member) Live(now uint64) bool {
	return !Expired(m.User.Expires, now) && !Expired(m.Authenticator.Expires, now)
}

// TagsTrait is the trait whose value lists a user's tags, with commas between them.
const TagsTrait = "tags"

// Tags lists the user's tags.
func (u *User) Tags() []string {
	for _, t := range u.Traits {
		if t.Name == TagsTrait && t.Value != "" {
			return strings.Split(t.Value, ",")
		}
	}
	return nil
}
