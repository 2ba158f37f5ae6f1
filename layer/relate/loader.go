package relate

import (
	"context"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// loader reads the children of rows of one model. It lives as long as one
// find, whose context it keeps.
type loader struct {
	ctx  context.Context
	eng  op.Engine
	m    *schema.Model
	user string
	keys int
}

// child is the find of a relation's rows for parents with these keys.
func (l *loader) child(s *step, keys [][]any) op.Op {
	w := &s.with
	o := op.Op{
		Kind: op.Find, User: l.user, Model: s.r.Target, WithDeleted: w.WithDeleted,
		Filter: w.Filter, Sort: order(s), Fields: w.Fields, With: w.With,
		Via: &op.Via{Model: l.m, Relation: s.r.Name, Keys: keys, Limit: w.Limit, Offset: w.Offset},
	}
	return o
}

// order is the order asked for, made total by the key. One row needs none.
func order(s *step) []op.Sort {
	sort := slices.Clip(s.with.Sort)
	if s.r.Kind == schema.BelongsTo {
		return sort
	}
	for _, f := range s.r.Target.Primary {
		known := slices.ContainsFunc(sort, func(k op.Sort) bool {
			return len(k.Path) == 0 && s.r.Target.Field(k.Field) == f
		})
		if !known {
			sort = append(sort, op.Sort{Field: f.Name})
		}
	}
	return sort
}

// explained is the plan of a relation's operation, for a parent that stands for
// all.
func (l *loader) explained(s *step) (*op.Plan, error) {
	key := make([]any, len(s.r.From))
	for i, f := range s.r.From {
		key[i] = sample(f)
	}
	o := l.child(s, [][]any{key})
	if s.count != nil {
		o = l.counting(s, [][]any{key})
	}
	o.Explain = true
	res, err := l.eng.Do(l.ctx, o)
	if err != nil {
		return nil, err
	}
	if res.Rows != nil {
		res.Rows.Close()
	}
	if res.Plan == nil {
		return &op.Plan{}, nil
	}
	return res.Plan, nil
}

func sample(f *schema.Field) any {
	switch f.Type.Kind() {
	case schema.KindInt:
		return int64(0)
	case schema.KindFloat:
		return float64(0)
	case schema.KindDecimal:
		return decimal.Decimal{}
	case schema.KindBool:
		return false
	case schema.KindTime:
		return time.Unix(0, 0).UTC()
	case schema.KindBytes:
		return []byte{}
	}
	if f.Type == schema.Time {
		return "00:00:00"
	}
	return ""
}

// groups are parents by key: each different key once, in the order in which
// they came, and for each parent the number of its key, -1 where it has none.
type groups struct {
	keys [][]any
	of   []int
	text map[string]int
	ints map[int64]int
	rest map[string]int
}

func newGroups(n int) *groups { return &groups{of: make([]int, 0, n)} }

// number is the number of a key; -1 when it is not known.
func (g *groups) number(key []any) int {
	n, ok := -1, false
	if len(key) == 1 {
		switch v := key[0].(type) {
		case string:
			n, ok = g.text[v]
			return found(n, ok)
		case int64:
			n, ok = g.ints[v]
			return found(n, ok)
		}
	}
	n, ok = g.rest[op.KeyString(key)]
	return found(n, ok)
}

func found(n int, ok bool) int {
	if ok {
		return n
	}
	return -1
}

// add notes the next parent's key. The slice is kept.
func (g *groups) add(key []any) {
	for _, v := range key {
		if v == nil {
			g.of = append(g.of, -1)
			return
		}
	}
	n := g.number(key)
	if n < 0 {
		n = len(g.keys)
		g.keys = append(g.keys, key)
		g.remember(key, n)
	}
	g.of = append(g.of, n)
}

func (g *groups) remember(key []any, n int) {
	if len(key) == 1 {
		switch v := key[0].(type) {
		case string:
			if g.text == nil {
				g.text = make(map[string]int, cap(g.of))
			}
			g.text[v] = n
			return
		case int64:
			if g.ints == nil {
				g.ints = make(map[int64]int, cap(g.of))
			}
			g.ints[v] = n
			return
		}
	}
	if g.rest == nil {
		g.rest = make(map[string]int, cap(g.of))
	}
	g.rest[op.KeyString(key)] = n
}

// members are the rows of a sink from start on, in order, for each key.
func (g *groups) members(child op.Sink, start int) [][]int {
	number := make([]int, child.Len()-start)
	size := make([]int, len(g.keys))
	for i := range number {
		n := g.number(child.Key(start + i))
		if number[i] = n; n >= 0 {
			size[n]++
		}
	}
	flat, at := make([]int, len(number)), 0
	out := make([][]int, len(g.keys))
	for n := range out {
		out[n] = flat[at : at : at+size[n]]
		at += size[n]
	}
	for i, n := range number {
		if n >= 0 {
			out[n] = append(out[n], start+i)
		}
	}
	return out
}

// sinkGroups are the rows of a sink by key.
func sinkGroups(sink op.Sink, list []int, s *step) *groups {
	g := newGroups(len(list))
	key := make([]any, len(s.r.From))
	for _, row := range list {
		for i, f := range s.r.From {
			key[i] = sink.Get(row, f)
		}
		before := len(g.keys)
		g.add(key)
		if len(g.keys) > before {
			key = make([]any, len(s.r.From)) // the group keeps the other
		}
	}
	return g
}

// rowGroups are rows without a sink by key, which lies in columns from.
func rowGroups(list [][]any, from []int) *groups {
	g := newGroups(len(list))
	for _, row := range list {
		key := make([]any, len(from))
		for i, c := range from {
			key[i] = row[c]
		}
		g.add(key)
	}
	return g
}

// intoSink loads a relation of rows of a sink.
func (l *loader) intoSink(sink op.Sink, list []int, s *step) error {
	g := sinkGroups(sink, list, s)
	if s.count != nil {
		return l.countIntoSink(sink, list, s, g)
	}
	// The keys of the relation's own relations must be read with its rows.
	w := s.with
	if len(w.Fields) > 0 {
		w.Fields = slices.Clip(w.Fields)
		for _, f := range Fields(s.r.Target, w.With) {
			if !slices.ContainsFunc(w.Fields, func(n string) bool { return s.r.Target.Field(n) == f }) {
				w.Fields = append(w.Fields, f.Name)
			}
		}
	}
	child := sink.Child(s.r, &w)
	if child == nil {
		return op.Errorf(op.CodeValidation, "the relation %s of %s cannot be loaded into the rows asked for: they have no place for it", s.r.Name, l.m.Name)
	}
	at := step{r: s.r, with: w}
	start := child.Len()
	for from := 0; from < len(g.keys); from += l.keys {
		o := l.child(&at, g.keys[from:min(from+l.keys, len(g.keys))])
		o.Sink = child
		if err := l.drain(o); err != nil {
			return err
		}
	}
	members := g.members(child, start)
	for i, row := range list {
		var rows []int
		if n := g.of[i]; n >= 0 {
			rows = members[n]
			if !s.r.Many() && len(rows) > 1 {
				rows = rows[:1]
			}
		}
		sink.Attach(row, s.r, child, rows)
	}
	return nil
}

func (l *loader) drain(o op.Op) error {
	res, err := l.eng.Do(l.ctx, o)
	if err != nil {
		return err
	}
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); err != nil {
		res.Rows.Close()
		return err
	}
	return res.Rows.Close()
}

