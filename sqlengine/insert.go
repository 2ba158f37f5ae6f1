package sqlengine

import (
	"context"
	"errors"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// insert runs an insert: many rows by statements of many rows, in sizes of a
// few kinds.
func (c *Core) insert(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	t, err := c.Table(ctx, s, o.Model)
	if err != nil {
		return op.Result{}, err
	}
	var list [][]any
	keep := o.Returning || o.Check.Kind != op.True
	most := rowsAtOnce(t)
	for i := 0; i < len(o.Rows); {
		n := alike(o.Rows[i:], most)
		some := o.Rows[i : i+n]
		got, err := c.insertSome(ctx, s, o, t, some, keep, n > 1)
		if err != nil {
			if len(o.Rows) == 1 {
				return op.Result{}, explain(err, "insert", o.Model, -1)
			}
			return op.Result{}, c.blame(ctx, s, o, t, some, i, err)
		}
		list = append(list, got...)
		i += n
	}
	if err := c.check(ctx, s, o, list); err != nil {
		return op.Result{}, err
	}
	res := op.Result{N: int64(len(o.Rows))}
	if o.Returning {
		list, err = o.Project(list)
		res.Rows = given(list, o.Sink)
	}
	return res, err
}

// insertSome runs one INSERT and gives the rows as written, if they are kept.
// With apart the transaction goes on when it fails.
func (c *Core) insertSome(ctx context.Context, s Session, o *op.Op, t *Table, rows [][]any, keep, apart bool) ([][]any, error) {
	if apart && c.dialect.Aborts {
		return c.insertApart(ctx, s, *o, t, rows, keep)
	}
	return c.insertOnce(ctx, s, o, t, rows, keep)
}

func (c *Core) insertApart(ctx context.Context, s Session, o op.Op, t *Table, rows [][]any, keep bool) (out [][]any, err error) {
	err = s.Atomic(ctx, func() error {
		out, err = c.insertOnce(ctx, s, &o, t, rows, keep)
		return err
	})
	return out, err
}

func (c *Core) insertOnce(ctx context.Context, s Session, o *op.Op, t *Table, rows [][]any, keep bool) ([][]any, error) {
	if err := c.keepKeys(ctx, s, t, rows); err != nil {
		return nil, err
	}
	f := form{rows: rows}
	if keep && !known(t, rows[0]) {
		f.give = giveFields
		return c.all(ctx, s, whole(o), f)
	}
	if keep && !c.dialect.LastKey && handedOut(t, rows[0]) {
		f.give = giveKey
		keys, err := c.all(ctx, s, o, f)
		if err != nil {
			return nil, err
		}
		out := make([][]any, len(keys))
		for i, key := range keys {
			out[i] = slices.Clone(rows[i])
			out[i][t.auto.Field.Pos] = key[0]
		}
		return out, nil
	}
	_, last, err := c.exec(ctx, s, o, f)
	if err != nil || !keep {
		return nil, err
	}
	if t.auto == nil {
		return rows, nil
	}
	out := make([][]any, len(rows))
	for i, row := range rows { // keys of one statement follow each other
		out[i] = withKey(t, row, last-int64(len(rows)-1-i))
	}
	return out, nil
}

// handedOut reports whether the database gives a row its key.
func handedOut(t *Table, row []any) bool {
	if t.auto == nil {
		return false
	}
	_, unset := row[t.auto.Field.Pos].(op.Unset)
	return unset
}

// keepKeys lets the database know of keys that it will not hand out itself.
func (c *Core) keepKeys(ctx context.Context, s Session, t *Table, rows [][]any) error {
	if c.dialect.KeepKeys == nil || t.auto == nil || handedOut(t, rows[0]) {
		return nil
	}
	high := int64(0)
	for _, row := range rows {
		n, _ := row[t.auto.Field.Pos].(int64)
		high = max(high, n)
	}
	if high < 1 {
		return nil
	}
	return c.dialect.KeepKeys(ctx, s, t, high)
}

// blame finds which row of a failed INSERT was at fault, by inserting them one
// by one; all of it will be rolled back.
func (c *Core) blame(ctx context.Context, s Session, o *op.Op, t *Table, rows [][]any, first int, err error) error {
	var (
		fault   *Fault
		invalid *op.ValidationError
	)
	if len(rows) > 1 && (errors.As(err, &fault) || errors.As(err, &invalid)) {
		for i := range rows {
			if _, one := c.insertOnce(ctx, s, o, t, rows[i:i+1], false); one != nil {
				return explain(one, "insert", o.Model, first+i)
			}
		}
	}
	return explain(err, "insert", o.Model, first)
}

// rowsAtOnce is how many rows one INSERT may have. A table that points at
// itself takes one: a row must not point at one that comes after it.
func rowsAtOnce(t *Table) int {
	if pointsAtItself(t.Model) {
		return 1
	}
	n := 128
	for n > 1 && n*len(t.Cols) > 1024 {
		n /= 2
	}
	return n
}

// pointsAtItself reports whether rows of the model may point at each other.
func pointsAtItself(m *schema.Model) bool {
	for _, f := range m.Fields {
		if f.References != nil && f.References.Table == m.Table {
			return true
		}
	}
	for _, r := range m.Relations {
		if r.Target == m && r.Kind != schema.ManyToMany {
			return true
		}
	}
	return false
}

// alike counts the rows at the beginning that have values for the same fields,
// down to a power of two.
func alike(rows [][]any, most int) int {
	n := 1
	for n < min(len(rows), most) && sameFields(rows[0], rows[n]) {
		n++
	}
	if b := bucket(n); b > n {
		return b / 2
	}
	return n
}

func sameFields(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		_, x := a[i].(op.Unset)
		_, y := b[i].(op.Unset)
		if x != y {
			return false
		}
	}
	return true
}

// known reports whether the row as written can be told without asking: every
// value is given, or is the key that the database hands out.
func known(t *Table, row []any) bool {
	for i, v := range row {
		if _, unset := v.(op.Unset); unset && (t.auto == nil || t.Cols[i] != t.auto) {
			return false
		}
	}
	return true
}

func withKey(t *Table, row []any, key int64) []any {
	if t.auto == nil {
		return row
	}
	if _, unset := row[t.auto.Field.Pos].(op.Unset); !unset {
		return row
	}
	out := slices.Clone(row)
	out[t.auto.Field.Pos] = key
	return out
}
