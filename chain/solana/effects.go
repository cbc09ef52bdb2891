package solana

import (
	"bytes"
	"math/big"
	"slices"
	"sync"

	"github.com/redoubt-kms/redoubt/chain"
)

// Programs whose instructions this package names.
const (
	systemProgram    = "11111111111111111111111111111111"
	tokenProgram     = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	token2022Program = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
	ataProgram       = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
	budgetProgram    = "ComputeBudget111111111111111111111111111111"
	stakeProgram     = "Stake11111111111111111111111111111111111111"
	memoProgram      = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
	memo1Program     = "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"
	lighthouse       = "L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95"

	// Precompiles check signatures over messages for other programs; each costs as much as a signature.
	ed25519Program   = "Ed25519SigVerify111111111111111111111111111"
	secp256k1Program = "KeccakSecp256k11111111111111111111111111111"
	secp256r1Program = "Secp256r1SigVerify1111111111111111111111111"
)

// programTexts are the addresses of the programs above by their keys, so that calls of them cost no base 58.
var programTexts = sync.OnceValue(func() map[Key]string {
	texts := make(map[Key]string)
	for _, text := range []string{
		systemProgram, tokenProgram, token2022Program, ataProgram, budgetProgram, stakeProgram, memoProgram, memo1Program,
		lighthouse, ed25519Program, secp256k1Program, secp256r1Program,
	} {
		k, err := ParseKey(text)
		if err != nil {
			panic(err) //nolint:forbidigo // constants
		}
		texts[k] = text
	}
	return texts
})

// programText is the address of a program.
func programText(program Key) string {
	if text, ok := programTexts()[program]; ok {
		return text
	}
	return program.String()
}

// Names of assets in effects. A transaction does not say on which network it will run, so a token is written without
// it: the policy engine puts the CAIP-2 network and a slash in front of TokenPrefix+mint to get the CAIP-19 name. The
// unchecked Transfer and Approve of SPL Token do not say the mint either; they name the source account and count as
// unknown.
const (
	NativeAsset        = "SOL"
	TokenPrefix        = "token:"
	TokenAccountPrefix = "token-account:"
)

// walk collects the effects of a transaction.
type walk struct {
	effects chain.Effects
	self    Key // the account that would sign
	budget  budget
	rent    uint64 // lamports that new accounts may cost the signer: of tokens (ataRent) and of Lighthouse
}

// Effects says what the transaction does if publicKey signs it too.
//
// From is the authority that lets value go (the owner or delegate of a token account, not the token account); To is
// the account that receives it (a token account for tokens). FeeMax counts what leaves publicKey only: the network's
// fee if it is the fee payer, and the rent of associated token accounts and Lighthouse's memory that it pays for. An account out of a lookup
// table is written as an empty address and makes the effects unknown.
func (t *Transaction) Effects(publicKey []byte) chain.Effects {
	w := &walk{}
	if len(publicKey) == len(w.self) {
		w.self = Key(publicKey)
	}
	for _, in := range t.Instructions() {
		program := programText(in.Program)
		if !slices.Contains(w.effects.Programs, program) {
			w.effects.Programs = append(w.effects.Programs, program)
		}
		w.instruction(in, program)
	}
	cost := new(big.Int).SetUint64(w.rent)
	if payer := t.FeePayer(); bytes.Equal(payer[:], publicKey) {
		cost.Add(cost, w.budget.fee(len(t.signatures)))
	}
	if cost.Sign() > 0 {
		w.effects.FeeMax = cost
	}
	return w.effects
}

func (w *walk) instruction(in Instruction, program string) {
	if program == budgetProgram {
		w.budget.own++
	} else {
		w.budget.calls++
	}
	known := false
	switch program {
	case systemProgram:
		known = w.system(in)
	case tokenProgram, token2022Program:
		known = w.token(in, program == token2022Program)
	case ataProgram:
		known = w.associatedAccount(in)
	case budgetProgram:
		known = w.budget.read(in.Data)
	case stakeProgram:
		known = w.stake(in)
	case lighthouse:
		known = w.lighthouse(in)
	case memoProgram, memo1Program:
		known = true
	case ed25519Program, secp256k1Program, secp256r1Program:
		w.budget.precompile(in.Data)
	}
	if !known {
		w.effects.Unknown = true
	}
}

// at returns an account of an instruction as an address; a missing or looked-up one is empty and makes the effects
// unknown.
func (w *walk) at(in Instruction, i int) string {
	if i >= len(in.Accounts) || !in.Accounts[i].Resolved {
		w.effects.Unknown = true
		return ""
	}
	return in.Accounts[i].String()
}

func (w *walk) transfer(asset, from, to string, amount uint64) {
	w.effects.Transfers = append(w.effects.Transfers, chain.Transfer{
		Asset: asset, From: from, To: to, Amount: new(big.Int).SetUint64(amount),
	})
}

func (w *walk) approval(asset, owner, spender string, amount uint64) {
	a := chain.Approval{Asset: asset, Owner: owner, Spender: spender}
	if amount != 1<<64-1 {
		a.Amount = new(big.Int).SetUint64(amount)
	}
	w.effects.Approvals = append(w.effects.Approvals, a)
}

func (w *walk) authority(subject, kind, to string) {
	w.effects.AuthorityChanges = append(w.effects.AuthorityChanges, chain.AuthorityChange{
		Subject: subject, Kind: kind, To: to,
	})
}
