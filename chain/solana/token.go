package solana

// Instructions of SPL Token and Token-2022 (spl-token-interface), by their first byte.
const (
	tokenInitMint        = 0
	tokenInitAccount     = 1
	tokenTransfer        = 3
	tokenApprove         = 4
	tokenRevoke          = 5
	tokenSetAuthority    = 6
	tokenMintTo          = 7
	tokenBurn            = 8
	tokenCloseAccount    = 9
	tokenFreezeAccount   = 10
	tokenThawAccount     = 11
	tokenTransferChecked = 12
	tokenApproveChecked  = 13
	tokenMintToChecked   = 14
	tokenBurnChecked     = 15
	tokenInitAccount2    = 16
	tokenSyncNative      = 17
	tokenInitAccount3    = 18
	tokenInitMint2       = 20
	tokenImmutableOwner  = 22
	tokenTransferFee     = 26 // Token-2022: transfer fee extension
	tokenWithFeeTag      = 1  // TransferCheckedWithFee inside it
)

// token reads a call of SPL Token or Token-2022.
func (w *walk) token(in Instruction, is2022 bool) bool {
	f := fields{buf: in.Data}
	switch tag := f.u8(); {
	case f.short:
		return false
	case tag == tokenTransfer, tag == tokenApprove:
		w.tokenUnchecked(in, tag, &f)
		return false // the mint is not in the transaction
	case tag == tokenTransferChecked, tag == tokenTransferFee && is2022:
		return w.tokenTransfer(in, tag, &f, is2022)
	case tag == tokenApproveChecked: // source, mint, delegate, owner
		amount := f.u64()
		f.u8()
		w.approval(TokenPrefix+w.at(in, 1), w.at(in, 3), w.at(in, 2), amount)
		return f.whole()
	case tag >= tokenMintTo && tag <= tokenBurn, tag == tokenMintToChecked, tag == tokenBurnChecked:
		return w.tokenSupply(in, tag, &f)
	case tag == tokenInitMint, tag == tokenInitMint2, tag == tokenInitAccount, tag == tokenInitAccount2, tag == tokenInitAccount3:
		return w.tokenInit(in, tag, &f)
	case tag == tokenSyncNative, tag == tokenImmutableOwner:
		return f.whole()
	default:
		return w.tokenControl(in, tag, &f)
	}
}

// tokenUnchecked reads Transfer and Approve, which name accounts but no mint.
func (w *walk) tokenUnchecked(in Instruction, tag byte, f *fields) {
	asset := TokenAccountPrefix + w.at(in, 0)
	if tag == tokenTransfer { // source, destination, authority
		w.transfer(asset, w.at(in, 2), w.at(in, 1), f.u64())
		return
	}
	w.approval(asset, w.at(in, 2), w.at(in, 1), f.u64()) // source, delegate, owner
}

// tokenTransfer reads TransferChecked and TransferCheckedWithFee: source, mint, destination, authority. With classic
// tokens what follows are the signers of a multisig; with Token-2022 it can be the accounts of a transfer hook, a
// program that this package does not know.
func (w *walk) tokenTransfer(in Instruction, tag byte, f *fields, is2022 bool) bool {
	if tag == tokenTransferFee && f.u8() != tokenWithFeeTag {
		return false
	}
	amount := f.u64()
	f.u8() // decimals
	if tag == tokenTransferFee {
		f.u64() // the fee is part of the amount
	}
	w.transfer(TokenPrefix+w.at(in, 1), w.at(in, 3), w.at(in, 2), amount)
	for i := 4; is2022 && i < len(in.Accounts); i++ {
		if !in.Accounts[i].Signer {
			return false
		}
	}
	return f.whole()
}

