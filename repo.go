package weft

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"unsafe"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Repository reads and writes the rows of one model. It has all builders and
// terminals of [Query], except that Update and Delete take the key of one row.
// It is cheap to make and safe for concurrent use.
type Repository[T any] struct{ *query[T] }

// query keeps the embedded field's name unexported.
type query[T any] = Query[T]

// Repo returns the repository of model T. A T that was not given to
// [Models] is an error of every call.
func Repo[T any](db *DB) *Repository[T] {
	q := &Query[T]{}
	q.db = db
	t := reflect.TypeFor[T]()
	if q.err = db.unusable(); q.err == nil {
		if q.b = db.core.byType[t]; q.b == nil {
			q.err = invalid("%s is not a registered model; add it to weft.Models(…) in Open", t)
		}
	}
	return &Repository[T]{q}
}

// In returns the repository inside the transaction.
func (r *Repository[T]) In(tx *DB) *Repository[T] { return Repo[T](tx) }

// New returns a new instance with its defaults filled in. What is set on it
// afterwards is kept on Create, also an explicit false, 0 or "".
func (r *Repository[T]) New() *T {
	if r.ready() != nil {
		return new(T)
	}
	p, st := r.b.newRow()
	row := r.db.core.defaults(r.b.model)
	for i := range r.b.fields {
		fb := &r.b.fields[i]
		if _, unset := row[i].(op.Unset); !unset && fb.kind != bindHidden {
			if err := fb.set(p, row[i]); err != nil {
				break // Create will say what is wrong with the default
			}
		}
	}
	if st != nil {
		r.b.trackedAt(p).state = st // not loaded: everything on it counts as given
	}
	return (*T)(p)
}

// ready says why the repository cannot be used; nil when it can.
func (r *Repository[T]) ready() error {
	if r == nil {
		return errNoRepository()
	}
	return r.query.state().ready()
}

func (r *Repository[T]) check(p *T) error {
	if err := r.ready(); err != nil {
		return err
	}
	if p == nil {
		return invalid("%s: the instance is nil", r.b.model.Name)
	}
	return nil
}

// Create inserts the instance. Defaults, key, times and version are filled in
// on it. A key or unique value that exists is a *ConflictError. Relations are
// not saved.
func (r *Repository[T]) Create(ctx context.Context, p *T) error {
	if err := r.check(p); err != nil {
		return err
	}
	return r.db.insert(ctx, r.b, []unsafe.Pointer{unsafe.Pointer(p)}, false)
}

// CreateMany inserts all instances or none. Errors carry the index of the
// instance they are about.
func (r *Repository[T]) CreateMany(ctx context.Context, list []*T) error {
	if err := r.ready(); err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	ps, err := r.pointers(list)
	if err != nil {
		return err
	}
	return r.db.insert(ctx, r.b, ps, true)
}

// pointers are the addresses of instances, of which each must be there once.
func (r *Repository[T]) pointers(list []*T) ([]unsafe.Pointer, error) {
	ps := make([]unsafe.Pointer, len(list))
	seen := make(map[*T]bool, len(list))
	for i, p := range list {
		if p == nil || seen[p] {
			e := op.Errorf(op.CodeValidation, "%s: the instance is nil", r.b.model.Name)
			if p != nil {
				e = op.Errorf(op.CodeValidation, "%s: the same instance comes twice; a row needs an instance of its own", r.b.model.Name)
			}
			e.Index = i
			return nil, e
		}
		seen[p] = true
		ps[i] = unsafe.Pointer(p)
	}
	return ps, nil
}

// insert inserts instances and fills in what was made for them.
func (db *DB) insert(ctx context.Context, b *binding, ps []unsafe.Pointer, many bool) error {
	rows, sent := make([][]any, len(ps)), make([][]any, len(ps))
	for i, p := range ps {
		row, err := b.row(p)
		if err != nil {
			return at(err, i, many)
		}
		rows[i], sent[i] = row, append([]any(nil), row...)
	}
	if ctx == nil {
		return invalid("the context is nil")
	}
	if db.core.hooks.of(b.model) != nil {
		clear(sent) // a hook may have changed the instances, so all is read back
	}
	keep := db.keep(ctx, b, ps)
	res, err := db.do(ctx, &op.Op{
		Kind: op.Insert, Model: b.model, Rows: rows, Returning: true, Instances: &instances{b, ps},
	})
	if err == nil {
		err = fillAll(b, ps, res.Rows, sent)
	}
	keep(err)
	if err != nil && !many {
		err = single(err)
	}
	return err
}

