package solana

// Instructions of the System program (solana-sdk system-interface), by their 32-bit number.
const (
	systemCreateAccount     = 0
	systemAssign            = 1
	systemTransfer          = 2
	systemCreateWithSeed    = 3
	systemAdvanceNonce      = 4
	systemWithdrawNonce     = 5
	systemInitializeNonce   = 6
	systemAuthorizeNonce    = 7
	systemAllocate          = 8
	systemAllocateWithSeed  = 9
	systemAssignWithSeed    = 10
	systemTransferWithSeed  = 11
	systemUpgradeNonce      = 12
	systemInstructionsKnown = 13
)

// system reads a call of the System program. Creating or assigning an account hands it to a program; every use of a
// nonce account is a change of authority, since it makes signatures last: AdvanceNonceAccount as the first instruction
// is what makes this very one last. From is the account whose signature lets the lamports go.
func (w *walk) system(in Instruction) bool {
	f := fields{buf: in.Data}
	tag := f.u32()
	if f.short || tag >= systemInstructionsKnown {
		return false
	}
	switch tag {
	case systemCreateAccount, systemCreateWithSeed, systemTransfer, systemTransferWithSeed, systemWithdrawNonce:
		w.systemValue(in, tag, &f)
	default:
		w.systemControl(in, tag, &f)
	}
	return f.whole()
}

// systemValue reads the instructions that move lamports.
func (w *walk) systemValue(in Instruction, tag uint32, f *fields) {
	switch tag {
	case systemTransfer:
		w.transfer(NativeAsset, w.at(in, 0), w.at(in, 1), f.u64())
	case systemTransferWithSeed: // from, base, to
		lamports := f.u64()
		f.skipString()
		f.key()
		w.transfer(NativeAsset, w.at(in, 1), w.at(in, 2), lamports)
	case systemWithdrawNonce: // nonce, to, two sysvars, authority
		w.transfer(NativeAsset, w.at(in, 4), w.at(in, 1), f.u64())
	case systemCreateAccount, systemCreateWithSeed: // from, new
		kind := "CreateAccount"
		if tag == systemCreateWithSeed {
			kind = "CreateAccountWithSeed"
			f.key()
			f.skipString()
		}
		lamports := f.u64()
		f.u64() // space
		w.transfer(NativeAsset, w.at(in, 0), w.at(in, 1), lamports)
		w.authority(w.at(in, 1), kind, f.key().String())
	}
}

// systemControl reads the instructions that change who controls an account.
func (w *walk) systemControl(in Instruction, tag uint32, f *fields) {
	subject := w.at(in, 0)
	switch tag {
	case systemAssign:
		w.authority(subject, "Assign", f.key().String())
	case systemAllocate: // an account with data can no longer pay
		f.u64()
		w.authority(subject, "Allocate", "")
	case systemAllocateWithSeed:
		f.key()
		f.skipString()
		f.u64()
		w.authority(subject, "AllocateWithSeed", f.key().String())
	case systemAssignWithSeed:
		f.key()
		f.skipString()
		w.authority(subject, "AssignWithSeed", f.key().String())
	case systemAdvanceNonce: // nonce, sysvar, authority
		w.authority(subject, "AdvanceNonceAccount", w.at(in, 2))
	case systemInitializeNonce:
		w.authority(subject, "InitializeNonceAccount", f.key().String())
	case systemAuthorizeNonce:
		w.authority(subject, "AuthorizeNonceAccount", f.key().String())
	case systemUpgradeNonce:
		w.authority(subject, "UpgradeNonceAccount", "")
	}
}
