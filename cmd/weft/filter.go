package main

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// operand is a value of a condition as a person writes it.
type operand struct {
	text string
	null bool
}

// takesValue and takesList say what an operator compares with.
func takesValue(o op.Operator) bool { return o != op.IsNull && o != op.NotNull }
func takesList(o op.Operator) bool  { return o == op.In || o == op.NotIn || o == op.Between }

// fieldNamed finds a field that may be seen. To one who may not see a field it
// does not exist, since filters and orders tell of its values too.
func fieldNamed(m *schema.Model, name string) (*schema.Field, error) {
	if f := m.Field(name); f != nil && shown(f) {
		return f, nil
	}
	var names []string
	for _, f := range visible(m) {
		names = append(names, f.Name)
	}
	return nil, op.Errorf(op.CodeValidation, "%s has no field %q; its fields are %s", m.Name, name, strings.Join(names, ", "))
}

// compare makes a condition of a field or a place in a JSON field ("meta.lang"),
// an operator and the values that it takes.
func compare(m *schema.Model, place string, o op.Operator, values []operand) (op.Cond, error) {
	name, path, nested := strings.Cut(place, ".")
	f, err := fieldNamed(m, name)
	if err != nil {
		return op.Cond{}, err
	}
	c := op.Cond{Kind: op.Compare, Field: f.Name, Op: o}
	if nested {
		c.Path = strings.Split(path, ".")
	}
	parse := func(v operand) (any, error) {
		switch {
		case v.null && (o == op.Eq || o == op.Ne || o == op.In || o == op.NotIn):
			return nil, nil
		case v.null:
			return nil, op.Invalid("", f.Name, "operator", "cannot be compared with null by %s; the operator is null finds what is null, and 'null' in quotes is the text", o)
		case nested || o == op.Contains:
			return parseScalar(v.text), nil
		case f.Type.Kind() != schema.KindString && (o == op.Like || o == op.StartsWith || o == op.EndsWith):
			return v.text, nil // the engine says which operators the field has
		}
		return parseValue(f, v.text)
	}
	switch {
	case !takesValue(o):
		if len(values) > 0 {
			return op.Cond{}, op.Invalid(m.Name, f.Name, "operator", "the operator %s takes no value, but there is %q", o, values[0].text)
		}
	case takesList(o):
		for _, part := range values {
			v, err := parse(part)
			if err != nil {
				return op.Cond{}, named(m, err)
			}
			c.List = append(c.List, v)
		}
		if o == op.Between && len(c.List) != 2 {
			return op.Cond{}, op.Invalid(m.Name, f.Name, "operator", "the operator between takes two values, such as 1,9, and was given %d", len(c.List))
		}
	default:
		if c.Value, err = parse(values[0]); err != nil {
			return op.Cond{}, named(m, err)
		}
	}
	return c, nil
}

// named puts the model's name into a validation error of one of its fields.
func named(m *schema.Model, err error) error {
	if v, ok := err.(*op.ValidationError); ok && v.Model == "" {
		v.Model = m.Name
	}
	return err
}

// sortKey reads a key of an order: a field, with - before it for descending.
func sortKey(m *schema.Model, text string) (f *schema.Field, desc bool, err error) {
	name, desc := strings.CutPrefix(text, "-")
	f, err = fieldNamed(m, name)
	if err != nil {
		return nil, false, err
	}
	if !sortable(f) {
		return nil, false, op.Invalid(m.Name, f.Name, "sort", "is of type %s, which has no order", f.Type)
	}
	return f, desc, nil
}

// total makes an order total by the key.
func total(m *schema.Model, keys []op.Sort) []op.Sort {
	for _, f := range m.Primary {
		if !slices.ContainsFunc(keys, func(k op.Sort) bool { return k.Field == f.Name }) {
			keys = append(keys, op.Sort{Field: f.Name})
		}
	}
	return keys
}
