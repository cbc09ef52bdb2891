package policy

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// simulate serves POST /simulations: it checks that the caller could have the transaction signed, and says to the host
// what a node is to simulate. Like /prepare it changes nothing, since its body carries no time.
func (e *Engine) simulate(ctx context.Context, request wire.Request) answer {
	c := &caller{body: request.Body, request: hashOf(request.Body), requestID: id.Random(), method: prepareMethod, compilations: e.compilations, fence: e.rebase.begin}
	a, err := e.simulated(ctx, c, request.Stamp)
	if err != nil {
		return failure(err, c.requestID)
	}
	return a
}

func (e *Engine) simulated(ctx context.Context, c *caller, header string) (answer, error) {
	params, err := enterPlain[api.SimulateParams](ctx, e, c, header)
	if err != nil {
		return answer{}, err
	}
	w, a, err := e.signingAccount(ctx, c, api.Signing{WalletID: params.WalletID, DerivationInfo: params.DerivationInfo, PolicyName: params.PolicyName})
	if err != nil {
		return answer{}, err
	}
	if d := c.ask(w.question(a)); !d.Allowed {
		return answer{}, c.denial(d)
	}
	own, err := e.derive(ctx, w.wallet.value.ID, []account{a})
	if err != nil {
		return answer{}, err
	}
	b, err := simulationBytes(params.Transaction)
	if err != nil {
		return answer{}, err
	}
	what, err := simulation(a, own[0], b)
	if err != nil {
		return answer{}, err
	}
	reply := c.complete(answer{status: 200})
	reply.submission = what
	return reply, nil
}

// simulationBytes reads a transaction as the contract types it here, a list of numbers, or as clients send it elsewhere.
func simulationBytes(raw api.Raw) ([]byte, error) {
	const path = "transaction"
	if strings.HasPrefix(string(raw), "[") {
		b, err := publicKey(raw)
		if err != nil {
			return nil, api.Errorf(api.TypeMalformed, "want bytes").At(path)
		}
		return b, nil
	}
	return base64Bytes(raw, path)
}

// simulation says which network is asked to simulate what: a Solana transaction as it is, an EVM transaction as the call
// object that nodes take.
func simulation(a account, own wire.Account, b []byte) (wire.Submission, error) {
	const path = "transaction"
	switch a.format {
	case api.AddressSolana:
		tx, err := solana.Parse(b)
		if err != nil {
			return wire.Submission{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At(path)
		}
		return wire.Submission{Chain: "solana", Transaction: tx.Bytes()}, nil
	case api.AddressEthereum:
		tx, err := evm.ParseUnsigned(b)
		if err != nil {
			return wire.Submission{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At(path)
		}
		if tx.ChainID() == nil {
			return wire.Submission{}, api.Errorf(api.TypeTransaction, "names no chain id, so no network can be asked").At(path)
		}
		call, err := json.Marshal(callObject(tx, own.Address))
		return wire.Submission{Chain: "eip155", Network: tx.ChainID().String(), Transaction: call}, err
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot, api.AddressSui, api.AddressNone:
	}
	return wire.Submission{}, api.Errorf(api.TypeUnsupported, "transactions of Solana and EVM accounts can be simulated").At("derivationInfo")
}

func callObject(tx *evm.Transaction, from string) map[string]string {
	call := map[string]string{"from": from, "value": "0x" + tx.Value().Text(16), "data": "0x" + hex.EncodeToString(tx.Data())}
	if to := tx.To(); to != nil {
		call["to"] = "0x" + hex.EncodeToString(to[:])
	}
	return call
}
