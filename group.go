package weft

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Agg is one aggregate over the rows of a group, for [Grouped.Agg].
type Agg struct {
	fn    op.AggFunc
	field string
	as    string
	avg   bool
}

// Sum adds a field's values up, exactly for integers and decimals. NULL is
// passed over; the sum of no values is NULL. as names the result's column.
func Sum(field, as string) Agg { return Agg{fn: op.AggSum, field: field, as: as} }

// Count counts the rows of the group.
func Count(as string) Agg { return Agg{fn: op.AggCount, as: as} }

// CountOf counts the values of a field that are not NULL.
func CountOf(field, as string) Agg { return Agg{fn: op.AggCount, field: field, as: as} }

// CountDistinct counts the different values of a field; NULL is none.
func CountDistinct(field, as string) Agg {
	return Agg{fn: op.AggCountDistinct, field: field, as: as}
}

// Min is the smallest value of a field; NULL without values.
func Min(field, as string) Agg { return Agg{fn: op.AggMin, field: field, as: as} }

// Max is the greatest value of a field; NULL without values.
func Max(field, as string) Agg { return Agg{fn: op.AggMax, field: field, as: as} }

// Avg is the average of a field: a decimal with 16 decimals for integers and
// decimals, a float for floats; NULL without values. It is made of a sum and a
// count, so conditions on it and an order by it look at all groups after they
// were read.
func Avg(field, as string) Agg { return Agg{fn: op.AggSum, field: field, as: as, avg: true} }

// Grouped is a query for groups of rows, which [Into] reads. Like a [Query] it
// is never changed: every builder method returns a new one.
type Grouped[T any] struct{ g grouping }

// grouping is a grouped query without its type.
type grouping struct {
	spec   spec // of the rows that are grouped
	by     []string
	aggs   []Agg
	having []op.Cond
	sort   []op.Sort
	limit  int
	offset int
}

// GroupBy makes groups of the rows that are equal in all these columns; without
// one all rows are one group. Of the query it takes the conditions; an order and
// a limit belong behind GroupBy and are those of the groups.
//
// A column is a field, a field of the row that belongs_to relations lead to
// ("customer.country"; NULL where there is none), or a part of a time, in UTC:
// "invoiceDate.year", also month, day, hour, weekday (1 is Monday) and date.
// Aggregates take the same columns.
func (q *Query[T]) GroupBy(fields ...string) *Grouped[T] {
	n := q.edit()
	g := &Grouped[T]{grouping{spec: n.spec, by: slices.Clone(fields)}}
	s := &g.g.spec
	if s.limit != 0 || s.offset != 0 || s.after != "" || s.before != "" || len(s.sort) > 0 || len(s.with) > 0 ||
		s.distinct || s.fields != nil || s.lock != op.NoLock {
		s.fail(invalid("GroupBy takes the conditions of a query only; OrderBy, Sort, Limit and Offset go behind it, and Select, Distinct, With, Lock and cursors have no meaning for groups"))
	}
	return g
}

func (g *Grouped[T]) edit() *Grouped[T] {
	n := &Grouped[T]{}
	if g != nil {
		n.g = g.g
	}
	n.g.aggs = slices.Clip(n.g.aggs)
	n.g.having = slices.Clip(n.g.having)
	n.g.sort = slices.Clip(n.g.sort)
	return n
}

// Agg adds aggregates. Their names must differ from each other and from the
// fields of GroupBy.
func (g *Grouped[T]) Agg(aggs ...Agg) *Grouped[T] {
	n := g.edit()
	n.g.aggs = append(n.g.aggs, aggs...)
	return n
}

// Having adds conditions on groups, joined by and. They use the columns of the
// result: the fields of GroupBy and the names of the aggregates.
func (g *Grouped[T]) Having(conds ...Cond) *Grouped[T] {
	n := g.edit()
	for _, c := range conds {
		n.g.spec.use(c)
		n.g.having = append(n.g.having, rejoined(c.c))
	}
	return n
}

