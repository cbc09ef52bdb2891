package sui

import (
	"encoding/hex"

	"github.com/redoubt-kms/redoubt/chain"
)

// MaxSize is the most bytes that the network takes of one transaction.
const MaxSize = 128 << 10

// Bounds that the network sets too, in its protocol configuration; those on types are tighter here.
const (
	maxInputs        = 2048
	maxCommands      = 1024
	maxArguments     = 512  // of one command
	maxAllArguments  = 2048 // of all of them: what moves is recorded one by one
	maxPayment       = 256  // gas objects
	maxWithdrawals   = 16
	maxPure          = 16 << 10
	maxModules       = 64
	maxDependencies  = 256
	maxTypeArguments = 16
	maxTypeDepth     = 16
	maxTypeBytes     = 4 << 10
	maxIdentifier    = 128
	maxProposers     = 1024
)

// Address is an account, an object or a package.
type Address [32]byte

// String is the address as Sui writes it: 0x and 64 hexadecimal digits.
func (a Address) String() string { return "0x" + hex.EncodeToString(a[:]) }

type inputKind byte

const (
	inputPure inputKind = iota
	inputObject
	inputWithdrawal
)

// input is an argument of the whole transaction.
type input struct {
	kind   inputKind
	pure   []byte  // the BCS of a plain value, whose type only the command that takes it knows
	object Address // identifier of an object
	coin   string  // type of the coin of a withdrawal from an address balance
	amount uint64  // the most that is withdrawn
	from   withdrawFrom
	funder Address // of a withdrawal under an allowance
}

type withdrawFrom byte

const (
	fromSender withdrawFrom = iota
	fromSponsor
	fromAllowance
)

// data is the content of a TransactionData.
type data struct {
	inputs   []input
	commands []command
	sender   Address
	payment  []Address // gas objects
	owner    Address   // who pays the gas
	budget   uint64    // MIST
}

// readData reads TransactionData that starts where the reader is.
func readData(r *reader) (*data, error) {
	if _, err := r.below(1, "version of the transaction data"); err != nil {
		return nil, err
	}
	start := r.off
	kind, err := r.bytes(1, "kind of transaction")
	if err != nil {
		return nil, err
	}
	if kind[0] != 0 {
		return nil, chain.Malformed(start, "kind %d of transaction, which only validators make; want 0, a programmable transaction", kind[0])
	}
	d := &data{}
	withdrawals := 0
	err = r.each(maxInputs, "inputs", func(int) error {
		at := r.off
		in, err := r.input()
		d.inputs = append(d.inputs, in)
		if in.kind == inputWithdrawal {
			withdrawals++
		}
		if err == nil && withdrawals > maxWithdrawals {
			err = chain.Malformed(at, "more than %d withdrawals", maxWithdrawals)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	arguments := 0
	err = r.each(maxCommands, "commands", func(i int) error {
		at := r.off
		c, err := r.command(len(d.inputs), i)
		d.commands = append(d.commands, c)
		if arguments += len(c.arguments); err == nil && arguments > maxAllArguments {
			err = chain.Malformed(at, "more than %d arguments in all", maxAllArguments)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.sender, err = r.address("sender"); err != nil {
		return nil, err
	}
	if err := d.readGas(r); err != nil {
		return nil, err
	}
	return d, r.expiration()
}

func (r *reader) input() (input, error) {
	variant, err := r.below(3, "kind of input")
	in := input{kind: inputKind(variant)}
	if err != nil {
		return in, err
	}
	switch in.kind {
	case inputPure:
		in.pure, err = r.vector(maxPure, "pure input")
	case inputObject:
		in.object, err = r.objectArgument()
	case inputWithdrawal:
		err = r.withdrawal(&in)
	}
	return in, err
}

// objectArgument reads how an object is taken: 0 owned or immutable, 1 shared, 2 received.
func (r *reader) objectArgument() (Address, error) {
	variant, err := r.below(3, "kind of object")
	if err != nil {
		return Address{}, err
	}
	if variant != 1 {
		return r.objectReference()
	}
	id, err := r.address("shared object")
	if err != nil {
		return id, err
	}
	if _, err = r.u64("version of a shared object"); err != nil {
		return id, err
	}
	_, err = r.below(2, "mutability of a shared object")
	return id, err
}

func (r *reader) objectReference() (Address, error) {
	id, err := r.address("object")
	if err != nil {
		return id, err
	}
	if _, err = r.u64("version of an object"); err != nil {
		return id, err
	}
	return id, r.digest("digest of an object")
}

// withdrawal reads the right to take coins out of an address balance.
func (r *reader) withdrawal(in *input) error {
	if _, err := r.below(1, "kind of reservation"); err != nil {
		return err
	}
	var err error
	if in.amount, err = r.u64("reserved amount"); err != nil {
		return err
	}
	if _, err = r.below(1, "kind of withdrawal"); err != nil {
		return err
	}
	if in.coin, err = r.typeText(); err != nil {
		return err
	}
	from, err := r.below(3, "source of a withdrawal")
	if err != nil {
		return err
	}
	in.from = withdrawFrom(from)
	if in.from != fromAllowance {
		return nil
	}
	if in.funder, err = r.address("funder"); err != nil {
		return err
	}
	_, err = r.address("allowance")
	return err
}

func (d *data) readGas(r *reader) error {
	err := r.each(maxPayment, "gas objects", func(int) error {
		id, err := r.objectReference()
		d.payment = append(d.payment, id)
		return err
	})
	if err != nil {
		return err
	}
	if d.owner, err = r.address("gas owner"); err != nil {
		return err
	}
	if _, err = r.u64("gas price"); err != nil {
		return err
	}
	d.budget, err = r.u64("gas budget")
	return err
}

// expiration reads until when the network takes the transaction: 0 for ever, 1 an epoch, 2 and 3 a window of epochs or
// time on one chain, 3 also by which validators.
func (r *reader) expiration() error {
	variant, err := r.below(4, "kind of expiration")
	if err != nil || variant == 0 {
		return err
	}
	if variant == 1 {
		return r.skip(8, "epoch of expiration")
	}
	for range 4 {
		if err := r.option("bound of validity", func() error { return r.skip(8, "bound of validity") }); err != nil {
			return err
		}
	}
	if err := r.digest("digest of the chain"); err != nil {
		return err
	}
	if err := r.skip(4, "nonce"); err != nil || variant == 2 {
		return err
	}
	return r.option("allowed proposers", r.proposers)
}

func (r *reader) option(what string, some func() error) error {
	there, err := r.below(2, "option of "+what)
	if err != nil || there == 0 {
		return err
	}
	return some()
}

// proposers reads validators by number, in ascending order.
func (r *reader) proposers() error {
	if err := r.skip(8, "epoch of the proposers"); err != nil {
		return err
	}
	start, last := r.off, int64(-1)
	err := r.each(maxProposers, "proposers", func(int) error {
		at := r.off
		b, err := r.bytes(4, "proposer")
		if err != nil {
			return err
		}
		n := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
		if n <= last {
			return chain.Malformed(at, "proposers are not in ascending order")
		}
		last = n
		return nil
	})
	if err == nil && last < 0 {
		return chain.Malformed(start, "no proposer")
	}
	return err
}
