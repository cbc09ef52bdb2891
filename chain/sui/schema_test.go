package sui_test

// The schema of Sui's transactions for an independent BCS library, which the tests use to make them and to hold what is
// accepted against another reader. A pointer is a variant; the one that is set is written.

type none struct{}

type txData struct{ V1 *txV1 }

func (txData) IsBcsEnum() {}

type txV1 struct {
	Kind       txKind
	Sender     [32]byte
	Gas        gasData
	Expiration expiration
}

type txKind struct{ Programmable *programmable }

func (txKind) IsBcsEnum() {}

type programmable struct {
	Inputs   []callArg
	Commands []command
}

type callArg struct {
	Pure       *[]byte
	Object     *objectArg
	Withdrawal *withdrawal
}

func (callArg) IsBcsEnum() {}

type objectArg struct {
	Owned     *objectRef
	Shared    *sharedRef
	Receiving *objectRef
}

func (objectArg) IsBcsEnum() {}

type objectRef struct {
	ID      [32]byte
	Version uint64
	Digest  []byte
}

type sharedRef struct {
	ID      [32]byte
	Initial uint64
	Mutable bool
}

type withdrawal struct {
	Reservation reservation
	Type        withdrawalType
	From        withdrawFrom
}

type reservation struct{ Max *uint64 }

func (reservation) IsBcsEnum() {}

type withdrawalType struct{ Balance *typeTag }

func (withdrawalType) IsBcsEnum() {}

type withdrawFrom struct {
	Sender    *none
	Sponsor   *none
	Allowance *[2][32]byte
}

func (withdrawFrom) IsBcsEnum() {}

type typeTag struct {
	Bool, U8, U64, U128, Address, Signer *none
	Vector                               *typeTag
	Struct                               *structTag
	U16, U32, U256                       *none
}

func (typeTag) IsBcsEnum() {}

type structTag struct {
	Address      [32]byte
	Module, Name string
	Parameters   []typeTag
}

type command struct {
	MoveCall *callCommand
	Transfer *transferCommand
	Split    *coinCommand
	Merge    *coinCommand
	Publish  *publishCommand
	MakeVec  *vecCommand
	Upgrade  *upgradeCommand
}

func (command) IsBcsEnum() {}

type callCommand struct {
	Package          [32]byte
	Module, Function string
	Types            []typeTag
	Arguments        []argument
}

type transferCommand struct {
	Objects []argument
	To      argument
}

type coinCommand struct {
	Coin argument
	Rest []argument
}

type publishCommand struct {
	Modules      [][]byte
	Dependencies [][32]byte
}

type vecCommand struct {
	Type     optionalType
	Elements []argument
}

type optionalType struct {
	None *none
	Some *typeTag
}

func (optionalType) IsBcsEnum() {}

type upgradeCommand struct {
	Modules      [][]byte
	Dependencies [][32]byte
	Package      [32]byte
	Ticket       argument
}

type argument struct {
	Gas    *none
	Input  *uint16
	Result *uint16
	Nested *[2]uint16
}

func (argument) IsBcsEnum() {}

type gasData struct {
	Payment []objectRef
	Owner   [32]byte
	Price   uint64
	Budget  uint64
}

type expiration struct {
	None        *none
	Epoch       *uint64
	ValidDuring *validDuring
	Validity    *validity
}

func (expiration) IsBcsEnum() {}

type optionalU64 struct {
	None *none
	Some *uint64
}

func (optionalU64) IsBcsEnum() {}

type validDuring struct {
	Bounds [4]optionalU64
	Chain  []byte
	Nonce  uint32
}

type validity struct {
	Bounds    [4]optionalU64
	Chain     []byte
	Nonce     uint32
	Proposers optionalProposers
}

type optionalProposers struct {
	None *none
	Some *proposers
}

func (optionalProposers) IsBcsEnum() {}

type proposers struct {
	Epoch   uint64
	Indexes []uint32
}
