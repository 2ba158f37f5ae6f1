package weft

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Query is a question that has not been asked yet. Builder methods return a new
// query and leave the old one as it was, so a query can be kept, shared and
// extended. It is safe for concurrent use.
type Query[T any] struct{ spec }

// spec is a query without its type.
type spec struct {
	db  *DB
	b   *binding
	err error // the first fault of the builders

	conds      []op.Cond
	everything bool
	with       []op.With
	sort       []op.Sort
	limit      int
	offset     int
	after      string
	before     string
	fields     []string
	distinct   bool
	total      bool
	deleted    bool // WithDeleted
	lock       op.Lock
	cache      bool
}

// state is the query without its type; that of a nil query cannot be used.
func (q *Query[T]) state() *spec {
	if q == nil {
		return &spec{}
	}
	return &q.spec
}

// ready says why the query cannot be asked; nil when it can.
func (s *spec) ready() error {
	switch {
	case s.err != nil:
		return s.err
	case s.b == nil:
		return errNoRepository()
	case s.cache:
		return op.Errorf(op.CodeUnsupported, "Cache needs the cache layer: weft.With(cache.New(…)) in Open")
	}
	return nil
}

func errNoRepository() error {
	return invalid("the repository or query is empty; weft.Repo makes one")
}

func (s *spec) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
		if s.b != nil {
			s.err = named(s.b.model, err)
		}
	}
}

// use reports what is wrong with a condition, and columns of another model in it.
func (s *spec) use(c Cond) {
	s.fail(c.err)
	s.from(c.from)
}

// from reports columns of another model.
func (s *spec) from(o origin) {
	if s.b != nil {
		s.fail(o.check(s.b.model))
	}
}

// edit returns a copy of the query to change. Its slices are clipped, so that
// appending does not reach into the original.
func (q *Query[T]) edit() *Query[T] {
	n := Query[T]{*q.state()}
	n.conds = slices.Clip(n.conds)
	n.with = slices.Clip(n.with)
	n.sort = slices.Clip(n.sort)
	n.fields = slices.Clip(n.fields)
	return &n
}

// Where adds a comparison; conditions are joined by and. See [If].
func (q *Query[T]) Where(field, operator string, value any) *Query[T] {
	n := q.edit()
	c, err := compare(field, operator, value)
	n.fail(err)
	n.conds = append(n.conds, c)
	return n
}

// WhereIn adds: the field has one of these values. A sole slice is spread. No
// value matches no row.
func (q *Query[T]) WhereIn(field string, values ...any) *Query[T] {
	n := q.edit()
	if len(values) == 1 {
		if list, err := listOf(field, "in", values[0]); err == nil {
			values = list
		}
	} else {
		values = slices.Clone(values) // the slice is the caller's
	}
	name, path := splitField(field)
	n.conds = append(n.conds, op.Cond{Kind: op.Compare, Field: name, Path: path, Op: op.In, List: values})
	return n
}

// WhereUserIn adds: the row belongs to one of these users. The model must be
// user-scoped.
func (q *Query[T]) WhereUserIn(ids ...string) *Query[T] {
	n := q.edit()
	if n.b == nil {
		return n
	}
	if n.b.model.OwnerF == nil {
		n.fail(invalid("%s is not user-scoped: WhereUserIn needs Options{Scope: weft.UserScope}", n.b.model.Name))
		return n
	}
	n.conds = append(n.conds, op.Cond{Kind: op.Compare, Field: n.b.model.OwnerF.Name, Op: op.In, List: boxed(ids)})
	return n
}

// Filter adds conditions, joined by and.
func (q *Query[T]) Filter(conds ...Cond) *Query[T] {
	n := q.edit()
	for _, c := range conds {
		n.use(c)
		n.everything = n.everything || c.everything
		n.conds = append(n.conds, c.c)
	}
	return n
}

// With loads relations of the rows found: one query per relation and level. A
// path loads nested ones: "comments.author". The name of a count field fills it
// with the number of related rows, in one query as well.
func (q *Query[T]) With(relations ...string) *Query[T] {
	n := q.edit()
	for _, r := range relations {
		n.with = append(n.with, op.With{Relation: r})
	}
	return n
}

// WithQuery loads a relation with conditions, an order and a limit that holds
// per parent. Of a count field it counts the rows for which the conditions
// hold; an order or a limit is an error there.
func (q *Query[T]) WithQuery(relation string, fn func(r *Rel)) *Query[T] {
	n := q.edit()
	r := buildRel(relation, fn)
	n.fail(r.err)
	n.from(origin{rels: []relOrigin{{relation, r.from}}})
	n.with = append(n.with, r.w)
	return n
}

