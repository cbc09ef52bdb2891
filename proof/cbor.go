package proof

import (
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// encoder returns the one encoding mode: core deterministic encoding without tags.
var encoder = sync.OnceValues(func() (cbor.EncMode, error) {
	options := cbor.CoreDetEncOptions()
	options.TagsMd = cbor.TagsForbidden
	options.IndefLength = cbor.IndefLengthForbidden
	options.NilContainers = cbor.NilContainerAsEmpty
	return options.EncMode()
})

// decoder returns the one decoding mode. The limits bound what a hostile peer can make us allocate.
var decoder = sync.OnceValues(func() (cbor.DecMode, error) {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 17,
		MaxMapPairs:       1 << 12,
		DefaultMapType:    nil,
	}.DecMode()
})
