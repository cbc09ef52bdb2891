package bitcoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// ErrSpend is wrapped by every reason why an account must not sign a PSBT that parses.
var ErrSpend = errors.New("this PSBT is not signed")

// Spend is a PSBT as an account of one address format signs it. It implements chain.Bundle.
type Spend struct {
	psbt   *PSBT
	format api.AddressFormat
}

// ParseSpend reads a PSBT for an account of an address format: BitcoinSegwit, BitcoinNestedSegwit or BitcoinTaproot.
func ParseSpend(format api.AddressFormat, b []byte) (*Spend, error) {
	if _, err := algorithm(format); err != nil {
		return nil, err
	}
	p, err := Parse(b)
	if err != nil {
		return nil, err
	}
	return &Spend{psbt: p, format: format}, nil
}

// algorithm is the only one whose signatures the outputs of a format take.
func algorithm(format api.AddressFormat) (api.Algorithm, error) {
	switch format {
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit:
		return api.Secp256k1, nil
	case api.AddressBitcoinTaproot:
		return api.Secp256k1Schnorr, nil
	case api.AddressSolana, api.AddressEthereum, api.AddressSui, api.AddressNone:
	}
	return "", fmt.Errorf("%w: %q is not an address format of Bitcoin", chain.ErrMalformed, format)
}

// Algorithm is Secp256k1, or Secp256k1Schnorr for taproot.
func (s *Spend) Algorithm() api.Algorithm {
	a, _ := algorithm(s.format) // checked when it was parsed
	return a
}

// SigningBytes is nil: what is signed depends on the inputs of the account.
func (s *Spend) SigningBytes() []byte { return nil }

// PSBT is what was parsed.
func (s *Spend) PSBT() *PSBT { return s.psbt }

// view is a PSBT as one account sees it.
type view struct {
	script []byte   // what pays the account
	spent  []Output // of every input
	own    []int    // inputs that the account signs
	ours   []bool   // for each input, whether it is the account's; signed or not
	change []bool   // for each output, whether it pays the account
	fee    uint64
}

// look finds out what the account has to do with the PSBT. It says no to whatever would make the account sign for
// amounts that nobody proved, or for less than the whole transaction.
func (s *Spend) look(publicKey []byte) (*view, error) {
	own, err := script.Output(s.format, publicKey)
	if err != nil {
		return nil, err
	}
	v := &view{script: own, ours: make([]bool, len(s.psbt.inputs)), change: make([]bool, len(s.psbt.tx.outputs))}
	seen := make(map[Outpoint]bool, len(s.psbt.inputs))
	var in, out uint64 // below 2^63: MaxCount amounts of at most maxMoney
	for i := range s.psbt.inputs {
		prev := s.psbt.tx.inputs[i].prev
		if seen[prev] {
			return nil, refuse("input %d spends an output a second time", i)
		}
		seen[prev] = true
		spent, err := s.spent(i)
		if err != nil {
			return nil, err
		}
		v.spent = append(v.spent, spent)
		in += spent.Value
		if v.ours[i] = bytes.Equal(spent.Script, own); v.ours[i] && !isFinal(s.psbt.inputs[i].fields) {
			if err := s.checkOwn(i, publicKey); err != nil {
				return nil, err
			}
			v.own = append(v.own, i)
		}
	}
	for i, o := range s.psbt.tx.outputs {
		v.change[i] = bytes.Equal(o.Script, own)
		out += o.Value
	}
	switch {
	case len(v.own) == 0:
		return nil, refuse("no input that is yet to be signed pays the account %s", script.Address(own))
	case len(s.psbt.tx.outputs) == 0:
		return nil, refuse("the transaction has no outputs")
	case in > maxMoney || out > in:
		return nil, refuse("the outputs are worth more than the inputs")
	}
	v.fee = in - out
	return v, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSpend, fmt.Sprintf(format, args...))
}

