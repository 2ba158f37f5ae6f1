package weft

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// splitHaving divides conditions that are joined by and: those that the engine
// can hold, and those that look at an average. An engine gives a sum and a count
// in its place.
func (g *grouping) splitHaving(columns []string, conds []op.Cond) (below, above []op.Cond) {
	for _, c := range conds {
		switch {
		case !g.usesAvg(columns, c):
			below = append(below, c)
		case c.Kind == op.And:
			b, a := g.splitHaving(columns, c.Conds)
			below, above = append(below, b...), append(above, a...)
		default:
			above = append(above, c)
		}
	}
	return below, above
}

func (g *grouping) usesAvg(columns []string, c op.Cond) bool {
	if c.Kind == op.Compare {
		i, err := g.column(columns, c.Field)
		return err == nil && g.isAvg(i)
	}
	return slices.ContainsFunc(c.Conds, func(c op.Cond) bool { return g.usesAvg(columns, c) })
}

// havingHere makes the test of rows as averaged gives them. The operation has its
// GroupBy and Aggs.
func (g *grouping) havingHere(o *op.Op, conds []op.Cond) (func(row []any) (bool, error), error) {
	if len(conds) == 0 {
		return func([]any) (bool, error) { return true, nil }, nil
	}
	m := g.spec.b.model
	all := op.ResultColumns(o)
	cols, rest := slices.Clone(all[:len(g.by)]), all[len(g.by):]
	for _, a := range g.aggs {
		if !a.avg {
			cols, rest = append(cols, rest[0]), rest[1:]
			continue
		}
		c := &schema.Field{Name: a.as, Type: schema.Decimal, Precision: 1000, Scale: 16, Nullable: true}
		if f := m.Field(a.field); f != nil && f.Type.Kind() == schema.KindFloat {
			c.Type, c.Precision, c.Scale = schema.Float, 0, 0
		}
		cols, rest = append(cols, c), rest[2:]
	}
	having := op.AllOf(conds...)
	if err := op.NormalizeColumns(m, cols, &having); err != nil {
		return nil, err
	}
	return func(row []any) (bool, error) { return op.MatchColumns(cols, row, having) }, nil
}

// averaged copies a row, with one value in place of each sum and count.
func (g *grouping) averaged(row []any) ([]any, error) {
	out := slices.Clone(row[:len(g.by)])
	rest := row[len(g.by):]
	for _, a := range g.aggs {
		if !a.avg {
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		v, err := average(rest[0], rest[1])
		if err != nil {
			return nil, err
		}
		out, rest = append(out, v), rest[2:]
	}
	return out, nil
}

// average divides a sum by a count as [Query.Avg] does.
func average(sum, count any) (any, error) {
	n, _ := count.(int64)
	if n == 0 {
		return nil, nil
	}
	if x, ok := sum.(float64); ok {
		return x / float64(n), nil
	}
	num, err := numOf(sum)
	if err != nil {
		return nil, err
	}
	return num.Decimal().DivRound(decimal.NewFromInt(n), 16), nil
}
