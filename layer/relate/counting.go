package relate

import (
	"github.com/weftdb/weft/op"
)

// counting is the aggregate that counts a relation's rows for parents with
// these keys. A parent without rows has no group.
func (l *loader) counting(s *step, keys [][]any) op.Op {
	return op.Op{
		Kind: op.Aggregate, User: l.user, Model: s.r.Target, Filter: s.with.Filter, WithDeleted: s.with.WithDeleted,
		Aggs: []op.Agg{{Func: op.AggCount, As: s.count.Name}},
		Via:  &op.Via{Model: l.m, Relation: s.r.Name, Keys: keys},
	}
}

// counted asks how many rows there are for each group of parents.
func (l *loader) counted(s *step, g *groups) ([]int64, error) {
	out := make([]int64, len(g.keys))
	for from := 0; from < len(g.keys); from += l.keys {
		if err := l.count(s, g, g.keys[from:min(from+l.keys, len(g.keys))], out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *loader) count(s *step, g *groups, keys [][]any, out []int64) error {
	res, err := l.eng.Do(l.ctx, l.counting(s, keys))
	if err != nil {
		return err
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		row := res.Rows.Row()
		if len(row) != 1+len(s.r.From) {
			return op.Errorf(op.CodeInternal, "a count of %s.%s has %d values, not a number and a key", l.m.Name, s.r.Name, len(row))
		}
		n, ok := row[0].(int64)
		if !ok {
			return op.Errorf(op.CodeInternal, "a count of %s.%s is a %T", l.m.Name, s.r.Name, row[0])
		}
		if i := g.number(row[1:]); i >= 0 {
			out[i] = n
		}
	}
	return res.Rows.Err()
}

// count is the number for the i-th parent: that of its group, 0 without a key.
func (g *groups) count(counts []int64, i int) int64 {
	if n := g.of[i]; n >= 0 {
		return counts[n]
	}
	return 0
}

func (l *loader) countIntoSink(sink op.Sink, list []int, s *step, g *groups) error {
	counts, err := l.counted(s, g)
	if err != nil {
		return err
	}
	for i, row := range list {
		if err := sink.Counted(row, s.count, g.count(counts, i)); err != nil {
			return err
		}
	}
	return nil
}

// countIntoRows puts the numbers into column to.
func (l *loader) countIntoRows(list [][]any, to int, s *step, g *groups) error {
	counts, err := l.counted(s, g)
	if err != nil {
		return err
	}
	for i, row := range list {
		row[to] = g.count(counts, i)
	}
	return nil
}
