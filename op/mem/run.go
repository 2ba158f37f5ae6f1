package mem

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// run carries out one operation on a state. When it writes, the state is the
// caller's own, to be thrown away after an error.
func run(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	if err := ctx.Err(); err != nil {
		return op.Result{}, op.FromContext(err)
	}
	if o.Explain {
		return op.Result{Plan: &op.Plan{Engine: "mem", Scan: op.Tables(o)}}, nil
	}
	switch o.Kind {
	case op.Migrate:
		return op.Result{}, migrate(s, o.Migration)
	case op.Watch, op.SQL, op.Backup:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "engine mem does not support %s", o.Kind)
	}
	if err := usable(s, o); err != nil {
		return op.Result{}, err
	}
	if err := guards(s, o); err != nil {
		return op.Result{}, err
	}
	res, err := perform(ctx, s, o)
	return res, op.NoteRow(o, err)
}

func perform(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Find:
		return find(ctx, s, o)
	case op.Count:
		return count(s, o)
	case op.Aggregate:
		return aggregate(ctx, s, o)
	case op.Insert:
		return insert(ctx, s, o)
	case op.Update, op.Increment:
		return update(ctx, s, o)
	case op.Delete:
		return remove(ctx, s, o)
	case op.Upsert:
		return upsert(ctx, s, o)
	case op.Batch:
		return batch(ctx, s, o)
	}
	return op.Result{}, op.Errorf(op.CodeInternal, "%d is no kind of operation", o.Kind)
}

func batch(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	results := make([]op.Result, len(o.Batch))
	for i := range o.Batch {
		var err error
		if results[i], err = run(ctx, s, &o.Batch[i]); err != nil {
			return op.Result{}, op.InBatch(i, err)
		}
	}
	return op.Result{Batch: results}, nil
}

// usable refuses what the engine cannot do and tables of another shape.
func usable(s *state, o *op.Op) error {
	if len(o.With) > 0 {
		return op.Errorf(op.CodeUnsupported, "engine mem does not load relations; layer relate does")
	}
	m := o.Model
	if m == nil {
		return nil
	}
	if o.Kind.Writes() {
		if err := noPartialUnique(m); err != nil {
			return err
		}
	}
	models := []*schema.Model{m}
	if set := m.Set(); set != nil {
		models = set.Models
	}
	for _, m := range models {
		if t := s.tables[m.Table]; t != nil && !sameColumns(t.model, m) {
			return op.Errorf(op.CodeDatabase, "table %s has other columns than model %s; migrate first", m.Table, m.Name)
		}
	}
	return nil
}

func noPartialUnique(m *schema.Model) error {
	for _, x := range m.Indexes {
		if x.Unique && x.Where != "" {
			return op.Errorf(op.CodeUnsupported, "engine mem does not support the unique partial index of %s where %s", m.Name, x.Where)
		}
	}
	return nil
}

func sameColumns(a, b *schema.Model) bool {
	if a == b {
		return true
	}
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for i, f := range a.Fields {
		if f.Column != b.Fields[i].Column {
			return false
		}
	}
	return true
}

// guards checks what must hold before an operation takes effect.
func guards(s *state, o *op.Op) error {
	for i := range o.Guards {
		g := &o.Guards[i]
		rows, err := s.where(g.Model, g.Filter)
		if err != nil {
			return err
		}
		var version int64
		for _, row := range rows {
			if g.Kind == op.GuardMust {
				ok, err := op.MatchRow(g.Model, row, g.Must, s.related)
				if err != nil {
					return err
				}
				if !ok {
					return &op.ConflictError{
						Reason: op.ReasonStale, Model: g.Model.Name, ID: op.KeyText(g.Model, row), Current: ownRow(row), Index: -1,
					}
				}
			}
			if f := g.Model.VersionF; f != nil {
				if v, ok := row[f.Pos].(int64); ok {
					version = max(version, v)
				}
			}
		}
		if g.Kind == op.GuardSnapshot && (int64(len(rows)) != g.Rows || version != g.Version) {
			return &op.ConflictError{Reason: op.ReasonSerialization, Model: g.Model.Name, Index: -1}
		}
	}
	return nil
}

// migrate brings tables to the models, without loss.
func migrate(s *state, g *op.Migration) error {
	for _, m := range g.Models.Models {
		if err := noPartialUnique(m); err != nil {
			return err
		}
		t := s.tables[m.Table]
		switch {
		case !g.Apply:
		case t == nil:
			s.table(m)
		case !sameColumns(t.model, m):
			if err := reshape(s, t, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// reshape gives the rows of a table the columns of another model.
func reshape(s *state, t *table, m *schema.Model) error {
	from := map[string]int{}
	for _, f := range t.model.Fields {
		from[f.Column] = f.Pos
	}
	for _, f := range m.Fields {
		if _, there := from[f.Column]; !there && f.RenamedFrom != "" {
			from[f.Column] = from[f.RenamedFrom]
			delete(from, f.RenamedFrom)
		}
	}
	next := &table{owner: s, model: m, last: t.last}
	for _, old := range t.rows {
		row := make([]any, len(m.Fields))
		for i, f := range m.Fields {
			row[i] = op.Unset{}
			if pos, there := from[f.Column]; there {
				row[i] = old[pos]
			}
		}
		if err := defaults(m, row); err != nil {
			return err
		}
		next.rows = append(next.rows, row)
	}
	for _, f := range m.Fields {
		delete(from, f.Column)
	}
	if len(from) > 0 && len(t.rows) > 0 {
		return op.Errorf(op.CodeDatabase, "table %s has %d columns that model %s does not have; they would be lost", m.Table, len(from), m.Name)
	}
	s.tables[m.Table] = next
	return nil
}

// output is the result of rows that were chosen or written.
func output(ctx context.Context, o *op.Op, rows [][]any) op.Rows {
	var inner op.Rows
	if o.Sink != nil {
		inner = op.NewSinkRows(rows, o.Sink)
	} else {
		inner = op.NewRows(rows)
	}
	return &stream{Rows: inner, ctx: ctx}
}

// stream ends with the context.
type stream struct {
	op.Rows
	ctx context.Context
	err error
}

func (r *stream) Next() bool {
	if r.err == nil && r.ctx.Err() != nil {
		r.err = op.FromContext(r.ctx.Err())
		_ = r.Close() // of rows in memory: never fails
	}
	return r.err == nil && r.Rows.Next()
}

func (r *stream) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

// project returns copies of the fields asked for; none is all.
func project(m *schema.Model, names []string, rows [][]any) ([][]any, error) {
	fields := m.Fields
	if names != nil {
		fields = make([]*schema.Field, len(names))
		for i, n := range names {
			if fields[i] = m.Field(n); fields[i] == nil {
				return nil, op.Errorf(op.CodeInternal, "%s has no field %s", m.Name, n)
			}
		}
	}
	out := make([][]any, len(rows))
	for i, row := range rows {
		out[i] = ownRow(pick(row, fields))
	}
	return out, nil
}
