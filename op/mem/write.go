package mem

import (
	"context"
	"errors"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// at says which row of an insert an error is about; a single row has no index.
func at(err error, i, of int) error {
	if of == 1 {
		i = -1
	}
	var (
		v *op.ValidationError
		c *op.ConflictError
		e *op.Error
	)
	switch {
	case errors.As(err, &v):
		v.Index = i
	case errors.As(err, &c):
		c.Index = i
	case errors.As(err, &e):
		e.Index = i
	}
	return err
}

// defaults fills what was not given, but for automatic keys, which stay Unset.
func defaults(m *schema.Model, row []any) error {
	for i, f := range m.Fields {
		if _, unset := row[i].(op.Unset); !unset || f.Auto {
			continue
		}
		row[i] = nil
		switch d := f.Default; {
		case d != nil && d.Now:
			now, err := op.CanonField(f, time.Now().UTC())
			if err != nil {
				return err
			}
			row[i] = now
		case d != nil && d.Value != nil:
			row[i] = own(d.Value)
		case f == m.VersionF || (f.ReadOnly && !f.Nullable):
			row[i] = op.Zero(f)
		case !f.Nullable:
			return op.Invalid(m.Name, f.Name, "null", "must not be null")
		}
	}
	return nil
}

// autoKeys gives a row the keys that the database makes, and takes note of
// those that were given.
func (t *table) autoKeys(row []any) {
	for i, f := range t.model.Fields {
		if !f.Auto {
			continue
		}
		if _, unset := row[i].(op.Unset); unset {
			t.last++
			row[i] = t.last
		} else if n, ok := row[i].(int64); ok {
			t.last = max(t.last, n)
		}
	}
}

func insert(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	t := s.table(o.Model)
	var written []int
	for i, given := range o.Rows {
		row := ownRow(given)
		if err := defaults(o.Model, row); err != nil {
			return op.Result{}, at(err, i, len(o.Rows))
		}
		t.autoKeys(row)
		t.rows = append(t.rows, row)
		written = append(written, len(t.rows)-1)
		if err := unique(o.Model, t, len(t.rows)-1); err != nil {
			return op.Result{}, at(err, i, len(o.Rows))
		}
	}
	for i, pos := range written {
		if err := pointsSomewhere(s, o.Model, t.rows[pos]); err != nil {
			return op.Result{}, at(err, i, len(o.Rows))
		}
	}
	return finish(ctx, s, o, written, len(o.Rows))
}

func update(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	t := s.table(o.Model)
	written, err := s.positions(o)
	if err != nil {
		return op.Result{}, err
	}
	olds := make([][]any, len(written))
	for i, pos := range written {
		olds[i] = t.rows[pos]
		if t.rows[pos], err = changed(o.Model, olds[i], o.Set, !o.Quiet); err != nil {
			return op.Result{}, err
		}
	}
	if err := settle(s, o.Model, t, olds, written); err != nil {
		return op.Result{}, err
	}
	return finish(ctx, s, o, written, 1)
}

// positions returns where the rows of an operation's condition are.
func (s *state) positions(o *op.Op) ([]int, error) {
	var out []int
	where := o.Where()
	for i, row := range s.rows(o.Model) {
		ok, err := op.MatchRow(o.Model, row, where, s.related)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, i)
		}
	}
	return out, nil
}

// changed returns a new row with the assignments and, when it counts, the next
// version.
func changed(m *schema.Model, old []any, set []op.Assign, counts bool) ([]any, error) {
	row := ownRow(old)
	for _, a := range set {
		f := m.Field(a.Field)
		if f == nil {
			return nil, op.Errorf(op.CodeInternal, "%s has no field %s", m.Name, a.Field)
		}
		v := own(a.Value)
		var err error
		switch {
		case a.Inc:
			if v, err = add(m, f, row[f.Pos], a.Value); err != nil {
				return nil, err
			}
		case len(a.Path) > 0:
			doc, _ := row[f.Pos].(op.JSON)
			place, _ := a.Value.(op.JSON)
			if v, err = op.SetJSONPath(doc, a.Path, place); err != nil {
				return nil, op.Invalid(m.Name, f.Name, "path", "%s", err.Error())
			}
		}
		if row[f.Pos], err = op.CanonField(f, v); err != nil {
			var invalid *op.ValidationError
			if errors.As(err, &invalid) {
				invalid.Model = m.Name
			}
			return nil, err
		}
	}
	if f := m.VersionF; f != nil && counts {
		version, _ := row[f.Pos].(int64)
		row[f.Pos] = version + 1
	}
	return row, nil
}

// settle checks the constraints after rows have changed in place.
func settle(s *state, m *schema.Model, t *table, olds [][]any, positions []int) error {
	for _, pos := range positions {
		if err := unique(m, t, pos); err != nil {
			return err
		}
	}
	c := carrier{s: s, keys: foreignKeys(m), model: m}
	for i, pos := range positions {
		if err := c.moved(m, olds[i], t.rows[pos]); err != nil {
			return err
		}
	}
	if err := c.end(); err != nil {
		return err
	}
	for _, pos := range positions {
		if err := pointsSomewhere(s, m, t.rows[pos]); err != nil {
			return err
		}
	}
	return nil
}

