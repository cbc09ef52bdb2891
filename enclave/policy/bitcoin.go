package policy

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// bitcoinAlgorithm is the one that outputs of an address format take; false for formats of other chains.
func bitcoinAlgorithm(format api.AddressFormat) (api.Algorithm, bool) {
	switch format {
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit:
		return api.Secp256k1, true
	case api.AddressBitcoinTaproot:
		return api.Secp256k1Schnorr, true
	case api.AddressSolana, api.AddressEthereum, api.AddressSui, api.AddressNone:
	}
	return "", false
}

// bitcoinTransaction signs the inputs of a PSBT that pay the account.
func bitcoinTransaction(params *api.SignTransactionParams, a account) (intent, error) {
	if params.SubmissionConfig != nil {
		return intent{}, api.Errorf(api.TypeUnsupported, "this release submits no Bitcoin transactions: "+
			"sign with finalize and send rawTransactionHex to a node").At("params.submissionConfig")
	}
	b, finalize, err := bitcoinBytes(params.Transaction, "params.transaction")
	if err != nil {
		return intent{}, err
	}
	algorithm, _ := bitcoinAlgorithm(a.format)
	in, err := newIntent(permit.PayloadPSBT, a, algorithm, b, "params.transaction.bytes")
	if err != nil {
		return intent{}, err
	}
	spend := in.parsed.(*bitcoin.Spend) //nolint:forcetypeassert // what the kind reads as
	in.check = func(own wire.Account) error {
		if err := spend.Check(own.PublicKey); err != nil {
			return api.Errorf(api.TypeTransaction, "%v", err).At("params.transaction.bytes")
		}
		return nil
	}
	in.render = func(r wire.SignResult) (any, wire.Submission, error) {
		result, err := bitcoinResult(r, finalize)
		return result, wire.Submission{}, err
	}
	return in, nil
}

// bitcoinBytes reads a PSBT as clients send it.
func bitcoinBytes(raw []byte, path string) (psbt []byte, finalize bool, err error) {
	var object struct {
		Kind     string `json:"kind"`
		Bytes    string `json:"bytes"`
		Finalize bool   `json:"finalize"`
	}
	if strings.HasPrefix(string(raw), `"`) {
		return nil, false, api.Errorf(api.TypeMalformed, "want an object with kind PSBT for a Bitcoin account").At(path)
	}
	if err := decode(raw, &object, path); err != nil {
		return nil, false, err
	}
	if object.Kind != "PSBT" {
		return nil, false, api.Errorf(api.TypeInvalid, "want PSBT for a Bitcoin account").At(path + ".kind")
	}
	b, err := anyBase64(object.Bytes)
	if err != nil {
		return nil, false, api.Errorf(api.TypeMalformed, "want base64").At(path + ".bytes")
	}
	return b, object.Finalize, nil
}

// bitcoinResult writes a signed PSBT, with its inputs finished if that was asked for.
func bitcoinResult(r wire.SignResult, finalize bool) (api.SignedTransaction, error) {
	result := api.SignedTransaction{Kind: "BITCOIN", Address: r.Address, PublicKey: base58.Encode(r.PublicKey)}
	signed := r.Transaction
	if finalize {
		final, err := bitcoin.Finalize(signed)
		if err != nil {
			return result, err
		}
		signed = final.PSBT
		if final.Transaction != nil {
			result.RawTransactionHex, result.TransactionID = hex.EncodeToString(final.Transaction), final.ID.String()
		}
	}
	result.Transaction = base64.RawURLEncoding.EncodeToString(signed)
	return result, nil
}

// bitcoinMessage proves a message by BIP-322.
func bitcoinMessage(params *api.SignMessageParams, a account, own api.Algorithm) (intent, error) {
	if params.Algorithm != "" && params.Algorithm != own {
		return intent{}, api.Errorf(api.TypeInvalid, "this account proves messages by BIP-322, which takes %s", own).At("params.algorithm")
	}
	in, err := newIntent(permit.PayloadBIP322, a, own, []byte(*params.Message), "params.message")
	in.render = func(r wire.SignResult) (any, wire.Submission, error) {
		r.Signature = r.Transaction
		return signatureResult(r)
	}
	return in, err
}
