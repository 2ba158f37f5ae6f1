package sqlengine

import (
	"strconv"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// plan is what is known of every operation of one shape.
type plan struct {
	stmt  *Statement
	out   []outCol
	model *schema.Model
	via   *schema.Model // models stay alive while their plan does, see shape.go
}

// outCol is one column of a result.
type outCol struct {
	col *Column
}

// builder makes the key, the text and the arguments of one operation. Without
// text it only gathers the arguments: the same code runs for both, so that
// they cannot disagree.
type builder struct {
	d       *Dialect
	tables  func(m *schema.Model) (*Table, error)
	key     []byte
	sql     []byte
	text    bool
	args    []Value
	out     []outCol
	aliases int
	err     error
}

var builders = sync.Pool{New: func() any { return new(builder) }}

func (c *Core) builder() *builder {
	b := builders.Get().(*builder)
	b.d, b.tables = c.dialect, c.table
	b.key, b.sql, b.args, b.out = b.key[:0], b.sql[:0], b.args[:0], nil
	b.text, b.aliases, b.err = false, 0, nil
	return b
}

// done gives the builder back. Its arguments may not be used afterwards.
func (b *builder) done() {
	clear(b.args) // let go of texts
	if cap(b.args) > 4096 {
		b.args = nil
	}
	builders.Put(b)
}

// scope is a table in a statement, under an alias.
type scope struct {
	t     *Table
	alias string // with the dot; "" where columns stand alone
	// named are result columns that Having and the order of aggregates refer to.
	named []namedColumn
	joins []joined
	// ranked are the searches that an order by rank goes by.
	ranked []op.Cond
}

type namedColumn struct {
	name, expr string
	col        *Column
}

func (b *builder) fail(err error) {
	if err != nil && b.err == nil {
		b.err = err
	}
}

func (b *builder) w(s string) {
	if b.text {
		b.sql = append(b.sql, s...)
	}
}

func (b *builder) arg(v Value) { b.w(b.place(v)) }

// place notes an argument and says how it is written.
func (b *builder) place(v Value) string {
	b.args = append(b.args, v)
	if !b.text || !b.d.Numbered {
		return "?"
	}
	return "$" + strconv.Itoa(len(b.args))
}

func (b *builder) value(c *Column, v any) {
	a, err := c.encode(v)
	b.fail(err)
	b.arg(a)
}

// bound writes what a column is compared with.
func (b *builder) bound(c *Column, v any, o op.Operator) {
	a := b.compared(c, v, o)
	b.w(c.lead)
	b.arg(a)
	b.w(c.bind)
}

func (b *builder) compared(c *Column, v any, o op.Operator) Value {
	a, err := c.bound(v, o)
	b.fail(err)
	return a
}

// number writes a small number that is part of the shape.
func (b *builder) number(n int) { b.number64(int64(n)) }

func (b *builder) number64(n int64) {
	if b.text {
		b.sql = strconv.AppendInt(b.sql, n, 10)
	}
}

var aliasNames = func() (a [32]string) {
	for i := range a {
		a[i] = "t" + strconv.Itoa(i)
	}
	return a
}()

// open gives the table of m an alias.
func (b *builder) open(m *schema.Model) scope {
	t, err := b.tables(m)
	if err != nil {
		b.fail(err)
		return scope{t: &Table{Model: m}}
	}
	return scope{t: t, alias: b.alias() + "."}
}

func (b *builder) alias() string {
	n := b.aliases
	b.aliases++
	if n < len(aliasNames) {
		return aliasNames[n]
	}
	return "t" + strconv.Itoa(n)
}

// from writes "table AS alias".
func (b *builder) from(sc scope) {
	b.w(sc.t.Name)
	b.w(" AS ")
	b.w(sc.alias[:max(len(sc.alias)-1, 0)])
}

// ref finds a field and says how its column is written.
func (b *builder) ref(sc *scope, field string) (c *Column, prefix, name string) {
	for i := range sc.named {
		if sc.named[i].name == field {
			return sc.named[i].col, "", sc.named[i].expr
		}
	}
	c = sc.t.column(field)
	if c == nil {
		if c, prefix, name, ok := b.far(sc, field); ok {
			return c, prefix, name
		}
		if b.err == nil {
			b.fail(op.Invalid(sc.t.Model.Name, field, "field", "is no field of %s", sc.t.Model.Name))
		}
		return &Column{Field: &schema.Field{Name: field}}, "", "NULL"
	}
	return c, sc.alias, c.Name
}

// col writes a field as it is read, sorted and grouped by.
func (b *builder) col(sc *scope, field string) *Column {
	c, prefix, name := b.ref(sc, field)
	b.read(c, prefix, name)
	return c
}

func (b *builder) read(c *Column, prefix, name string) {
	if c.read == "" {
		b.w(prefix)
		b.w(name)
		return
	}
	b.w("(")
	b.w(prefix)
	b.w(name)
	b.w(c.read)
	b.w(")")
}

// name writes the name of a field's column, to be assigned to.
func (b *builder) name(t *Table, field string) *Column {
	sc := scope{t: t}
	c, _, name := b.ref(&sc, field)
	b.w(name)
	return c
}

// cols writes the columns of fields, nil for all, and notes them as result.
func (b *builder) cols(sc *scope, fields []string) {
	if fields == nil {
		for i, c := range sc.t.Cols {
			if i > 0 {
				b.w(", ")
			}
			b.read(c, sc.alias, c.Name)
			b.result(c)
		}
		return
	}
	for i, f := range fields {
		if i > 0 {
			b.w(", ")
		}
		b.result(b.col(sc, f))
	}
}

func (b *builder) result(c *Column) {
	if b.text {
		b.out = append(b.out, outCol{col: c})
	}
}

// where writes the condition of all of conds.
func (b *builder) where(sc *scope, word string, conds ...*op.Cond) {
	for _, c := range conds {
		if c.Kind == op.True {
			continue
		}
		b.w(word)
		word = " AND "
		b.cond(sc, c)
	}
}

// order writes ORDER BY.
func (b *builder) order(sc *scope, sort []op.Sort) {
	for i := range sort {
		if i == 0 {
			b.w(" ORDER BY ")
		} else {
			b.w(", ")
		}
		b.direction(b.sortKey(sc, &sort[i]), sort[i].Desc)
	}
}

// direction writes the direction of a sort key.
func (b *builder) direction(null, desc bool) {
	nulls := b.d.NullsFirst
	if desc {
		b.w(" DESC")
		nulls = b.d.NullsLast
	}
	if null {
		b.w(nulls)
	}
}

// sortKey writes what rows are sorted by and reports whether it may be NULL.
func (b *builder) sortKey(sc *scope, s *op.Sort) (null bool) {
	if s.Rank {
		b.rank(sc)
		return false
	}
	if len(s.Path) == 0 {
		return b.col(sc, s.Field).null
	}
	c, prefix, name := b.ref(sc, s.Field)
	if b.canRead(c, s.Path) && b.text {
		b.w(b.d.JSON.Key(c, prefix+name, s.Path))
	}
	return true
}

// limit writes LIMIT and OFFSET.
func (b *builder) limit(limit, offset int) {
	switch {
	case limit > 0:
		b.w(" LIMIT ")
		b.arg(IntValue(int64(limit)))
	case offset > 0:
		b.w(b.d.NoLimit)
	}
	if offset > 0 {
		b.w(" OFFSET ")
		b.arg(IntValue(int64(offset)))
	}
}
