package evm

import "github.com/redoubt-kms/redoubt/chain/evm/rlp"

// IsPreimage says whether the Keccak-256 digest of bytes might mean something to a network or a contract: whether they
// could be a transaction of any type, known or not, an EIP-7702 authorization (0x05 and a list) or a message under the
// prefixes of EIP-191 and EIP-712. It screens raw payloads before they are hashed and signed as such, so it errs on
// the side of yes: any type byte will do, and a list need only hold together as RLP.
func IsPreimage(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	if b[0] == 0x19 { // EIP-191 versions: 0x00 validator, 0x01 typed data, 0x45 personal message
		return b[1] == 0x00 || b[1] == 0x01 || b[1] == 0x45
	}
	start := 0
	if b[0] < typedBefore {
		start = 1
	}
	return isList(b, start)
}

// isList says that a list of at least three items starts there. What follows it is ignored.
func isList(b []byte, start int) bool {
	r := rlp.NewReaderAt(b, start)
	if !r.IsList() {
		return false
	}
	items, err := r.List()
	count := 0
	for err == nil && items.More() {
		if items.IsList() {
			_, err = items.List()
		} else {
			_, err = items.Bytes()
		}
		count++
	}
	return err == nil && count >= 3
}
