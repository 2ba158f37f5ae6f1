package mem

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// hit is a row on its way into the result.
type hit struct {
	row  []any
	keys []any // of the parent, with Via
	sort []any // the values it is sorted by
}

func find(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	rows, err := s.where(o.Model, o.Where())
	if err != nil {
		return op.Result{}, err
	}
	hits := make([]hit, len(rows))
	for i, row := range rows {
		if hits[i], err = newHit(s, o, row); err != nil {
			return op.Result{}, err
		}
	}
	if o.Via != nil {
		if hits, err = via(s, o, hits); err != nil {
			return op.Result{}, err
		}
	}
	order(hits, o.Sort)
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		return (len(o.After) > 0 && compare(h.sort, o.After, o.Sort) <= 0) ||
			(len(o.Before) > 0 && compare(h.sort, o.Before, o.Sort) >= 0)
	})
	out, err := columns(s, o, hits)
	if err != nil {
		return op.Result{}, err
	}
	if len(o.Before) > 0 { // count from the end, which is next to the cursor
		slices.Reverse(out)
		out = window(out, o.Offset, o.Limit)
		slices.Reverse(out)
	} else {
		out = window(out, o.Offset, o.Limit)
	}
	return op.Result{Rows: output(ctx, o, out)}, nil
}

// columns makes the rows of the result, each once when they shall be distinct.
func columns(s *state, o *op.Op, hits []hit) ([][]any, error) {
	out := make([][]any, len(hits))
	for i, h := range hits {
		row := h.row
		if o.Fields != nil {
			var err error
			if row, err = s.columnsOf(o, h.row, o.Fields); err != nil {
				return nil, err
			}
		}
		out[i] = append(ownRow(row), ownRow(h.keys)...)
	}
	if o.Distinct {
		out = distinct(out)
	}
	return out, nil
}

func distinct(rows [][]any) [][]any {
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(row []any) bool {
		key := op.KeyString(row)
		if seen[key] {
			return true
		}
		seen[key] = true
		return false
	})
}

