package policy

import (
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/rule"
)

// rawPayload signs bytes as they are. Bytes that are a transaction, an authorization, typed data or a message of a chain
// are judged as that, too.
func (e *Engine) rawPayload(params *api.SignRawPayloadParams, a account) (intent, error) {
	if params.Payload == "" {
		return intent{}, missing("params.payload")
	}
	b, err := anyBase64(params.Payload)
	if err != nil {
		return intent{}, api.Errorf(api.TypeInvalid, "want base64 or base64url").At("params.payload")
	}
	if !fits(params.Algorithm, a.curve) {
		return intent{}, api.Errorf(api.TypeInvalid, "want Ed25519 for an account of that curve, Secp256k1, Secp256k1Keccak256 or Secp256k1Schnorr for one of Secp256k1, or Secp256r1 for a path of a mnemonic wallet").At("params.algorithm")
	}
	in, err := newIntent(permit.PayloadRaw, a, params.Algorithm, b, "params.payload")
	if err != nil {
		return in, err
	}
	if raw, ok := in.parsed.(*payload.Raw); ok {
		in.as, in.blind, in.replayable = raw.As, raw.Blind, raw.EveryNetwork
	}
	return in, nil
}

// judge asks the policies about an intent: as what the caller calls it, and as what it is. The decision is not explained.
func (c *caller) judge(q rule.Question, in intent) rule.Decision {
	q.Replayable, q.Blind = in.replayable, in.blind
	d := c.askBriefly(q)
	if in.as == "" || !d.Allowed && len(d.Approvals) == 0 {
		return d
	}
	q.Method = in.as
	second := c.askBriefly(q)
	if d.Allowed || !second.Allowed && len(second.Approvals) == 0 {
		return second
	}
	d.Approvals = append(slices.Clone(d.Approvals), second.Approvals...) // those that both want
	return d
}
