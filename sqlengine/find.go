package sqlengine

import (
	"github.com/weftdb/weft/op"
)

func (b *builder) kFind(o *op.Op) {
	b.kByte(byte(o.Kind))
	b.kModel(o.Model)
	b.kCond(&o.Using)
	b.kCond(&o.Filter)
	if o.Kind == op.Count {
		b.kBool(o.Distinct)
		if o.Distinct {
			b.kFields(o.Fields)
		}
		return
	}
	b.kFields(o.Fields)
	b.kJoins(o)
	b.kSort(o.Sort)
	b.kBool(o.Limit > 0)
	b.kBool(o.Offset > 0)
	b.kCursor(o.After)
	b.kCursor(o.Before)
	b.kBool(o.Distinct)
	b.kByte(byte(o.Lock))
	b.kVia(o.Via)
}

func (b *builder) kVia(v *op.Via) {
	b.kBool(v != nil)
	if v == nil {
		return
	}
	b.kModel(v.Model)
	b.kText(v.Relation)
	long := len(v.Keys) > b.d.ListArgs
	b.kBool(long)
	if !long || !b.d.ListAll || len(v.Keys[0]) > 1 {
		b.kNum(bucket(len(v.Keys)))
	}
	b.kBool(v.Limit > 0)
	b.kBool(v.Offset > 0)
	b.kCond(&v.Join)
}

func (b *builder) kFields(fields []string) {
	b.kBool(fields == nil)
	b.kTexts(fields)
}

func (b *builder) kCursor(vals []any) {
	b.kNum(len(vals))
	for _, v := range vals {
		b.kValue(v)
	}
}

// find writes a SELECT.
func (b *builder) find(o *op.Op) {
	if o.Via != nil {
		b.findVia(o)
		return
	}
	sc := b.open(o.Model)
	b.openJoins(&sc, o)
	sc.ranked = ranked(o)
	if b.err != nil {
		return
	}
	if o.Before != nil && (o.Limit > 0 || o.Offset > 0) {
		b.findBack(&sc, o)
		return
	}
	b.selectWord(o)
	b.cols(&sc, o.Fields)
	b.w(" FROM ")
	b.fromJoined(&sc, o)
	b.rows(&sc, " WHERE ", o)
	b.order(&sc, o.Sort)
	b.limit(o.Limit, o.Offset)
	b.lock(&sc, o)
}

// lock writes the lock of the rows that are found.
func (b *builder) lock(sc *scope, o *op.Op) {
	if o.Lock == op.NoLock || !b.d.Locks {
		return
	}
	if o.Distinct || o.Via != nil && (o.Via.Limit > 0 || o.Via.Offset > 0) {
		b.fail(op.Errorf(op.CodeUnsupported, "%s cannot lock the rows of a find with Distinct or with a limit for each parent", b.d.Name))
		return
	}
	if b.d.LockWords != nil {
		b.w(b.d.LockWords(o.Lock))
		return
	}
	if o.Lock == op.ForShare {
		b.w(" FOR SHARE OF ")
	} else {
		b.w(" FOR UPDATE OF ")
	}
	b.w(sc.alias[:max(len(sc.alias)-1, 0)])
	switch o.Lock {
	case op.ForUpdateSkipLocked:
		b.w(" SKIP LOCKED")
	case op.ForUpdateNoWait:
		b.w(" NOWAIT")
	}
}

// findBack writes a SELECT of the rows next to the cursor Before: limit and
// offset count from there, so the rows are found in the opposite order and then
// put into theirs.
func (b *builder) findBack(sc *scope, o *op.Op) {
	b.w("SELECT ")
	b.cols(sc, o.Fields)
	b.w(" FROM (")
	b.selectWord(o)
	if !o.Distinct || o.Fields == nil {
		b.w(sc.alias + "*")
	} else {
		for i, f := range o.Fields {
			if i > 0 {
				b.w(", ")
			}
			b.col(sc, f)
		}
	}
	b.w(" FROM ")
	b.from(*sc)
	b.rows(sc, " WHERE ", o)
	opposite := make([]op.Sort, len(o.Sort))
	for i, k := range o.Sort {
		k.Desc = !k.Desc
		opposite[i] = k
	}
	b.order(sc, opposite)
	b.limit(o.Limit, o.Offset)
	b.lock(sc, o)
	b.w(") AS ")
	b.w(sc.alias[:max(len(sc.alias)-1, 0)])
	b.order(sc, o.Sort)
}

