package wire

import "github.com/weftdb/weft/op"

func (e *encoder) via(v *op.Via) {
	if v == nil {
		return
	}
	e.where = "via"
	at := e.open(opVia)
	e.model(1, v.Model)
	e.str(2, v.Relation)
	e.rows(3, v.Keys)
	e.int(4, int64(v.Limit))
	e.int(5, int64(v.Offset))
	e.cond(6, &v.Join)
	e.close(at)
}

func (d *decoder) via(f *field) *op.Via {
	v := new(op.Via)
	d.message(f, func(d *decoder) {
		for f := (field{}); d.next(&f); {
			switch f.num {
			case 1:
				v.Model = d.model(&f)
			case 2:
				v.Relation = d.str(&f)
			case 3:
				v.Keys = d.rows(&f)
			case 4:
				v.Limit = d.int(&f)
			case 5:
				v.Offset = d.int(&f)
			case 6:
				d.cond(&f, &v.Join)
			default:
				d.unknown(&f)
			}
		}
	})
	return v
}

func (e *encoder) join(j *op.Join) {
	e.str(1, j.Path)
	e.cond(2, &j.Filter)
}

func (d *decoder) join(j *op.Join) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			j.Path = d.str(&f)
		case 2:
			d.cond(&f, &j.Filter)
		default:
			d.unknown(&f)
		}
	}
}

func (e *encoder) agg(a *op.Agg) {
	e.uint(1, uint64(a.Func))
	e.str(2, a.Field)
	e.str(3, a.As)
}

func (d *decoder) agg(a *op.Agg) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			a.Func = op.AggFunc(d.enum(&f, "aggregate function", uint8(op.AggMax)))
		case 2:
			a.Field = d.str(&f)
		case 3:
			a.As = d.str(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (e *encoder) conflict(c *op.Conflict) {
	if c == nil {
		return
	}
	e.where = "conflict"
	at := e.open(opConflict)
	e.strs(1, c.Fields)
	e.strs(2, c.Update)
	messages(e, 3, c.Set, (*encoder).assign)
	e.close(at)
}

func (d *decoder) conflict(f *field) *op.Conflict {
	c := new(op.Conflict)
	d.message(f, func(d *decoder) {
		for f := (field{}); d.next(&f); {
			switch f.num {
			case 1:
				c.Fields = d.strs(&f)
			case 2:
				c.Update = d.strs(&f)
			case 3:
				c.Set = list(d, &f, minMessage, (*decoder).assign)
			default:
				d.unknown(&f)
			}
		}
	})
	return c
}

func (e *encoder) guard(g *op.Guard) {
	e.uint(1, uint64(g.Kind))
	e.model(2, g.Model)
	e.cond(3, &g.Filter)
	e.cond(4, &g.Must)
	e.int(5, g.Rows)
	e.int(6, g.Version)
}

func (d *decoder) guard(g *op.Guard) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			g.Kind = op.GuardKind(d.enum(&f, "kind of guard", uint8(op.GuardSnapshot)))
		case 2:
			g.Model = d.model(&f)
		case 3:
			d.cond(&f, &g.Filter)
		case 4:
			d.cond(&f, &g.Must)
		case 5:
			g.Rows = d.int64(&f)
		case 6:
			g.Version = d.int64(&f)
		default:
			d.unknown(&f)
		}
	}
}
