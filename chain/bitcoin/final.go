package bitcoin

import (
	"bytes"
	"slices"

	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// Final is a PSBT whose inputs were finished as far as they could be.
type Final struct {
	PSBT        []byte
	Transaction []byte // as the network takes it; nil while some input is not final
	ID          Hash   // the transaction's name
}

// Finalize finishes every input that has a signature by the one key that its script asks for: P2PKH, P2WPKH, P2WPKH in
// P2SH and the key path of P2TR. Other inputs stay as they are. As BIP-174 says, what led to a final input is dropped.
// Signatures are not verified: the network does that.
func Finalize(b []byte) (Final, error) {
	p, err := Parse(b)
	if err != nil {
		return Final{}, err
	}
	p.inputs = slices.Clone(p.inputs)
	tx := &rawTx{version: p.tx.version, lockTime: p.tx.lockTime, outputs: p.tx.outputs, inputs: slices.Clone(p.tx.inputs)}
	complete := len(p.inputs) > 0
	for i := range p.inputs {
		in := &p.inputs[i]
		if !isFinal(in.fields) {
			in.finish(p.tx.inputs[i].prev)
		}
		complete = complete && isFinal(in.fields)
		tx.inputs[i].script, _ = find(in.fields, inFinalScript)
		if w, ok := find(in.fields, inFinalWitness); ok {
			tx.inputs[i].witness, _ = newReader(w).stack("") // checked when it was parsed, or made here
		}
	}
	final := Final{PSBT: p.Bytes()}
	if complete {
		final.Transaction, final.ID = tx.serialize(), tx.id()
	}
	return final, nil
}

// finish makes the final fields of an input, if it can.
func (in *input) finish(prev Outpoint) {
	out := in.witness
	if in.prev != nil && uint64(prev.Index) < uint64(len(in.prev.outputs)) {
		out = &in.prev.outputs[prev.Index]
	}
	if out == nil {
		return
	}
	pay, wrap := out.Script, []byte(nil)
	if redeem, ok := find(in.fields, inRedeemScript); ok && script.Classify(redeem) == script.WitnessKeyHash &&
		script.Classify(pay) == script.ScriptHash && bytes.Equal(script.Hash160(redeem), pay[2:22]) {
		pay, wrap = redeem, appendVector(nil, redeem)
	}
	var witness [][]byte
	switch script.Classify(pay) {
	case script.Taproot:
		if sig, ok := find(in.fields, inTapSig); ok {
			witness = [][]byte{sig}
		}
	case script.WitnessKeyHash:
		witness = in.signedBy(pay[2:])
	case script.PubKeyHash:
		if pair := in.signedBy(pay[3:23]); pair != nil {
			wrap = appendVector(appendVector(nil, pair[0]), pair[1]) // both are shorter than what needs another push
		}
	case script.Other, script.ScriptHash, script.WitnessScriptHash, script.WitnessUnknown, script.Data:
	}
	if witness == nil && (wrap == nil || script.Classify(pay) != script.PubKeyHash) {
		return
	}
	in.keep(wrap, witness)
}

// signedBy finds the signature by the key of a hash, and gives both.
func (in *input) signedBy(keyHash []byte) [][]byte {
	for _, f := range in.fields {
		if f.kind == inPartialSig && bytes.Equal(script.Hash160(f.data), keyHash) {
			return [][]byte{f.value, f.data}
		}
	}
	return nil
}

// keep drops what led to the final fields: only what is spent, what belongs to version 2, and what is not known stays.
func (in *input) keep(wrap []byte, witness [][]byte) {
	var fields []field
	for _, f := range in.fields {
		led := f.kind > inWitnessUTXO && f.kind < inTxID || f.kind >= inTapSig && f.kind <= inMusigSig
		if !led {
			fields = append(fields, f)
		}
	}
	if wrap != nil {
		fields = with(fields, field{kind: inFinalScript, key: []byte{inFinalScript}, value: wrap})
	}
	if witness != nil {
		fields = with(fields, field{kind: inFinalWitness, key: []byte{inFinalWitness}, value: appendStack(nil, witness)})
	}
	in.fields = fields
}
