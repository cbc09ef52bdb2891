package bitcoin

import (
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// Parts is a transaction taken apart for the account that signs it. Amounts are satoshis, addresses those of mainnet,
// as in Effects.
type Parts struct {
	Inputs   []InputPart
	Outputs  []OutputPart
	Fee      uint64 // what all inputs have and no output gets
	FeeRate  uint64 // satoshis for 1,000 virtual bytes, rounded up
	LockTime uint32
}

// InputPart is an input.
type InputPart struct {
	Outpoint
	Value    uint64
	Address  string // empty if the script that it spends has none
	Own      bool   // it spends what was paid to the account
	Signs    bool   // the account signs it: it is its own, and not final yet
	Sighash  string // what the account commits to, "ALL" or "DEFAULT"; empty if it does not sign it
	Sequence uint32
}

// OutputPart is an output.
type OutputPart struct {
	Value   uint64
	Address string // empty if its script has none
	Own     bool   // it pays the very script of the account
	Type    string // p2pkh, p2sh, p2wpkh, p2wsh, p2tr, witness (a version that has no meaning yet), data or other
}

// Parts takes the transaction apart as the account of publicKey sees it. The error is that of Check.
func (s *Spend) Parts(publicKey []byte) (Parts, error) {
	v, err := s.look(publicKey)
	if err != nil {
		return Parts{}, err
	}
	p := Parts{Fee: v.fee, FeeRate: s.psbt.feeRate(v), LockTime: s.psbt.tx.lockTime}
	for i, in := range s.psbt.tx.inputs {
		p.Inputs = append(p.Inputs, InputPart{
			Outpoint: in.prev, Value: v.spent[i].Value, Address: script.Address(v.spent[i].Script), Own: v.ours[i],
			Sequence: in.sequence,
		})
	}
	for _, i := range v.own {
		p.Inputs[i].Signs, p.Inputs[i].Sighash = true, sighashName(s.hashType(i))
	}
	for i, out := range s.psbt.tx.outputs {
		p.Outputs = append(p.Outputs, OutputPart{
			Value: out.Value, Address: script.Address(out.Script), Own: v.change[i], Type: typeName(script.Classify(out.Script)),
		})
	}
	return p, nil
}

// sighashName names a hash type that allowSighash lets pass.
func sighashName(hashType uint32) string {
	if hashType == sighashDefault {
		return "DEFAULT"
	}
	return "ALL"
}

// typeName is what libraries and explorers call a form.
func typeName(form script.Form) string {
	switch form {
	case script.PubKeyHash:
		return "p2pkh"
	case script.ScriptHash:
		return "p2sh"
	case script.WitnessKeyHash:
		return "p2wpkh"
	case script.WitnessScriptHash:
		return "p2wsh"
	case script.Taproot:
		return "p2tr"
	case script.WitnessUnknown:
		return "witness"
	case script.Data:
		return "data"
	case script.Other:
	}
	return "other"
}
