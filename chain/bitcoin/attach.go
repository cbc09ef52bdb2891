package bitcoin

import (
	"errors"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/redoubt-kms/redoubt/api"
)

// ErrSignature says that AttachAll was not given one signature of the right form for each input of the account.
var ErrSignature = errors.New("bitcoin: not one signature of the right form for each input")

// AttachAll returns the PSBT with the account's signatures in it, as partial signatures: nothing is final. What was
// there stays, but for an earlier signature of the account. A redeem script that is missing is put in, and in version 2
// inputs and outputs can no longer be added (BIP-370). It does not verify the signatures.
func (s *Spend) AttachAll(publicKey []byte, signatures [][]byte) ([]byte, error) {
	v, err := s.look(publicKey)
	if err != nil {
		return nil, err
	}
	if len(signatures) != len(v.own) {
		return nil, ErrSignature
	}
	p := *s.psbt
	p.inputs, p.global = slices.Clone(p.inputs), fixed(p.global)
	for j, i := range v.own {
		f, err := s.signature(publicKey, signatures[j], byte(s.hashType(i))) //nolint:gosec // 0 or 1
		if err != nil {
			return nil, err
		}
		fields := with(p.inputs[i].fields, f)
		if s.format == api.AddressBitcoinNestedSegwit {
			fields = with(fields, field{kind: inRedeemScript, key: []byte{inRedeemScript}, value: redeemScript(publicKey)})
		}
		p.inputs[i].fields = fields
	}
	return p.Bytes(), nil
}

// signature is the field that holds a signature.
func (s *Spend) signature(publicKey, signature []byte, hashType byte) (field, error) {
	if s.format == api.AddressBitcoinTaproot {
		if len(signature) != 64 {
			return field{}, ErrSignature
		}
		value := slices.Clone(signature)
		if hashType != sighashDefault {
			value = append(value, hashType)
		}
		return field{kind: inTapSig, key: []byte{inTapSig}, value: value}, nil
	}
	der, err := encodeDER(signature)
	if err != nil {
		return field{}, err
	}
	return field{
		kind: inPartialSig, key: append([]byte{inPartialSig}, publicKey...), data: publicKey, value: append(der, hashType),
	}, nil
}

// encodeDER writes r‖s‖recovery id in DER.
func encodeDER(signature []byte) ([]byte, error) {
	if len(signature) != 65 {
		return nil, ErrSignature
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:32]) || s.SetByteSlice(signature[32:64]) || r.IsZero() || s.IsZero() || s.IsOverHalfOrder() {
		return nil, ErrSignature
	}
	return ecdsa.NewSignature(&r, &s).Serialize(), nil
}

// with returns the fields with one more, in the place of one with the same key or before the first with a greater type.
func with(fields []field, f field) []field {
	fields = slices.Clone(fields)
	if i := slices.IndexFunc(fields, func(old field) bool { return slices.Equal(old.key, f.key) }); i >= 0 {
		fields[i] = f
		return fields
	}
	i := slices.IndexFunc(fields, func(old field) bool { return old.kind > f.kind })
	if i < 0 {
		i = len(fields)
	}
	return slices.Insert(fields, i, f)
}

// fixed returns the global fields with the word that inputs and outputs must stay as they are.
func fixed(global []field) []field {
	const inputsModifiable, outputsModifiable = 1, 2
	global = slices.Clone(global)
	for i, f := range global {
		if f.kind == globalModify && len(f.data) == 0 {
			global[i].value = []byte{f.value[0] &^ (inputsModifiable | outputsModifiable)}
		}
	}
	return global
}
