package relate

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Fields returns the fields of m that the relations and counts asked for are
// found by, each once. Relations that do not exist are passed over.
func Fields(m *schema.Model, with []op.With) []*schema.Field {
	var out []*schema.Field
	for i := range with {
		name, _, _ := strings.Cut(with[i].Relation, ".")
		r := m.Relation(name)
		if c := m.Count(name); c != nil {
			r = c.Of
		}
		if r == nil {
			continue
		}
		for _, f := range r.From {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Expand returns with with paths ("comments.author") turned into nested
// relations, doubles merged, and the eager relations of the models added at
// every level. An eager relation whose target is on the way to it already is
// left out, and so are the eager relations of a level that names its fields.
// Expanding twice changes nothing. Relations that do not exist are kept as they
// are; a find with them fails.
func Expand(m *schema.Model, with []op.With) []op.With {
	out, _ := merge(m, with)
	return addEager(m, out, []*schema.Model{m})
}

func addEager(m *schema.Model, with []op.With, way []*schema.Model) []op.With {
	for _, r := range m.Relations {
		if !r.Eager || r.Target == nil || slices.Contains(way, r.Target) || asks(m, with, r) {
			continue
		}
		with = append(with, op.With{Relation: r.Name})
	}
	for i := range with {
		w := &with[i]
		r := m.Relation(w.Relation)
		if r == nil || r.Target == nil || len(w.Fields) > 0 {
			continue
		}
		w.With = addEager(r.Target, w.With, append(slices.Clip(way), r.Target))
	}
	return with
}

func asks(m *schema.Model, with []op.With, r *schema.Relation) bool {
	for i := range with {
		if m.Relation(with[i].Relation) == r {
			return true
		}
	}
	return false
}

// merge makes a copy with paths nested and doubles merged. Two entries for a
// relation are one when at most one of them says more than the name; else the
// find is refused.
func merge(m *schema.Model, with []op.With) ([]op.With, error) {
	if len(with) == 0 {
		return nil, nil
	}
	out := make([]op.With, 0, len(with))
	var bad error
	for _, w := range with {
		name := w.Relation
		if m != nil && m.Relation(name) == nil {
			if head, rest, dotted := strings.Cut(name, "."); dotted && m.Relation(head) != nil {
				w.Relation = rest
				w = op.With{Relation: head, With: []op.With{w}}
			}
		}
		if m != nil {
			if r := m.Relation(w.Relation); r != nil {
				w.Relation = r.Name
			} else if c := m.Count(w.Relation); c != nil {
				w.Relation = c.Name
			}
		}
		at := slices.IndexFunc(out, func(x op.With) bool { return x.Relation == w.Relation })
		if at < 0 {
			out = append(out, w)
			continue
		}
		both, err := joined(out[at], w)
		if err != nil && bad == nil {
			bad = err
		}
		out[at] = both
	}
	for i := range out {
		var to *schema.Model
		if m != nil {
			if r := m.Relation(out[i].Relation); r != nil {
				to = r.Target
			}
		}
		nested, err := merge(to, out[i].With)
		if err != nil && bad == nil {
			bad = err
		}
		out[i].With = nested
	}
	return out, bad
}

// joined is one entry for two of the same relation.
func joined(a, b op.With) (op.With, error) {
	nested := append(slices.Clip(a.With), b.With...)
	var err error
	if !plain(b) {
		if !plain(a) {
			err = op.Invalid("", a.Relation, "with", "is asked for twice with conditions of its own; give them together")
		} else {
			a = b
		}
	}
	a.With = nested
	return a, err
}

// plain reports whether an entry says no more than the relation's name.
func plain(w op.With) bool {
	return w.Filter.Kind == op.True && len(w.Sort) == 0 && w.Limit == 0 && w.Offset == 0 && len(w.Fields) == 0 && !w.WithDeleted
}
