package sqlengine

import (
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// relation finds the relation of a model.
func (b *builder) relation(m *schema.Model, name string) *schema.Relation {
	r := m.Relation(name)
	if r == nil || r.Target == nil {
		names := make([]string, 0, len(m.Relations))
		for _, r := range m.Relations {
			names = append(names, r.Name)
		}
		b.fail(op.Invalid(m.Name, name, "relation", "is no relation of %s; it has %v", m.Name, names))
		return nil
	}
	return r
}

func (b *builder) fieldCol(sc *scope, f *schema.Field) *Column {
	c := sc.t.Cols[f.Pos]
	b.w(sc.alias)
	b.w(c.Name)
	return c
}

func (b *builder) fieldCols(sc *scope, fs []*schema.Field) {
	for i, f := range fs {
		if i > 0 {
			b.w(", ")
		}
		b.fieldCol(sc, f)
	}
}

// has writes Has and HasCount as a subquery over the related rows.
func (b *builder) has(sc *scope, c *op.Cond) {
	r := b.relation(sc.t.Model, c.Relation)
	if r == nil {
		return
	}
	if c.Kind == op.Has {
		b.w("EXISTS (SELECT 1 FROM ")
	} else {
		b.w("(SELECT count(*) FROM ")
	}
	var via scope
	if r.Kind == schema.ManyToMany {
		via = b.open(r.Via)
	}
	target := b.open(r.Target)
	if b.err != nil {
		return
	}
	switch {
	case r.Kind != schema.ManyToMany:
		b.from(target)
		b.w(" WHERE ")
		b.match(&target, r.To, sc, r.From)
	case c.Kind == op.Has || pairsOnce(r):
		b.from(via)
		b.join(&via, &target, r)
		b.w(" WHERE ")
		b.match(&via, r.ViaFrom, sc, r.From)
		b.all(&via, c.Join)
	default: // a row counts once, however many rows of the join model lead to it
		b.from(target)
		b.w(" WHERE (")
		b.alikes(&target, r.To, &via, r.ViaTo)
		b.w(") IN (SELECT ")
		b.alikes(&via, r.ViaTo, &target, r.To)
		b.w(" FROM ")
		b.from(via)
		b.w(" WHERE ")
		b.match(&via, r.ViaFrom, sc, r.From)
		b.all(&via, c.Join)
		b.w(")")
	}
	b.all(&target, c.Conds)
	b.w(")")
	if c.Kind == op.HasCount {
		if int(c.Op) >= len(signs) || signs[c.Op] == "" {
			b.fail(op.Invalid(sc.t.Model.Name, c.Relation, "operator", "a number of rows is compared by =, !=, <, <=, > or >="))
			return
		}
		b.w(signs[c.Op])
		b.arg(IntValue(c.N))
	}
}

// all writes further conditions behind one that stands already.
func (b *builder) all(sc *scope, conds []op.Cond) {
	for i := range conds {
		if conds[i].Kind != op.True {
			b.w(" AND ")
			b.cond(sc, &conds[i])
		}
	}
}

// pairsOnce reports whether a pair of rows can be joined once at most. What is
// unique among the rows that are not deleted does not say so.
func pairsOnce(r *schema.Relation) bool {
	if r.Via.DeletedF == nil {
		return op.Unique(r.Via, fieldsOf(r.ViaFrom, r.ViaTo))
	}
	return !slices.ContainsFunc(r.Via.Primary, func(f *schema.Field) bool {
		return !slices.Contains(r.ViaFrom, f) && !slices.Contains(r.ViaTo, f)
	})
}

// fieldsOf are the names of fields of two lists, each once.
func fieldsOf(a, b []*schema.Field) []string {
	var out []string
	for _, f := range slices.Concat(a, b) {
		if !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

func (b *builder) join(via, target *scope, r *schema.Relation) {
	b.w(" JOIN ")
	b.from(*target)
	b.w(" ON ")
	b.match(target, r.To, via, r.ViaTo)
}

// match writes that fields of one table equal those of another.
func (b *builder) match(x *scope, xs []*schema.Field, y *scope, ys []*schema.Field) {
	for i := range xs {
		if i > 0 {
			b.w(" AND ")
		}
		b.alike(x, xs[i], y, ys[i])
		b.w(" = ")
		b.alike(y, ys[i], x, xs[i])
	}
}

// alike writes a column such that it can be compared with one of another table:
// a text may point at a uuid, which some databases do not compare.
func (b *builder) alike(sc *scope, f *schema.Field, with *scope, other *schema.Field) {
	c, o := sc.t.Cols[f.Pos], with.t.Cols[other.Pos]
	if b.d.Typed && c.text != "" && o.text == "" && o.Store == StoreText {
		b.plainText(c, sc.alias, c.Name)
		return
	}
	b.fieldCol(sc, f)
}

// alikes is alike of several columns.
func (b *builder) alikes(sc *scope, fs []*schema.Field, with *scope, others []*schema.Field) {
	for i, f := range fs {
		if i > 0 {
			b.w(", ")
		}
		b.alike(sc, f, with, others[i])
	}
}

// findVia writes a SELECT of the rows that a relation leads to.
func (b *builder) findVia(o *op.Op) {
	v := o.Via
	r := b.relation(v.Model, v.Relation)
	if r == nil {
		return
	}
	sc := b.open(o.Model)
	sc.ranked = ranked(o)
	keys, keyFields := b.viaKeys(sc, r)
	if b.err != nil {
		return
	}
	if v.Limit > 0 || v.Offset > 0 {
		b.lock(&sc, o)
		b.viaWindow(o, &sc, &keys, keyFields, r)
		return
	}
	b.selectWord(o)
	b.cols(&sc, o.Fields)
	for _, f := range keyFields {
		b.w(", ")
		b.result(b.fieldCol(&keys, f))
	}
	b.viaFrom(o, &sc, &keys, keyFields, r)
	b.order(&sc, o.Sort)
	b.limit(o.Limit, o.Offset)
	b.lock(&sc, o)
}

// viaKeys are the fields that hold the parents' keys, and the table they are
// of: the relation's target or the table between.
func (b *builder) viaKeys(target scope, r *schema.Relation) (scope, []*schema.Field) {
	if r.Kind == schema.ManyToMany {
		return b.open(r.Via), r.ViaFrom
	}
	return target, r.To
}

func (b *builder) viaFrom(o *op.Op, sc, keys *scope, keyFields []*schema.Field, r *schema.Relation) {
	b.w(" FROM ")
	switch {
	case r.Kind != schema.ManyToMany:
		b.from(*sc)
		b.w(" WHERE ")
		b.keysIn(keys, keyFields, o.Via.Keys)
	case pairsOnce(r):
		b.from(*keys)
		b.join(keys, sc, r)
		b.w(" WHERE ")
		b.keysIn(keys, keyFields, o.Via.Keys)
		b.where(keys, " AND ", &o.Via.Join)
	default:
		b.pairs(o, keys, r)
		b.join(keys, sc, r)
		b.w(" WHERE TRUE")
	}
	b.rows(sc, " AND ", o)
}

// pairs writes the pairs that rows of a join model make, each once, in the
// place of its table.
func (b *builder) pairs(o *op.Op, keys *scope, r *schema.Relation) {
	via := b.open(r.Via)
	b.w("(SELECT DISTINCT ")
	for i, name := range fieldsOf(r.ViaFrom, r.ViaTo) {
		if i > 0 {
			b.w(", ")
		}
		b.col(&via, name)
	}
	b.w(" FROM ")
	b.from(via)
	b.w(" WHERE ")
	b.keysIn(&via, r.ViaFrom, o.Via.Keys)
	b.where(&via, " AND ", &o.Via.Join)
	b.w(") AS ")
	b.w(keys.alias[:max(len(keys.alias)-1, 0)])
}

// viaWindow numbers the rows of each parent and takes those in its window.
func (b *builder) viaWindow(o *op.Op, sc, keys *scope, keyFields []*schema.Field, r *schema.Relation) {
	n := len(o.Fields)
	if o.Fields == nil {
		n = len(sc.t.Cols)
	}
	total := n + len(keyFields)
	b.selectWord(o)
	for i := range total {
		if i > 0 {
			b.w(", ")
		}
		b.w("c")
		b.number(i)
	}
	b.w(" FROM (SELECT ")
	for i := range n {
		if i > 0 {
			b.w(", ")
		}
		c := sc.t.Cols
		var col *Column
		if o.Fields == nil {
			col = c[i]
			b.read(col, sc.alias, col.Name)
		} else {
			col = b.col(sc, o.Fields[i])
		}
		b.result(col)
		b.w(" AS c")
		b.number(i)
	}
	for i, f := range keyFields {
		b.w(", ")
		b.result(b.fieldCol(keys, f))
		b.w(" AS c")
		b.number(n + i)
	}
	nulls := make([]bool, len(o.Sort))
	for i := range o.Sort {
		b.w(", ")
		nulls[i] = b.sortKey(sc, &o.Sort[i])
		b.w(" AS s")
		b.number(i)
	}
	b.w(", row_number() OVER (PARTITION BY ")
	for i, f := range keyFields {
		if i > 0 {
			b.w(", ")
		}
		b.fieldCol(keys, f)
	}
	b.order(sc, o.Sort)
	b.w(") AS n")
	b.viaFrom(o, sc, keys, keyFields, r)
	b.w(") AS ")
	b.w(b.alias())
	b.w(" WHERE n > ")
	b.arg(IntValue(int64(o.Via.Offset)))
	if o.Via.Limit > 0 {
		b.w(" AND n <= ")
		b.arg(IntValue(int64(o.Via.Offset) + int64(o.Via.Limit)))
	}
	for i := range o.Sort {
		if i == 0 {
			b.w(" ORDER BY s")
		} else {
			b.w(", s")
		}
		b.number(i)
		b.direction(nulls[i], o.Sort[i].Desc)
	}
	b.limit(o.Limit, o.Offset)
}

// keysIn writes that the fields are one of the sets of values.
func (b *builder) keysIn(sc *scope, fields []*schema.Field, keys [][]any) {
	if len(keys) == 0 {
		b.w("FALSE")
		return
	}
	if len(fields) == 1 {
		list := make([]any, len(keys))
		for i, k := range keys {
			list[i] = k[0]
		}
		c := sc.t.Cols[fields[0].Pos]
		b.among(c, sc.alias, c.Name, false, list, len(list))
		return
	}
	b.w("(")
	b.fieldCols(sc, fields)
	b.w(") IN (")
	b.w(b.d.Tuples)
	for i := range bucket(len(keys)) {
		if i > 0 {
			b.w(", ")
		}
		k := keys[min(i, len(keys)-1)]
		b.w("(")
		for j, f := range fields {
			if j > 0 {
				b.w(", ")
			}
			b.bound(sc.t.Cols[f.Pos], k[j], op.Eq)
		}
		b.w(")")
	}
	b.w(")")
	if len(b.args) > b.d.MaxArgs {
		b.fail(op.Invalid(sc.t.Model.Name, "", "list", "too many keys: %d", len(keys)))
	}
}
