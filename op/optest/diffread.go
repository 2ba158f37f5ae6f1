package optest

import (
	"fmt"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// find makes a find. Where a limit or a cursor cuts the rows, the order is
// made total, or there would be more than one right answer.
func (g *gen) find(m *schema.Model) op.Op {
	if m.Name != "Wide" && g.one(3) {
		if o, ok := g.via(m); ok {
			return o
		}
	}
	o := op.Op{Kind: op.Find, Model: m, Filter: g.cond(m, 2), Using: g.maybe(m, 10)}
	if g.one(2) {
		o.Fields = g.fields(m)
	}
	if g.one(10) {
		return g.distinct(o)
	}
	ranked := g.rank(&o)
	for range g.n(3) {
		if k, ok := g.sortKey(m); ok {
			o.Sort = append(o.Sort, k)
		}
	}
	if c, ok := g.column(m); ok && g.one(2) {
		o.Fields = append(g.fields(m), c)
		if g.one(2) {
			o.Sort = append(o.Sort, op.Sort{Field: c, Desc: g.one(2)})
		}
		return o
	}
	if !g.one(3) {
		return o
	}
	g.totalSort(&o)
	switch k := g.n(4); {
	case ranked: // has no cursor
	case k == 0:
		o.After = g.cursor(&o)
	case k == 1:
		o.Before = g.cursor(&o)
	}
	o.Limit = g.n(6)
	if g.one(3) {
		o.Offset = g.n(4)
	}
	return o
}

// distinct sorts by fields asked for, all of them where a limit cuts.
func (g *gen) distinct(o op.Op) op.Op {
	o.Distinct = true
	o.Fields = nil
	for _, f := range some(g, o.Model.Fields, 3) {
		if f.Type.Kind() != jsonKind && !f.Encrypted {
			o.Fields = append(o.Fields, f.Name)
		}
	}
	if o.Fields == nil {
		o.Fields = []string{o.Model.Primary[0].Name}
	}
	for _, f := range o.Fields {
		o.Sort = append(o.Sort, op.Sort{Field: f, Desc: g.one(2)})
	}
	if g.one(2) {
		o.Limit, o.Offset = g.n(5), g.n(3)
	} else if g.one(2) {
		o.Sort = o.Sort[:g.n(len(o.Sort)+1)]
	}
	return o
}

// sortKey is any field, or a place in a JSON field.
func (g *gen) sortKey(m *schema.Model) (op.Sort, bool) {
	f := pick(g, m.Fields)
	if f.Encrypted {
		return op.Sort{}, false
	}
	k := op.Sort{Field: f.Name, Desc: g.one(2)}
	if f.Type.Kind() == jsonKind {
		k.Path = g.path(f)
	}
	return k, true
}

// totalSort appends the key and, for cursors, drops paths.
func (g *gen) totalSort(o *op.Op) {
	var keep []op.Sort
	seen := map[string]bool{}
	for _, k := range o.Sort {
		if len(k.Path) == 0 && !seen[k.Field] {
			seen[k.Field] = true
			keep = append(keep, k)
		}
	}
	for _, f := range o.Model.Primary {
		if !seen[f.Name] {
			keep = append(keep, op.Sort{Field: f.Name, Desc: g.one(2)})
		}
	}
	o.Sort = keep
}

func (g *gen) cursor(o *op.Op) []any {
	var out []any
	for _, k := range o.Sort {
		f := o.Model.Field(k.Field)
		if f.Nullable && g.one(3) {
			out = append(out, nil)
		} else {
			out = append(out, g.value(o.Model, f))
		}
	}
	return out
}

// leading picks a relation that leads to the model; nil when there is none.
func (g *gen) leading(m *schema.Model) *schema.Relation {
	var rels []*schema.Relation
	for _, owner := range g.set.Models {
		for _, r := range owner.Relations {
			if r.Target == m {
				rels = append(rels, r)
			}
		}
	}
	if len(rels) == 0 {
		return nil
	}
	r := pick(g, rels)
	for range 2 { // lists are where a limit matters
		if !r.Many() {
			r = pick(g, rels)
		}
	}
	return r
}

// via makes a find through a relation that leads to the model.
func (g *gen) via(m *schema.Model) (op.Op, bool) {
	r := g.leading(m)
	if r == nil {
		return op.Op{}, false
	}
	o := op.Op{Kind: op.Find, Model: m, Via: g.viaOf(r)}
	if g.one(4) {
		o.Filter = g.cond(m, 1)
	}
	if g.one(2) {
		o.Fields = g.fields(m)
	}
	if k, ok := g.sortKey(m); ok && !g.rank(&o) && g.one(2) {
		o.Sort = []op.Sort{k}
	}
	if g.one(2) {
		g.totalSort(&o)
		o.Via.Limit = 1 + g.n(2)
		if g.one(3) {
			o.Via.Offset = g.n(3)
		}
	}
	return o, true
}

// viaOf is the way through a relation from a few parents, of which some exist.
func (g *gen) viaOf(r *schema.Relation) *op.Via {
	v := &op.Via{Model: r.Owner, Relation: r.Name}
	if r.Via != nil {
		v.Join = op.AllOf(g.join(r, 1)...)
	}
	seen := map[string]bool{}
	for range 1 + g.n(5) {
		var key []any
		for _, f := range r.From {
			key = append(key, g.value(r.Owner, f))
		}
		if !seen[showRow(key)] {
			seen[showRow(key)] = true
			v.Keys = append(v.Keys, key)
		}
	}
	return v
}

func (g *gen) aggregate(m *schema.Model) op.Op {
	o := op.Op{Kind: op.Aggregate, Model: m, Filter: g.cond(m, 2), Using: g.maybe(m, 10)}
	if g.one(2) {
		for _, f := range some(g, m.Fields, 2) {
			if f.Type.Kind() != jsonKind && !f.Encrypted {
				o.GroupBy = append(o.GroupBy, f.Name)
			}
		}
	}
	if c, ok := g.column(m); ok && g.one(2) {
		o.GroupBy = append(o.GroupBy, c)
	}
	for i := range 1 + g.n(3) {
		a := op.Agg{Func: op.AggFunc(1 + g.n(5)), As: fmt.Sprintf("agg%d", i)}
		f := pick(g, m.Fields)
		if name, ok := g.column(m); ok && g.one(3) {
			if c, err := op.ColumnOf(m, name); err == nil {
				f = c.As()
			}
		}
		a.Field = f.Name
		k := f.Type.Kind()
		switch {
		case a.Func == op.AggCount && g.one(2):
			a.Field = ""
		case f.Encrypted:
			a.Func, a.Field = op.AggCount, ""
		case a.Func == op.AggCount:
		case k == jsonKind, a.Func >= op.AggMin && k == bytesKind,
			a.Func == op.AggSum && !numeric(f),
			// The sum of floats depends on the order they come in.
			a.Func == op.AggSum && k == schema.KindFloat && m.Name == "Wide":
			a.Func = op.AggCount
		}
		o.Aggs = append(o.Aggs, a)
	}
	cols := op.ResultColumns(&o)
	if g.one(3) {
		c := pick(g, cols)
		if c.Type.Kind() != jsonKind {
			o.Having = g.compare(c, nil, pick(g, operatorsOf(c)), g.one(6))
		}
	}
	if g.one(3) {
		for _, name := range o.GroupBy {
			o.Sort = append(o.Sort, op.Sort{Field: name, Desc: g.one(2)})
		}
		if len(o.Sort) > 0 && g.one(2) {
			o.Limit, o.Offset = g.n(4), g.n(3)
		}
	}
	if r := g.leading(m); r != nil && g.one(2) && !far(&o) {
		o.Via, o.Limit, o.Offset = g.viaOf(r), 0, 0
		if !g.one(3) {
			o.Filter, o.Using, o.Having = op.Cond{}, op.Cond{}, op.Cond{}
		}
	}
	return o
}

// column is one that is no field of the model: a part of a time, or a field of a
// row that relations lead to.
func (g *gen) column(m *schema.Model) (string, bool) {
	name := ""
	for range 1 + g.n(2) {
		var to []*schema.Relation
		for _, r := range m.Relations {
			if r.Kind == schema.BelongsTo {
				to = append(to, r)
			}
		}
		if len(to) == 0 {
			break
		}
		r := pick(g, to)
		name += r.Name + "."
		m = r.Target
	}
	f := pick(g, m.Fields)
	switch kind := f.Type.Kind(); {
	case kind == jsonKind:
		return "", false
	case kind == schema.KindTime && g.one(2):
		p := pick(g, timeParts)
		if f.Type == schema.Date && p == op.HourOf {
			p = op.DayOf
		}
		return name + f.Name + "." + string(p), true
	}
	return name + f.Name, name != ""
}

var timeParts = []op.Part{op.YearOf, op.MonthOf, op.DayOf, op.HourOf, op.WeekdayOf, op.DateOf}

// far reports whether an aggregate has columns over relations.
func far(o *op.Op) bool {
	over := func(name string) bool {
		c, err := op.ColumnOf(o.Model, name)
		return err == nil && name != "" && c.Path != ""
	}
	return slices.ContainsFunc(o.GroupBy, over) || slices.ContainsFunc(o.Aggs, func(a op.Agg) bool { return over(a.Field) })
}

// cond makes a condition that is nested at most depth deep.
func (g *gen) cond(m *schema.Model, depth int) op.Cond {
	k := g.n(20)
	switch {
	case depth > 0 && k < 2:
		return and(g.cond(m, depth-1), g.cond(m, depth-1))
	case depth > 0 && k < 5:
		return or(g.cond(m, depth-1), g.cond(m, depth-1))
	case depth > 0 && k < 7:
		return not(g.cond(m, depth-1))
	case k == 7:
		return op.Cond{Kind: op.CondKind(g.n(2))}
	case k < 14 && len(m.Relations) > 0:
		return g.has(m, depth)
	case k > 16 && g.searches && op.SearchFields(m, nil) != nil:
		return g.search(m)
	}
	return g.leaf(m)
}

func (g *gen) has(m *schema.Model, depth int) op.Cond {
	r := pick(g, m.Relations)
	c := has(r.Name)
	if g.one(3) {
		c = hasCount(r.Name, pick(g, []op.Operator{op.Eq, op.Ne, op.Lt, op.Le, op.Gt, op.Ge}), int64(g.n(4)))
	}
	if g.one(2) {
		c.Conds = []op.Cond{g.cond(r.Target, depth-1)}
	}
	if r.Target.DeletedF != nil && g.gone == nil {
		c.Conds = append(c.Conds, op.Live(r.Target))
	}
	if r.Via != nil {
		c.Join = g.join(r, depth)
	}
	return c
}

// join makes conditions on the rows of a join model.
func (g *gen) join(r *schema.Relation, depth int) []op.Cond {
	var cs []op.Cond
	if g.one(3) {
		cs = append(cs, g.cond(r.Via, depth-1))
	}
	if r.Via.DeletedF != nil && g.gone == nil {
		cs = append(cs, op.Live(r.Via))
	}
	return cs
}

// leaf compares one field, going through all fields and operators in turn.
func (g *gen) leaf(m *schema.Model) op.Cond {
	g.sweep += 1 + g.n(3)
	f := m.Fields[g.sweep%len(m.Fields)]
	if m.Name == "Wide" && !f.Nullable && g.one(2) {
		f = m.Fields[(g.sweep+1)%len(m.Fields)] // the nullable one beside it
	}
	var path []string
	ops := operatorsOf(f)
	if f.Encrypted {
		return g.compare(f, nil, pick(g, []op.Operator{op.IsNull, op.NotNull, op.Eq, op.Ne}), true)
	}
	if f.Type.Kind() == jsonKind && !g.one(4) {
		path, ops = g.path(f), pathOperators
	}
	return g.compare(f, path, ops[(g.sweep/len(m.Fields)+g.n(len(ops)))%len(ops)], g.one(6))
}

// compare makes a comparison, with NULL in the operand or without.
func (g *gen) compare(f *schema.Field, path []string, o op.Operator, null bool) op.Cond {
	c := op.Cond{Kind: op.Compare, Field: f.Name, Path: path, Op: o}
	onJSON := f.Type.Kind() == jsonKind
	value := func() any {
		switch {
		case onJSON:
			return g.scalar(o)
		case o == op.Like || o == op.StartsWith || o == op.EndsWith:
			return g.part(f)
		}
		return g.operand(f)
	}
	switch o {
	case op.IsNull, op.NotNull:
		return c
	case op.In, op.NotIn, op.Between:
		c.List = []any{}
		n := 2
		if o != op.Between {
			n = g.n(4)
		}
		for range n {
			c.List = append(c.List, value())
		}
		if null && n > 0 {
			c.List[g.n(n)] = nil
		} else if null {
			c.List = []any{nil}
		}
		return c
	case op.Eq, op.Ne:
		if onJSON && len(path) == 0 {
			null = true
		}
	}
	if !null {
		c.Value = value()
	}
	return c
}
