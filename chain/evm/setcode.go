package evm

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

const (
	authorizationMagic = 0x05 // EIP-7702: what an authority signs begins with it
	// maxAuthorizations is what a transaction of EIP-7825's size holds: each costs 25,000 gas up front.
	maxAuthorizations = 671
	// maxRecovered bounds the work of finding the authorities, which takes a hundred times longer than reading them.
	maxRecovered = 32
)

// Authorization is an entry of an EIP-7702 authorization list: the signed consent of an account, the authority, to run
// the code at another address in its place, on every call and for ever, until it consents to something else.
type Authorization struct {
	ChainID *big.Int // zero: on every network
	Address [20]byte // whose code; zero gives the account back to its key alone
	Nonce   uint64   // of the authority
	Parity  byte     // recovery id, 0 or 1
	R, S    *big.Int
}

// EveryNetwork says that the consent holds on every network, for as long as the authority's nonce there is Nonce.
func (a Authorization) EveryNetwork() bool { return a.ChainID.Sign() == 0 }

// Preimage is what the authority signs the Keccak-256 of: 0x05 and the list of chain id, address and nonce.
func (a Authorization) Preimage() []byte {
	return rlp.AppendList([]byte{authorizationMagic}, a.consent())
}

func (a Authorization) consent() []byte {
	return rlp.AppendUint64(rlp.AppendBytes(rlp.AppendUint(nil, a.ChainID), a.Address[:]), a.Nonce)
}

// Authority recovers who signed. An entry that nobody can have signed makes no transaction invalid: a network passes
// over it.
func (a Authorization) Authority() ([20]byte, error) {
	digest := keccak(a.Preimage())
	return recoverAddress(digest[:], a.signature())
}

// signature is r‖s‖recovery id.
func (a Authorization) signature() []byte {
	out := make([]byte, 65)
	a.R.FillBytes(out[:32])
	a.S.FillBytes(out[32:64])
	out[64] = a.Parity
	return out
}

// Authorizations are the consents that a set-code transaction carries, in order.
func (t *Transaction) Authorizations() []Authorization { return slices.Clone(t.consents) }

// EveryNetwork says that the transaction, or an authorization in it, is valid on every network.
func (t *Transaction) EveryNetwork() bool {
	return t.chainID == nil || slices.ContainsFunc(t.consents, Authorization.EveryNetwork)
}

// delegations records which account each authorization gives to which code, and where. An account that is called in
// the transaction that gives it code may do anything, whatever the call looks like. Who gave more than the first
// authorizations is left open.
func (w *walk) delegations(t *Transaction) {
	for i, a := range t.consents {
		change := a.change("")
		if i < maxRecovered {
			authority, err := a.Authority()
			if err != nil {
				w.effects.Unknown = true
				continue
			}
			change.Subject = eip55.Encode(authority)
			w.effects.Unknown = w.effects.Unknown || change.To != "" && w.calledOrPaid(change.Subject)
		} else {
			w.effects.Unknown = true
		}
		if change.To != "" {
			w.program(change.To)
		}
		w.effects.AuthorityChanges = append(w.effects.AuthorityChanges, change)
	}
}

// calledOrPaid says that the code of an account may run.
func (w *walk) calledOrPaid(account string) bool {
	return slices.Contains(w.effects.Programs, account) ||
		slices.ContainsFunc(w.effects.Transfers, func(t chain.Transfer) bool { return t.To == account })
}

// change is what the consent of an authority does; the authority is empty when nobody recovered it.
func (a Authorization) change(authority string) chain.AuthorityChange {
	change := chain.AuthorityChange{Subject: authority, Kind: a.kind()}
	if a.Address != [20]byte{} {
		change.To = eip55.Encode(a.Address)
	}
	return change
}

// kind says where and when the authorization holds: eip7702, the network (eip155:* is every one) and the nonce.
func (a Authorization) kind() string {
	where := network(a.ChainID)
	if a.EveryNetwork() {
		where = "eip155:*"
	}
	return fmt.Sprintf("eip7702 %s nonce %d", where, a.Nonce)
}

// readAuthorizations reads what a set-code transaction has after the access list.
func (t *Transaction) readAuthorizations(r *rlp.Reader) error {
	list, err := r.List()
	for err == nil && list.More() {
		if len(t.consents) == maxAuthorizations {
			return chain.Malformed(list.Offset(), "more than %d authorizations", maxAuthorizations)
		}
		var entry *rlp.Reader
		if entry, err = list.List(); err == nil {
			err = t.readAuthorization(entry)
		}
	}
	return err
}

func (t *Transaction) readAuthorization(r *rlp.Reader) error {
	a, err := readConsent(r)
	if err != nil {
		return err
	}
	at := r.Offset()
	parity, err := r.Uint64()
	if err != nil {
		return err
	}
	if parity > 1 {
		return chain.Malformed(at, "parity is neither 0 nor 1")
	}
	a.Parity = byte(parity)
	if a.R, err = r.Uint(256); err != nil {
		return err
	}
	if a.S, err = r.Uint(256); err != nil {
		return err
	}
	t.consents = append(t.consents, a)
	return r.End()
}

// readConsent reads what the authority signs of an authorization.
func readConsent(r *rlp.Reader) (Authorization, error) {
	var a Authorization
	var err error
	if a.ChainID, err = r.Uint(256); err != nil {
		return a, err
	}
	address, err := r.Fixed(20)
	if err != nil {
		return a, err
	}
	a.Address = [20]byte(address)
	a.Nonce, err = r.Uint64()
	return a, err
}

func (t *Transaction) appendAuthorizations(out []byte) []byte {
	var list []byte
	for _, a := range t.consents {
		entry := rlp.AppendUint64(a.consent(), uint64(a.Parity))
		list = rlp.AppendList(list, rlp.AppendUint(rlp.AppendUint(entry, a.R), a.S))
	}
	return rlp.AppendList(out, list)
}

// checkAuthorizations refuses what makes the transaction invalid, and entries that every network would pass over for
// the range of their fields: such a list says more than it does. Whether a signature in range is anybody's at all takes
// a recovery, which is left to Effects: the signer reads transactions, too, and has no need to know.
func (t *Transaction) checkAuthorizations() error {
	switch {
	case t.to == nil:
		return chain.Malformed(0, "a set-code transaction has a receiver")
	case len(t.consents) == 0:
		return chain.Malformed(0, "a set-code transaction has at least one authorization")
	case len(t.consents) > maxAuthorizations:
		return chain.Malformed(0, "more than %d authorizations", maxAuthorizations)
	}
	for i, a := range t.consents {
		switch err := checkBounds(a.signature()); {
		case a.ChainID.Cmp(big.NewInt(maxChainID)) > 0:
			return chain.Malformed(0, "authorization %d: chain id is too large", i)
		case a.Nonce > maxNonce:
			return chain.Malformed(0, "authorization %d: nonce is too large", i)
		case err != nil:
			return chain.Malformed(0, "authorization %d: %s", i, err)
		}
	}
	return nil
}
