package main

import (
	"encoding/hex"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/chain/sui"
)

type object = map[string]any

// formats are the parsers by name: what they take and what they make of it.
func formats() map[string]func([]byte) (any, error) {
	return map[string]func([]byte) (any, error){
		"solana": readSolana, "evm": readUnsigned, "evm-signed": readSigned, "typed": readTyped, "psbt": readPSBT, "sui": readSui,
		"solana-effects": readSolanaEffects, "policy": judge,
	}
}

func digits[T ~[]byte](b T) string { return "0x" + hex.EncodeToString(b) }

func readSolana(b []byte) (any, error) {
	tx, err := solana.Parse(b)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, k := range tx.StaticKeys() {
		keys = append(keys, k.String())
	}
	calls := []object{}
	for _, in := range tx.Instructions() {
		accounts := [][]any{}
		for _, a := range in.Accounts {
			name := a.Key.String()
			if !a.Resolved {
				name = ""
			}
			accounts = append(accounts, []any{name, a.Signer, a.Writable})
		}
		calls = append(calls, object{"program": in.Program.String(), "accounts": accounts, "data": digits(in.Data)})
	}
	lookups := []object{}
	for _, l := range tx.Lookups() {
		lookups = append(lookups, object{"table": l.Table.String(), "writable": digits(l.Writable), "readonly": digits(l.Readonly)})
	}
	return object{
		"version": int(tx.Version()), "signers": len(tx.RequiredSigners()), "keys": keys, "blockhash": tx.Blockhash().String(),
		"instructions": calls, "lookups": lookups, "message": digits(tx.SigningBytes()),
	}, nil
}

// readSolanaEffects reads the 32 bytes of a key and a transaction: what it does if the key signs it.
func readSolanaEffects(b []byte) (any, error) {
	if len(b) < 32 {
		return nil, chain.ErrMalformed
	}
	tx, err := solana.Parse(b[32:])
	if err != nil {
		return nil, err
	}
	e := tx.Effects(b[:32])
	transfers, approvals, changes := []object{}, []object{}, []object{}
	for _, t := range e.Transfers {
		transfers = append(transfers, object{"asset": t.Asset, "from": t.From, "to": t.To, "amount": number(t.Amount)})
	}
	for _, a := range e.Approvals {
		approvals = append(approvals, object{"asset": a.Asset, "owner": a.Owner, "spender": a.Spender, "amount": number(a.Amount)})
	}
	for _, c := range e.AuthorityChanges {
		changes = append(changes, object{"subject": c.Subject, "kind": c.Kind, "to": c.To})
	}
	return object{"transfers": transfers, "approvals": approvals, "changes": changes, "fee": number(e.FeeMax), "unknown": e.Unknown}, nil
}

func readUnsigned(b []byte) (any, error) {
	tx, err := evm.ParseUnsigned(b)
	if err != nil {
		return nil, err
	}
	return transaction(tx), nil
}

func readSigned(b []byte) (any, error) {
	s, err := evm.ParseSigned(b)
	if err != nil {
		return nil, err
	}
	out := transaction(s.Tx)
	out["sender"], out["hash"] = digits(s.Sender[:]), digits(s.Hash[:])
	out["r"], out["s"], out["parity"] = s.R.String(), s.S.String(), s.Parity
	return out, nil
}

func transaction(tx *evm.Transaction) object {
	var to any
	if a := tx.To(); a != nil {
		to = digits(a[:])
	}
	list := []object{}
	for _, a := range tx.AccessList() {
		keys := []string{}
		for _, k := range a.StorageKeys {
			keys = append(keys, digits(k[:]))
		}
		list = append(list, object{"address": digits(a.Address[:]), "storageKeys": keys})
	}
	hashes := []string{}
	for _, h := range tx.BlobHashes() {
		hashes = append(hashes, digits(h[:]))
	}
	consents := []object{}
	for _, a := range tx.Authorizations() {
		consents = append(consents, object{
			"chainId": a.ChainID.String(), "address": digits(a.Address[:]), "nonce": number(new(big.Int).SetUint64(a.Nonce)), "parity": a.Parity,
			"r": a.R.String(), "s": a.S.String(),
		})
	}
	return object{
		"type": int(tx.Kind()), "chainId": number(tx.ChainID()), "nonce": number(new(big.Int).SetUint64(tx.Nonce())),
		"gas": number(new(big.Int).SetUint64(tx.Gas())), "to": to, "value": number(tx.Value()), "data": digits(tx.Data()),
		"maxFee": number(tx.MaxFee()), "priorityFee": number(tx.MaxPriorityFee()), "blobFee": number(tx.MaxBlobFee()),
		"accessList": list, "blobHashes": hashes, "authorizations": consents,
		"digest": digits(tx.SigningBytes()), "unsigned": digits(tx.Unsigned()),
	}
}

// number is in decimal, since other numbers of JSON lose digits.
func number(n *big.Int) any {
	if n == nil {
		return nil
	}
	return n.String()
}

func readTyped(b []byte) (any, error) {
	typed, err := typedjson.Parse(b)
	if err != nil {
		return nil, err
	}
	return object{"primaryType": typed.PrimaryType(), "digest": digits(typed.SigningBytes())}, nil
}

func readPSBT(b []byte) (any, error) {
	p, err := bitcoin.Parse(b)
	if err != nil {
		return nil, err
	}
	inputs, outputs := []object{}, []object{}
	for i, in := range p.Inputs() {
		inputs = append(inputs, object{"hash": digits(in.Hash[:]), "index": in.Index, "sequence": p.Sequences()[i]})
	}
	for _, o := range p.Outputs() {
		outputs = append(outputs, object{"value": number(new(big.Int).SetUint64(o.Value)), "script": digits(o.Script)})
	}
	id := p.ID()
	return object{"version": p.Version(), "lockTime": p.LockTime(), "inputs": inputs, "outputs": outputs, "id": digits(id[:])}, nil
}

func readSui(b []byte) (any, error) {
	tx, err := sui.Parse(b)
	if err != nil {
		return nil, err
	}
	return object{"data": digits(tx.Data()), "id": tx.ID()}, nil
}