// spent is the output that an input spends. What BIP-143 signs names the amount of one input only, so that two rounds
// with different lies about the rest could burn it as a fee: the amounts must be proven by the transactions that made
// them. What BIP-341 signs names all amounts and scripts, so that a lie makes the signature worthless.
func (s *Spend) spent(i int) (Output, error) {
	in, prev := &s.psbt.inputs[i], s.psbt.tx.inputs[i].prev
	if in.prev == nil {
		if in.witness == nil {
			return Output{}, refuse("input %d does not say what it spends: non_witness_utxo and witness_utxo are missing", i)
		}
		if s.format != api.AddressBitcoinTaproot {
			return Output{}, refuse("input %d has no non_witness_utxo, which proves its amount", i)
		}
		return *in.witness, nil
	}
	if id := in.prev.id(); id != prev.Hash {
		return Output{}, refuse("the non_witness_utxo of input %d is %s, not the transaction that it spends, %s", i, id, prev.Hash)
	}
	if uint64(prev.Index) >= uint64(len(in.prev.outputs)) {
		return Output{}, refuse("the non_witness_utxo of input %d has no output %d", i, prev.Index)
	}
	out := in.prev.outputs[prev.Index]
	if in.witness != nil && (in.witness.Value != out.Value || !bytes.Equal(in.witness.Script, out.Script)) {
		return Output{}, refuse("the witness_utxo of input %d is not what its non_witness_utxo says", i)
	}
	return out, nil
}

// checkOwn checks what the PSBT says about an input that the account signs. Fingerprints and paths are hints, and not
// looked at: the account is known by its script.
func (s *Spend) checkOwn(i int, publicKey []byte) error {
	fields := s.psbt.inputs[i].fields
	if err := allowSighash(s.format, s.hashType(i)); err != nil {
		return refuse("input %d: %v", i, err)
	}
	redeem, hasRedeem := find(fields, inRedeemScript)
	switch {
	case hasRedeem && (s.format != api.AddressBitcoinNestedSegwit || !bytes.Equal(redeem, redeemScript(publicKey))):
		return refuse("input %d has a redeem script that is not the account's", i)
	case has(fields, inWitnessScript):
		return refuse("input %d has a witness script, which the account's outputs do not have", i)
	case has(fields, inTapRoot) || has(fields, inTapLeaf) || has(fields, inTapScriptSig):
		return refuse("input %d has taproot scripts; the account's outputs commit to none", i)
	}
	if key, ok := find(fields, inTapKey); ok && (s.format != api.AddressBitcoinTaproot || !bytes.Equal(key, publicKey[1:])) {
		return refuse("input %d names another internal key than the account's", i)
	}
	return nil
}

// hashType is what an input asks to be signed.
func (s *Spend) hashType(i int) uint32 {
	if b, ok := find(s.psbt.inputs[i].fields, inSighash); ok {
		return binary.LittleEndian.Uint32(b)
	}
	if s.format == api.AddressBitcoinTaproot {
		return sighashDefault
	}
	return sighashAll
}

// redeemScript is the witness program that an output in P2SH commits to.
func redeemScript(publicKey []byte) []byte { return script.Program(0, script.Hash160(publicKey)) }

func isFinal(fields []field) bool { return has(fields, inFinalScript) || has(fields, inFinalWitness) }

// Digests are what the account of publicKey signs: one for each input that pays it and is not final, in their order.
func (s *Spend) Digests(publicKey []byte) ([][]byte, error) {
	v, err := s.look(publicKey)
	if err != nil {
		return nil, err
	}
	d := newDigester(s.psbt.tx, v.spent)
	digests := make([][]byte, 0, len(v.own))
	for _, i := range v.own {
		digests = append(digests, d.digest(i, s.format, publicKey, byte(s.hashType(i)))) //nolint:gosec // 0 or 1
	}
	return digests, nil
}

// Check says why the account of publicKey must not sign; nil if it may.
func (s *Spend) Check(publicKey []byte) error {
	_, err := s.look(publicKey)
	return err
}
