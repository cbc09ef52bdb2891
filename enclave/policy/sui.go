package policy

import (
	"encoding/base64"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/sui"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// suiTransaction signs a programmable transaction for its sender or for the owner of its gas. The result holds the
// signature twice, since the published client hands its callers the transaction alone: once in it, as the network's
// SenderSignedData, and once by itself.
func suiTransaction(params *api.SignTransactionParams) (intent, error) {
	if params.SubmissionConfig != nil {
		return intent{}, api.Errorf(api.TypeUnsupported, "this release does not broadcast Sui transactions; leave this out and send the signed one yourself").At("params.submissionConfig")
	}
	b, err := base64Bytes(params.Transaction, "params.transaction")
	if err != nil {
		return intent{}, err
	}
	tx, err := sui.Parse(b)
	if err != nil {
		return intent{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At("params.transaction")
	}
	check := func(own wire.Account) error {
		if !tx.Signs(own.PublicKey) {
			return api.Errorf(api.TypeTransaction, "the account %s neither sends the transaction nor pays its gas", own.Address).At("params.transaction")
		}
		return nil
	}
	render := func(r wire.SignResult) (any, wire.Submission, error) {
		signature, err := suiSignature(r)
		return api.SignedTransaction{
			Kind: "SUI", Transaction: base64.RawURLEncoding.EncodeToString(r.Transaction),
			Signature: signature, Address: r.Address, PublicKey: base58.Encode(r.PublicKey),
		}, wire.Submission{}, err
	}
	return intent{kind: permit.PayloadSui, algorithm: api.Ed25519, bytes: b, parsed: tx, check: check, render: render}, nil
}

// suiSignature is a signature as Sui's libraries take it, with its scheme and public key.
func suiSignature(r wire.SignResult) (string, error) {
	serialized, err := sui.SerializeSignature(r.PublicKey, r.Signature)
	return base64.RawURLEncoding.EncodeToString(serialized), err
}

// suiMessageResult renders the result of signing a personal message.
func suiMessageResult(r wire.SignResult) (any, wire.Submission, error) {
	signature, err := suiSignature(r)
	return api.Signature{Signature: signature, Address: r.Address, PublicKey: base58.Encode(r.PublicKey)}, wire.Submission{}, err
}