func (b *builder) selectWord(o *op.Op) {
	if o.Distinct {
		b.w("SELECT DISTINCT ")
	} else {
		b.w("SELECT ")
	}
}

// rows writes which rows a find reads.
func (b *builder) rows(sc *scope, word string, o *op.Op) {
	b.where(sc, word, &o.Using, &o.Filter)
	if o.Using.Kind != op.True || o.Filter.Kind != op.True {
		word = " AND "
	}
	if o.After != nil {
		b.w(word)
		b.beyond(sc, o.Sort, o.After, false)
		word = " AND "
	}
	if o.Before != nil {
		b.w(word)
		b.beyond(sc, o.Sort, o.Before, true)
	}
}

// beyond writes that a row stands after vals in the order of sort, or before.
func (b *builder) beyond(sc *scope, sort []op.Sort, vals []any, before bool) {
	if len(vals) != len(sort) {
		b.fail(op.Invalid(sc.t.Model.Name, "", "cursor", "the cursor has %d values for %d sort keys", len(vals), len(sort)))
		return
	}
	plain := len(sort) > 1
	for i := range sort {
		if sort[i].Rank {
			b.fail(op.Errorf(op.CodeValidation, "a cursor cannot stand in an order by rank"))
			return
		}
		if len(sort[i].Path) > 0 {
			b.fail(op.Invalid(sc.t.Model.Name, sort[i].Field, "cursor", "a cursor cannot stand in an order by a place in JSON"))
			return
		}
		c := sc.t.column(sort[i].Field)
		plain = plain && c != nil && !c.null && vals[i] != nil && sort[i].Desc == sort[0].Desc
	}
	if plain { // one direction and no NULL: a row value, which an index serves
		b.w("(")
		for i := range sort {
			if i > 0 {
				b.w(", ")
			}
			c, prefix, name := b.ref(sc, sort[i].Field)
			b.ordered(c, prefix, name)
		}
		if sort[0].Desc != before {
			b.w(") < (")
		} else {
			b.w(") > (")
		}
		for i := range sort {
			if i > 0 {
				b.w(", ")
			}
			b.bound(sc.t.column(sort[i].Field), vals[i], op.Ge)
		}
		b.w(")")
		return
	}
	b.w("(")
	for i := range sort {
		if i > 0 {
			b.w(" OR (")
			for j := range i {
				b.equal(sc, sort[j].Field, vals[j])
				b.w(" AND ")
			}
		}
		b.past(sc, sort[i].Field, vals[i], sort[i].Desc == before)
		if i > 0 {
			b.w(")")
		}
	}
	b.w(")")
}

func (b *builder) equal(sc *scope, field string, v any) {
	c, prefix, name := b.ref(sc, field)
	b.w(prefix)
	b.w(name)
	if v == nil {
		b.w(" IS NULL")
		return
	}
	b.w(" = ")
	b.bound(c, v, op.Eq)
}

// past writes that a field is greater than v, or smaller, where NULL is the
// smallest.
func (b *builder) past(sc *scope, field string, v any, greater bool) {
	c, prefix, name := b.ref(sc, field)
	switch {
	case greater && v == nil:
		b.w(prefix + name)
		b.w(" IS NOT NULL")
	case greater:
		b.ordered(c, prefix, name)
		b.w(" > ")
		b.bound(c, v, op.Gt)
	case v == nil:
		b.w("FALSE")
	case c.null:
		b.w("(")
		b.ordered(c, prefix, name)
		b.w(" < ")
		b.bound(c, v, op.Lt)
		b.w(" OR " + prefix + name + " IS NULL)")
	default:
		b.ordered(c, prefix, name)
		b.w(" < ")
		b.bound(c, v, op.Lt)
	}
}

// count writes a SELECT of the number of rows.
func (b *builder) count(o *op.Op) {
	sc := b.open(o.Model)
	if b.err != nil {
		return
	}
	if !o.Distinct {
		b.w("SELECT count(*) FROM ")
		b.from(sc)
		b.where(&sc, " WHERE ", &o.Using, &o.Filter)
		return
	}
	b.w("SELECT count(*) FROM (SELECT DISTINCT ")
	b.cols(&sc, o.Fields)
	b.w(" FROM ")
	b.from(sc)
	b.where(&sc, " WHERE ", &o.Using, &o.Filter)
	b.w(") AS ")
	b.w(b.alias())
}
