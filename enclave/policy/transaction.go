package policy

import (
	"encoding/base64"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// transaction signs a transaction, whose chain the account's address format names.
func (e *Engine) transaction(params *api.SignTransactionParams, a account) (intent, error) {
	switch a.format {
	case api.AddressSolana:
		return solanaTransaction(params)
	case api.AddressEthereum:
		return evmTransaction(params)
	case api.AddressSui:
		return suiTransaction(params)
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot:
		return bitcoinTransaction(params, a)
	case api.AddressNone: // a bare key belongs to no chain
	}
	return intent{}, api.Errorf(api.TypeUnsupported, "this release signs no transactions of this account").At("params.derivationInfo")
}

func solanaTransaction(params *api.SignTransactionParams) (intent, error) {
	submit := params.SubmissionConfig
	if submit != nil && (submit.Chain != "solana" || !known(solanaNetworks(), submit.Network)) {
		return intent{}, api.Errorf(api.TypeInvalid, "want chain solana with network mainnet, devnet or testnet for a Solana account").At("params.submissionConfig")
	}
	b, err := base64Bytes(params.Transaction, "params.transaction")
	if err != nil {
		return intent{}, err
	}
	tx, err := solana.Parse(b)
	if err != nil {
		return intent{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At("params.transaction")
	}
	check := func(own wire.Account) error {
		if _, signs := tx.SignerIndex(own.PublicKey); !signs {
			return api.Errorf(api.TypeTransaction, "the account %s is not among the transaction's required signers", own.Address).At("params.transaction")
		}
		return nil
	}
	render := func(r wire.SignResult) (any, wire.Submission, error) {
		name, err := solana.ID(r.Transaction)
		return api.SignedTransaction{
			Kind: "SOLANA", Transaction: base64.RawURLEncoding.EncodeToString(r.Transaction),
			Signature: base64.RawURLEncoding.EncodeToString(r.Signature), Address: r.Address, PublicKey: base58.Encode(r.PublicKey),
		}, submission(submit, r.Transaction, name), err
	}
	return intent{kind: permit.PayloadSolana, algorithm: api.Ed25519, bytes: b, parsed: tx, check: check, render: render}, nil
}

// base64Bytes reads a transaction as clients of Solana and Sui send it: base64url of its bytes.
func base64Bytes(raw []byte, path string) ([]byte, error) {
	var text string
	if !strings.HasPrefix(string(raw), `"`) {
		return nil, api.Errorf(api.TypeMalformed, "want a base64url string for an account of this format").At(path)
	}
	if err := decode(raw, &text, path); err != nil {
		return nil, err
	}
	b, err := anyBase64(text)
	if err != nil {
		return nil, api.Errorf(api.TypeMalformed, "want base64url").At(path)
	}
	return b, nil
}

func solanaNetworks() []string { return []string{"mainnet", "devnet", "testnet"} }

func known(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func submission(config *api.SubmissionConfig, signed []byte, name string) wire.Submission {
	if config == nil {
		return wire.Submission{}
	}
	return wire.Submission{Chain: config.Chain, Network: config.Network, Transaction: signed, ID: name}
}