// intoRows loads a relation of rows without a sink and puts it into column to.
func (l *loader) intoRows(list [][]any, from []int, to int, s *step) error {
	g := rowGroups(list, from)
	if s.count != nil {
		return l.countIntoRows(list, to, s, g)
	}
	names, err := s.names()
	if err != nil {
		return err
	}
	members := make([][][]any, len(g.keys))
	for n := 0; n < len(g.keys); n += l.keys {
		o := l.child(s, g.keys[n:min(n+l.keys, len(g.keys))])
		if err := l.gather(o, s, g, members, len(names)); err != nil {
			return err
		}
	}
	for i, row := range list {
		rel := &op.Related{Model: s.r.Target, Fields: names}
		if n := g.of[i]; n >= 0 {
			rel.Rows = members[n]
			if !s.r.Many() && len(rel.Rows) > 1 {
				rel.Rows = rel.Rows[:1:1]
			}
		}
		row[to] = rel
	}
	return nil
}

// gather reads children and gives each to the parents of its key. The key lies
// behind the fields and before the child's own relations.
func (l *loader) gather(o op.Op, s *step, g *groups, members [][][]any, fields int) error {
	res, err := l.eng.Do(l.ctx, o)
	if err != nil {
		return err
	}
	defer res.Rows.Close()
	keys := len(s.r.From)
	for res.Rows.Next() {
		row := res.Rows.Row()
		if len(row) < fields+keys {
			return op.Errorf(op.CodeInternal, "a row of %s.%s has %d values, too few for its key", l.m.Name, s.r.Name, len(row))
		}
		n := g.number(row[fields : fields+keys])
		if n < 0 {
			continue
		}
		out := make([]any, 0, len(row)-keys)
		out = append(append(out, row[:fields]...), row[fields+keys:]...)
		members[n] = append(members[n], out)
	}
	return res.Rows.Err()
}

// names are the fields of the relation's rows.
func (s *step) names() ([]string, error) {
	if len(s.with.Fields) == 0 {
		out := make([]string, len(s.r.Target.Fields))
		for i, f := range s.r.Target.Fields {
			out[i] = f.Name
		}
		return out, nil
	}
	out := make([]string, len(s.with.Fields))
	for i, n := range s.with.Fields {
		f := s.r.Target.Field(n)
		if f == nil {
			return nil, op.Invalid(s.r.Target.Name, n, "field", "is not a field of %s", s.r.Target.Name)
		}
		out[i] = f.Name
	}
	return out, nil
}
