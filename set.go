package weft

import (
	"math"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Set names the fields of an update and their values:
//
//	Set{"title": "x", "stock": weft.Inc(-1), "profile.city": "Oslo"}
//
// A path changes one place in a JSON field. [Sets] makes one from typed columns.
type Set map[string]any

// versionKey holds the version asked for by IfVersion; no field has this name.
const versionKey = "\x00version"

// IfVersion returns a copy of the set that takes effect only when the row still
// has this version; otherwise the update is a conflict with reason stale.
func (s Set) IfVersion(v Version) Set {
	n := make(Set, len(s)+1)
	for k, x := range s {
		n[k] = x
	}
	n[versionKey] = v
	return n
}

type increment struct {
	by   any
	down bool
}

// Inc as a value of a Set adds to the field instead of replacing it; NULL
// counts as 0.
func Inc(by any) any { return increment{by: by} }

// Assign is what an update does to one field, made by a typed column; for
// [Sets].
type Assign struct {
	to ref
	v  any
}

// assigned is a value of a Set that a typed column made.
type assigned struct {
	Assign
	twice bool
}

// Sets is the Set of what typed columns assign:
//
//	posts.Update(ctx, id, weft.Sets(post.Title.Set("x"), post.Likes.Inc(1)))
//
// A column of another model, and a column that comes twice, is an error of the
// update. Like any Set it can be added to by name.
func Sets(assigns ...Assign) Set {
	s := make(Set, len(assigns))
	for _, a := range assigns {
		_, twice := s[a.to.name]
		s[a.to.name] = assigned{a, twice}
	}
	return s
}

// assigns turns the set into assignments in a fixed order, so that equal sets
// make equal statements.
func (s Set) assigns(m *schema.Model) ([]op.Assign, error) {
	names := make([]string, 0, len(s))
	for name := range s {
		if name != versionKey {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]op.Assign, len(names))
	for i, name := range names {
		v := s[name]
		if a, ok := v.(assigned); ok {
			if err := a.to.check(m); err != nil {
				return nil, err
			}
			if a.twice {
				return nil, op.Invalid(m.Name, name, "set", "is set twice in one update")
			}
			v = a.v
		}
		out[i] = assign(name, v)
	}
	return out, nil
}

func assign(name string, v any) op.Assign {
	field, path := splitField(name)
	if inc, ok := v.(increment); ok {
		return op.Assign{Field: field, Path: path, Inc: true, Value: inc.value()}
	}
	return op.Assign{Field: field, Path: path, Value: v}
}

// value is what is added. What is no number is left to be refused.
func (inc increment) value() any {
	if !inc.down {
		return inc.by
	}
	c, err := op.Canon(inc.by)
	if err != nil {
		return inc.by
	}
	switch x := c.(type) {
	case int64:
		if x != math.MinInt64 {
			return -x
		}
		return decimal.NewFromInt(x).Neg()
	case float64:
		return -x
	case decimal.Decimal:
		return x.Neg()
	}
	return inc.by
}

// guards makes the guard that IfVersion asks for.
func (s Set) guards(m *schema.Model, filter op.Cond) ([]op.Guard, error) {
	v, ok := s[versionKey]
	if !ok {
		return nil, nil
	}
	if m.VersionF == nil {
		return nil, invalid("%s has no version; embed weft.Model, or tag a field weft:\"version\"", m.Name)
	}
	return []op.Guard{{
		Kind: op.GuardMust, Model: m, Filter: filter,
		Must: op.Cmp(m.VersionF.Name, op.Eq, int64(v.(Version))),
	}}, nil
}
