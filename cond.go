package weft

import (
	"reflect"
	"strings"

	"github.com/weftdb/weft/op"
)

// Cond is a condition over one row, for [Query.Filter].
type Cond struct {
	c          op.Cond
	err        error
	everything bool // said on purpose
	from       origin
}

// If is a comparison of a field with a value. Operators: = (==), !=, <, <=, >,
// >=, in, not in, between, like (contains, whatever the case), starts with,
// ends with, contains (an array has the element), is null, not null. A path
// leads into a JSON field: "profile.city".
//
// NULL: = nil finds it, != and not in include it, nothing else does.
func If(field, operator string, value any) Cond {
	c, err := compare(field, operator, value)
	return Cond{c: c, err: err}
}

// And holds when all conditions hold; of none it always holds.
func And(conds ...Cond) Cond { return join(op.And, conds) }

// Or holds when one of the conditions holds; of none it never holds.
func Or(conds ...Cond) Cond { return join(op.Or, conds) }

// Not holds when the condition does not.
func Not(cond Cond) Cond { return join(op.Not, []Cond{cond}) }

// Everything holds for every row. It is how an update or delete of all rows is
// asked for on purpose.
func Everything() Cond { return Cond{everything: true} }

func join(kind op.CondKind, conds []Cond) Cond {
	out := Cond{c: op.Cond{Kind: kind, Conds: make([]op.Cond, len(conds))}}
	for i, c := range conds {
		out.c.Conds[i] = c.c
		err := out.from.join(c.from)
		if c.err != nil {
			err = c.err
		}
		if out.err == nil {
			out.err = err
		}
	}
	return out
}

func compare(field, operator string, value any) (op.Cond, error) {
	o, err := op.ParseOperator(operator)
	if err != nil {
		return op.Cond{}, err
	}
	name, path := splitField(field)
	c := op.Cond{Kind: op.Compare, Field: name, Path: path, Op: o}
	switch o {
	case op.In, op.NotIn, op.Between:
		c.List, err = listOf(field, operator, value)
	default:
		c.Value = value
	}
	return c, err
}

// splitField separates a field from the path into it.
func splitField(field string) (string, []string) {
	if strings.IndexByte(field, '.') < 0 {
		return field, nil
	}
	parts := strings.Split(field, ".")
	return parts[0], parts[1:]
}

// listOf turns a slice of any element type into a list.
func listOf(field, operator string, value any) ([]any, error) {
	switch x := value.(type) {
	case []any:
		return append([]any{}, x...), nil
	case []string:
		return boxed(x), nil
	case []int:
		return boxed(x), nil
	case []int64:
		return boxed(x), nil
	}
	v := reflect.ValueOf(value)
	if k := v.Kind(); (k != reflect.Slice && k != reflect.Array) || v.Type().Elem().Kind() == reflect.Uint8 {
		return nil, op.Invalid("", field, "operator", "the operator %s takes a list, such as []string{…}, not a %T", operator, value)
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = v.Index(i).Interface()
	}
	return out, nil
}

func boxed[E any](list []E) []any {
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = x
	}
	return out
}

// SortKey is one key of an order, for [Query.Sort].
type SortKey struct {
	Field string // or a path into a JSON field
	Dir   Direction

	model string // of a typed column
	rank  bool   // by relevance
}

// By is a sort key. NULL is smallest: first ascending, last descending.
func By(field string, dir Direction) SortKey { return SortKey{Field: field, Dir: dir} }

func (k SortKey) origin() origin { return origin{col: ref{k.model, k.Field}} }

func (k SortKey) op() op.Sort {
	if k.rank {
		return op.Sort{Rank: true, Desc: bool(k.Dir)}
	}
	name, path := splitField(k.Field)
	return op.Sort{Field: name, Path: path, Desc: bool(k.Dir)}
}
