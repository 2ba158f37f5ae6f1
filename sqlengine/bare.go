package sqlengine

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// This file is for databases whose writes give no rows back and cannot read
// the table that they change (Dialect.Bare). Where an operation needs that, the
// rows are found and locked first, changed by their keys, and read again, in one
// transaction.

// bare runs an operation that writes.
func (c *Core) bare(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	one, err := c.bareAlone(ctx, s, o)
	if err != nil {
		return op.Result{}, err
	}
	if one {
		if o.Kind == op.Insert {
			return c.bareInsert(ctx, s, o)
		}
		return c.modify(ctx, s, o)
	}
	return c.bareInTurn(ctx, s, *o)
}

// bareInTurn is bare for an operation of several statements.
func (c *Core) bareInTurn(ctx context.Context, s Session, o op.Op) (res op.Result, err error) {
	err = s.Atomic(ctx, func() error {
		if c.direct(&o) == nil {
			if err := c.guards(ctx, s, &o); err != nil {
				return err
			}
		}
		switch o.Kind {
		case op.Insert:
			res, err = c.bareInsert(ctx, s, &o)
		case op.Upsert:
			res, err = c.bareUpsert(ctx, s, &o)
		default:
			res, err = c.bareModify(ctx, s, &o)
		}
		return err
	})
	return res, err
}

// bareAlone reports whether one statement is enough, which is its own
// transaction.
func (c *Core) bareAlone(ctx context.Context, s Session, o *op.Op) (bool, error) {
	direct := c.direct(o)
	switch {
	case o.Check.Kind != op.True || (len(o.Guards) > 0 && direct == nil) || len(o.Rows) > 1 || o.Kind == op.Upsert:
		return false, nil
	case o.Kind == op.Insert:
		if !o.Returning {
			return true, nil
		}
		t, err := c.Table(ctx, s, o.Model)
		return err == nil && known(t, o.Rows[0]), err
	case o.Returning || chained(o) || places(o.Set):
		return false, nil
	}
	return !c.bareReads(o), nil
}

// readsTable reports whether conditions on rows of m look into a table.
func readsTable(m *schema.Model, table string, conds ...*op.Cond) bool {
	for _, c := range conds {
		inner := m
		if c.Kind == op.Has || c.Kind == op.HasCount {
			r := m.Relation(c.Relation)
			if r == nil || r.Target == nil {
				return true // the statement will say what is wrong
			}
			if r.Target.Table == table || (r.Via != nil && r.Via.Table == table) {
				return true
			}
			inner = r.Target
			for i := range c.Join {
				if r.Via != nil && readsTable(r.Via, table, &c.Join[i]) {
					return true
				}
			}
		}
		for i := range c.Conds {
			if readsTable(inner, table, &c.Conds[i]) {
				return true
			}
		}
	}
	return false
}

