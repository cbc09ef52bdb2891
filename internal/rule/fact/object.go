package fact

import (
	"errors"
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// structure is a type of the language with named fields, read from Go values of one type only when asked for.
type structure struct {
	typ    *types.Type
	names  []string
	fields map[string]*types.FieldType
}

// errAbsent is what a field that is not there evaluates to, so that a rule about it neither allows nor passes over.
var errAbsent = errors.New("is absent")

// field is one field of a T. get returns errAbsent when there is none.
type field[T any] struct {
	name string
	typ  *types.Type
	get  func(T) (any, error)
}

// always makes a field that every T has.
func always[T any](name string, typ *types.Type, get func(T) any) field[T] {
	return field[T]{name, typ, func(v T) (any, error) { return get(v), nil }}
}

// maybe makes a field that some lack.
func maybe[T any](name string, typ *types.Type, get func(T) (any, bool)) field[T] {
	return field[T]{name, typ, func(v T) (any, error) {
		got, ok := get(v)
		if !ok {
			return nil, fmt.Errorf("%s %w", name, errAbsent)
		}
		return got, nil
	}}
}

// define makes a structure of fields.
func define[T any](typ *types.Type, fields ...field[T]) *structure {
	s := &structure{typ: typ, fields: map[string]*types.FieldType{}}
	for _, f := range fields {
		s.names = append(s.names, f.name)
		s.fields[f.name] = &types.FieldType{
			Type: f.typ,
			IsSet: func(target any) bool {
				v, ok := target.(T)
				if !ok {
					return false
				}
				_, err := f.get(v)
				return err == nil
			},
			GetFrom: func(target any) (any, error) {
				v, ok := target.(T)
				if !ok {
					return nil, fmt.Errorf("%s %w", f.name, errAbsent)
				}
				return f.get(v)
			},
		}
	}
	return s
}

// object is a value of a structure inside an expression.
type object struct {
	of    *structure
	value any
}

var (
	_ traits.Indexer     = object{}
	_ traits.FieldTester = object{}
)

// Get reads a field by a computed name.
func (o object) Get(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(index)
	}
	f, ok := o.of.fields[string(name)]
	if !ok {
		return types.NewErr("no such field: %s", name)
	}
	got, err := f.GetFrom(o.value)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(got)
}

// IsSet says whether a field is there.
func (o object) IsSet(field ref.Val) ref.Val {
	name, ok := field.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(field)
	}
	f, ok := o.of.fields[string(name)]
	if !ok {
		return types.NewErr("no such field: %s", name)
	}
	return types.Bool(f.IsSet(o.value))
}

// ConvertToNative implements ref.Val.
func (o object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s does not convert to %v", o.of.typ.TypeName(), t)
}

// ConvertToType implements ref.Val.
func (o object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.of.typ
	}
	return types.NewErr("%s does not convert to %s", o.of.typ.TypeName(), t.TypeName())
}

// Equal compares by identity: facts are read, not compared as a whole.
func (o object) Equal(other ref.Val) ref.Val {
	p, ok := other.(object)
	return types.Bool(ok && o.value == p.value)
}

// Type implements ref.Val.
func (o object) Type() ref.Type { return o.of.typ }

// Value implements ref.Val.
func (o object) Value() any { return o.value }

// list makes a list of objects whose elements are wrapped when they are read.
func list[T any](of *structure, all []T) ref.Val {
	values := make([]ref.Val, len(all))
	for i := range all {
		values[i] = object{of, &all[i]}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}