// tokenSupply reads the instructions that make tokens come out of their mint or go back into it.
func (w *walk) tokenSupply(in Instruction, tag byte, f *fields) bool {
	amount := f.u64()
	if tag == tokenMintToChecked || tag == tokenBurnChecked {
		f.u8() // decimals
	}
	if tag == tokenMintTo || tag == tokenMintToChecked { // mint, destination, authority
		mint := w.at(in, 0)
		w.transfer(TokenPrefix+mint, mint, w.at(in, 1), amount)
	} else { // account, mint, authority
		mint := w.at(in, 1)
		w.transfer(TokenPrefix+mint, w.at(in, 2), mint, amount)
	}
	return f.whole()
}

// tokenInit reads the instructions that say who has rights over a new account or mint.
func (w *walk) tokenInit(in Instruction, tag byte, f *fields) bool {
	subject := w.at(in, 0)
	switch tag {
	case tokenInitAccount: // account, mint, owner
		w.authority(subject, "InitializeAccount", w.at(in, 2))
	case tokenInitAccount2, tokenInitAccount3:
		w.authority(subject, "InitializeAccount", f.key().String())
	default:
		f.u8() // decimals
		w.authority(subject, "InitializeMint.MintTokens", f.key().String())
		switch f.u8() {
		case 0:
		case 1:
			w.authority(subject, "InitializeMint.FreezeAccount", f.key().String())
		default:
			return false
		}
	}
	return f.whole()
}

// tokenControl reads the instructions that change rights over an account or a mint.
func (w *walk) tokenControl(in Instruction, tag byte, f *fields) bool {
	subject := w.at(in, 0)
	switch tag {
	case tokenRevoke:
		w.authority(subject, "Revoke", "")
	case tokenSetAuthority:
		kind, to := "SetAuthority."+authorityName(f.u8()), ""
		switch f.u8() {
		case 0:
		case 1:
			to = f.key().String()
		default:
			return false
		}
		w.authority(subject, kind, to)
	case tokenCloseAccount: // account, destination, owner
		to := w.at(in, 1)
		w.authority(subject, "CloseAccount", to)
		if to != w.self.String() {
			return false // the account's lamports, however many, go to somebody else
		}
	case tokenFreezeAccount, tokenThawAccount: // account, mint, authority
		kind := "FreezeAccount"
		if tag == tokenThawAccount {
			kind = "ThawAccount"
		}
		w.authority(subject, kind, w.at(in, 2))
	default:
		return false
	}
	return f.whole()
}

func authorityName(kind byte) string {
	switch kind {
	case 0:
		return "MintTokens"
	case 1:
		return "FreezeAccount"
	case 2:
		return "AccountOwner"
	case 3:
		return "CloseAccount"
	case 4:
		return "TransferFeeConfig"
	case 5:
		return "WithheldWithdraw"
	case 6:
		return "CloseMint"
	case 7:
		return "InterestRate"
	case 8:
		return "PermanentDelegate"
	default:
		return "Other"
	}
}

// Rent of associated token accounts: 6960 lamports a byte and 128 bytes on top. A Token-2022 account grows with what
// its mint asks for: account type, immutable owner, transfer fee, non-transferable, transfer hook and pausable, the
// extensions that creation itself adds, are 30 bytes.
const (
	lamportsPerByte = 6960
	ataRent         = (128 + 165) * lamportsPerByte
	ataRent2022     = (128 + 165 + 30) * lamportsPerByte
)

// associatedAccount reads Create and CreateIdempotent of the Associated Token Account program: payer, account,
// wallet, mint, system program, token program.
func (w *walk) associatedAccount(in Instruction) bool {
	if len(in.Data) > 1 || (len(in.Data) == 1 && in.Data[0] > 1) {
		return false
	}
	payer, program := w.at(in, 0), w.at(in, 5)
	if program != tokenProgram && program != token2022Program {
		return false
	}
	if payer != w.self.String() {
		return true
	}
	if program == token2022Program {
		w.rent += ataRent2022
	} else {
		w.rent += ataRent
	}
	return true
}
