package policy

import (
	"encoding/base64"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// utf8Message signs text as it is, for a Sui account as a personal message. Text that is itself a transaction is refused
// where payloads are read, here and in the signer.
func (e *Engine) utf8Message(params *api.SignMessageParams, a account) (intent, error) {
	if params.Message == nil {
		return intent{}, missing("params.message")
	}
	if own, ok := bitcoinAlgorithm(a.format); ok {
		return bitcoinMessage(params, a, own)
	}
	algorithm := params.Algorithm
	if algorithm == "" { // the curve leaves one that is usual
		algorithm = api.Ed25519
		if a.curve == api.CurveSecp256k1 {
			algorithm = api.Secp256k1
		}
	}
	if !fits(algorithm, a.curve) {
		return intent{}, api.Errorf(api.TypeInvalid, "want an algorithm of the account's curve: Ed25519, or Secp256k1 or Secp256k1Keccak256").At("params.algorithm")
	}
	text := []byte(*params.Message)
	if a.format == api.AddressSui {
		in, err := newIntent(permit.PayloadSuiText, a, algorithm, text, "params.message")
		in.render = suiMessageResult
		return in, err
	}
	return newIntent(permit.PayloadUTF8, a, algorithm, text, "params.message")
}

func fits(algorithm api.Algorithm, c api.Curve) bool {
	switch algorithm {
	case api.Ed25519:
		return c == api.CurveEd25519
	case api.Secp256k1, api.Secp256k1Keccak256, api.Secp256k1Schnorr:
		return c == api.CurveSecp256k1
	case api.Secp256r1:
		return c == api.CurveSecp256r1
	}
	return false
}

// personalMessage signs bytes by EIP-191.
func (e *Engine) personalMessage(params *api.SignMessageParams, a account) (intent, error) {
	if err := wantEthereum(a); err != nil {
		return intent{}, err
	}
	if params.Algorithm != "" && params.Algorithm != api.Secp256k1Keccak256 {
		return intent{}, api.Errorf(api.TypeInvalid, "EIP-191 takes Secp256k1Keccak256").At("params.algorithm")
	}
	if params.Message == nil {
		return intent{}, missing("params.message")
	}
	text, err := anyBase64(*params.Message)
	if err != nil {
		return intent{}, api.Errorf(api.TypeInvalid, "want base64 or base64url").At("params.message")
	}
	return newIntent(permit.PayloadPersonal, a, api.Secp256k1Keccak256, text, "params.message")
}

// anyBase64 reads either alphabet, padded or not, since clients send base64url and the published contract says base64.
// The bytes that are signed do not depend on the spelling, and the replay key is over the body.
func anyBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// typedData signs EIP-712 typed data.
func (e *Engine) typedData(params *api.SignTypedDataParams, a account) (intent, error) {
	if err := wantEthereum(a); err != nil {
		return intent{}, err
	}
	if len(params.TypedData) == 0 {
		return intent{}, missing("params.typedData")
	}
	typed, err := typedjson.Parse(params.TypedData)
	if err != nil {
		return intent{}, api.Errorf(api.TypeInvalid, "%v", err).At("params.typedData")
	}
	return newIntent(permit.PayloadTypedData, a, api.Secp256k1Keccak256, typed.Encode(), "params.typedData")
}

func wantEthereum(a account) error {
	if a.format != api.AddressEthereum {
		return api.Errorf(api.TypeInvalid, "this method signs with Ethereum accounts").At("params.derivationInfo")
	}
	return nil
}

func missing(path string) error { return api.Errorf(api.TypeMalformed, "is missing").At(path) }