// OrderBy adds a key to the order: a field, a path into a JSON field, or a column
// as those of [Query.GroupBy]. Rows that are equal in all keys are ordered by
// their primary key.
func (q *Query[T]) OrderBy(field string, dir Direction) *Query[T] { return q.Sort(By(field, dir)) }

// Sort adds keys to the order.
func (q *Query[T]) Sort(keys ...SortKey) *Query[T] {
	n := q.edit()
	for _, k := range keys {
		n.from(k.origin())
		n.sort = append(n.sort, k.op())
	}
	return n
}

// Limit bounds the number of rows; 0 is no bound.
func (q *Query[T]) Limit(n int) *Query[T] {
	e := q.edit()
	if n < 0 {
		e.fail(invalid("the limit is %d; it cannot be negative", n))
	}
	e.limit = n
	return e
}

// Offset passes over the first n rows. On long lists a cursor (After) is
// faster and does not shift when rows are added.
func (q *Query[T]) Offset(n int) *Query[T] {
	e := q.edit()
	if n < 0 {
		e.fail(invalid("the offset is %d; it cannot be negative", n))
	}
	e.offset = n
	return e
}

// After continues behind the cursor that a Page of the same order gave. The
// empty cursor is none: it begins at the beginning.
func (q *Query[T]) After(cursor string) *Query[T] {
	n := q.edit()
	n.after = cursor
	return n
}

// Before asks for the rows just before a cursor that a Page of the same order
// gave, in the order of the query. The empty cursor is none. The last page is
// the first one of the opposite order.
func (q *Query[T]) Before(cursor string) *Query[T] {
	n := q.edit()
	n.before = cursor
	return n
}

// Select loads only these fields, and what is needed beside them: the key, the
// version, the fields of the order and those that relations hang on. Other
// fields keep their zero value; saving such an instance does not write them.
func (q *Query[T]) Select(fields ...string) *Query[T] {
	n := q.edit()
	n.fields = append(n.fields, fields...)
	return n
}

// Distinct leaves out rows that are equal in all selected fields. The key is
// then only loaded when it is selected.
func (q *Query[T]) Distinct() *Query[T] {
	n := q.edit()
	n.distinct = true
	return n
}

// WithTotal has Page count all rows.
func (q *Query[T]) WithTotal() *Query[T] {
	n := q.edit()
	n.total = true
	return n
}

// Primary reads from the primary server where there are replicas. On an engine
// without replicas every read does.
func (q *Query[T]) Primary() *Query[T] { return q }

// LockOption chooses a lock for [Query.Lock].
type LockOption func(*op.Lock)

// SkipLocked leaves out rows that others have locked.
func SkipLocked() LockOption { return func(l *op.Lock) { *l = op.ForUpdateSkipLocked } }

// NoWait fails when others have locked a row.
func NoWait() LockOption { return func(l *op.Lock) { *l = op.ForUpdateNoWait } }

// Shared keeps others from changing the rows, not from reading them with Shared.
func Shared() LockOption { return func(l *op.Lock) { *l = op.ForShare } }

// Lock locks the rows found until the transaction ends, for updating by
// default. Outside a transaction it is an error. On SQLite a transaction is the
// only writer anyway.
func (q *Query[T]) Lock(opts ...LockOption) *Query[T] {
	n := q.edit()
	n.lock = op.ForUpdate
	for _, o := range opts {
		if o != nil {
			o(&n.lock)
		}
	}
	return n
}

// Cache lets the answer come from the read cache. Without the cache layer it is
// ErrUnsupported.
func (q *Query[T]) Cache(time.Duration) *Query[T] {
	n := q.edit()
	n.cache = true
	return n
}

// AllowPartial lets a query over several shards answer when some cannot be
// reached. On one database it changes nothing.
func (q *Query[T]) AllowPartial() *Query[T] { return q }

// Apply passes the query through fn, for parts of queries that are used again.
func (q *Query[T]) Apply(fn func(*Query[T]) *Query[T]) *Query[T] {
	if fn == nil {
		return q
	}
	if n := fn(q); n != nil {
		return n
	}
	n := q.edit()
	n.fail(invalid("the function given to Apply returned nil; it returns a query"))
	return n
}

// Rel narrows a relation that is loaded with its parents, for [Query.WithQuery].
// Limit and Offset hold per parent.
type Rel struct {
	w    op.With
	err  error
	from origin
}

// Where adds a comparison. See [If].
func (r *Rel) Where(field, operator string, value any) *Rel {
	return r.Filter(If(field, operator, value))
}

// Filter adds conditions on the related rows.
func (r *Rel) Filter(conds ...Cond) *Rel {
	for _, c := range conds {
		r.fail(c.err)
		r.fail(r.from.join(c.from))
		r.w.Filter = op.AllOf(r.w.Filter, c.c)
	}
	return r
}

