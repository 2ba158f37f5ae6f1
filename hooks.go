package weft

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// The hooks of a model are methods with these signatures, on the struct or a
// pointer to it. A before-hook may change the instance and stops the write with
// an error; an error from an after-hook rolls the write back. They run in the
// transaction of the write: [From] gives it.
type (
	// BeforeCreator runs before a row is inserted.
	BeforeCreator interface {
		BeforeCreate(ctx context.Context) error
	}
	// AfterCreator runs after a row was inserted, before the commit.
	AfterCreator interface {
		AfterCreate(ctx context.Context) error
	}
	// BeforeUpdater runs before a row is updated.
	BeforeUpdater interface {
		BeforeUpdate(ctx context.Context) error
	}
	// AfterUpdater runs after a row was updated, before the commit.
	AfterUpdater interface {
		AfterUpdate(ctx context.Context) error
	}
	// BeforeDeleter runs before a row is deleted, on the row as it is.
	BeforeDeleter interface {
		BeforeDelete(ctx context.Context) error
	}
	// AfterDeleter runs after a row was deleted, before the commit.
	AfterDeleter interface {
		AfterDelete(ctx context.Context) error
	}
	// AfterFinder runs on each row that was read.
	AfterFinder interface {
		AfterFind(ctx context.Context) error
	}
)

// HookPoint says when a function given to [On] runs.
type HookPoint uint8

// The points; they are those of the methods of the same names.
const (
	OnBeforeCreate HookPoint = iota
	OnAfterCreate
	OnBeforeUpdate
	OnAfterUpdate
	OnBeforeDelete
	OnAfterDelete
	OnAfterFind
)

// On adds a hook that is no method of the model. It runs after the model's own
// and those added before it, for operations that begin from now on:
//
//	weft.On(db, weft.OnBeforeCreate, func(ctx context.Context, u *User) error { … })
//
// It is an error when T is not a registered model.
func On[T any](db *DB, at HookPoint, fn func(ctx context.Context, p *T) error) error {
	r := Repo[T](db)
	if err := r.ready(); err != nil {
		return err
	}
	if fn == nil {
		return invalid("On: the hook of %s is nil", r.b.model.Name)
	}
	return db.core.hooks.add(r.b, at, func(ctx context.Context, x any) error { return fn(ctx, x.(*T)) })
}

// hookTable holds the hooks of each model. What it gives out is never changed,
// only replaced.
type hookTable struct {
	mu  sync.Mutex
	now atomic.Pointer[map[*schema.Model]*validate.Hooks]
}

func newHookTable(k *core) *hookTable {
	all := map[*schema.Model]*validate.Hooks{}
	for m, b := range k.bindings {
		if h := methodHooks(b); h != nil {
			all[m] = h
		}
	}
	t := &hookTable{}
	t.now.Store(&all)
	return t
}

// of returns the hooks of a model, nil where it has none.
func (t *hookTable) of(m *schema.Model) *validate.Hooks { return (*t.now.Load())[m] }

// add adds one hook to a copy of the table.
func (t *hookTable) add(b *binding, at HookPoint, fn validate.Hook) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := validate.Hooks{New: newInstances(b)}
	if was := t.of(b.model); was != nil {
		h = *was
	}
	lists := []*[]validate.Hook{
		&h.BeforeCreate, &h.AfterCreate, &h.BeforeUpdate, &h.AfterUpdate, &h.BeforeDelete, &h.AfterDelete, &h.AfterFind,
	}
	if int(at) >= len(lists) {
		return invalid("On: %d is no point at which hooks run", at)
	}
	*lists[at] = append(slices.Clip(*lists[at]), fn)
	all := maps.Clone(*t.now.Load())
	all[b.model] = &h
	t.now.Store(&all)
	return nil
}

// newInstances makes instances for rows that come without any.
func newInstances(b *binding) func(n int) op.Instances {
	return func(n int) op.Instances {
		in := &instances{b: b, ps: make([]unsafe.Pointer, n)}
		for i := range in.ps {
			in.ps[i], _ = b.newRow()
		}
		return in
	}
}

// reaches reports whether hooks may run for an operation, so that it needs the
// transaction in its context. A find may load rows of other models.
func (t *hookTable) reaches(o *op.Op) bool {
	return len(*t.now.Load()) > 0 && (o.Kind == op.Find || o.Kind == op.Batch || t.of(o.Model) != nil)
}

// wraps reports whether an operation must run inside a transaction because
// hooks belong to it.
func (t *hookTable) wraps(o *op.Op) bool {
	if o.Kind == op.Batch {
		for i := range o.Batch {
			if t.wraps(&o.Batch[i]) {
				return true
			}
		}
		return false
	}
	h := t.of(o.Model)
	if h == nil {
		return false
	}
	switch o.Kind {
	case op.Insert:
		return len(h.BeforeCreate)+len(h.AfterCreate) > 0
	case op.Update, op.Increment:
		return len(h.BeforeUpdate)+len(h.AfterUpdate) > 0
	case op.Upsert:
		return len(h.BeforeCreate)+len(h.AfterCreate)+len(h.BeforeUpdate)+len(h.AfterUpdate) > 0
	case op.Delete:
		return len(h.BeforeDelete)+len(h.AfterDelete) > 0
	}
	return false
}

// methodHooks gathers the hooks that are methods of the struct.
func methodHooks(b *binding) *validate.Hooks {
	probe := reflect.New(b.typ).Interface()
	h := &validate.Hooks{}
	found := false
	add := func(list *[]validate.Hook, ok bool, fn validate.Hook) {
		if ok {
			*list = append(*list, fn)
			found = true
		}
	}
	_, ok := probe.(BeforeCreator)
	add(&h.BeforeCreate, ok, func(ctx context.Context, x any) error { return x.(BeforeCreator).BeforeCreate(ctx) })
	_, ok = probe.(AfterCreator)
	add(&h.AfterCreate, ok, func(ctx context.Context, x any) error { return x.(AfterCreator).AfterCreate(ctx) })
	_, ok = probe.(BeforeUpdater)
	add(&h.BeforeUpdate, ok, func(ctx context.Context, x any) error { return x.(BeforeUpdater).BeforeUpdate(ctx) })
	_, ok = probe.(AfterUpdater)
	add(&h.AfterUpdate, ok, func(ctx context.Context, x any) error { return x.(AfterUpdater).AfterUpdate(ctx) })
	_, ok = probe.(BeforeDeleter)
	add(&h.BeforeDelete, ok, func(ctx context.Context, x any) error { return x.(BeforeDeleter).BeforeDelete(ctx) })
	_, ok = probe.(AfterDeleter)
	add(&h.AfterDelete, ok, func(ctx context.Context, x any) error { return x.(AfterDeleter).AfterDelete(ctx) })
	_, ok = probe.(AfterFinder)
	add(&h.AfterFind, ok, func(ctx context.Context, x any) error { return x.(AfterFinder).AfterFind(ctx) })
	if !found {
		return nil
	}
	h.New = newInstances(b)
	return h
}