// OrderBy adds a column of the result to the order of the groups. Groups that
// are equal in all keys are ordered by the fields of GroupBy where it matters.
func (g *Grouped[T]) OrderBy(column string, dir Direction) *Grouped[T] {
	return g.Sort(By(column, dir))
}

// Sort adds keys to the order of the groups.
func (g *Grouped[T]) Sort(keys ...SortKey) *Grouped[T] {
	n := g.edit()
	for _, k := range keys {
		n.g.spec.from(k.origin())
		n.g.sort = append(n.g.sort, op.Sort{Field: k.Field, Desc: bool(k.Dir), Rank: k.rank})
	}
	return n
}

// Limit bounds the number of groups; 0 is no bound.
func (g *Grouped[T]) Limit(limit int) *Grouped[T] {
	n := g.edit()
	if limit < 0 {
		n.g.spec.fail(invalid("the limit is %d; it cannot be negative", limit))
	}
	n.g.limit = limit
	return n
}

// Offset passes over the first groups.
func (g *Grouped[T]) Offset(offset int) *Grouped[T] {
	n := g.edit()
	if offset < 0 {
		n.g.spec.fail(invalid("the offset is %d; it cannot be negative", offset))
	}
	n.g.offset = offset
	return n
}

// columns are the names of the result's columns: first those of by.
func (g *grouping) columns() ([]string, error) {
	m := g.spec.b.model
	if len(g.by) == 0 && len(g.aggs) == 0 {
		return nil, invalid("%s: GroupBy needs fields, or aggregates with Agg", m.Name)
	}
	var out []string
	for _, name := range g.by {
		c, err := columnOf(m, name)
		if err != nil {
			return nil, err
		}
		out = append(out, c.Name())
	}
	for _, a := range g.aggs {
		switch {
		case a.fn == 0:
			return nil, invalid("%s: an aggregate is empty; weft.Sum, weft.Count and others make one", m.Name)
		case a.as == "" || strings.Contains(a.as, ".") || slices.Contains(out, a.as):
			return nil, invalid("%s: %q cannot name an aggregate; names are not empty, have no dot and differ from each other and from the fields of GroupBy", m.Name, a.as)
		}
		if a.avg {
			if c, err := op.ColumnOf(m, a.field); err == nil && !numeric(c.As()) {
				return nil, op.Invalid(m.Name, c.Name(), "type", "is a %s, not a number", c.As().Type)
			}
		}
		out = append(out, a.as)
	}
	return out, nil
}

// columnOf is op.ColumnOf with the fields that there are in the error for a name
// without relations.
func columnOf(m *schema.Model, name string) (op.Column, error) {
	c, err := op.ColumnOf(m, name)
	if err != nil && !strings.Contains(name, ".") && m.Relation(name) == nil {
		return c, noField(m, name)
	}
	return c, err
}

// rejoined is a condition on groups with the names of their columns as they are:
// nothing in a group has parts.
func rejoined(c op.Cond) op.Cond {
	if len(c.Path) > 0 {
		c.Field, c.Path = strings.Join(append([]string{c.Field}, c.Path...), "."), nil
	}
	if c.Conds != nil {
		c.Conds = slices.Clone(c.Conds)
		for i := range c.Conds {
			c.Conds[i] = rejoined(c.Conds[i])
		}
	}
	return c
}

func noField(m *schema.Model, name string) error {
	if why := op.NoColumn(m, name); why != "" {
		return op.Invalid(m.Name, name, "field", "%s", why)
	}
	return op.Invalid(m.Name, name, "field", "is not a field; there are %s", strings.Join(visible(m), ", "))
}

// visible are the names of the fields that leave the process.
func visible(m *schema.Model) []string {
	var out []string
	for _, f := range m.Fields {
		if !f.Hidden {
			out = append(out, f.Name)
		}
	}
	return out
}

// column is the position of a column that Having or an order names.
func (g *grouping) column(columns []string, name string) (int, error) {
	i := slices.Index(columns, name)
	if c, err := op.ColumnOf(g.spec.b.model, name); i < 0 && err == nil { // by Go names
		i = slices.Index(columns[:len(g.by)], c.Name())
	}
	if i < 0 {
		return 0, op.Invalid(g.spec.b.model.Name, name, "field", "is not a column of the groups; there are %s", strings.Join(columns, ", "))
	}
	return i, nil
}

