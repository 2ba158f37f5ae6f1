package validate

import (
	"errors"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// cloned copies rows, which belong to the caller, in two allocations.
func cloned(rows [][]any, width int) [][]any {
	out := make([][]any, len(rows))
	flat := make([]any, 0, len(rows)*width)
	for i, row := range rows {
		n := len(flat)
		flat = append(flat, row...)
		out[i] = flat[n:len(flat):len(flat)]
	}
	return out
}

// collect reads rows to their end. Slices are copied: they belong to the engine.
func collect(rows op.Rows) ([][]any, error) {
	if rows == nil {
		return nil, nil
	}
	defer rows.Close()
	var out [][]any
	for rows.Next() {
		out = append(out, slices.Clone(rows.Row()))
	}
	return out, rows.Err()
}

// asked is what the caller of a write wants back, while hooks want whole rows.
type asked struct {
	model     *schema.Model
	returning bool
	fields    []string
	sink      op.Sink
}

// wholeRows has the operation return whole rows, and remembers what was asked.
func wholeRows(o *op.Op) asked {
	a := asked{o.Model, o.Returning, o.Fields, o.Sink}
	o.Returning, o.Fields, o.Sink = true, nil, nil
	return a
}

// answer makes the result of a write out of the whole rows that were written.
func (o asked) answer(n int64, rows [][]any) op.Result {
	res := op.Result{N: n}
	if !o.returning {
		return res
	}
	if o.fields != nil {
		pos := positions(o.model, o.fields)
		for i, row := range rows {
			part := make([]any, len(pos))
			for j, p := range pos {
				part[j] = row[p]
			}
			rows[i] = part
		}
	}
	if o.sink != nil {
		res.Rows = op.NewSinkRows(rows, o.sink)
	} else {
		res.Rows = op.NewRows(rows)
	}
	return res
}

// gathered is a result whose rows are read, so that the transaction they come
// from may end. Rows for a sink are delivered now.
func gathered(o *op.Op, res op.Result) (op.Result, error) {
	if res.Rows == nil {
		return res, nil
	}
	if o.Sink == nil {
		rows, err := collect(res.Rows)
		res.Rows = op.NewRows(rows)
		return res, err
	}
	d := &delivered{}
	for res.Rows.Next() {
		d.left++
	}
	err := errors.Join(res.Rows.Err(), res.Rows.Close())
	res.Rows = d
	return res, err
}

func gatheredBatch(members []op.Op, res op.Result) (op.Result, error) {
	for i := range res.Batch {
		var err error
		if res.Batch[i], err = gathered(&members[i], res.Batch[i]); err != nil {
			closeAll(res.Batch)
			return op.Result{}, op.InBatch(i, err)
		}
	}
	return res, nil
}

// delivered counts off rows that are in their sink already.
type delivered struct{ left int }

// Next goes to the next row.
func (d *delivered) Next() bool {
	d.left--
	return d.left >= 0
}

// Row is nil: the rows are in the sink.
func (d *delivered) Row() []any { return nil }

// Err is nil: what could go wrong has been reported.
func (d *delivered) Err() error { return nil }

// Close forgets the rows that are left.
func (d *delivered) Close() error {
	d.left = 0
	return nil
}