func fillAll(b *binding, ps []unsafe.Pointer, rows op.Rows, sent [][]any) error {
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		if i >= len(ps) {
			break
		}
		if err := b.fill(ps[i], rows.Row(), sent[i]); err != nil {
			return err
		}
	}
	return rows.Err()
}

// at notes the index of a row that could not be read from its instance.
func at(err error, i int, many bool) error {
	var v *op.ValidationError
	if many && errors.As(err, &v) {
		v.Index = i
	}
	return err
}

// single takes the index 0 out of the errors of a lone row.
func single(err error) error {
	var (
		v *op.ValidationError
		c *op.ConflictError
		e *op.Error
	)
	if errors.As(err, &v) {
		v.Index = -1
	}
	if errors.As(err, &c) {
		c.Index = -1
	}
	if errors.As(err, &e) {
		e.Index = -1
	}
	return err
}

// Get returns the row with this key, or nil and no error when there is none.
// Keys that are not one string are written with [Key].
func (r *Repository[T]) Get(ctx context.Context, id string) (*T, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	cond, err := op.KeyCond(r.b.model, id)
	if err != nil {
		return nil, err
	}
	o := op.Op{Kind: op.Find, Model: r.b.model, Filter: cond}
	k := newSink(r.db.core, r.b, nil)
	var one [1]unsafe.Pointer
	k.rows = one[:0]
	o.Sink = k
	if err := drain(r.db.do(ctx, &o)); err != nil {
		return nil, err
	}
	if len(k.rows) == 0 {
		return nil, nil
	}
	return (*T)(k.rows[0]), nil
}

// Find returns the row with this key, or ErrNotFound.
func (r *Repository[T]) Find(ctx context.Context, id string) (*T, error) {
	p, err := r.Get(ctx, id)
	if err == nil && p == nil {
		err = r.notFound("find", id)
	}
	return p, err
}

func (s *spec) notFound(verb, id string) error {
	e := op.Errorf(op.CodeNotFound, "there is no %s with the key %q", s.b.model.Name, id)
	e.Op = verb + " " + s.b.model.Name
	return e
}

// Save creates an instance that was not loaded, and updates one that was:
// only the columns that changed, and nothing at all when none did. A row that
// somebody else changed meanwhile is a *ConflictError with reason stale, and
// Fresh gives it as it is now. An instance with a key of its own that was never
// loaded is inserted, and is a conflict when the key exists.
//
// Without Tracked it cannot be known what was loaded: an instance with a key
// then has all its columns written, and is inserted when there is no such row.
func (r *Repository[T]) Save(ctx context.Context, p *T) error {
	if err := r.check(p); err != nil {
		return err
	}
	if ctx == nil {
		return invalid("the context is nil")
	}
	ptr := unsafe.Pointer(p)
	st := r.b.stateOf(ptr)
	switch {
	case st != nil && st.loaded:
		return r.saveChanges(ctx, ptr, st)
	case r.b.hasTracked || !r.keyed(ptr):
		return single(r.db.insert(ctx, r.b, []unsafe.Pointer{ptr}, false))
	}
	return r.saveWhole(ctx, ptr)
}

// keyed reports whether the instance has a key.
func (s *spec) keyed(p unsafe.Pointer) bool {
	for _, f := range s.b.model.Primary {
		if s.b.fields[f.Pos].isZero(p) && len(s.b.model.Primary) == 1 {
			return false
		}
	}
	return true
}

func (s *spec) saveChanges(ctx context.Context, p unsafe.Pointer, st *state) error {
	b := s.b
	changed, err := b.changed(p)
	if err != nil {
		return named(b.model, err)
	}
	if len(changed) == 0 {
		return nil
	}
	for _, f := range b.model.Primary {
		if st.partial != nil && !st.partial[f.Pos] {
			return invalid("save %s: the instance was loaded without its key; select %s too", b.model.Name, f.Name)
		}
	}
	was := reflect.New(b.typ).UnsafePointer()
	b.copyStruct(was, st.was)
	for _, fb := range b.refs {
		if fb.f.Primary {
			if err := fb.set(was, st.refs[fb.ref]); err != nil {
				return err
			}
		}
	}
	key, err := b.key(was)
	if err != nil {
		return err
	}
	o := &op.Op{Kind: op.Update, Model: b.model, Filter: rowCond(b.model, key), Returning: true, Instances: &instances{b, []unsafe.Pointer{p}}}
	for _, fb := range changed {
		v, err := fb.get(p)
		if err != nil {
			return named(b.model, err)
		}
		o.Set = append(o.Set, op.Assign{Field: fb.f.Name, Value: v})
	}
	o.Guards = []op.Guard{{Kind: op.GuardMust, Model: b.model, Filter: o.Filter, Must: b.unchanged(st)}}
	_, err = s.updateInstance(ctx, p, key, o)
	return err
}