func (g *grouping) isAvg(column int) bool {
	return column >= len(g.by) && g.aggs[column-len(g.by)].avg
}

func (g *grouping) checkHaving(columns []string, c op.Cond) error {
	switch c.Kind {
	case op.Has, op.HasCount, op.Match:
		return invalid("%s: Having compares columns of the groups; conditions on relations and searches go before GroupBy", g.spec.b.model.Name)
	case op.Compare:
		_, err := g.column(columns, c.Field)
		return err
	}
	for _, sub := range c.Conds {
		if err := g.checkHaving(columns, sub); err != nil {
			return err
		}
	}
	return nil
}

// read asks for the groups: one row a group, with these columns.
func (g *grouping) read(ctx context.Context, columns []string) ([][]any, error) {
	o := g.spec.ask(op.Aggregate)
	o.GroupBy = columns[:len(g.by):len(g.by)]
	o.Sort, o.Limit, o.Offset = slices.Clip(g.sort), g.limit, g.offset
	for _, c := range g.having {
		if err := g.checkHaving(columns, c); err != nil {
			return nil, err
		}
	}
	below, above := g.splitHaving(columns, g.having)
	o.Having = op.AllOf(below...)
	for _, a := range g.aggs {
		if a.avg { // a dot, so that no other column has the name
			o.Aggs = append(o.Aggs, op.Agg{Func: op.AggSum, Field: a.field, As: a.as + ".sum"},
				op.Agg{Func: op.AggCount, Field: a.field, As: a.as + ".count"})
			continue
		}
		o.Aggs = append(o.Aggs, op.Agg{Func: a.fn, Field: a.field, As: a.as})
	}
	averages, err := g.havingHere(o, above)
	if err != nil {
		return nil, err
	}
	here := len(above) > 0 // groups are chosen or sorted by an average, which only exists here
	for _, k := range o.Sort {
		if k.Rank {
			return nil, invalid("%s: groups have no rank; sort them by their columns", o.Model.Name)
		}
		i, err := g.column(columns, k.Field)
		if err != nil {
			return nil, err
		}
		here = here || g.isAvg(i)
	}
	if len(o.Sort) > 0 || o.Limit > 0 || o.Offset > 0 {
		for _, name := range o.GroupBy {
			o.Sort = append(o.Sort, op.Sort{Field: name})
		}
		o.Sort = g.dedupe(o.Sort, columns)
	}
	order := o.Sort
	if here {
		o.Sort, o.Limit, o.Offset = nil, 0, 0
	}
	res, err := g.spec.db.do(ctx, o)
	if err != nil {
		return nil, err
	}
	defer res.Rows.Close()
	var out [][]any
	for res.Rows.Next() {
		row, err := g.averaged(res.Rows.Row())
		if err != nil {
			return nil, err
		}
		ok, err := averages(row)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, row)
		}
	}
	if err := res.Rows.Err(); err != nil {
		return nil, err
	}
	if here {
		g.sortRows(out, order, columns)
		out = out[min(g.offset, len(out)):]
		if g.limit > 0 {
			out = out[:min(g.limit, len(out))]
		}
	}
	return out, nil
}

// dedupe keeps the first of the keys with the same column.
func (g *grouping) dedupe(keys []op.Sort, columns []string) []op.Sort {
	var out []op.Sort
	seen := map[int]bool{}
	for _, k := range keys {
		if i, err := g.column(columns, k.Field); err == nil && !seen[i] {
			seen[i] = true
			out = append(out, op.Sort{Field: columns[i], Desc: k.Desc})
		}
	}
	return out
}

func (g *grouping) sortRows(rows [][]any, order []op.Sort, columns []string) {
	slices.SortStableFunc(rows, func(a, b []any) int {
		for _, k := range order {
			i := slices.Index(columns, k.Field)
			c := op.CompareValues(a[i], b[i])
			if k.Desc {
				c = -c
			}
			if c != 0 {
				return cmp.Compare(c, 0)
			}
		}
		return 0
	})
}
