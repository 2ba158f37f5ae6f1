package weft

import (
	"context"
	"iter"
	"slices"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// typed turns addresses of T into pointers.
func typed[T any](rows []unsafe.Pointer) []*T {
	if len(rows) == 0 {
		return []*T{}
	}
	return *(*[]*T)(unsafe.Pointer(&rows))
}

// run finds rows into a new sink.
func (s *spec) run(ctx context.Context, o *op.Op) (*sink, error) {
	k := newSink(s.db.core, s.b, o.Fields)
	if o.Limit > 0 {
		k.rows = make([]unsafe.Pointer, 0, min(o.Limit, 1024))
	}
	o.Sink = k
	if err := drain(s.db.do(ctx, o)); err != nil {
		return nil, err
	}
	return k, nil
}

// All returns all rows. The order of a query without OrderBy, Limit or cursor
// is the engine's own.
func (q *Query[T]) All(ctx context.Context) ([]*T, error) {
	s := q.state()
	o, err := s.find(ctx, 0)
	if err != nil {
		return nil, err
	}
	k, err := s.run(ctx, o)
	if err != nil {
		return nil, err
	}
	return typed[T](k.rows), nil
}

// First returns the first row, in the order of the primary key when the query
// has none. Without a row it is ErrNotFound.
func (q *Query[T]) First(ctx context.Context) (*T, error) {
	s := *q.state()
	s.limit = 1
	o, err := s.find(ctx, 0)
	if err != nil {
		return nil, err
	}
	k, err := s.run(ctx, o)
	if err != nil {
		return nil, err
	}
	if len(k.rows) == 0 {
		return nil, &op.Error{Code: op.CodeNotFound, Op: "find " + s.b.model.Name, Message: "no row matches", Index: -1}
	}
	return (*T)(k.rows[0]), nil
}

// Page is one page of a longer list.
type Page[T any] struct {
	Data    []*T   `json:"data"`
	HasMore bool   `json:"hasMore"`          // in the direction of paging
	Cursor  string `json:"cursor,omitempty"` // of the last row, for After; "" without rows or where the order has no cursor
	Start   string `json:"start,omitempty"`  // of the first row, for Before
	Total   *int64 `json:"total,omitempty"`  // of all pages; only with WithTotal
}

// DefaultPage is the number of rows of a Page without Limit.
const DefaultPage = 20

// Page returns Limit rows (20 without one) and the cursors to go on from there.
// The order is total, so no row is left out or comes twice.
func (q *Query[T]) Page(ctx context.Context) (*Page[T], error) {
	s := *q.state()
	if s.limit == 0 {
		s.limit = DefaultPage
	}
	o, err := s.find(ctx, 1)
	if err != nil {
		return nil, err
	}
	k, err := s.run(ctx, o)
	if err != nil {
		return nil, err
	}
	rows := k.rows
	page := &Page[T]{HasMore: len(rows) > s.limit}
	switch {
	case page.HasMore && s.before != "":
		rows = rows[1:]
	case page.HasMore:
		rows = rows[:s.limit]
	}
	page.Data = typed[T](rows)
	if n := len(rows); n > 0 {
		if page.Cursor, err = s.cursorAt(o.Sort, rows[n-1]); err != nil {
			return nil, err
		}
		if page.Start, err = s.cursorAt(o.Sort, rows[0]); err != nil {
			return nil, err
		}
	}
	if s.total {
		n, err := q.Count(ctx)
		if err != nil {
			return nil, err
		}
		page.Total = &n
	}
	return page, nil
}

// Count returns the number of rows that match, with Distinct that of different
// ones; order, limit and cursors do not matter.
func (q *Query[T]) Count(ctx context.Context) (int64, error) {
	s := q.state()
	if err := s.ready(); err != nil {
		return 0, err
	}
	if s.distinct && s.fields != nil {
		return s.countDistinct(ctx)
	}
	res, err := s.db.do(ctx, s.ask(op.Count))
	return res.N, err
}

// countDistinct counts the rows of a find, which are not kept.
func (s *spec) countDistinct(ctx context.Context) (n int64, err error) {
	o := s.ask(op.Find)
	o.Fields, o.Distinct = s.fields, true
	res, err := s.db.do(ctx, o)
	if err != nil {
		return 0, err
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		n++
	}
	return n, res.Rows.Err()
}

// Exists reports whether a row matches; order, limit and cursors do not matter.
func (q *Query[T]) Exists(ctx context.Context) (bool, error) {
	s := q.state()
	if err := s.ready(); err != nil {
		return false, err
	}
	if h := s.db.core.hooks.of(s.b.model); h != nil && len(h.AfterFind) > 0 { // not for rows that nobody sees
		n, err := q.Count(ctx)
		return n > 0, err
	}
	o := s.ask(op.Find)
	o.Limit, o.Fields = 1, []string{s.b.model.Primary[0].Name}
	res, err := s.db.do(ctx, o)
	if err != nil {
		return false, err
	}
	found := res.Rows.Next()
	err = res.Rows.Err()
	if cerr := res.Rows.Close(); err == nil {
		err = cerr
	}
	return found && err == nil, err
}

// aggregate asks for aggregates over all rows that match.
func (s *spec) aggregate(ctx context.Context, aggs ...op.Agg) ([]any, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if s.distinct {
		return nil, invalid("%s: Distinct has no meaning for an aggregate over all rows; leave it out", s.b.model.Name)
	}
	o := s.ask(op.Aggregate)
	o.Aggs = aggs
	res, err := s.db.do(ctx, o)
	if err != nil {
		return nil, err
	}
	defer res.Rows.Close()
	if !res.Rows.Next() {
		if err := res.Rows.Err(); err != nil {
			return nil, err
		}
		return make([]any, len(aggs)), nil
	}
	row := slices.Clone(res.Rows.Row())
	return row, res.Rows.Err()
}

func (s *spec) number(ctx context.Context, fn op.AggFunc, field string) (Num, error) {
	if s.b != nil {
		if f := s.b.model.Field(field); f != nil && !numeric(f) {
			return Num{}, op.Invalid(s.b.model.Name, f.Name, "type", "is a %s, not a number", f.Type)
		}
	}
	row, err := s.aggregate(ctx, op.Agg{Func: fn, Field: field, As: "n"})
	if err != nil {
		return Num{}, err
	}
	return numOf(row[0])
}

func numeric(f *schema.Field) bool {
	switch f.Type.Kind() {
	case schema.KindInt, schema.KindFloat, schema.KindDecimal, schema.KindAny:
		return true
	}
	return false
}

// Sum adds the field's values up, exactly for integers and decimals. NULL is
// passed over; the sum of no values is NULL, which reads as 0.
func (q *Query[T]) Sum(ctx context.Context, field string) (Num, error) {
	return q.state().number(ctx, op.AggSum, field)
}

// Min returns the smallest value of a numeric field; NULL without values.
func (q *Query[T]) Min(ctx context.Context, field string) (Num, error) {
	return q.state().number(ctx, op.AggMin, field)
}

// Max returns the greatest value of a numeric field; NULL without values.
func (q *Query[T]) Max(ctx context.Context, field string) (Num, error) {
	return q.state().number(ctx, op.AggMax, field)
}

// Avg returns the average of a numeric field: a decimal with 16 decimals for
// integers and decimals, a float for floats. NULL without values.
func (q *Query[T]) Avg(ctx context.Context, field string) (Num, error) {
	s := q.state()
	if s.b != nil {
		if f := s.b.model.Field(field); f != nil && !numeric(f) {
			return Num{}, op.Invalid(s.b.model.Name, f.Name, "type", "is a %s, not a number", f.Type)
		}
	}
	row, err := s.aggregate(ctx,
		op.Agg{Func: op.AggSum, Field: field, As: "sum"}, op.Agg{Func: op.AggCount, Field: field, As: "count"})
	if err != nil {
		return Num{}, err
	}
	n, _ := row[1].(int64)
	if n == 0 {
		return Num{}, nil
	}
	sum, err := numOf(row[0])
	if err != nil {
		return Num{}, err
	}
	if x, ok := row[0].(float64); ok {
		return Num{x / float64(n)}, nil
	}
	return Num{sum.Decimal().DivRound(decimal.NewFromInt(n), 16)}, nil
}

// chunk is how many rows Iter reads at once inside a transaction.
const chunk = 500

// Iter goes through all rows in constant memory:
//
//	for p, err := range posts.Iter(ctx) {
//		if err != nil { … }
//	}
//
// An error ends it. Inside a transaction it reads page after page by key, so
// that the rows can be written meanwhile; there, rows of Distinct and before a
// cursor are all read first.
func (q *Query[T]) Iter(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		s := q.state()
		if err := s.ready(); err != nil {
			yield(nil, err)
			return
		}
		if s.db.joined(ctx).tx != nil {
			if s.before != "" || (s.distinct && s.fields != nil) {
				q.iterAll(ctx, yield)
			} else {
				q.iterPages(ctx, yield)
			}
			return
		}
		o, err := s.find(ctx, 0)
		if err != nil {
			yield(nil, err)
			return
		}
		k := newSink(s.db.core, s.b, o.Fields)
		k.stream = true
		o.Sink = k
		res, err := s.db.do(ctx, o)
		if err != nil {
			yield(nil, err)
			return
		}
		defer res.Rows.Close()
		for n := 0; res.Rows.Next(); n++ {
			if !yield((*T)(k.take(n)), nil) {
				return
			}
		}
		if err := res.Rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// iterAll reads all rows before it hands them out, for queries that cannot go
// on by key.
func (q *Query[T]) iterAll(ctx context.Context, yield func(*T, error) bool) {
	list, err := q.All(ctx)
	if err != nil {
		yield(nil, err)
		return
	}
	for _, p := range list {
		if !yield(p, nil) {
			return
		}
	}
}

func (q *Query[T]) iterPages(ctx context.Context, yield func(*T, error) bool) {
	s := *q.state()
	left := s.limit
	for {
		s.limit = chunk
		if left > 0 {
			s.limit = min(left, chunk)
		}
		o, err := s.find(ctx, 0)
		if err != nil {
			yield(nil, err)
			return
		}
		k, err := s.run(ctx, o)
		if err != nil {
			yield(nil, err)
			return
		}
		var next string
		if n := len(k.rows); n > 0 { // before the rows are handed out and changed
			if next, err = s.cursorAt(o.Sort, k.rows[n-1]); err == nil && next == "" {
				err = invalid("Iter inside a transaction goes on by cursor, and an order by a JSON path or by rank has none")
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		for _, p := range k.rows {
			if !yield((*T)(p), nil) {
				return
			}
		}
		if len(k.rows) < s.limit {
			return
		}
		if left > 0 {
			if left -= len(k.rows); left == 0 {
				return
			}
		}
		s.after, s.offset = next, 0
	}
}

// Each calls fn for each row, in constant memory, until it returns an error,
// which Each then returns.
func (q *Query[T]) Each(ctx context.Context, fn func(*T) error) error {
	if fn == nil {
		return invalid("Each was given a nil function")
	}
	for p, err := range q.Iter(ctx) {
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

// onlyConditions makes sure that a write by query has conditions, and nothing
// that it would not heed.
func (s *spec) onlyConditions(verb string) error {
	if err := s.ready(); err != nil {
		return err
	}
	if s.limit != 0 || s.offset != 0 || s.after != "" || s.before != "" || len(s.sort) > 0 || len(s.with) > 0 || s.distinct {
		return invalid("%s %s: takes conditions only, no order, limit, cursor, relations or Distinct", verb, s.b.model.Name)
	}
	if !s.everything && s.filter().Kind == op.True {
		return invalid("%s %s: the query has no condition and would reach every row; if that is meant, add Filter(weft.Everything())",
			verb, s.b.model.Name)
	}
	return nil
}

// Update sets fields of all rows that match and returns their number. A query
// without a condition is an error, unless it has Filter(weft.Everything()).
func (q *Query[T]) Update(ctx context.Context, set Set) (int64, error) {
	s := q.state()
	o, err := s.update(set)
	if err != nil {
		return 0, err
	}
	res, err := s.db.do(ctx, o)
	return res.N, s.wrap(err)
}

func (s *spec) update(set Set) (*op.Op, error) {
	if err := s.onlyConditions("update"); err != nil {
		return nil, err
	}
	assigns, err := set.assigns(s.b.model)
	if err != nil {
		return nil, err
	}
	if len(assigns) == 0 {
		return nil, invalid("update %s: nothing is set", s.b.model.Name)
	}
	o := s.ask(op.Update)
	o.Set = assigns
	if o.Guards, err = set.guards(s.b.model, o.Filter); err != nil {
		return nil, err
	}
	return o, nil
}

// wrap makes the fresh row of a stale conflict available to Fresh.
func (s *spec) wrap(err error) error {
	if err == nil || s.b == nil {
		return err
	}
	return s.b.fresh(err)
}

// UpdateAll is Update that returns the rows as written.
func (q *Query[T]) UpdateAll(ctx context.Context, set Set) ([]*T, error) {
	s := q.state()
	o, err := s.update(set)
	if err != nil {
		return nil, err
	}
	o.Returning = true
	k, err := s.run(ctx, o)
	if err != nil {
		return nil, s.wrap(err)
	}
	return typed[T](k.rows), nil
}

// Delete deletes all rows that match and returns their number. A query without
// a condition is an error, unless it has Filter(weft.Everything()). Rows of a
// model with [SoftDelete] are marked.
func (q *Query[T]) Delete(ctx context.Context) (int64, error) {
	s := q.state()
	if err := s.onlyConditions("delete"); err != nil {
		return 0, err
	}
	o := s.ask(op.Delete)
	res, err := s.db.do(ctx, o)
	return res.N, s.wrap(err)
}

// Plan tells how a query would run.
type Plan = op.Plan

// Explain tells how the query would run, without running it.
func (q *Query[T]) Explain(ctx context.Context) (*Plan, error) {
	s := q.state()
	o, err := s.find(ctx, 0)
	if err != nil {
		return nil, err
	}
	o.Explain = true
	res, err := s.db.do(ctx, o)
	if err != nil {
		return nil, err
	}
	return res.Plan, nil
}
