package fact

import (
	"math/big"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain/evm"
)

var (
	typedDataType = types.NewObjectType("TypedData")
	domainType    = types.NewObjectType("Domain")
)

var typedDataFields = define(typedDataType,
	always("primaryType", types.StringType, func(t *evm.TypedData) any { return types.String(t.PrimaryType()) }),
	always("domain", domainType, func(t *evm.TypedData) any { return object{domainFields, t} }),
	always("message", anyMap, func(t *evm.TypedData) any { return typedValue(t.Message()) }),
)

var domainFields = define(domainType,
	maybe("name", types.StringType, func(t *evm.TypedData) (any, bool) { return domainText(t, "name") }),
	maybe("version", types.StringType, func(t *evm.TypedData) (any, bool) { return domainText(t, "version") }),
	maybe("chainId", types.IntType, func(t *evm.TypedData) (any, bool) { return chainNumber(t.ChainID()) }),
	maybe("verifyingContract", types.StringType, func(t *evm.TypedData) (any, bool) { return domainText(t, "verifyingContract") }),
	maybe("salt", types.StringType, func(t *evm.TypedData) (any, bool) { return domainText(t, "salt") }),
)

func (f *Facts) typedData() (*evm.TypedData, bool) {
	t, ok := f.look().(*evm.TypedData)
	return t, ok
}

func domainText(t *evm.TypedData, field string) (any, bool) {
	v, ok := t.Domain().Field(field)
	if !ok {
		return nil, false
	}
	return types.String(v.String()), true
}

// typedValue makes a value of the language of typed data.
func typedValue(v evm.Value) ref.Val {
	switch {
	case v.IsStruct():
		names := v.Fields()
		fields := make(map[string]ref.Val, len(names))
		for _, name := range names {
			member, _ := v.Field(name)
			fields[name] = typedValue(member)
		}
		return types.NewDynamicMap(types.DefaultTypeAdapter, fields)
	case v.IsArray():
		all := v.Items()
		items := make([]ref.Val, len(all))
		for i := range all {
			items[i] = typedValue(all[i])
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	switch kind := v.Type(); {
	case kind == "bool":
		return types.Bool(v.Bool())
	case kind == "string", kind == "address":
		return types.String(v.String())
	case strings.HasPrefix(kind, "bytes"):
		return types.Bytes(v.Bytes())
	}
	return integer(v.Int())
}

// integer makes negative numbers signed ones; all others are amounts.
func integer(n *big.Int) ref.Val {
	if n.Sign() < 0 && n.IsInt64() {
		return types.Int(n.Int64())
	}
	return whole(n)
}
