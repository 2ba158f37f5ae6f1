package weft

import (
	"context"
	"errors"
	"slices"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Conflict creates rows that may exist already; [Repository.OnConflict] makes
// it. It is safe for concurrent use.
type Conflict[T any] struct {
	r      *Repository[T]
	fields []string
}

// OnConflict says what makes a row the one that exists: the fields of a unique
// index or of the key, without fields the key. A row that stands against the
// new one in other fields is still a *ConflictError.
//
//	created, err := users.OnConflict("email").Create(ctx, u)
//	created, err := users.OnConflict("email").Update("name").Create(ctx, u)
func (r *Repository[T]) OnConflict(fields ...string) *Conflict[T] {
	return &Conflict[T]{r, slices.Clone(fields)}
}

// Update has the fields of a row that exists taken from the new one; its other
// fields stay as they are.
func (c *Conflict[T]) Update(fields ...string) *ConflictUpdate[T] {
	return &ConflictUpdate[T]{c, slices.Clone(fields)}
}

// Create inserts the instance, or leaves the row that exists as it is and
// fills the instance with it. created says which. BeforeCreate runs in both
// cases, AfterCreate for a new row only.
func (c *Conflict[T]) Create(ctx context.Context, p *T) (created bool, err error) {
	t, err := c.target(nil)
	if err == nil {
		err = c.r.check(p)
	}
	if err != nil {
		return false, err
	}
	return t.create(ctx, c.r.db, unsafe.Pointer(p))
}

// ConflictUpdate creates rows, or updates those that exist;
// [Conflict.Update] makes it. It is safe for concurrent use.
type ConflictUpdate[T any] struct {
	c      *Conflict[T]
	fields []string
}

// Create inserts the instance, or updates the row that exists, and fills the
// instance with the row as it is then. created says which. For a row that
// exists the update hooks run as well.
func (u *ConflictUpdate[T]) Create(ctx context.Context, p *T) (created bool, err error) {
	t, err := u.target()
	if err == nil {
		err = u.c.r.check(p)
	}
	if err != nil {
		return false, err
	}
	return t.create(ctx, u.c.r.db, unsafe.Pointer(p))
}

// CreateMany does for all instances what Create does for one, or nothing, and
// returns the number of rows inserted or updated. Errors carry the index of the
// instance they are about.
func (u *ConflictUpdate[T]) CreateMany(ctx context.Context, list []*T) (int64, error) {
	t, err := u.target()
	if err != nil || len(list) == 0 {
		return 0, err
	}
	ps, err := u.c.r.pointers(list)
	if err != nil {
		return 0, err
	}
	return t.createMany(ctx, u.c.r.db, ps)
}

func (u *ConflictUpdate[T]) target() (*upsert, error) {
	if u == nil || u.c == nil {
		return nil, errNoRepository()
	}
	if len(u.fields) == 0 {
		if err := u.c.r.ready(); err != nil {
			return nil, err
		}
		return nil, invalid("%s: Update names no field; name those to take from the new row, or leave Update out to keep the row that exists",
			u.c.r.b.model.Name)
	}
	return u.c.target(u.fields)
}

// target checks the fields, whether or not a row exists.
func (c *Conflict[T]) target(update []string) (*upsert, error) {
	if c == nil {
		return nil, errNoRepository()
	}
	if err := c.r.ready(); err != nil {
		return nil, err
	}
	m := c.r.b.model
	fields := c.fields
	if len(fields) == 0 {
		for _, f := range m.Primary {
			fields = append(fields, f.Name)
		}
	}
	o := op.Op{Kind: op.Upsert, Model: m, Conflict: &op.Conflict{Fields: fields, Update: update}}
	if err := op.Normalize(&o); err != nil {
		return nil, err
	}
	t := &upsert{b: c.r.b}
	for _, name := range o.Conflict.Fields {
		t.fields = append(t.fields, m.Field(name))
	}
	for _, name := range o.Conflict.Update {
		f := m.Field(name)
		switch {
		case f.Primary:
			return nil, op.Invalid(m.Name, name, "immutable", "is the key and cannot be changed")
		case f == m.OwnerF:
			return nil, op.Invalid(m.Name, name, "immutable", "is the owner and cannot be changed")
		case f == m.DeletedF:
			return nil, op.Invalid(m.Name, name, "readonly", "is set by Delete and taken away by Restore")
		case f.Immutable:
			return nil, op.Invalid(m.Name, name, "immutable", "is immutable")
		case f.ReadOnly, f.Auto:
			return nil, op.Invalid(m.Name, name, "readonly", "is read-only")
		}
		t.update = append(t.update, f)
	}
	return t, nil
}

// upsert is a create that may find its row there.
type upsert struct {
	b      *binding
	fields []*schema.Field // by which a row is the one that exists
	update []*schema.Field // none leaves it
}

func (t *upsert) create(ctx context.Context, db *DB, p unsafe.Pointer) (created bool, err error) {
	err = db.transact(ctx, nil, func(ctx context.Context, tx *DB) (err error) {
		created, err = t.one(ctx, tx, p)
		return err
	})
	return created && err == nil, single(err)
}

// one inserts one row or finds and updates the one that exists. Both happen in
// one serializable transaction, so nobody can come between.
func (t *upsert) one(ctx context.Context, tx *DB, p unsafe.Pointer) (created bool, err error) {
	b := t.b
	row, err := b.row(p)
	if err != nil {
		return false, err
	}
	sent := append([]any(nil), row...)
	given := sent
	hooked := tx.core.hooks.of(b.model) != nil
	if hooked {
		given = nil // a hook may have changed the instance, so all is read back
	}
	ps := []unsafe.Pointer{p}
	keep := tx.keep(ctx, b, ps)
	putBack := b.keepRelations(p)
	defer func() {
		keep(err)
		if err != nil {
			putBack()
		} else {
			tx.onUndo(putBack)
		}
	}()
	o := &op.Op{
		Kind: op.Upsert, Model: b.model, Rows: [][]any{row}, Conflict: &op.Conflict{Fields: names(t.fields)},
		Returning: true, Instances: &instances{b, ps},
	}
	res, err := tx.do(ctx, o)
	if err != nil {
		return false, err
	}
	if res.N > 0 {
		return true, fillAll(b, ps, res.Rows, [][]any{given})
	}
	if res.Rows != nil {
		res.Rows.Close()
	}
	there, err := t.cond(row)
	if err != nil {
		return false, err
	}
	o = &op.Op{Kind: op.Find, Model: b.model, Filter: there}
	if len(t.update) > 0 {
		o = &op.Op{Kind: op.Update, Model: b.model, Filter: there, Returning: true}
		if o.Set, err = t.set(tx, p, sent, row); err != nil {
			return false, err
		}
	}
	s := &spec{db: tx, b: b}
	k, err := s.run(ctx, o)
	if err != nil {
		return false, s.wrap(err)
	}
	if len(k.rows) == 0 { // it exists, but not for this user
		insert := op.Op{Kind: op.Insert, Model: b.model, Rows: [][]any{row}}
		return false, op.NoteRow(&insert, &op.ConflictError{Reason: op.ReasonUnique, Model: b.model.Name, Fields: names(t.fields), Index: -1})
	}
	b.copyStruct(p, k.rows[0])
	return false, nil
}

// cond finds the row that stands against the one that was to be inserted,
// which has gone through defaults, hooks and transforms.
func (t *upsert) cond(row []any) (op.Cond, error) {
	conds := make([]op.Cond, len(t.fields))
	for i, f := range t.fields {
		if _, unset := row[f.Pos].(op.Unset); unset {
			return op.Cond{}, op.Errorf(op.CodeInternal, "%s: a row without %s met another one", t.b.model.Name, f.Name)
		}
		conds[i] = op.Cmp(f.Name, op.Eq, row[f.Pos])
	}
	return op.AllOf(conds...), nil
}

// set takes the fields to update from the new row. Values go through the
// transforms of the update, so they are taken as they were before those of the
// insert.
func (t *upsert) set(tx *DB, p unsafe.Pointer, sent, row []any) ([]op.Assign, error) {
	now, err := t.b.row(p) // hooks may have changed it
	if err != nil {
		return nil, err
	}
	defaults := tx.core.defaults(t.b.model)
	var set []op.Assign
	for _, f := range t.update {
		for _, v := range []any{now[f.Pos], sent[f.Pos], defaults[f.Pos], row[f.Pos]} {
			if _, unset := v.(op.Unset); !unset {
				set = append(set, op.Assign{Field: f.Name, Value: v})
				break
			}
		}
	}
	return set, nil
}

func (t *upsert) createMany(ctx context.Context, db *DB, ps []unsafe.Pointer) (n int64, err error) {
	err = db.transact(ctx, nil, func(ctx context.Context, tx *DB) (err error) {
		if tx.core.hooks.of(t.b.model) == nil {
			n, err = t.atOnce(ctx, tx, ps)
			return err
		}
		for i, p := range ps { // the hooks of each row depend on whether it exists
			if _, err := t.one(ctx, tx, p); err != nil {
				return indexed(err, i)
			}
		}
		n = int64(len(ps))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// atOnce writes all rows by one operation.
func (t *upsert) atOnce(ctx context.Context, tx *DB, ps []unsafe.Pointer) (n int64, err error) {
	b := t.b
	rows := make([][]any, len(ps))
	for i, p := range ps {
		if rows[i], err = b.row(p); err != nil {
			return 0, at(err, i, true)
		}
	}
	keep := tx.keep(ctx, b, ps)
	defer func() { keep(err) }()
	res, err := tx.do(ctx, &op.Op{
		Kind: op.Upsert, Model: b.model, Rows: rows, Returning: true, Instances: &instances{b, ps},
		Conflict: &op.Conflict{Fields: names(t.fields), Update: names(t.update)},
	})
	if err != nil {
		return 0, err
	}
	if res.Rows, err = gathered(res.Rows); err != nil {
		return 0, err
	}
	var got [][]any
	for res.Rows.Next() {
		got = append(got, res.Rows.Row())
	}
	if len(got) != len(ps) {
		return 0, op.Errorf(op.CodeInternal, "upsert %s: %d rows came back of %d", b.model.Name, len(got), len(ps))
	}
	for i, p := range ps {
		if err := b.fill(p, got[i], nil); err != nil {
			return 0, err
		}
		if st := b.stateOf(p); st != nil {
			st.rels = 0 // those of the row that exists are not known
		}
	}
	return res.N, nil
}

func names(fields []*schema.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// indexed notes which of several instances an error is about.
func indexed(err error, i int) error {
	var (
		v *op.ValidationError
		c *op.ConflictError
		e *op.Error
	)
	switch {
	case errors.As(err, &v):
		v.Index = i
	case errors.As(err, &c):
		c.Index = i
	case errors.As(err, &e):
		e.Index = i
	}
	return err
}