// OrderBy adds a key to the order of the related rows.
func (r *Rel) OrderBy(field string, dir Direction) *Rel { return r.Sort(By(field, dir)) }

// Sort adds keys to the order of the related rows.
func (r *Rel) Sort(keys ...SortKey) *Rel {
	for _, k := range keys {
		r.fail(r.from.join(k.origin()))
		r.w.Sort = append(r.w.Sort, k.op())
	}
	return r
}

// Limit bounds the number of related rows per parent.
func (r *Rel) Limit(n int) *Rel { r.w.Limit = n; return r }

// Offset passes over the first n related rows of each parent.
func (r *Rel) Offset(n int) *Rel { r.w.Offset = n; return r }

// Select loads only these fields of the related rows, and what is needed to
// tell whose they are.
func (r *Rel) Select(fields ...string) *Rel {
	r.w.Fields = append(r.w.Fields, fields...)
	return r
}

// With loads relations of the related rows.
func (r *Rel) With(relations ...string) *Rel {
	for _, name := range relations {
		r.w.With = append(r.w.With, op.With{Relation: name})
	}
	return r
}

// WithQuery loads a relation of the related rows with conditions of its own.
func (r *Rel) WithQuery(relation string, fn func(r *Rel)) *Rel {
	in := buildRel(relation, fn)
	r.fail(in.err)
	r.from.rels = append(r.from.rels, relOrigin{relation, in.from})
	r.w.With = append(r.w.With, in.w)
	return r
}

func (r *Rel) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func buildRel(relation string, fn func(*Rel)) *Rel {
	r := &Rel{w: op.With{Relation: relation}}
	if fn != nil {
		fn(r)
	}
	return r
}

// filter is the query's condition.
func (s *spec) filter() op.Cond { return op.AllOf(s.conds...) }

// ask makes an operation about the query's rows.
func (s *spec) ask(kind op.Kind) *op.Op {
	return &op.Op{Kind: kind, Model: s.b.model, Filter: s.filter(), WithDeleted: s.deleted}
}

// find makes the operation, with everything but a sink. more is added to the
// limit.
func (s *spec) find(ctx context.Context, more int) (*op.Op, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if s.lock != op.NoLock && s.db.joined(ctx).tx == nil {
		return nil, invalid("Lock needs a transaction: use it on a repository made with In(tx), or with the context that InTx gave")
	}
	o := s.ask(op.Find)
	o.Sort, o.Limit, o.Offset, o.Distinct, o.Lock = s.sort, s.limit, s.offset, s.distinct, s.lock
	if o.Limit > 0 && o.Limit < math.MaxInt {
		o.Limit += more
	}
	if len(s.with) > 0 || s.fields == nil {
		o.With = relate.Expand(s.b.model, s.with)
	}
	o.Sort = s.order()
	o.Fields = s.columns(o)
	var err error
	if s.after != "" {
		if o.After, err = s.cursor(o.Sort, s.after); err != nil {
			return nil, err
		}
	}
	if s.before != "" {
		if o.Before, err = s.cursor(o.Sort, s.before); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// order is the query's order, made total by the key where it matters.
func (s *spec) order() []op.Sort {
	if len(s.sort) == 0 && s.limit == 0 && s.offset == 0 && s.after == "" && s.before == "" {
		return nil
	}
	sort := slices.Clip(s.sort)
	last := s.b.model.Primary
	if s.distinct && s.fields != nil { // the key would make every row different
		last = nil
		for _, name := range s.fields {
			if c, err := op.ColumnOf(s.b.model, name); err == nil && c.Field.Type.Kind() != schema.KindJSON {
				last = append(last, c.As())
			}
		}
	}
	for _, f := range last {
		if !slices.ContainsFunc(sort, func(k op.Sort) bool {
			return k.Path == nil && (k.Field == f.Name || k.Field == f.GoName)
		}) {
			sort = append(sort, op.Sort{Field: f.Name})
		}
	}
	return sort
}

// columns are the fields to load: what was selected, and what is needed beside
// it for the key, the relations and the cursor. nil is all.
func (s *spec) columns(o *op.Op) []string {
	if s.fields == nil {
		return nil
	}
	m := s.b.model
	var out []string
	add := func(name string) {
		if f := m.Field(name); f != nil {
			name = f.Name
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, name := range s.fields {
		add(name)
	}
	if s.distinct {
		return out
	}
	for _, f := range m.Primary {
		add(f.Name)
	}
	if m.VersionF != nil {
		add(m.VersionF.Name)
	}
	for _, f := range relate.Fields(m, o.With) {
		add(f.Name)
	}
	for _, k := range o.Sort {
		if !k.Rank {
			add(k.Field)
		}
	}
	return out
}
