package fact

import (
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/chain/sui"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

var (
	suiType     = types.NewObjectType("SuiTx")
	commandType = types.NewObjectType("Command")
)

var suiFields = define(suiType,
	always("sender", types.StringType, func(t *sui.Transaction) any { return types.String(t.Sender().String()) }),
	always("gasOwner", types.StringType, func(t *sui.Transaction) any { return types.String(t.GasOwner().String()) }),
	always("gasBudget", amount.Type(), func(t *sui.Transaction) any { return amount.New(t.GasBudget()) }),
	always("commands", types.NewListType(commandType), func(t *sui.Transaction) any { return list(commandFields, t.Commands()) }),
)

var commandFields = define(commandType,
	always("kind", types.StringType, func(c *sui.Command) any { return types.String(c.Kind) }),
	always("package", types.StringType, func(c *sui.Command) any { return types.String(c.Package) }),
	always("module", types.StringType, func(c *sui.Command) any { return types.String(c.Module) }),
	always("function", types.StringType, func(c *sui.Command) any { return types.String(c.Function) }),
)
