package sqlengine

import (
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// joined is a table that columns are reached in over relations.
type joined struct {
	path string // as in op.Join
	sc   scope
}

// openJoins gives the tables of an operation's joins their aliases.
func (b *builder) openJoins(sc *scope, o *op.Op) {
	for i := range o.Joins {
		path := o.Joins[i].Path
		steps := op.Steps(sc.t.Model, path)
		if len(steps) == 0 {
			b.fail(op.Invalid(sc.t.Model.Name, path, "relation", "leads nowhere"))
			return
		}
		sc.joins = append(sc.joins, joined{path, b.open(steps[len(steps)-1].Target)})
	}
}

// kJoins notes the joins of an operation.
func (b *builder) kJoins(o *op.Op) {
	b.kNum(len(o.Joins))
	for i := range o.Joins {
		b.kText(o.Joins[i].Path)
		b.kCond(&o.Joins[i].Filter)
	}
}

// fromJoined writes the table and those that are joined to it.
func (b *builder) fromJoined(sc *scope, o *op.Op) {
	b.from(*sc)
	for i := range sc.joins {
		j := &sc.joins[i]
		from, name := sc, j.path
		if at := strings.LastIndexByte(j.path, '.'); at >= 0 {
			from, name = sc.join(j.path[:at]), j.path[at+1:]
		}
		var r *schema.Relation
		if from != nil {
			r = b.relation(from.t.Model, name)
		}
		if b.err != nil || r == nil {
			b.fail(op.Invalid(sc.t.Model.Name, j.path, "relation", "cannot be joined"))
			return
		}
		b.w(" LEFT JOIN ")
		b.from(j.sc)
		b.w(" ON ")
		b.match(&j.sc, r.To, from, r.From)
		b.where(&j.sc, " AND ", &o.Joins[i].Filter)
	}
}

// join is the scope of a path, nil where it is not joined.
func (sc *scope) join(path string) *scope {
	for i := range sc.joins {
		if sc.joins[i].path == path {
			return &sc.joins[i].sc
		}
	}
	return nil
}

// far says how a column is written that is no field of the model itself.
func (b *builder) far(sc *scope, name string) (c *Column, prefix, text string, ok bool) {
	col, err := op.ColumnOf(sc.t.Model, name)
	if err != nil || col.Plain() {
		return nil, "", "", false
	}
	from := sc
	if col.Path != "" {
		if from = sc.join(col.Path); from == nil {
			return nil, "", "", false
		}
	}
	own := from.t.column(col.Field.Name)
	if own == nil {
		return nil, "", "", false
	}
	prefix, text = from.alias, own.Name
	out := *own
	out.null = true
	if col.Part == op.WholeTime {
		return &out, prefix, text, true
	}
	expr := prefix + text
	if own.loose && b.d.Time != nil {
		expr = b.d.Time(expr)
	}
	out.Field, out.Store, out.loose = col.As(), StoreInt, true
	out.read, out.text, out.lead, out.bind, out.valid = "", "", "", "", nil
	if col.Part == op.DateOf {
		out.Store = StoreDate
	}
	return &out, "", b.d.TimePart(expr, col.Part), true
}

// FoundTime reads a time in one of the ways in which programs store times.
func FoundTime(v Value) (text string, ok bool) {
	t, ok := foundTime(v)
	if !ok {
		return "", false
	}
	return string(AppendTime(make([]byte, 0, 26), t)), true
}
