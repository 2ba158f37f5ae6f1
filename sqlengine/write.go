package sqlengine

import (
	"strconv"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// written is how a statement that writes gives its rows back.
type written uint8

const (
	giveNothing written = iota
	giveFields          // the columns of Op.Fields
	giveKey             // the primary key
)

func (b *builder) kWrite(o *op.Op, give written) {
	b.kByte(byte(o.Kind))
	b.kModel(o.Model)
	b.kByte(byte(give))
	if give == giveFields {
		b.kFields(o.Fields)
	}
}

func (b *builder) returning(t *Table, o *op.Op, give written) {
	sc := scope{t: t}
	switch give {
	case giveFields:
		b.w(" RETURNING ")
		b.cols(&sc, o.Fields)
	case giveKey:
		b.w(" RETURNING ")
		for i, f := range t.Model.Primary {
			if i > 0 {
				b.w(", ")
			}
			b.result(b.fieldCol(&sc, f))
		}
	}
}

func (b *builder) kInsert(o *op.Op, rows [][]any, give written) {
	b.kWrite(o, give)
	b.kNum(len(rows))
	for _, v := range rows[0] {
		_, unset := v.(op.Unset)
		b.kBool(unset)
	}
	if o.Kind == op.Upsert && o.Conflict != nil {
		b.kTexts(o.Conflict.Fields)
		b.kTexts(o.Conflict.Update)
		b.kSet(o.Conflict.Set)
	}
}

// insert writes an INSERT of rows that have values for the same fields, with
// what to do on a conflict for an upsert.
func (b *builder) insert(o *op.Op, rows [][]any, give written) {
	t, err := b.tables(o.Model)
	if err != nil {
		b.fail(err)
		return
	}
	for _, row := range rows {
		if len(row) != len(t.Cols) {
			b.fail(op.Invalid(o.Model.Name, "", "row", "has %d values for %d fields", len(row), len(t.Cols)))
			return
		}
	}
	b.w("INSERT INTO ")
	b.w(t.Name)
	if o.Kind == op.Upsert {
		b.w(" AS t0")
	}
	n := 0
	for i, v := range rows[0] {
		if _, unset := v.(op.Unset); unset {
			continue
		}
		if n == 0 {
			b.w(" (")
		} else {
			b.w(", ")
		}
		b.w(t.Cols[i].Name)
		n++
	}
	switch {
	case n == 0 && b.d.Bare:
		b.w(" () VALUES ()")
		for range len(rows) - 1 {
			b.w(", ()")
		}
	case n == 0:
		b.w(" DEFAULT VALUES")
	default:
		b.w(") VALUES (")
		for r, row := range rows {
			if r > 0 {
				b.w("), (")
			}
			n = 0
			for i, v := range row {
				if _, unset := v.(op.Unset); unset {
					continue
				}
				if n > 0 {
					b.w(", ")
				}
				b.value(t.Cols[i], v)
				n++
			}
		}
		b.w(")")
	}
	if o.Kind == op.Upsert {
		b.conflict(t, o, rows[0])
	}
	b.returning(t, o, give)
}

func (b *builder) conflict(t *Table, o *op.Op, row []any) {
	c := o.Conflict
	if c == nil {
		c = &op.Conflict{}
	}
	b.w(" ON CONFLICT")
	none := scope{t: t}
	for i, f := range c.Fields {
		if i == 0 {
			b.w(" (")
		} else {
			b.w(", ")
		}
		b.name(t, f)
	}
	live := op.Live(o.Model)
	if len(c.Fields) > 0 {
		b.w(")")
		b.where(&none, " WHERE ", &live) // by it the partial index is known; an index over all rows serves too
	}
	if len(c.Update) == 0 && len(c.Set) == 0 {
		b.w(" DO NOTHING")
		return
	}
	b.w(" DO UPDATE SET ")
	old := scope{t: t, alias: "t0."}
	first := true
	for _, f := range c.Update {
		if fd := o.Model.Field(f); fd != nil && fd.Auto {
			if _, unset := row[fd.Pos].(op.Unset); unset {
				continue // a key that was not given stays as it is
			}
		}
		if !first {
			b.w(", ")
		}
		first = false
		col := b.name(t, f)
		b.w(" = excluded.")
		b.w(col.Name)
	}
	b.set(&old, c.Set, first, has(c.Update, o.Model.VersionF))
	b.where(&old, " WHERE ", &live)
}

// has reports whether the names have the field.
func has(names []string, f *schema.Field) bool {
	if f == nil {
		return false
	}
	for _, n := range names {
		if n == f.Name || n == f.GoName {
			return true
		}
	}
	return false
}

func isUnset(v any) bool {
	_, unset := v.(op.Unset)
	return unset
}

func (b *builder) kSet(set []op.Assign) {
	b.kNum(len(set))
	for i := range set {
		b.kText(set[i].Field)
		b.kTexts(set[i].Path)
		b.kBool(set[i].Inc)
		b.kBool(isUnset(set[i].Value))
	}
}

// set writes assignments and counts the version up, unless it is assigned.
// first says that no other assignment stands before.
func (b *builder) set(sc *scope, set []op.Assign, first, versioned bool) {
	none := scope{t: sc.t}
	version := sc.t.Model.VersionF
	for i := range set {
		a := &set[i]
		if len(a.Path) > 0 && b.sameField(set[:i], a.Field) {
			continue // all places of one field are set by its first assignment
		}
		if !first {
			b.w(", ")
		}
		first = false
		c := b.name(sc.t, a.Field)
		b.w(" = ")
		if c.Field == version {
			versioned = true
		}
		switch {
		case len(a.Path) > 0:
			b.setPaths(sc, c, set[i:])
		case a.Inc:
			b.add(sc, c, a.Value)
		case isUnset(a.Value):
			b.w("DEFAULT")
		default:
			b.value(c, a.Value)
		}
	}
	if version != nil && !versioned {
		if !first {
			b.w(", ")
		}
		first = false
		b.fieldCol(&none, version)
		b.w(" = coalesce(")
		b.fieldCol(sc, version)
		b.w(", 0) + 1")
	}
	if first {
		f := sc.t.Model.Primary[0]
		b.fieldCol(&none, f)
		b.w(" = ")
		b.fieldCol(sc, f)
	}
}

func (b *builder) sameField(set []op.Assign, field string) bool {
	for i := range set {
		if set[i].Field == field && len(set[i].Path) > 0 {
			return true
		}
	}
	return false
}

// add writes the sum of a column, NULL as 0, and a value.
func (b *builder) add(sc *scope, c *Column, v any) {
	switch c.Store {
	case StoreInt, StoreScaled, StoreFloat, StoreAny, StoreNumeric, StoreExact:
		a, err := c.encode(v)
		b.fail(err)
		b.w(b.d.Add(c, sc.alias+c.Name, a, b.place))
	default:
		b.fail(op.Invalid(sc.t.Model.Name, c.Field.Name, "increment", "is of type %s; only numbers can be incremented", c.Field.Type))
	}
}

// Bind is what stands behind values that the column is compared with.
func (c *Column) Bind() string { return c.bind }

// Scale is the number of decimals of a column of decimals.
func (c *Column) Scale() int32 { return c.scale }

// Limits is the range of an integer or scaled column.
func (c *Column) Limits() (low, high int64) {
	f := c.Field
	if c.Store != StoreScaled {
		return f.IntRange()
	}
	p, _ := f.Decimals()
	high = 1
	for range min(p, 18) {
		high *= 10
	}
	high--
	if f.Unsigned {
		return 0, high
	}
	return -high, high
}

// setPaths writes the document of a JSON column with places set: one function
// inside the other. set begins with the first of them.
func (b *builder) setPaths(sc *scope, c *Column, set []op.Assign) {
	if !b.isJSON(c, set[0].Path) {
		return
	}
	mine := func(i int) bool { return set[i].Field == set[0].Field && len(set[i].Path) > 0 }
	for i := len(set) - 1; i >= 0; i-- {
		if mine(i) {
			b.w(b.d.JSONSet)
			b.w("(")
		}
	}
	b.w(sc.alias)
	b.w(c.Name)
	for i := range set {
		if !mine(i) {
			continue
		}
		path, err := marshalJSON(set[i].Path)
		b.fail(err)
		doc, err := jsonText(set[i].Value)
		b.fail(err)
		b.w(", ")
		b.arg(TextValue(path))
		b.w(", ")
		b.arg(TextValue(doc))
		b.w(")")
	}
}

// jsonText is a canonical value as JSON.
func jsonText(v any) (string, error) {
	switch v := v.(type) {
	case op.JSON:
		return string(v), nil
	case interface{ String() string }: // a decimal
		return v.String(), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	}
	return marshalJSON(v)
}

func (b *builder) kUpdate(o *op.Op, must *op.Cond, give written) {
	b.kWrite(o, give)
	b.kCond(&o.Using)
	b.kCond(&o.Filter)
	b.kCond(must)
	b.kSet(o.Set)
	b.kBool(o.Quiet)
}

// update writes an UPDATE of the rows for which must holds as well.
func (b *builder) update(o *op.Op, must *op.Cond, give written) {
	sc := b.open(o.Model)
	if b.err != nil {
		return
	}
	b.w("UPDATE ")
	b.from(sc)
	b.w(" SET ")
	b.set(&sc, o.Set, true, o.Quiet)
	b.where(&sc, " WHERE ", &o.Using, &o.Filter, must)
	b.returning(sc.t, o, give)
}

// remove writes a DELETE.
func (b *builder) remove(o *op.Op, must *op.Cond, give written) {
	sc := b.open(o.Model)
	if b.err != nil {
		return
	}
	b.w("DELETE ")
	if b.d.Bare {
		b.w(sc.alias[:len(sc.alias)-1])
		b.w(" ")
	}
	b.w("FROM ")
	b.from(sc)
	b.where(&sc, " WHERE ", &o.Using, &o.Filter, must)
	b.returning(sc.t, o, give)
}