// bareInsert is insert.
func (c *Core) bareInsert(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	t, err := c.Table(ctx, s, o.Model)
	if err != nil {
		return op.Result{}, err
	}
	var list [][]any
	keep := o.Returning || o.Check.Kind != op.True
	most := rowsAtOnce(t)
	for i := 0; i < len(o.Rows); {
		n := alike(o.Rows[i:], most)
		for n > 1 && c.dialect.MaxBytes > 0 && bytesOf(o.Rows[i:i+n]) > c.dialect.MaxBytes {
			n /= 2
		}
		if t.auto != nil && c.dialect.OneByOne {
			n = 1
		}
		some := o.Rows[i : i+n]
		got, err := c.bareInsertSome(ctx, s, o, t, some, keep)
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

// bytesOf is about how many bytes the values of rows take.
func bytesOf(rows [][]any) int {
	n := 0
	for _, row := range rows {
		for _, v := range row {
			switch v := v.(type) {
			case string:
				n += len(v)
			case []byte:
				n += len(v)
			case op.JSON:
				n += len(v)
			}
		}
	}
	return n
}

// bareInsertSome runs one INSERT and gives the rows as written, if they are kept.
func (c *Core) bareInsertSome(ctx context.Context, s Session, o *op.Op, t *Table, rows [][]any, keep bool) ([][]any, error) {
	_, last, err := c.exec(ctx, s, o, form{rows: rows})
	if err != nil || !keep {
		return nil, err
	}
	out := make([][]any, len(rows))
	for i, row := range rows { // keys of one statement follow each other
		out[i] = withKey(t, row, last-int64(len(rows)-1-i))
	}
	if known(t, rows[0]) {
		return out, nil
	}
	for _, f := range o.Model.Primary {
		if _, unset := out[0][f.Pos].(op.Unset); unset {
			return nil, op.Errorf(op.CodeUnsupported, "%s does not tell which %s it gave to the row of %s: give the key, or make it an auto key",
				c.dialect.Name, f.Name, o.Model.Name)
		}
	}
	return c.again(ctx, s, o.Model, out)
}

// again reads rows by their keys, in the order given.
func (c *Core) again(ctx context.Context, s Session, m *schema.Model, rows [][]any) ([][]any, error) {
	byKey := make(map[string][]any, len(rows))
	of := op.Op{Model: m}
	for i := 0; i < len(rows); i += checkRows {
		some := rows[i:min(i+checkRows, len(rows))]
		list, err := c.all(ctx, s, &op.Op{Kind: op.Find, Model: m, Filter: keyOf(&of, some)}, form{})
		if err != nil {
			return nil, err
		}
		for _, row := range list {
			byKey[op.KeyString(keyValues(m, row))] = row
		}
	}
	out := make([][]any, 0, len(rows))
	for _, row := range rows {
		if found, ok := byKey[op.KeyString(keyValues(m, row))]; ok {
			out = append(out, found)
		}
	}
	return out, nil
}

func keyValues(m *schema.Model, row []any) []any {
	key := make([]any, len(m.Primary))
	for i, f := range m.Primary {
		key[i] = row[f.Pos]
	}
	return key
}

// bareModify is modify where the rows have to be known: they are found first,
// unless it is one that the filter names by its key.
func (c *Core) bareModify(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	if key, ok := op.FilterKey(o.Model, &o.Filter); ok && o.Kind != op.Delete && !places(o.Set) && !c.bareReads(o) {
		return c.bareByKey(ctx, s, o, key)
	}
	find := op.Op{Kind: op.Find, Model: o.Model, Filter: o.Filter, Using: o.Using, Lock: op.ForUpdate}
	direct := c.direct(o)
	if direct != nil {
		find.Filter = op.AllOf(o.Filter, *direct)
	}
	rows, err := c.all(ctx, s, &find, form{})
	if err != nil {
		return op.Result{}, err
	}
	if len(rows) == 0 {
		if direct != nil {
			if err := c.stale(ctx, s, o, &o.Guards[0]); err != nil {
				return op.Result{}, err
			}
		}
		res := op.Result{}
		if o.Returning {
			res.Rows = given(nil, o.Sink)
		}
		return res, nil
	}
	if o.Kind == op.Delete {
		for i := 0; i < len(rows); i += checkRows {
			some := op.Op{Kind: op.Delete, Model: o.Model, Filter: keyOf(o, rows[i:min(i+checkRows, len(rows))])}
			if _, _, err := c.exec(ctx, s, &some, form{must: &everything}); err != nil {
				return op.Result{}, err
			}
		}
	} else if rows, err = c.bareWrite(ctx, s, o, rows); err != nil {
		return op.Result{}, err
	}
	res := op.Result{N: int64(len(rows))}
	if o.Returning {
		list, err := o.Project(rows)
		if err != nil {
			return op.Result{}, err
		}
		res.Rows = given(list, o.Sink)
	}
	return res, nil
}

// bareReads reports whether the conditions of a change look into its table.
func (c *Core) bareReads(o *op.Op) bool {
	direct := c.direct(o)
	return readsTable(o.Model, o.Model.Table, &o.Filter, &o.Using) || (direct != nil && readsTable(o.Model, o.Model.Table, direct))
}

// bareByKey changes the row of a key and reads it again.
func (c *Core) bareByKey(ctx context.Context, s Session, o *op.Op, key []any) (op.Result, error) {
	f := form{must: &everything}
	direct := c.direct(o)
	if direct != nil {
		f.must = direct
	}
	n, _, err := c.exec(ctx, s, o, f)
	if err != nil {
		return op.Result{}, err
	}
	var list [][]any
	if n == 0 && direct != nil {
		if err := c.stale(ctx, s, o, &o.Guards[0]); err != nil {
			return op.Result{}, err
		}
	}
	if n > 0 {
		row := make([]any, len(o.Model.Fields))
		for i, p := range o.Model.Primary {
			row[p.Pos] = key[i]
		}
		if list, err = c.again(ctx, s, o.Model, moved(o, [][]any{row})); err != nil {
			return op.Result{}, err
		}
		if err := c.check(ctx, s, o, list); err != nil {
			return op.Result{}, err
		}
	}
	res := op.Result{N: n}
	if o.Returning {
		if list, err = o.Project(list); err != nil {
			return op.Result{}, err
		}
		res.Rows = given(list, o.Sink)
	}
	return res, nil
}

// bareWrite changes rows that were found and gives them as they are then.
func (c *Core) bareWrite(ctx context.Context, s Session, o *op.Op, rows [][]any) ([][]any, error) {
	m := o.Model
	size := checkRows
	if places(o.Set) { // each row gets its own document
		size = 1
	}
	for i := 0; i < len(rows); i += size {
		some := rows[i:min(i+size, len(rows))]
		change := op.Op{Kind: o.Kind, Model: m, Filter: keyOf(o, some), Set: o.Set, Quiet: o.Quiet}
		if places(o.Set) {
			var err error
			if change.Set, err = withPlaces(m, o.Set, some[0]); err != nil {
				return nil, err
			}
		}
		if _, _, err := c.exec(ctx, s, &change, form{must: &everything}); err != nil {
			return nil, err
		}
	}
	if !o.Returning && o.Check.Kind == op.True {
		return rows, nil
	}
	list, err := c.again(ctx, s, m, moved(o, rows))
	if err != nil {
		return nil, err
	}
	return list, c.check(ctx, s, o, list)
}

// moved are rows with the keys that an update gives them.
func moved(o *op.Op, rows [][]any) [][]any {
	out := rows
	for i := range o.Set {
		a := &o.Set[i]
		f := o.Model.Field(a.Field)
		if f == nil || !slices.Contains(o.Model.Primary, f) {
			continue
		}
		if len(out) > 0 && len(rows) > 0 && &out[0] == &rows[0] {
			out = make([][]any, len(rows))
			for j := range rows {
				out[j] = slices.Clone(rows[j])
			}
		}
		for j := range out {
			out[j][f.Pos] = a.Value
			if old, isInt := rows[j][f.Pos].(int64); a.Inc && isInt {
				by, _ := a.Value.(int64)
				out[j][f.Pos] = old + by
			}
		}
	}
	return out
}
