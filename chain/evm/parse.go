package evm

import (
	"bytes"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

const (
	maxNonce    = 1<<64 - 2 // EIP-2681
	maxChainID  = (1<<64-1)/2 - 36
	typedBefore = 0x80 // a first byte below is an EIP-2718 type
	listFrom    = 0xc0 // a first byte from here on begins a legacy transaction
)

// ParseUnsigned reads a serialized transaction that has no signature yet: six fields or nine (chain id, 0, 0) of the
// legacy form, or types 1 to 4.
func ParseUnsigned(b []byte) (*Transaction, error) {
	t, r, err := parseBody(b)
	if err != nil {
		return nil, err
	}
	if t.kind == KindLegacy {
		err = t.unsignedTail(r)
	} else if r.More() {
		err = chain.Malformed(r.Offset(), "fields after the last one: the transaction is signed already")
	}
	if err != nil {
		return nil, err
	}
	return t.finish(b)
}

// finish keeps the canonical bytes and makes sure that the bytes read are those.
func (t *Transaction) finish(b []byte) (*Transaction, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	t.unsigned = t.encodeUnsigned()
	if !bytes.Equal(t.unsigned, b) {
		return nil, chain.Malformed(0, "encoding is not canonical")
	}
	t.own()
	return t, nil
}

// own takes the calldata from bytes of the transaction's own, which equal those that were read: the input is the caller's.
func (t *Transaction) own() { t.data = t.unsigned[t.dataEnd-len(t.data) : t.dataEnd : t.dataEnd] }

// unsignedTail reads what follows the six fields of an unsigned legacy transaction.
func (t *Transaction) unsignedTail(r *rlp.Reader) error {
	if !r.More() {
		return nil
	}
	start := r.Offset()
	id, err := r.Uint(256)
	if err != nil {
		return err
	}
	for range 2 {
		zero, err := r.Uint(256)
		if err != nil {
			return err
		}
		if zero.Sign() != 0 {
			return chain.Malformed(start, "the transaction is signed already")
		}
	}
	if id.Sign() == 0 {
		return chain.Malformed(start, "chain id is zero")
	}
	t.chainID = id
	return r.End()
}

// parseBody reads the fields up to where a signature may follow.
func parseBody(b []byte) (*Transaction, *rlp.Reader, error) {
	kind, start, err := readKind(b)
	if err != nil {
		return nil, nil, err
	}
	outer := rlp.NewReaderAt(b, start)
	r, err := outer.List()
	if err != nil {
		return nil, nil, err
	}
	if err := outer.End(); err != nil {
		return nil, nil, err
	}
	if kind == KindBlob && r.IsList() {
		return nil, nil, chain.Malformed(r.Offset(), "a blob transaction with its blobs, commitments and proofs: leave them out to have it signed")
	}
	t := &Transaction{kind: kind}
	if err := t.readFields(r); err != nil {
		return nil, nil, err
	}
	if kind != KindLegacy {
		if err := t.readAccessList(r); err != nil {
			return nil, nil, err
		}
	}
	switch kind {
	case KindBlob:
		err = t.readBlobs(r)
	case KindSetCode:
		err = t.readAuthorizations(r)
	case KindLegacy, KindAccessList, KindDynamicFee:
	}
	return t, r, err
}

func readKind(b []byte) (kind Kind, start int, err error) {
	if len(b) == 0 {
		return 0, 0, chain.Malformed(0, "empty transaction")
	}
	switch first := b[0]; {
	case first >= listFrom:
		return KindLegacy, 0, nil
	case first >= byte(KindAccessList) && first <= byte(KindSetCode):
		return Kind(first), 1, nil
	case first < typedBefore:
		return 0, 0, chain.Malformed(0, "unknown transaction type %d", first)
	default:
		return 0, 0, chain.Malformed(0, "neither a list nor a typed transaction")
	}
}

func (t *Transaction) readFields(r *rlp.Reader) error {
	var err error
	if t.kind != KindLegacy {
		if t.chainID, err = r.Uint(256); err != nil {
			return err
		}
	}
	if t.nonce, err = r.Uint64(); err != nil {
		return err
	}
	if t.tip, err = r.Uint(256); err != nil {
		return err
	}
	t.feeCap = t.tip
	if t.kind.hasTip() {
		if t.feeCap, err = r.Uint(256); err != nil {
			return err
		}
	}
	if t.gas, err = r.Uint64(); err != nil {
		return err
	}
	if t.to, err = readReceiver(r); err != nil {
		return err
	}
	if t.value, err = r.Uint(256); err != nil {
		return err
	}
	t.data, err = r.Bytes() // of the input, until own
	t.dataEnd = r.Offset()
	return err
}

// readReceiver reads an address or, for the creation of a contract, nothing.
func readReceiver(r *rlp.Reader) (*[20]byte, error) {
	start := r.Offset()
	b, err := r.Bytes()
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, nil //nolint:nilnil // no receiver is a valid outcome
	case len(b) != 20:
		return nil, chain.Malformed(start, "receiver of %d bytes", len(b))
	}
	to := [20]byte(b)
	return &to, nil
}

func (t *Transaction) readAccessList(r *rlp.Reader) error {
	list, err := r.List()
	if err != nil {
		return err
	}
	for list.More() {
		tuple, err := list.List()
		if err != nil {
			return err
		}
		address, err := tuple.Fixed(20)
		if err != nil {
			return err
		}
		entry := AccessTuple{Address: [20]byte(address)}
		keys, err := tuple.List()
		if err != nil {
			return err
		}
		for keys.More() {
			k, err := keys.Fixed(32)
			if err != nil {
				return err
			}
			entry.StorageKeys = append(entry.StorageKeys, [32]byte(k))
		}
		if err := tuple.End(); err != nil {
			return err
		}
		t.access = append(t.access, entry)
	}
	return nil
}

// check holds the fields against each other and against their bounds. A typed transaction may have chain id 0, since
// no network takes that for its own; its effects are unknown. The legacy form has no such id: EIP-155 would make of it
// a signature that some networks take.
func (t *Transaction) check() error {
	switch {
	case t.chainID != nil && t.chainID.Cmp(big.NewInt(maxChainID)) > 0: // EIP-2294
		return chain.Malformed(0, "chain id is too large")
	case t.nonce > maxNonce:
		return chain.Malformed(0, "nonce is too large")
	case t.tip.Cmp(t.feeCap) > 0:
		return chain.Malformed(0, "priority fee exceeds the fee cap")
	case t.cost().BitLen() > 256:
		return chain.Malformed(0, "gas times price exceeds 256 bits")
	}
	switch t.kind {
	case KindBlob:
		return t.checkBlobs()
	case KindSetCode:
		return t.checkAuthorizations()
	case KindLegacy, KindAccessList, KindDynamicFee:
	}
	return nil
}

// cost is the most wei that gas can take, that of blobs included.
func (t *Transaction) cost() *big.Int {
	gas := new(big.Int).Mul(t.feeCap, new(big.Int).SetUint64(t.gas))
	return gas.Add(gas, t.blobCost())
}