func newHit(s *state, o *op.Op, row []any) (hit, error) {
	h := hit{row: row, sort: make([]any, len(o.Sort))}
	for i, k := range o.Sort {
		var err error
		switch {
		case k.Rank:
			h.sort[i], err = op.Rank(o.Model, row, &o.Filter)
		case len(k.Path) > 0:
			h.sort[i], err = op.Place(o.Model, row, k.Field, k.Path)
		default:
			h.sort[i], err = s.column(o, row, k.Field)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// compare puts two rows in order by the values they are sorted by.
func compare(a, b []any, keys []op.Sort) int {
	for i, k := range keys {
		if c := op.CompareValues(a[i], b[i]); c != 0 {
			if k.Desc {
				return -c
			}
			return c
		}
	}
	return 0
}

func order(hits []hit, keys []op.Sort) {
	slices.SortStableFunc(hits, func(a, b hit) int { return compare(a.sort, b.sort, keys) })
}

func window[T any](list []T, offset, limit int) []T {
	list = list[min(offset, len(list)):]
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

// via keeps, for each parent, the rows that the relation leads to.
func via(s *state, o *op.Op, hits []hit) ([]hit, error) {
	r := o.Via.Model.Relation(o.Via.Relation)
	if r == nil {
		return nil, op.Errorf(op.CodeInternal, "%s has no relation %s", o.Via.Model.Name, o.Via.Relation)
	}
	at := map[*any]hit{}
	for _, h := range hits {
		at[&h.row[0]] = h
	}
	var out []hit
	for _, key := range o.Via.Keys {
		var of []hit
		related, err := s.related(r, key, o.Via.Join)
		if err != nil {
			return nil, err
		}
		for _, child := range related {
			if h, found := at[&child[0]]; found {
				of = append(of, hit{row: child, keys: key, sort: h.sort})
			}
		}
		order(of, o.Sort)
		out = append(out, window(of, o.Via.Offset, o.Via.Limit)...)
	}
	return out, nil
}

func count(s *state, o *op.Op) (op.Result, error) {
	rows, err := s.where(o.Model, o.Where())
	if err != nil {
		return op.Result{}, err
	}
	if o.Distinct {
		if rows, err = project(o.Model, o.Fields, rows); err != nil {
			return op.Result{}, err
		}
		rows = distinct(rows)
	}
	return op.Result{N: int64(len(rows))}, nil
}

// group is the rows of one row of an aggregate's result.
type group struct {
	keys []any // of the parent, with Via
	by   []any // the values of the GroupBy columns
	rows [][]any
}

// groups puts rows together that are equal in the GroupBy columns, for each
// parent of its own with Via. Without both all rows are one group.
func groups(s *state, o *op.Op, rows [][]any) ([]group, error) {
	if len(o.GroupBy) == 0 && o.Via == nil {
		return []group{{rows: rows}}, nil
	}
	hits := make([]hit, len(rows))
	for i, row := range rows {
		hits[i] = hit{row: row}
	}
	if o.Via != nil {
		unsorted := *o // the order is that of the groups
		unsorted.Sort = nil
		var err error
		if hits, err = via(s, &unsorted, hits); err != nil {
			return nil, err
		}
	}
	var out []group // in order of appearance
	at := map[string]int{}
	for _, h := range hits {
		by, err := s.columnsOf(o, h.row, o.GroupBy)
		if err != nil {
			return nil, err
		}
		key := op.KeyString(slices.Concat(by, h.keys))
		i, there := at[key]
		if !there {
			i = len(out)
			at[key], out = i, append(out, group{keys: h.keys, by: by})
		}
		out[i].rows = append(out[i].rows, h.row)
	}
	return out, nil
}

func aggregate(ctx context.Context, s *state, o *op.Op) (op.Result, error) {
	rows, err := s.where(o.Model, o.Where())
	if err != nil {
		return op.Result{}, err
	}
	cols := op.ResultColumns(o)
	list, err := groups(s, o, rows)
	if err != nil {
		return op.Result{}, err
	}
	var hits []hit
	for _, group := range list {
		h := hit{keys: group.keys, row: slices.Clone(group.by)}
		for _, a := range o.Aggs {
			v, err := fold(s, o, a, group.rows)
			if err != nil {
				return op.Result{}, err
			}
			h.row = append(h.row, v)
		}
		ok, err := op.MatchColumns(cols, h.row, o.Having)
		if err != nil {
			return op.Result{}, err
		}
		if !ok {
			continue
		}
		for _, k := range o.Sort {
			i := slices.IndexFunc(cols, func(f *schema.Field) bool { return f.Name == k.Field })
			if i < 0 {
				return op.Result{}, op.Errorf(op.CodeInternal, "the result has no column %s", k.Field)
			}
			h.sort = append(h.sort, h.row[i])
		}
		hits = append(hits, h)
	}
	order(hits, o.Sort)
	out := make([][]any, len(hits))
	for i, h := range hits {
		out[i] = ownRow(slices.Concat(h.row, h.keys))
	}
	return op.Result{Rows: output(ctx, o, window(out, o.Offset, o.Limit))}, nil
}

// fold computes one aggregate over the rows of a group.
func fold(s *state, o *op.Op, a op.Agg, group [][]any) (any, error) {
	if a.Func == op.AggCount && a.Field == "" {
		return int64(len(group)), nil
	}
	var vals []any
	for _, row := range group {
		v, err := s.column(o, row, a.Field)
		if err != nil {
			return nil, err
		}
		if v != nil {
			vals = append(vals, v)
		}
	}
	switch a.Func {
	case op.AggCount:
		return int64(len(vals)), nil
	case op.AggCountDistinct:
		seen := map[string]bool{}
		for _, v := range vals {
			seen[op.KeyString([]any{v})] = true
		}
		return int64(len(seen)), nil
	case op.AggSum:
		return sum(a, vals)
	}
	if len(vals) == 0 {
		return nil, nil
	}
	if a.Func == op.AggMin {
		return slices.MinFunc(vals, op.CompareValues), nil
	}
	return slices.MaxFunc(vals, op.CompareValues), nil
}
