package weft

import (
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Set names the fields of an update and their values:
//
//	Set{"title": "x", "stock": weft.Inc(-1), "profile.city": "Oslo"}
//
// A path changes one place in a JSON field.
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

type increment struct{ by any }

// Inc as a value of a Set adds to the field instead of replacing it; NULL
// counts as 0.
func Inc(by any) any { return increment{by} }

// assigns turns the set into assignments in a fixed order, so that equal sets
// make equal statements.
func (s Set) assigns() []op.Assign {
	names := make([]string, 0, len(s))
	for name := range s {
		if name != versionKey {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]op.Assign, len(names))
	for i, name := range names {
		out[i] = assign(name, s[name])
	}
	return out
}

func assign(name string, v any) op.Assign {
	field, path := splitField(name)
	if inc, ok := v.(increment); ok {
		return op.Assign{Field: field, Path: path, Inc: true, Value: inc.by}
	}
	return op.Assign{Field: field, Path: path, Value: v}
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