// unchanged is the condition that the row is still what was loaded: by its
// version, or by the loaded values where it has none.
func (b *binding) unchanged(st *state) op.Cond {
	if v := b.model.VersionF; v != nil && (st.partial == nil || st.partial[v.Pos]) {
		return op.Cmp(v.Name, op.Eq, st.version)
	}
	var conds []op.Cond
	for i := range b.fields {
		fb := &b.fields[i]
		if fb.f.Primary || !inCondition(fb.f) || fb.kind == bindFloat32 || (st.partial != nil && !st.partial[i]) {
			continue // JSON and bytes are not compared, nor what may hold less than the column
		}
		var v any
		var err error
		if fb.ref >= 0 {
			v = st.refs[fb.ref]
		} else if v, err = fb.get(st.was); err != nil {
			continue
		}
		c := op.Cmp(fb.f.Name, op.Eq, v)
		if !fb.f.Nullable && fb.isZero(st.was) { // a column found elsewhere may hold NULL, which is read as zero
			c = op.Cond{Kind: op.Or, Conds: []op.Cond{c, op.Cmp(fb.f.Name, op.Eq, nil)}}
		}
		conds = append(conds, c)
	}
	return op.AllOf(conds...)
}

// inCondition reports whether a loaded value can stand in a condition.
func inCondition(f *schema.Field) bool {
	switch f.Type.Kind() {
	case schema.KindJSON, schema.KindBytes, schema.KindAny:
		return false
	}
	return true
}

// updateInstance runs an update of one row and reads the outcome back into its
// instance. absent is true when there is no such row.
func (s *spec) updateInstance(ctx context.Context, p unsafe.Pointer, key []any, o *op.Op) (absent bool, err error) {
	b := s.b
	sent, err := b.values(p)
	if err != nil {
		return false, err
	}
	if s.db.core.hooks.of(b.model) != nil {
		sent = nil // as in insert
	}
	keep := s.db.keep(ctx, b, []unsafe.Pointer{p})
	res, err := s.db.do(ctx, o)
	if err == nil {
		if res.N == 0 {
			absent, err = true, s.notFound("save", Key(key...))
		} else {
			err = fillAll(b, []unsafe.Pointer{p}, res.Rows, [][]any{sent})
		}
	}
	if res.Rows != nil {
		res.Rows.Close()
	}
	keep(err)
	return absent, s.wrap(err)
}

// values are the canonical values of the instance as it is.
func (b *binding) values(p unsafe.Pointer) ([]any, error) {
	row := make([]any, len(b.fields))
	for i := range b.fields {
		if b.fields[i].kind == bindHidden {
			row[i] = op.Unset{}
			continue
		}
		v, err := b.fields[i].get(p)
		if err != nil {
			return nil, named(b.model, err)
		}
		row[i] = v
	}
	return row, nil
}

// saveWhole writes all columns of an instance of which nothing is remembered.
func (r *Repository[T]) saveWhole(ctx context.Context, p unsafe.Pointer) error {
	b := r.b
	key, err := b.key(p)
	if err != nil {
		return err
	}
	o := &op.Op{Kind: op.Update, Model: b.model, Filter: rowCond(b.model, key), Returning: true, Instances: &instances{b, []unsafe.Pointer{p}}}
	for i := range b.fields {
		fb := &b.fields[i]
		if f := fb.f; f.Primary || f.Immutable || f.ReadOnly || fb.kind == bindHidden ||
			f == b.model.VersionF || f == b.model.UpdatedF || f == b.model.CreatedF || f == b.model.DeletedF {
			continue
		}
		v, err := fb.get(p)
		if err != nil {
			return named(b.model, err)
		}
		o.Set = append(o.Set, op.Assign{Field: fb.f.Name, Value: v})
	}
	version := b.model.VersionF
	if version != nil && b.fields[version.Pos].kind != bindHidden {
		v, err := b.fields[version.Pos].get(p)
		if err != nil {
			return err
		}
		if v == int64(0) { // never loaded
			return r.db.insert(ctx, b, []unsafe.Pointer{p}, false)
		}
		o.Guards = []op.Guard{{Kind: op.GuardMust, Model: b.model, Filter: o.Filter, Must: op.Cmp(version.Name, op.Eq, v)}}
	}
	if len(o.Set) == 0 { // the key is all there is
		n, err := r.db.do(ctx, &op.Op{Kind: op.Count, Model: b.model, Filter: o.Filter})
		if err != nil || n.N > 0 {
			return err
		}
		return r.db.insert(ctx, b, []unsafe.Pointer{p}, false)
	}
	absent, err := r.updateInstance(ctx, p, key, o)
	if !absent || version != nil {
		return err
	}
	return r.db.insert(ctx, b, []unsafe.Pointer{p}, false)
}

