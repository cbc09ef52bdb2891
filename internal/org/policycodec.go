package org

import (
	"errors"

	"github.com/redoubt-kms/redoubt/proof"
)

// shortPolicy is how a policy without rules and limit is stored, as all were before there were any.
type shortPolicy struct {
	_           struct{} `cbor:",toarray"`
	Type        string
	Preset      string
	Wallet      proof.ID
	Environment uint8
}

// longPolicy is how all others are stored.
type longPolicy struct {
	_           struct{} `cbor:",toarray"`
	Type        string
	Preset      string
	Wallet      proof.ID
	Environment uint8
	Rules       []Rule
	Constants   []Constant
	USDLimit    *USDLimit
}

// short is the first byte of a CBOR array of four.
const short = 0x84

func (p *Policy) isShort() bool {
	return len(p.Rules) == 0 && len(p.Constants) == 0 && p.USDLimit == nil
}

// MarshalCBOR writes the shorter of the two forms that holds the policy.
func (p Policy) MarshalCBOR() ([]byte, error) {
	if p.isShort() {
		return proof.Encode(shortPolicy{Type: p.Type, Preset: p.Preset, Wallet: p.Wallet, Environment: p.Environment})
	}
	return proof.Encode(longPolicy{
		Type: p.Type, Preset: p.Preset, Wallet: p.Wallet, Environment: p.Environment,
		Rules: p.Rules, Constants: p.Constants, USDLimit: p.USDLimit,
	})
}

// UnmarshalCBOR reads either form; the longer one only where it is needed, so that a policy has one encoding.
func (p *Policy) UnmarshalCBOR(b []byte) error {
	if len(b) > 0 && b[0] == short {
		var s shortPolicy
		err := proof.Decode(b, &s)
		*p = Policy{Type: s.Type, Preset: s.Preset, Wallet: s.Wallet, Environment: s.Environment}
		return err
	}
	var l longPolicy
	if err := proof.Decode(b, &l); err != nil {
		return err
	}
	*p = Policy{
		Type: l.Type, Preset: l.Preset, Wallet: l.Wallet, Environment: l.Environment,
		Rules: l.Rules, Constants: l.Constants, USDLimit: l.USDLimit,
	}
	if p.isShort() {
		return errors.New("policy in the longer form without need")
	}
	return nil
}