func remove(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	t := s.table(o.Model)
	positions, err := s.positions(o)
	if err != nil {
		return op.Result{}, err
	}
	gone := make([][]any, len(positions))
	for i, pos := range positions {
		gone[i] = t.rows[pos]
	}
	t.drop(gone)
	c := carrier{s: s, keys: foreignKeys(o.Model), model: o.Model}
	if err := c.deleted(o.Model, gone); err != nil {
		return op.Result{}, err
	}
	if err := c.end(); err != nil {
		return op.Result{}, err
	}
	return returning(ctx, o, gone)
}

func upsert(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	m, t := o.Model, s.table(o.Model)
	var written []int
	for i, given := range o.Rows {
		row := ownRow(given)
		if err := defaults(m, row); err != nil {
			return op.Result{}, at(err, i, len(o.Rows))
		}
		pos := t.existing(m, o.Conflict.Fields, row)
		if pos >= 0 && op.Deleted(m, t.rows[pos]) {
			return op.Result{}, at(exists(m, t.rows[pos]), i, len(o.Rows))
		}
		if pos < 0 {
			t.autoKeys(row)
			t.rows = append(t.rows, row)
			pos = len(t.rows) - 1
			if err := unique(m, t, pos); err != nil {
				return op.Result{}, at(err, i, len(o.Rows))
			}
			if err := pointsSomewhere(s, m, row); err != nil {
				return op.Result{}, at(err, i, len(o.Rows))
			}
			written = append(written, pos)
			continue
		}
		if len(o.Conflict.Update) == 0 && len(o.Conflict.Set) == 0 {
			continue
		}
		if err := overwrite(s, t, o, pos, row); err != nil {
			return op.Result{}, at(err, i, len(o.Rows))
		}
		written = append(written, pos)
	}
	return finish(ctx, s, o, written, 1)
}

// existing returns where the row is that stands against a new one, or -1. A
// row that is marked deleted does so by its key alone.
func (t *table) existing(m *schema.Model, names []string, row []any) int {
	for i, fields := range op.Uniques(m) {
		if len(names) > 0 && !(len(fields) == len(names) && containsAll(fields, names)) {
			continue
		}
		key := pick(row, fields)
		for pos, other := range t.rows {
			if has(other, fields, key) && (i == 0 || (!op.Deleted(m, row) && !op.Deleted(m, other))) {
				return pos
			}
		}
	}
	return -1
}

func containsAll(fields []*schema.Field, names []string) bool {
	for _, f := range fields {
		found := false
		for _, n := range names {
			found = found || n == f.Name
		}
		if !found {
			return false
		}
	}
	return true
}

// overwrite changes the row that an upsert found.
func overwrite(s *state, t *table, o *op.Op, pos int, row []any) error {
	m, old := o.Model, t.rows[pos]
	ok, err := op.MatchRow(m, old, o.Using, s.related)
	if err != nil {
		return err
	}
	if !ok {
		return forbidden(o)
	}
	set := make([]op.Assign, 0, len(o.Conflict.Update)+len(o.Conflict.Set))
	for _, name := range o.Conflict.Update {
		f := m.Field(name)
		if _, unset := row[f.Pos].(op.Unset); unset {
			continue // an automatic key that was not given stays as it is
		}
		set = append(set, op.Assign{Field: name, Value: row[f.Pos]})
	}
	if t.rows[pos], err = changed(m, old, append(set, o.Conflict.Set...), true); err != nil {
		return err
	}
	return settle(s, m, t, [][]any{old}, []int{pos})
}

func forbidden(o *op.Op) *op.Error {
	e := op.Errorf(op.CodeForbidden, "the row is not one that may be written")
	e.Op = o.Describe()
	return e
}

// finish checks the rows as written and returns them. of is the number of rows
// of an insert, for the index in an error.
func finish(ctx context.Context, s *state, o *op.Op, written []int, of int) (op.Result, error) {
	rows := make([][]any, len(written))
	for i, pos := range written {
		rows[i] = s.rows(o.Model)[pos]
		ok, err := op.MatchRow(o.Model, rows[i], o.Check, s.related)
		if err != nil {
			return op.Result{}, err
		}
		if !ok {
			return op.Result{}, at(forbidden(o), i, of)
		}
	}
	return returning(ctx, o, rows)
}

func returning(ctx context.Context, o *op.Op, rows [][]any) (op.Result, error) {
	res := op.Result{N: int64(len(rows))}
	if o.Returning {
		out, err := project(o.Model, o.Fields, rows)
		if err != nil {
			return op.Result{}, err
		}
		res.Rows = output(ctx, o, out)
	}
	return res, nil
}
