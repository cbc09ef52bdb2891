package fact

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// provider tells the type checker which structures there are, and the evaluator how to take their values.
type provider struct{}

// Provider returns the types of the facts, for the type checker.
func Provider() types.Provider { return provider{} }

// Adapter returns how Go values of facts become values of the language.
func Adapter() types.Adapter { return provider{} }

// structures are all types with fields.
func structures() []*structure {
	return []*structure{
		requestFields, derivationFields, organizationFields, userFields, authenticatorFields, walletFields,
		txFields, evmFields, callFields, authorizationFields, solanaFields, instructionFields, accountFields,
		bitcoinFields, inputFields, outputFields, suiFields, commandFields, typedDataFields, domainFields,
		effectsFields, transferFields, approvalFields, authorityFields,
	}
}

func structureOf(name string) (*structure, bool) {
	for _, s := range structures() {
		if s.typ.TypeName() == name {
			return s, true
		}
	}
	return nil, false
}

// EnumValue implements types.Provider: there are no enumerations.
func (provider) EnumValue(name string) ref.Val { return types.NewErr("no such enumeration: %s", name) }

// FindIdent implements types.Provider: the types of the language have names.
func (provider) FindIdent(name string) (ref.Val, bool) {
	for _, t := range []*types.Type{
		types.BoolType, types.BytesType, types.DoubleType, types.DurationType, types.IntType, types.ListType, types.MapType,
		types.NullType, types.StringType, types.TimestampType, types.TypeType, types.UintType, amount.Type(),
	} {
		if t.TypeName() == name {
			return t, true
		}
	}
	return nil, false
}

// FindStructType implements types.Provider.
func (provider) FindStructType(name string) (*types.Type, bool) {
	s, ok := structureOf(name)
	if !ok {
		return nil, false
	}
	return types.NewTypeTypeWithParam(s.typ), true
}

// FindStructFieldNames implements types.Provider.
func (provider) FindStructFieldNames(name string) ([]string, bool) {
	s, ok := structureOf(name)
	if !ok {
		return nil, false
	}
	return s.names, true
}

// FindStructFieldType implements types.Provider.
func (provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s, ok := structureOf(name)
	if !ok {
		return nil, false
	}
	f, ok := s.fields[field]
	return f, ok
}

// NewValue implements types.Provider: policies read facts, they do not make any.
func (provider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("a policy cannot make a value of type %s", name)
}

// NativeToValue implements types.Adapter.
func (provider) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case []string:
		return types.NewStringList(provider{}, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// FieldNames lists the names of all fields of all facts.
func FieldNames() []string {
	var all []string
	for _, s := range structures() {
		all = append(all, s.names...)
	}
	return all
}