// Update sets fields of the row with this key and returns it as written. There
// is no such row: ErrNotFound. See [Set].
func (r *Repository[T]) Update(ctx context.Context, id string, set Set) (*T, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	cond, err := op.KeyCond(r.b.model, id)
	if err != nil {
		return nil, err
	}
	o := &op.Op{Kind: op.Update, Model: r.b.model, Filter: cond, Returning: true}
	if o.Set, err = set.assigns(r.b.model); err != nil {
		return nil, err
	}
	if o.Guards, err = set.guards(r.b.model, cond); err != nil {
		return nil, err
	}
	if len(o.Set) == 0 {
		return nil, invalid("update %s: nothing is set", r.b.model.Name)
	}
	k, err := r.run(ctx, o)
	if err != nil {
		return nil, r.wrap(err)
	}
	if len(k.rows) == 0 {
		return nil, r.notFound("update", id)
	}
	return (*T)(k.rows[0]), nil
}

// Delete deletes the row with this key and reports whether there was one. A row
// of a model with [SoftDelete] is marked.
func (r *Repository[T]) Delete(ctx context.Context, id string) (bool, error) {
	if err := r.ready(); err != nil {
		return false, err
	}
	cond, err := op.KeyCond(r.b.model, id)
	if err != nil {
		return false, err
	}
	res, err := r.db.do(ctx, &op.Op{Kind: op.Delete, Model: r.b.model, Filter: cond})
	return res.N > 0, r.wrap(err)
}

// Increment adds to a numeric field of the row with this key and returns its
// new value. NULL counts as 0. There is no such row: ErrNotFound.
func (r *Repository[T]) Increment(ctx context.Context, id, field string, by any) (Num, error) {
	if err := r.ready(); err != nil {
		return Num{}, err
	}
	cond, err := op.KeyCond(r.b.model, id)
	if err != nil {
		return Num{}, err
	}
	res, err := r.db.do(ctx, &op.Op{
		Kind: op.Increment, Model: r.b.model, Filter: cond, Set: []op.Assign{assign(field, Inc(by))},
		Returning: true, Fields: []string{field},
	})
	if err != nil {
		return Num{}, r.wrap(err)
	}
	defer res.Rows.Close()
	if !res.Rows.Next() {
		if err := res.Rows.Err(); err != nil {
			return Num{}, err
		}
		return Num{}, r.notFound("increment", id)
	}
	return numOf(res.Rows.Row()[0])
}

// Validate checks the instance as Create would, without running hooks or
// writing anything. What fails is a *ValidationError with every failing field.
func (r *Repository[T]) Validate(ctx context.Context, p *T) error {
	if err := r.check(p); err != nil {
		return err
	}
	row, err := r.b.row(unsafe.Pointer(p))
	if err != nil {
		return err
	}
	return single(r.db.core.validate(ctx, r.b.model, r.db.user, row))
}

// Load loads relations and count fields of an instance, again if they have been
// loaded.
func (r *Repository[T]) Load(ctx context.Context, p *T, relations ...string) error {
	if err := r.check(p); err != nil {
		return err
	}
	return r.LoadAll(ctx, []*T{p}, relations...)
}

// LoadAll loads relations and count fields of many instances: one query per
// relation and level.
func (r *Repository[T]) LoadAll(ctx context.Context, list []*T, relations ...string) error {
	if err := r.ready(); err != nil {
		return err
	}
	k := &sink{db: r.db.core, b: r.b}
	rows := make([]int, len(list))
	for i, p := range list {
		if p == nil {
			return invalid("%s: the instance is nil", r.b.model.Name)
		}
		k.rows = append(k.rows, unsafe.Pointer(p))
		rows[i] = i
	}
	with := make([]op.With, len(relations))
	for i, name := range relations {
		with[i].Relation = name
	}
	for _, f := range relate.Fields(r.b.model, with) {
		for _, p := range k.rows {
			if st := r.b.stateOf(p); st != nil && st.partial != nil && !st.partial[f.Pos] {
				return invalid("load %s: the instance was loaded without %s, by which %s is found; select it too",
					r.b.model.Name, f.Name, strings.Join(relations, ", "))
			}
		}
	}
	eng := &door{db: r.db}
	return relate.LoadFor(ctx, eng, r.db.user, r.b.model, k, rows, relate.Expand(r.b.model, with))
}
