package webauthn

import (
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// decoder returns the one decoding mode: no name twice, everything of definite length, at most four levels, names of
// members spelt exactly, no tags.
var decoder = sync.OnceValues(func() (cbor.DecMode, error) {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		IntDec:            cbor.IntDecConvertSignedOrFail,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   4,
		MaxArrayElements:  64,
		MaxMapPairs:       32,
	}.DecMode()
})

// encoder returns the canonical form of authenticators (CTAP 2, section 8).
var encoder = sync.OnceValues(func() (cbor.EncMode, error) { return cbor.CTAP2EncOptions().EncMode() })

// decode reads one item of CBOR, of at most MaxAttestation bytes, and nothing after it.
func decode(b []byte, into any) error {
	mode, err := decoder()
	if err != nil {
		return err
	}
	if len(b) > MaxAttestation {
		return ErrPasskey
	}
	return mode.Unmarshal(b, into)
}

// first passes over one item and returns what follows it.
func first(b []byte) ([]byte, error) {
	mode, err := decoder()
	if err != nil {
		return nil, err
	}
	var item cbor.RawMessage
	return mode.UnmarshalFirst(b, &item)
}

func encode(v any) ([]byte, error) {
	mode, err := encoder()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}
