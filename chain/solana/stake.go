package solana

// Instructions of the Stake program (solana-sdk stake-interface), by their 32-bit number.
const (
	stakeInitialize       = 0
	stakeAuthorize        = 1
	stakeDelegate         = 2
	stakeSplit            = 3
	stakeWithdraw         = 4
	stakeDeactivate       = 5
	stakeMerge            = 7
	stakeInitChecked      = 9
	stakeAuthorizeChecked = 10
	stakeMoveStake        = 16
	stakeMoveLamports     = 17
)

// stake reads a call of the Stake program.
func (w *walk) stake(in Instruction) bool {
	f := fields{buf: in.Data}
	tag := f.u32()
	if f.short {
		return false
	}
	subject := w.at(in, 0)
	switch tag {
	case stakeInitialize: // authorized {staker, withdrawer}, lockup {time, epoch, custodian}
		staker, withdrawer := f.key(), f.key()
		f.u64()
		f.u64()
		f.key()
		w.authority(subject, "Initialize.Staker", staker.String())
		w.authority(subject, "Initialize.Withdrawer", withdrawer.String())
	case stakeAuthorize:
		to := f.key().String()
		return w.stakeAuthority(subject, "Authorize", to, &f)
	case stakeAuthorizeChecked: // stake, clock, authority, new authority
		return w.stakeAuthority(subject, "AuthorizeChecked", w.at(in, 3), &f)
	case stakeDelegate: // stake, vote account, ...
		w.authority(subject, "DelegateStake", w.at(in, 1))
	case stakeSplit, stakeMoveStake, stakeMoveLamports: // stake, destination, staker
		w.transfer(NativeAsset, w.at(in, 2), w.at(in, 1), f.u64())
		if tag == stakeSplit { // the new stake gets the authorities of the old
			w.authority(w.at(in, 1), "Split", subject)
		}
	case stakeWithdraw: // stake, destination, two sysvars, withdrawer
		w.transfer(NativeAsset, w.at(in, 4), w.at(in, 1), f.u64())
	case stakeMerge: // destination, source: which the same authorities have
		w.authority(w.at(in, 1), "Merge", subject)
	case stakeInitChecked: // stake, rent, staker, withdrawer
		w.authority(subject, "Initialize.Staker", w.at(in, 2))
		w.authority(subject, "Initialize.Withdrawer", w.at(in, 3))
	case stakeDeactivate:
		w.authority(subject, "Deactivate", "")
	default:
		return false
	}
	return f.whole()
}

func (w *walk) stakeAuthority(subject, kind, to string, f *fields) bool {
	switch f.u32() {
	case 0:
		w.authority(subject, kind+".Staker", to)
	case 1:
		w.authority(subject, kind+".Withdrawer", to)
	default:
		return false
	}
	return f.whole()
}
