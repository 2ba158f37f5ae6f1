package op

import "github.com/weftdb/weft/schema"

// Cond is a condition over one row. Every condition is true or false, never
// unknown: with NULL, Eq nil and IsNull are true, Ne and NotIn are true (unless
// the value or list holds nil), everything else is false; Not is plain
// negation. The zero Cond is true.
//
// For Compare, Field names the field and Path, when given, leads into a JSON
// field: "profile.city" is Field "profile", Path ["city"]. A JSON place is
// compared with values of its own type only; a place that is absent or null is
// NULL.
type Cond struct {
	Kind  CondKind
	Field string
	Path  []string
	Op    Operator
	Value any   // Compare with one value
	List  []any // In, NotIn; Between: low and high

	Conds []Cond // And, Or: any number; Not: one; Has, HasCount: conditions on the related rows (and)

	Relation string        // Has, HasCount
	Target   *schema.Model // Has, HasCount: the relation's target; filled by Normalize
	N        int64         // HasCount: number of related rows, compared by Op
	Join     []Cond        // Has, HasCount of a many_to_many: conditions on the rows of the join model (and); others relate nothing
	Fields   []string      // Match: fields searched; none is all search fields
}

// CondKind is a kind of condition.
type CondKind uint8

// The kinds of conditions.
const (
	True  CondKind = iota // every row; the zero value
	False                 // no row
	Compare
	And // of none: true
	Or  // of none: false
	Not
	Has      // a related row exists for which Conds hold
	HasCount // the number of such rows compared with N by Op
	Match    // full-text search for Value (a string), see ParseSearch
)

// Operator compares.
type Operator uint8

// The operators. Like is contains, with case folded by Unicode simple
// lower-casing; StartsWith and EndsWith respect case. Contains is true when a
// JSON array has an element equal to Value. Between includes both ends.
const (
	Eq Operator = iota + 1
	Ne
	Lt
	Le
	Gt
	Ge
	In
	NotIn
	Between
	Like
	StartsWith
	EndsWith
	Contains
	IsNull
	NotNull
)

// JSON is the canonical value of a JSON field: compact text, object keys
// sorted by bytes, no insignificant space, numbers as written.
type JSON string

// AllOf joins conditions by and, leaving out those that are always true.
func AllOf(cs ...Cond) Cond {
	only, n := 0, 0
	for i := range cs {
		if !always(&cs[i]) {
			only = i
			n++
		}
	}
	if n == 0 {
		return Cond{}
	}
	if c := &cs[only]; n == 1 && (c.Kind != And || len(c.Conds) > 1) {
		return *c
	}
	var out []Cond
	for i := range cs {
		switch c := &cs[i]; {
		case always(c):
		case c.Kind == And:
			out = append(out, c.Conds...)
		default:
			out = append(out, *c)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return Cond{Kind: And, Conds: out}
}

func always(c *Cond) bool { return c.Kind == True || (c.Kind == And && len(c.Conds) == 0) }

// Cmp is a comparison of a field with one value.
func Cmp(field string, o Operator, v any) Cond {
	return Cond{Kind: Compare, Field: field, Op: o, Value: v}
}

// Where is the condition that holds for the rows of the operation: Filter and Using.
func (o *Op) Where() Cond {
	if o.Using.Kind == True {
		return o.Filter
	}
	return AllOf(o.Using, o.Filter)
}
