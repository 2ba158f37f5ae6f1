package wire

import "github.com/weftdb/weft/op"

// result writes a result and reads its rows to the end.
func (e *encoder) result(r *op.Result) {
	if !e.enter() {
		return
	}
	e.int(1, r.N)
	if r.Rows != nil {
		at := e.open(2)
		e.drain(r.Rows)
		e.close(at)
	}
	messages(e, 3, r.Batch, (*encoder).result)
	if r.Plan != nil {
		at := e.open(4)
		e.plan(r.Plan)
		e.close(at)
	}
	e.strs(5, r.Columns)
	e.strs(6, r.Types)
	e.int(7, r.LastID)
	e.leave()
}

func (e *encoder) drain(rows op.Rows) {
	for e.err == nil && rows.Next() {
		e.row(rows.Row())
	}
	err := rows.Err()
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if e.err == nil && err != nil {
		e.err = err
	}
}

func (d *decoder) result(r *op.Result) {
	if !d.enter() {
		return
	}
	defer d.leave()
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			r.N = d.int64(&f)
		case 2:
			d.message(&f, func(d *decoder) {
				rows := [][]any{}
				for d.err == nil && d.left() > 0 {
					rows = append(rows, d.row())
				}
				r.Rows = op.NewRows(rows)
			})
		case 3:
			r.Batch = list(d, &f, minMessage, (*decoder).result)
		case 4:
			r.Plan = new(op.Plan)
			d.message(&f, func(d *decoder) { d.plan(r.Plan) })
		case 5:
			r.Columns = d.strs(&f)
		case 6:
			r.Types = d.strs(&f)
		case 7:
			r.LastID = d.int64(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (e *encoder) plan(p *op.Plan) {
	if !e.enter() {
		return
	}
	e.str(1, p.Engine)
	e.strs(2, p.SQL)
	e.values(3, p.Args)
	e.strs(4, p.Index)
	e.strs(5, p.Scan)
	e.strs(6, p.Shards)
	e.str(7, p.Cache)
	e.strs(8, p.Notes)
	messages(e, 9, p.With, func(e *encoder, p **op.Plan) {
		if *p == nil {
			e.fail("the plan of a relation is missing")
			return
		}
		e.plan(*p)
	})
	e.leave()
}

func (d *decoder) plan(p *op.Plan) {
	if !d.enter() {
		return
	}
	defer d.leave()
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			p.Engine = d.str(&f)
		case 2:
			p.SQL = d.strs(&f)
		case 3:
			p.Args = d.values(&f)
		case 4:
			p.Index = d.strs(&f)
		case 5:
			p.Scan = d.strs(&f)
		case 6:
			p.Shards = d.strs(&f)
		case 7:
			p.Cache = d.str(&f)
		case 8:
			p.Notes = d.strs(&f)
		case 9:
			p.With = list(d, &f, minMessage, func(d *decoder, p **op.Plan) {
				*p = new(op.Plan)
				d.plan(*p)
			})
		default:
			d.unknown(&f)
		}
	}
}
