package sqlengine

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Planned is a statement that an operation would run.
type Planned struct {
	Statement *Statement
	Args      []Value
	Notes     []string
}

// Plan gives the statements that an operation would run, the main one of each
// operation of a batch.
func (c *Core) Plan(ctx context.Context, s Session, o *op.Op) ([]Planned, error) {
	if o.Kind == op.Batch {
		var list []Planned
		for i := range o.Batch {
			some, err := c.Plan(ctx, s, &o.Batch[i])
			if err != nil {
				return nil, op.InBatch(i, err)
			}
			list = append(list, some...)
		}
		return list, nil
	}
	if o.Model == nil {
		return nil, op.Errorf(op.CodeValidation, "the operation has no model")
	}
	f := form{must: &op.Cond{}}
	var out Planned
	if c.stepwise(o) && o.Kind != op.Upsert {
		find := c.documents(o, f.must)
		o = &find
		out.Notes = append(out.Notes, "the documents of these rows are read, changed and written, in one transaction")
	}
	switch {
	case !c.dialect.Bare:
	case o.Kind == op.Upsert:
		one := *o
		one.Kind, o = op.Insert, &one
		out.Notes = append(out.Notes, "a row that stands against the new one is looked for first, locked and changed instead, in one transaction")
	case (o.Kind == op.Update || o.Kind == op.Increment || o.Kind == op.Delete) && readsTable(o.Model, o.Model.Table, &o.Filter, &o.Using):
		find := c.documents(o, f.must)
		o = &find
		out.Notes = append(out.Notes, "these rows are found first, locked, and changed by their keys, in one transaction")
	}
	switch o.Kind {
	case op.Insert, op.Upsert:
		if len(o.Rows) == 0 {
			return nil, nil
		}
		if c.stepwise(o) {
			one, err := c.met(ctx, s, o, o.Rows[0])
			if err != nil {
				return nil, explain(err, o.Kind.String(), o.Model, -1)
			}
			o = one
		}
		f.rows = o.Rows[:1]
		if len(o.Rows) > 1 {
			out.Notes = append(out.Notes, "for all rows, several at a time, in one transaction")
		}
	case op.Update, op.Increment, op.Delete:
		if must := c.direct(o); must != nil {
			f.must = must
		}
	}
	if len(o.Guards) > 0 && f.must.Kind == op.True {
		out.Notes = append(out.Notes, "guards are checked first, in the same transaction")
	}
	if o.Check.Kind != op.True {
		out.Notes = append(out.Notes, "the rows as written are checked before commit")
	}
	b := c.builder()
	defer b.done()
	p, err := c.plan(ctx, s, b, o, f)
	if err != nil {
		return nil, explain(err, o.Kind.String(), o.Model, -1)
	}
	out.Statement = p.stmt
	out.Args = append(out.Args, b.args...)
	for _, m := range models(o) {
		if t, err := c.table(m); err == nil {
			out.Notes = append(out.Notes, t.Notes...)
		}
	}
	return []Planned{out}, nil
}

// models are those that an operation names.
func models(o *op.Op) []*schema.Model {
	list := []*schema.Model{o.Model}
	if o.Via != nil && o.Via.Model != o.Model {
		list = append(list, o.Via.Model)
	}
	return list
}

// Raw makes Rows of a statement that somebody else wrote. decls are the
// declared types of its columns, "" where there is none.
func Raw(cur Cursor, decls []string, sink op.Sink) op.Rows {
	r := &rows{cur: cur, sink: sink, verb: "sql"}
	for _, d := range decls {
		c := &Column{Field: &schema.Field{Type: schema.Specific}, Name: d}
		if scale, ok := ScaledType(d); ok {
			c.Store, c.scale = StoreScaled, scale
		}
		r.out = append(r.out, outCol{col: c})
	}
	return r
}

// RawStored is Raw for a database whose results say what their columns are.
func RawStored(cur Cursor, stores []Storage, sink op.Sink) op.Rows {
	r := &rows{cur: cur, sink: sink, verb: "sql"}
	for _, s := range stores {
		r.out = append(r.out, outCol{col: &Column{Field: &schema.Field{Type: schema.Specific}, Name: "of the result", Store: s}})
	}
	return r
}

// Argument turns a value given to raw SQL into an argument.
func Argument(v any) (Value, error) {
	v, err := op.Canon(v)
	if err != nil {
		return Value{}, op.Errorf(op.CodeValidation, "an argument of a statement: %w", err)
	}
	c := Column{Field: &schema.Field{Type: schema.Specific}}
	return c.encode(v)
}
