package relate

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// finding is one find with relations: what was asked, and where in its rows
// the values lie that the relations are found by.
type finding struct {
	loader
	steps   []step
	sink    op.Sink
	explain bool
	chunk   int // most parents gathered at a time; 0 is all
	limit   int // of the find, 0 is none

	// Without a sink.
	width  int     // columns that the caller sees
	extra  int     // columns asked for beside them, behind the fields
	fields int     // columns of fields that the caller asked for
	from   [][]int // of each step: the columns of its From fields
}

// plan takes the relations out of the find and remembers them. It is nil when
// there are none.
func (e *engine) plan(ctx context.Context, o *op.Op) (*finding, error) {
	m := o.Model
	if m == nil {
		return nil, nil // refused below
	}
	with, err := merge(m, o.With)
	if err != nil {
		return nil, err
	}
	if whole(o) {
		with = addEager(m, with, []*schema.Model{m})
	}
	o.With = nil
	steps, err := resolve(m, with)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	// What is wrong with a relation is told before its parents are read, and also
	// when there are none.
	asked := op.Op{Kind: op.Find, Model: m, With: with}
	if err := op.Normalize(&asked); err != nil {
		return nil, err
	}
	f := &finding{
		loader: loader{ctx: ctx, eng: e, m: m, user: o.User, keys: e.Keys},
		steps:  steps, sink: o.Sink, explain: o.Explain, chunk: e.Chunk, limit: o.Limit,
	}
	if e.inTx {
		f.chunk = 0
	} else if o.Sink != nil {
		if s, ok := o.Sink.(Streamer); !ok || !s.Stream() {
			f.chunk = 0
		}
	}
	return f, f.columns(o)
}

// columns makes sure that the values the relations are found by are read.
func (f *finding) columns(o *op.Op) error {
	m := f.m
	var names []*schema.Field // nil: the fields of the model
	for _, n := range o.Fields {
		x := m.Field(n)
		if x == nil {
			return nil // refused below
		}
		names = append(names, x)
	}
	if len(names) == 0 {
		names = m.Fields
	}
	f.fields = len(names)
	keys := 0
	if o.Via != nil {
		if r := o.Via.Model.Relation(o.Via.Relation); r != nil {
			keys = len(r.From)
		}
	}
	f.width = f.fields + keys
	for _, k := range needed(f.steps) {
		if slices.Contains(names, k) {
			continue
		}
		if f.sink != nil || o.Distinct {
			return op.Errorf(op.CodeValidation, "the relations of %s need the field %s: select it too", m.Name, k.Name)
		}
		names = append(slices.Clip(names), k)
		f.extra++
	}
	if f.extra > 0 {
		list := make([]string, len(names))
		for i, x := range names {
			list[i] = x.Name
		}
		o.Fields = list
	}
	if f.sink == nil {
		f.from = make([][]int, len(f.steps))
		for i, s := range f.steps {
			for _, x := range s.r.From {
				f.from[i] = append(f.from[i], slices.Index(names, x))
			}
		}
	}
	return nil
}

// needed are the fields that steps are found by, each once.
func needed(steps []step) []*schema.Field {
	var out []*schema.Field
	for _, s := range steps {
		for _, x := range s.r.From {
			if !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	return out
}

// result puts the relations to the answer of the find without them.
func (f *finding) result(res op.Result) (op.Result, error) {
	if f.explain {
		if res.Plan == nil {
			return res, nil
		}
		for i := range f.steps {
			p, err := f.explained(&f.steps[i])
			if err != nil {
				return op.Result{}, err
			}
			res.Plan.With = append(res.Plan.With, p)
		}
		return res, nil
	}
	if res.Rows == nil {
		return res, nil
	}
	r := &rows{finding: f, below: res.Rows}
	if f.sink != nil {
		r.first = f.sink.Len()
	}
	res.Rows = r
	return res, nil
}

// rows are the parents with their relations. A chunk of them is read, then
// their children, then they are handed out.
type rows struct {
	*finding
	below op.Rows
	ended bool // below has no more

	first int     // number in the sink of the chunk's first row
	count int     // rows in the chunk
	at    int     // rows handed out
	got   [][]any // the chunk without a sink
	total int     // rows read
	row   []any
	err   error
}

// Next goes to the next parent.
func (r *rows) Next() bool {
	r.row = nil
	if r.err != nil {
		return false
	}
	if r.at == r.count {
		if r.ended {
			return false
		}
		if r.err = r.fetch(); r.err != nil {
			r.close()
			return false
		}
		if r.count == 0 {
			return false
		}
	}
	if r.sink == nil {
		r.row = r.got[r.at]
		r.got[r.at] = nil
	}
	r.at++
	return true
}

// Row is the parent: its fields, the keys of Via, its relations.
func (r *rows) Row() []any { return r.row }

// Err is what ended the rows early.
func (r *rows) Err() error { return r.err }

// Close ends the reading.
func (r *rows) Close() error {
	r.at, r.count, r.row, r.got = 0, 0, nil, nil
	return r.close()
}

func (r *rows) close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	return r.below.Close()
}

// fetch reads the next chunk and its children. The stream below is closed
// before children are read where it can be known to be at its end.
func (r *rows) fetch() error {
	r.first += r.count
	r.at, r.count, r.got = 0, 0, r.got[:0]
	for r.chunk == 0 || r.count < r.chunk {
		if !r.below.Next() {
			r.ended = true
			break
		}
		if r.sink == nil {
			r.got = append(r.got, r.widened(r.below.Row()))
		}
		r.count++
	}
	r.total += r.count
	if r.limit > 0 && r.total >= r.limit && !r.ended {
		r.ended = !r.below.Next()
	}
	if r.ended {
		if err := r.below.Err(); err != nil {
			return err
		}
		if err := r.below.Close(); err != nil {
			return err
		}
	}
	if r.count == 0 {
		return nil
	}
	return r.relate()
}

// widened is a copy of a row with room for its relations: the fields asked
// for, the keys of Via, the relations, then what was asked for beside.
func (r *rows) widened(row []any) []any {
	out := make([]any, r.width+len(r.steps)+r.extra)
	copy(out, row[:r.fields])
	copy(out[r.fields:r.width], row[r.fields+r.extra:])
	copy(out[r.width+len(r.steps):], row[r.fields:r.fields+r.extra])
	return out
}

// column is where a column of the row below lies in the widened row.
func (r *rows) column(i int) int {
	if i < r.fields {
		return i
	}
	return r.width + len(r.steps) + i - r.fields
}

func (r *rows) relate() error {
	if r.sink != nil {
		list := make([]int, r.count)
		for i := range list {
			list[i] = r.first + i
		}
		for i := range r.steps {
			if err := r.intoSink(r.sink, list, &r.steps[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range r.steps {
		from := make([]int, len(r.from[i]))
		for j, c := range r.from[i] {
			from[j] = r.column(c)
		}
		if err := r.intoRows(r.got, from, r.width+i, &r.steps[i]); err != nil {
			return err
		}
	}
	if r.extra > 0 {
		end := r.width + len(r.steps)
		for i, row := range r.got {
			r.got[i] = row[:end:end]
		}
	}
	return nil
}
