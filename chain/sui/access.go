package sui

// Command is one step of a programmable transaction.
type Command struct {
	Kind             string // MoveCall, TransferObjects, SplitCoins, MergeCoins, Publish, MakeMoveVec or Upgrade
	Package          string // of a call or an upgrade, else empty
	Module, Function string // of a call, else empty
}

// Sender is the account in whose name the transaction runs.
func (t *Transaction) Sender() Address { return t.data.sender }

// GasOwner is the account that pays the gas.
func (t *Transaction) GasOwner() Address { return t.data.owner }

// GasBudget is the most that the gas can cost, in MIST.
func (t *Transaction) GasBudget() uint64 { return t.data.budget }

// Commands are the steps of the transaction in their order.
func (t *Transaction) Commands() []Command {
	all := make([]Command, len(t.data.commands))
	for i, c := range t.data.commands {
		all[i] = Command{Kind: c.kind.String(), Module: c.module, Function: c.function}
		if c.kind == moveCall || c.kind == upgrade {
			all[i].Package = c.pkg.String()
		}
	}
	return all
}

// String is the name that Sui gives the command.
func (k commandKind) String() string {
	switch k {
	case moveCall:
		return "MoveCall"
	case transferObjects:
		return "TransferObjects"
	case splitCoins:
		return "SplitCoins"
	case mergeCoins:
		return "MergeCoins"
	case publish:
		return "Publish"
	case makeMoveVec:
		return "MakeMoveVec"
	case upgrade:
		return "Upgrade"
	case commandCount:
	}
	return ""
}
