package evm

import (
	"errors"
	"math/big"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
)

// Reasons why a value does not fit its type.
var (
	errNotInteger = errors.New("not a plain integer")
	errRange      = errors.New("out of range")
	errInexact    = errors.New("a number of more than 53 bits, which many programs round: write it as a string")
	errHex        = errors.New("not 0x and pairs of hexadecimal digits")
	errBytesSize  = errors.New("wrong number of bytes")
	errUTF8       = errors.New("not UTF-8")
	errPadding    = errors.New("padding is not zero")
	errBool       = errors.New("neither 0 nor 1")
)

// ErrNoTypedData says that a TypedData was not made by this package.
var ErrNoTypedData = errors.New("evm: empty typed data")

// TypedData is a struct of EIP-712 with its domain, strictly typed. It implements chain.Payload.
type TypedData struct {
	schema  *schema
	primary *typeRef
	domain  Value
	message Value
	digest  [32]byte
}

// NewTypedData types a domain and a message. When structs lacks EIP712Domain, as with ethers, its fields are those of
// the standard that the domain has, in the standard's order.
//
// Refused: unknown, missing and extra fields; integers out of their range, negative ones in unsigned types, fractions
// and exponents; hexadecimal of an odd length; bytesN and fixed arrays of another length; addresses with a wrong
// checksum; names that are no identifiers; structs that contain themselves without an array; a primary type that is
// absent or EIP712Domain; an EIP712Domain with other fields than the domain object or the standard; values nested
// deeper than 16 or more than 4096.
func NewTypedData(structs []TypedStruct, primaryType string, domain, message Raw) (*TypedData, error) {
	if !hasStruct(structs, domainStruct) {
		structs = append(append([]TypedStruct{}, structs...), deriveDomain(domain))
	}
	t, err := newTyped(structs, primaryType)
	if err != nil {
		return nil, err
	}
	c := &caster{}
	if t.domain, err = c.cast(t.domainType(), &domain, &place{name: "domain"}, 0); err != nil {
		return nil, err
	}
	if t.message, err = c.cast(t.primary, &message, &place{name: "message"}, 0); err != nil {
		return nil, err
	}
	t.seal()
	return t, nil
}

// newTyped resolves types and checks what does not depend on values.
func newTyped(structs []TypedStruct, primaryType string) (*TypedData, error) {
	s, err := newSchema(structs)
	if err != nil {
		return nil, err
	}
	if err := checkDomain(s.defs[domainStruct]); err != nil {
		return nil, err
	}
	def := s.defs[primaryType]
	if def == nil || primaryType == domainStruct {
		return nil, fieldError("primaryType", "not a struct of the types, or the domain's")
	}
	return &TypedData{schema: s, primary: &typeRef{text: primaryType, shape: shapeStruct, fields: def}}, nil
}

// seal computes the digest: keccak(0x1901 ‖ hash of the domain ‖ hash of the message).
func (t *TypedData) seal() {
	h := newHasher()
	domain, message := t.domain.encodeData(h), t.message.encodeData(h)
	t.digest = h.sum(slices.Concat([]byte{0x19, 0x01}, domain[:], message[:]))
}

func (t *TypedData) domainType() *typeRef {
	return &typeRef{text: domainStruct, shape: shapeStruct, fields: t.schema.defs[domainStruct]}
}

// domainFields are the fields that a domain may have, in the order of EIP-712.
func domainFields() []TypedField {
	return []TypedField{
		{"name", "string"},
		{"version", "string"},
		{"chainId", "uint256"},
		{"verifyingContract", "address"},
		{"salt", "bytes32"},
	}
}

func hasStruct(structs []TypedStruct, name string) bool {
	for _, s := range structs {
		if s.Name == name {
			return true
		}
	}
	return false
}

func deriveDomain(domain Raw) TypedStruct {
	out := TypedStruct{Name: domainStruct}
	for _, f := range domainFields() {
		for _, m := range domain.Members {
			if m.Name == f.Name {
				out.Fields = append(out.Fields, f)
				break
			}
		}
	}
	return out
}

// checkDomain lets an EIP712Domain have fields of the standard only. Their order is left to the types: it is part of
// the hash, and contracts with another order exist.
func checkDomain(def *structDef) error {
	if def == nil {
		return fieldError("types", "no %s", domainStruct)
	}
	for _, f := range def.fields {
		ok := false
		for _, want := range domainFields() {
			ok = ok || want == TypedField{f.name, f.typ.text}
		}
		if !ok {
			return fieldError("types."+domainStruct+"."+f.name, "not a field of the standard domain")
		}
	}
	return nil
}

// PrimaryType names the struct of the message.
func (t *TypedData) PrimaryType() string { return t.primary.text }

// EncodeType is the text of EIP-712 that the primary type is hashed from: the struct and all that it mentions.
func (t *TypedData) EncodeType() string { return t.primary.fields.text }

// ChainID is the network that the domain names; nil when it names none, so that every network's contracts take it.
func (t *TypedData) ChainID() *big.Int {
	id, _ := t.domain.Field("chainId")
	return id.Int()
}

// Domain is the domain, a struct of type EIP712Domain.
func (t *TypedData) Domain() Value { return t.domain }

// Message is the message, a struct of the primary type.
func (t *TypedData) Message() Value { return t.message }

// Digest is what EIP-712 signs.
func (t *TypedData) Digest() ([32]byte, error) {
	if t.schema == nil {
		return [32]byte{}, ErrNoTypedData
	}
	return t.digest, nil
}

// Algorithm is ECDSA on secp256k1 over Keccak-256.
func (t *TypedData) Algorithm() api.Algorithm { return api.Secp256k1Keccak256 }

// SigningBytes are the digest.
func (t *TypedData) SigningBytes() []byte { return append([]byte{}, t.digest[:]...) }

var _ chain.Payload = (*TypedData)(nil)
