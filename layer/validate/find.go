package validate

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func (e *engine) find(ctx context.Context, o op.Op) (op.Result, error) {
	if err := op.Normalize(&o); err != nil {
		return op.Result{}, err
	}
	p, err := e.plan(o.Model)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.next.Do(ctx, &o)
	if err != nil || len(p.hooks.AfterFind) == 0 || res.Rows == nil {
		return res, err
	}
	f := &found{Rows: res.Rows, ctx: ctx, p: p, sink: o.Sink, fields: positions(o.Model, o.Fields)}
	if f.sink != nil {
		f.next = f.sink.Len()
	}
	res.Rows = f
	return res, nil
}

// positions of fields in the model; nil names are all. A column that is no field
// of the model has the position -1.
func positions(m *schema.Model, names []string) []int {
	if names == nil {
		all := make([]int, len(m.Fields))
		for i := range all {
			all[i] = i
		}
		return all
	}
	out := make([]int, 0, len(names))
	for _, n := range names {
		pos := -1
		if f := m.Field(n); f != nil {
			pos = f.Pos
		}
		out = append(out, pos)
	}
	return out
}

// found runs AfterFind on each row that passes. The context is that of the
// find whose rows these are.
type found struct {
	op.Rows
	ctx    context.Context
	p      *plan
	sink   op.Sink
	next   int // number of the next row in the sink
	fields []int
	row    []any
	err    error
}

// Next goes to the next row and runs the hooks on it.
func (f *found) Next() bool {
	f.row = nil
	if f.err != nil || !f.Rows.Next() {
		return false
	}
	if f.sink != nil {
		f.err = f.delivered()
	} else {
		f.row, f.err = f.changed(f.Rows.Row())
	}
	if f.err != nil {
		f.Rows.Close()
		return false
	}
	return true
}

// Row is the row as the hooks left it.
func (f *found) Row() []any { return f.row }

// Err is the error of a hook or of the rows below.
func (f *found) Err() error {
	if f.err != nil {
		return f.err
	}
	return f.Rows.Err()
}

func (f *found) delivered() error {
	n := f.next
	f.next++
	if x := f.sink.Instance(n); x != nil {
		return f.run(x)
	}
	// Rows that are no Go values: the hooks may refuse a row, not change it.
	row := f.unset()
	for _, pos := range f.fields {
		row[pos] = f.sink.Get(n, f.p.m.Fields[pos])
	}
	in := f.p.hooks.New(1)
	if err := in.Load(0, row); err != nil {
		return err
	}
	return f.run(in.Instance(0))
}

// changed runs the hooks on an instance made of the row and gives the row with
// what they changed. The slice given belongs to the engine.
func (f *found) changed(row []any) ([]any, error) {
	if len(row) < len(f.fields) {
		return row, nil
	}
	full := f.unset()
	for i, pos := range f.fields {
		if pos >= 0 {
			full[pos] = row[i]
		}
	}
	in := f.p.hooks.New(1)
	if err := in.Load(0, full); err != nil {
		return nil, err
	}
	if err := f.run(in.Instance(0)); err != nil {
		return nil, err
	}
	full, err := stored(in, 0, full)
	if err != nil {
		return nil, err
	}
	out := append([]any(nil), row...)
	for i, pos := range f.fields {
		if pos < 0 {
			continue
		}
		if _, none := full[pos].(op.Unset); !none {
			out[i] = full[pos]
		}
	}
	return out, nil
}

func (f *found) run(instance any) error {
	return runHooks(f.ctx, f.p.m, "AfterFind", false, f.p.hooks.AfterFind, instance)
}

func (f *found) unset() []any {
	row := make([]any, len(f.p.m.Fields))
	for i := range row {
		row[i] = op.Unset{}
	}
	return row
}
