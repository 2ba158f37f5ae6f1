package wire

import "github.com/weftdb/weft/op"

// The fields of a condition.
const (
	condKind = iota + 1
	condField
	condOp
	condValue
	condPath
	condList
	condConds
	condRelation
	condTarget
	condN
	condFields
	condJoin
)

// cond writes a condition, and nothing for the zero Cond.
func (e *encoder) cond(num int, c *op.Cond) {
	if c.Kind == op.True && trivial(c) {
		return
	}
	at := e.open(num)
	e.condition(c)
	e.close(at)
}

// trivial reports whether a condition has nothing but its kind.
func trivial(c *op.Cond) bool {
	return c.Field == "" && c.Path == nil && c.Op == 0 && c.Value == nil && c.List == nil && c.Conds == nil &&
		c.Relation == "" && c.Target == nil && c.N == 0 && c.Fields == nil && c.Join == nil
}

func (e *encoder) condition(c *op.Cond) {
	if !e.enter() {
		return
	}
	e.must(condKind, uint64(c.Kind))
	e.str(condField, c.Field)
	e.uint(condOp, uint64(c.Op))
	e.any(condValue, c.Value)
	e.strs(condPath, c.Path)
	e.values(condList, c.List)
	messages(e, condConds, c.Conds, (*encoder).condition)
	e.str(condRelation, c.Relation)
	e.model(condTarget, c.Target)
	e.int(condN, c.N)
	e.strs(condFields, c.Fields)
	messages(e, condJoin, c.Join, (*encoder).condition)
	e.leave()
}

func (d *decoder) cond(f *field, c *op.Cond) {
	if !d.want(f, typBytes) {
		return
	}
	end := d.open()
	d.condition(c)
	d.close(end)
}

func (d *decoder) condition(c *op.Cond) {
	if !d.enter() {
		return
	}
	defer d.leave()
	there := false
	for f := (field{}); d.next(&f); {
		switch f.num {
		case condKind:
			c.Kind, there = op.CondKind(d.enum(&f, "kind of condition", uint8(op.Match))), true
		case condField:
			c.Field = d.str(&f)
		case condOp:
			c.Op = op.Operator(d.enum(&f, "operator", uint8(op.NotNull)))
		case condValue:
			c.Value = d.any(&f)
		case condPath:
			c.Path = d.strs(&f)
		case condList:
			c.List = d.values(&f)
		case condConds:
			c.Conds = list(d, &f, minCond, (*decoder).condition)
		case condRelation:
			c.Relation = d.str(&f)
		case condTarget:
			c.Target = d.model(&f)
		case condN:
			c.N = d.int64(&f)
		case condFields:
			c.Fields = d.strs(&f)
		case condJoin:
			c.Join = list(d, &f, minCond, (*decoder).condition)
		default:
			d.unknown(&f)
		}
	}
	if !there {
		d.malformed("a condition without a kind")
	}
}

// any writes a field that is one value, and nothing for nil.
func (e *encoder) any(num int, v any) {
	if v == nil {
		return
	}
	at := e.open(num)
	e.value(v)
	e.close(at)
}

func (d *decoder) any(f *field) any {
	if !d.want(f, typBytes) {
		return nil
	}
	end := d.open()
	v := d.value()
	d.close(end)
	return v
}
