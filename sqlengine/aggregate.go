package sqlengine

import (
	"strconv"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func (b *builder) kAggregate(o *op.Op) {
	b.kByte(byte(o.Kind))
	b.kModel(o.Model)
	b.kCond(&o.Using)
	b.kCond(&o.Filter)
	b.kTexts(o.GroupBy)
	b.kNum(len(o.Aggs))
	for i := range o.Aggs {
		b.kByte(byte(o.Aggs[i].Func))
		b.kText(o.Aggs[i].Field)
		b.kText(o.Aggs[i].As)
	}
	b.kCond(&o.Having)
	b.kJoins(o)
	b.kSort(o.Sort)
	b.kBool(o.Limit > 0)
	b.kBool(o.Offset > 0)
	b.kVia(o.Via)
}

// aggregate writes a SELECT of groups. Its columns are named a0, a1, …, by
// which Having and the order refer to them. Those behind the aggregates are the
// keys of Via.
func (b *builder) aggregate(o *op.Op) {
	sc := b.open(o.Model)
	b.openJoins(&sc, o)
	var r *schema.Relation
	var keys scope
	var keyFields []*schema.Field
	if o.Via != nil {
		if r = b.relation(o.Via.Model, o.Via.Relation); r != nil {
			keys, keyFields = b.viaKeys(sc, r)
		}
	}
	if b.err != nil {
		return
	}
	result := scope{t: sc.t}
	having := o.Having.Kind != op.True
	if having {
		b.w("SELECT ")
		for i := range len(o.GroupBy) + len(o.Aggs) + len(keyFields) {
			if i > 0 {
				b.w(", ")
			}
			b.w("a")
			b.number(i)
		}
		b.w(" FROM (")
	}
	b.w("SELECT ")
	add := func(name string, c *Column) {
		n := len(result.named)
		alias := "a" + strconv.Itoa(n)
		b.w(" AS ")
		b.w(alias)
		if c.read != "" {
			given := *c
			given.read, c = "", &given
		}
		b.result(c)
		result.named = append(result.named, namedColumn{name: name, expr: alias, col: c})
	}
	for i, f := range o.GroupBy {
		if i > 0 {
			b.w(", ")
		}
		add(f, b.col(&sc, f))
	}
	for i := range o.Aggs {
		if i > 0 || len(o.GroupBy) > 0 {
			b.w(", ")
		}
		add(o.Aggs[i].As, b.agg(&sc, &o.Aggs[i]))
	}
	for i, f := range keyFields {
		b.w(", ")
		c := b.fieldCol(&keys, f)
		b.w(" AS a")
		b.number(len(result.named) + i)
		b.result(c)
	}
	if r != nil {
		b.viaFrom(o, &sc, &keys, keyFields, r)
	} else {
		b.w(" FROM ")
		b.fromJoined(&sc, o)
		b.where(&sc, " WHERE ", &o.Using, &o.Filter)
	}
	word := " GROUP BY "
	for _, f := range o.GroupBy {
		b.w(word)
		word = ", "
		b.col(&sc, f)
	}
	for _, f := range keyFields {
		b.w(word)
		word = ", "
		b.fieldCol(&keys, f)
	}
	if having {
		b.w(") AS ")
		b.w(b.alias())
		b.where(&result, " WHERE ", &o.Having)
	}
	b.order(&result, o.Sort)
	b.limit(o.Limit, o.Offset)
}

var (
	countField = &schema.Field{Name: "count", Type: schema.BigInteger}
	intColumn  = &Column{Field: countField, Name: "count", Store: StoreInt}
)

// agg writes one aggregate and gives the column that its values are like.
func (b *builder) agg(sc *scope, a *op.Agg) *Column {
	if a.Field == "" {
		if a.Func != op.AggCount {
			b.fail(op.Invalid(sc.t.Model.Name, a.As, "aggregate", "needs a field"))
		}
		b.w("count(*)")
		return b.like(intColumn, a)
	}
	switch a.Func {
	case op.AggCount, op.AggCountDistinct:
		b.w("count(")
		if a.Func == op.AggCountDistinct {
			b.w("DISTINCT ")
		}
		b.col(sc, a.Field)
		b.w(")")
		return b.like(intColumn, a)
	case op.AggSum, op.AggMin, op.AggMax:
	default:
		b.fail(op.Errorf(op.CodeInternal, "unknown aggregate %d", a.Func))
		return b.like(intColumn, a)
	}
	c, prefix, name := b.ref(sc, a.Field)
	if a.Func == op.AggSum {
		switch c.Store {
		case StoreInt, StoreFloat, StoreScaled, StoreNumeric, StoreExact:
		default:
			b.fail(op.Invalid(sc.t.Model.Name, a.Field, "aggregate", "is of type %s and has no sum", c.Field.Type))
		}
	}
	if b.text {
		expr := prefix + name
		if c.read != "" {
			expr = "(" + expr + c.read + ")"
		}
		b.w(b.d.Agg(c, a.Func, expr))
	}
	return b.like(c, a)
}

// like is a column of the same storage under the name of an aggregate.
func (b *builder) like(c *Column, a *op.Agg) *Column {
	out := *c
	out.Name, out.null, out.loose = a.As, true, true
	out.read = ""
	return &out
}
