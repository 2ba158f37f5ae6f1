package optest

import (
	"fmt"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func (g *gen) row(m *schema.Model) []any {
	row := make([]any, len(m.Fields))
	for i, f := range m.Fields {
		switch {
		case f == m.VersionF:
			row[i] = int64(1)
		case f == m.DeletedF && !g.one(3):
			row[i] = nil
		case f.Nullable && g.one(3):
			if row[i] = nil; g.one(4) && !f.NanoID {
				row[i] = op.Unset{}
			}
		default:
			if row[i] = g.value(m, f); f.NanoID && row[i] == "" {
				row[i] = pick(g, valuesOf(f)) // an empty one would be filled by validation
			}
		}
	}
	return row
}

func (g *gen) insert(m *schema.Model, most int) op.Op {
	if g.gone != nil {
		return g.goneInsert(m)
	}
	o := op.Op{Kind: op.Insert, Model: m}
	if m.Name == "Employee" {
		most = 1 // rows of one insert may point at each other; when that is looked at is not promised
	}
	for range 1 + g.n(most) {
		o.Rows = append(o.Rows, g.row(m))
	}
	g.returning(&o)
	if g.one(10) {
		o.Check = g.cond(m, 1)
	}
	return g.guarded(o)
}

// settable are the fields that an update may set.
func (g *gen) settable(m *schema.Model) []*schema.Field {
	var out []*schema.Field
	for _, f := range m.Fields {
		if !f.Primary && f != m.VersionF && f != m.OwnerF && (f != m.DeletedF || g.gone == nil) {
			out = append(out, f)
		}
	}
	return out
}

func (g *gen) assigns(m *schema.Model, most int) []op.Assign {
	var out []op.Assign
	for _, f := range some(g, g.settable(m), most) {
		a := op.Assign{Field: f.Name}
		switch {
		case f.Nullable && g.one(4):
		case f.Encrypted:
			a.Value = g.value(m, f)
		case numeric(f) && g.one(3):
			a.Inc, a.Value = true, g.step(f)
		case f.Type.Kind() == jsonKind && f.Type != schema.Array && !f.Nullable && g.one(3):
			a.Path, a.Value = []string{pick(g, []string{"a", "n", "new", "ä b"})}, pick(g, jsons(`1`, `"x"`, `null`, `[1]`, `{"k":true}`, `1.5`))
		default:
			a.Value = g.value(m, f)
		}
		out = append(out, a)
	}
	return out
}

func numeric(f *schema.Field) bool {
	k := f.Type.Kind()
	return k == schema.KindInt || k == schema.KindFloat || k == schema.KindDecimal
}

// step is what a number is incremented by.
func (g *gen) step(f *schema.Field) any {
	switch f.Type.Kind() {
	case schema.KindFloat:
		return pick(g, []any{0.25, -0.5, 1.0, 0.0})
	case schema.KindDecimal:
		return pick(g, []any{dec("0.01"), dec("-0.25"), dec("1"), dec("0")})
	}
	return pick(g, []any{int64(1), int64(-1), int64(10), int64(0)})
}

func (g *gen) update(m *schema.Model) op.Op {
	if len(g.settable(m)) == 0 {
		m = g.set.Model("Item")
	}
	o := op.Op{Kind: op.Update, Model: m, Filter: g.few(m), Using: g.maybe(m, 8), Set: g.assigns(m, 3)}
	if g.one(10) {
		o.Check = g.cond(m, 1)
	}
	g.returning(&o)
	return g.guarded(o)
}

func (g *gen) increment() op.Op {
	m := g.set.Model(pick(g, []string{"Wide", "Account", "Account", "Post", "Seat", "Plain", "Item"}))
	if g.gone != nil {
		m = g.set.Model("Item")
	}
	o := op.Op{Kind: op.Increment, Model: m, Filter: g.few(m), Using: g.maybe(m, 8)}
	var numbers []*schema.Field
	for _, f := range g.settable(m) {
		if numeric(f) {
			numbers = append(numbers, f)
		}
	}
	for _, f := range some(g, numbers, 3) {
		o.Set = append(o.Set, inc(f.Name, g.step(f)))
	}
	if g.one(10) {
		o.Check = g.cond(m, 1)
	}
	g.returning(&o)
	return g.guarded(o)
}

// upsert makes rows that meet at most the one unique value it goes by: which
// of several an engine looks at first is not promised.
func (g *gen) upsert(m *schema.Model) op.Op {
	if g.gone != nil {
		return g.goneInsert(m)
	}
	if m.Name == "Employee" || len(g.settable(m)) == 0 {
		m = g.set.Model("Account")
	}
	o := op.Op{Kind: op.Upsert, Model: m, Conflict: &op.Conflict{}}
	by := m.Primary
	if all := op.Uniques(m); g.one(2) {
		by = pick(g, all)
	}
	if !g.one(6) {
		for _, f := range by {
			o.Conflict.Fields = append(o.Conflict.Fields, f.Name)
		}
	}
	seen := map[string]bool{}
	for range 1 + g.n(4) {
		row := g.row(m)
		for _, u := range op.Uniques(m) {
			if slices.Equal(u, by) {
				continue
			}
			for _, f := range u {
				if f.Type.Kind() == schema.KindString && !slices.Contains(by, f) {
					g.made++
					row[f.Pos] = fmt.Sprintf("fresh%d", g.made)
				}
			}
		}
		var key []any
		for _, f := range by {
			key = append(key, row[f.Pos])
		}
		if !seen[showRow(key)] || g.one(3) {
			seen[showRow(key)] = true
			o.Rows = append(o.Rows, row)
		}
	}
	if len(o.Conflict.Fields) > 0 && !g.one(4) {
		var free []*schema.Field
		for _, f := range g.settable(m) {
			if f != m.DeletedF && !slices.ContainsFunc(op.Uniques(m), func(u []*schema.Field) bool { return slices.Contains(u, f) }) {
				free = append(free, f)
			}
		}
		if len(free) > 0 {
			for _, f := range some(g, free, 3) {
				if f.Encrypted && g.one(3) {
					o.Conflict.Set = append(o.Conflict.Set, to(f.Name, g.value(m, f)))
				} else if numeric(f) && !f.Encrypted && g.one(2) {
					o.Conflict.Set = append(o.Conflict.Set, inc(f.Name, g.step(f)))
				} else {
					o.Conflict.Update = append(o.Conflict.Update, f.Name)
				}
			}
		}
	}
	if g.one(12) {
		o.Check = g.cond(m, 1)
	}
	if len(o.Conflict.Update)+len(o.Conflict.Set) > 0 {
		g.returning(&o)
	}
	return g.guarded(o)
}
