package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// The hash types that are signed: everything is committed to. The first is taproot's short way to say the second.
const (
	sighashDefault = 0x00
	sighashAll     = 0x01
)

// allowSighash is the one place that says which hash types an account signs. The others let somebody change the
// transaction afterwards: NONE and SINGLE its outputs, ANYONECANPAY its inputs.
func allowSighash(format api.AddressFormat, hashType uint32) error {
	if hashType == sighashAll || hashType == sighashDefault && format == api.AddressBitcoinTaproot {
		return nil
	}
	return fmt.Errorf("hash type %#x: only SIGHASH_ALL, and taproot's default, are signed", hashType)
}

// digester computes what is signed for the inputs of a transaction that spends given outputs. What all inputs have in
// common is hashed once.
type digester struct {
	tx    *rawTx
	spent []Output // of every input; BIP-143 looks at the one that it signs for only

	prevouts, sequences, outputs [32]byte // SHA-256
	amounts, scripts             [32]byte // SHA-256, for BIP-341
}

func newDigester(tx *rawTx, spent []Output) *digester {
	d := &digester{tx: tx, spent: spent}
	var prevouts, sequences, outputs, amounts, scripts []byte
	for _, in := range tx.inputs {
		prevouts = appendOutpoint(prevouts, in.prev)
		sequences = binary.LittleEndian.AppendUint32(sequences, in.sequence)
	}
	for _, out := range tx.outputs {
		outputs = appendOutput(outputs, out)
	}
	for _, out := range spent {
		amounts = binary.LittleEndian.AppendUint64(amounts, out.Value)
		scripts = appendVector(scripts, out.Script)
	}
	d.prevouts, d.sequences, d.outputs = sha256.Sum256(prevouts), sha256.Sum256(sequences), sha256.Sum256(outputs)
	d.amounts, d.scripts = sha256.Sum256(amounts), sha256.Sum256(scripts)
	return d
}

// witnessPreimage is what BIP-143 hashes for an input under SIGHASH_ALL, with P2WPKH for a hash of a key.
func (d *digester) witnessPreimage(i int, keyHash []byte) []byte {
	in := d.tx.inputs[i]
	b := binary.LittleEndian.AppendUint32(nil, d.tx.version)
	b = append(b, again(d.prevouts)...)
	b = append(b, again(d.sequences)...)
	b = appendOutpoint(b, in.prev)
	b = appendVector(b, script.PayKeyHash(keyHash))
	b = binary.LittleEndian.AppendUint64(b, d.spent[i].Value)
	b = binary.LittleEndian.AppendUint32(b, in.sequence)
	b = append(b, again(d.outputs)...)
	b = binary.LittleEndian.AppendUint32(b, d.tx.lockTime)
	return binary.LittleEndian.AppendUint32(b, sighashAll)
}

// again makes a double hash of a single one.
func again(once [32]byte) []byte {
	twice := sha256.Sum256(once[:])
	return twice[:]
}

// taprootPreimage is what BIP-341 hashes, under its tag, for an input that is spent by its key, without annex. It
// commits to the outputs that all inputs spend.
func (d *digester) taprootPreimage(i int, hashType byte) []byte {
	b := []byte{0x00, hashType} // epoch
	b = binary.LittleEndian.AppendUint32(b, d.tx.version)
	b = binary.LittleEndian.AppendUint32(b, d.tx.lockTime)
	for _, h := range [][32]byte{d.prevouts, d.amounts, d.scripts, d.sequences, d.outputs} {
		b = append(b, h[:]...)
	}
	b = append(b, 0x00)                                   // by key, no annex
	return binary.LittleEndian.AppendUint32(b, uint32(i)) //nolint:gosec // MaxCount at most
}

// digest is what the account signs for an input.
func (d *digester) digest(i int, format api.AddressFormat, publicKey []byte, hashType byte) []byte {
	if format == api.AddressBitcoinTaproot {
		sum := script.TaggedHash("TapSighash", d.taprootPreimage(i, hashType))
		return sum[:]
	}
	sum := doubleHash(d.witnessPreimage(i, script.Hash160(publicKey)))
	return sum[:]
}
