package bitcoin

import (
	"math/big"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// Asset is the short name of the coin.
const Asset = "BTC"

// dataProgram stands among the programs when an output carries data.
const dataProgram = "OP_RETURN"

// Effects says what the transaction does if the account of publicKey signs it. Every output that does not pay the very
// script of the account is a transfer; To is its address on mainnet, since a PSBT names no network, and empty if its
// script has none. Key-origin fields make no change.
//
// The fee is what all inputs have and no output gets. If inputs are somebody else's, nobody can say which output is
// paid by whom: then From is empty, all outputs and the whole fee are counted, and the effects are unknown. So they are
// if an output carries data, which other protocols take orders from, or if the account must not sign at all.
func (s *Spend) Effects(publicKey []byte) chain.Effects {
	v, err := s.look(publicKey)
	if err != nil {
		return chain.Effects{Unknown: true}
	}
	e := chain.Effects{FeeMax: amount(v.fee), FeeRate: amount(s.psbt.feeRate(v))}
	from := script.Address(v.script)
	for _, ours := range v.ours {
		if !ours {
			e.Unknown, from = true, ""
		}
	}
	for i, out := range s.psbt.tx.outputs {
		if script.Classify(out.Script) == script.Data {
			e.Unknown, e.Programs = true, []string{dataProgram}
			if out.Value == 0 {
				continue
			}
		}
		if v.change[i] {
			continue
		}
		to := script.Address(out.Script)
		e.Unknown = e.Unknown || to == ""
		e.Transfers = append(e.Transfers, chain.Transfer{Asset: Asset, From: from, To: to, Amount: amount(out.Value)})
	}
	return e
}

func amount(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

// What signatures take in a finished input: the script with its size, and the witness in bytes.
const (
	sizeKeyWitness = 1 + 1 + 71 + 1 + 33 // a number of items, a short signature, a key
	sizeTapWitness = 1 + 1 + 64
	sizeKeyScript  = 1 + 71 + 1 + 33 // P2PKH
	sizeNested     = 1 + 22          // the push of a redeem script
)

// feeRate is the fee in satoshis for 1,000 virtual bytes, rounded up. Inputs that are not final are taken as small as
// they can reasonably be, those of unknown scripts as empty, so that the real rate is hardly higher.
func (p *PSBT) feeRate(v *view) uint64 {
	size, witness := len(p.tx.stripped()), 0
	for i := range p.inputs {
		s, w := p.inputs[i].sizes(v.spent[i].Script)
		size, witness = size+s, witness+w
	}
	if witness > 0 {
		witness += 2 // marker and flag
	}
	weight := uint64(4*size + witness) //nolint:gosec // below MaxSize
	return (v.fee*4_000 + weight - 1) / weight
}

// sizes is what finishing an input adds: to its script, and in the witness.
func (in *input) sizes(spent []byte) (size, witness int) {
	if isFinal(in.fields) {
		s, _ := find(in.fields, inFinalScript)
		w, _ := find(in.fields, inFinalWitness)
		return len(s), len(w)
	}
	switch script.Classify(spent) {
	case script.PubKeyHash:
		return sizeKeyScript, 0
	case script.WitnessKeyHash:
		return 0, sizeKeyWitness
	case script.Taproot:
		return 0, sizeTapWitness
	case script.ScriptHash:
		if r, ok := find(in.fields, inRedeemScript); ok && script.Classify(r) == script.WitnessKeyHash {
			return sizeNested, sizeKeyWitness
		}
	case script.Other, script.WitnessScriptHash, script.WitnessUnknown, script.Data:
	}
	return 0, 0
}
