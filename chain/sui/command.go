package sui

import (
	"github.com/redoubt-kms/redoubt/chain"
)

type commandKind byte

const (
	moveCall commandKind = iota
	transferObjects
	splitCoins
	mergeCoins
	publish
	makeMoveVec
	upgrade
	commandCount
)

// command is one step of a programmable transaction.
type command struct {
	kind             commandKind
	pkg              Address // of a call or an upgrade
	module, function string  // of a call
	// target is the receiver of TransferObjects, the coin of SplitCoins, the destination of MergeCoins, the ticket of Upgrade.
	target    argument
	arguments []argument // the rest: arguments, objects, amounts, sources, elements
}

type argumentKind byte

const (
	gasCoin argumentKind = iota
	fromInput
	fromResult
	fromNested
)

// argument names a value: the gas coin, an input, the only result of an earlier command, or one of its results.
type argument struct {
	kind          argumentKind
	index, nested uint16
}

// command reads one command. There are so many inputs, and this many commands before it, for its arguments to name.
func (r *reader) command(inputs, before int) (command, error) {
	variant, err := r.below(byte(commandCount), "command")
	c := command{kind: commandKind(variant)}
	if err != nil {
		return c, err
	}
	argument := func(into *argument) error {
		*into, err = r.argument(inputs, before)
		return err
	}
	rest := func(what string) error {
		return r.each(maxArguments, what, func(int) error {
			a, err := r.argument(inputs, before)
			c.arguments = append(c.arguments, a)
			return err
		})
	}
	switch c.kind {
	case moveCall:
		if err = r.call(&c); err == nil {
			err = rest("arguments")
		}
	case transferObjects:
		if err = rest("objects"); err == nil {
			err = argument(&c.target)
		}
	case splitCoins, mergeCoins:
		if err = argument(&c.target); err == nil {
			err = rest("amounts or sources")
		}
	case publish:
		err = r.modules()
	case makeMoveVec:
		err = r.option("type", r.skipType)
		if err == nil {
			err = rest("elements")
		}
	case upgrade:
		if err = r.modules(); err == nil {
			c.pkg, err = r.address("package")
		}
		if err == nil {
			err = argument(&c.target)
		}
	case commandCount:
	}
	return c, err
}

func (r *reader) call(c *command) error {
	var err error
	if c.pkg, err = r.address("package"); err != nil {
		return err
	}
	if c.module, err = r.identifier("module"); err != nil {
		return err
	}
	if c.function, err = r.identifier("function"); err != nil {
		return err
	}
	return r.each(maxTypeArguments, "type arguments", func(int) error { return r.skipType() })
}

func (r *reader) skipType() error {
	_, err := r.typeText()
	return err
}

// modules reads compiled modules and the packages on which they depend.
func (r *reader) modules() error {
	err := r.each(maxModules, "modules", func(int) error {
		_, err := r.vector(MaxSize, "module")
		return err
	})
	if err != nil {
		return err
	}
	return r.each(maxDependencies, "dependencies", func(int) error {
		return r.skip(len(Address{}), "dependency")
	})
}

func (r *reader) argument(inputs, before int) (argument, error) {
	start := r.off
	variant, err := r.below(4, "kind of argument")
	a := argument{kind: argumentKind(variant)}
	if err != nil || a.kind == gasCoin {
		return a, err
	}
	if a.index, err = r.u16("argument"); err != nil {
		return a, err
	}
	if a.kind == fromNested {
		if a.nested, err = r.u16("argument"); err != nil {
			return a, err
		}
	}
	limit, of := before, "result of a command that has not run"
	if a.kind == fromInput {
		limit, of = inputs, "input that is not there"
	}
	if int(a.index) >= limit {
		return a, chain.Malformed(start, "argument is the %s", of)
	}
	return a, nil
}
