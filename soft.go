package weft

import (
	"context"
	"slices"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// SoftDelete is embedded by models whose rows are marked and hidden when they
// are deleted, and can be restored. A nullable time of the model's own that is
// tagged weft:"deleted" does the same.
//
// A row that is marked is gone for everything but raw SQL: it is not found,
// counted, updated or related, and its unique values can be taken by another
// row. Its key stays taken. [Query.WithDeleted] shows it, [Repository.Restore]
// brings it back, [Repository.Purge] deletes it for good.
type SoftDelete struct {
	DeletedAt *time.Time `weft:"deleted" json:"deletedAt"`
}

// WithDeleted shows rows that are marked deleted beside the others. It concerns
// the rows of the query itself: those that relations and conditions on relations
// lead to stay hidden, see [Rel.WithDeleted]. A model without [SoftDelete] is
// ErrUnsupported.
func (q *Query[T]) WithDeleted() *Query[T] {
	n := q.edit()
	n.deleted = true
	return n
}

// WithDeleted loads related rows that are marked deleted as well. Rows of a join
// model stay hidden.
func (r *Rel) WithDeleted() *Rel { r.w.WithDeleted = true; return r }

// Restore brings the row with this key back that was deleted. A row that was
// not deleted stays as it is, which is no error; there is no such row:
// ErrNotFound. When another row has taken one of its unique values it is a
// *ConflictError with reason unique. Update hooks run.
func (r *Repository[T]) Restore(ctx context.Context, id string) error {
	cond, err := r.softRow(id)
	if err != nil {
		return err
	}
	o := restore(r.b.model, cond)
	res, err := r.db.do(ctx, o)
	if err != nil || res.N > 0 {
		return r.wrap(err)
	}
	res, err = r.db.do(ctx, &op.Op{Kind: op.Count, Model: r.b.model, Filter: cond, WithDeleted: true})
	if err == nil && res.N == 0 {
		err = r.notFound("restore", id)
	}
	return err
}

// Purge deletes the row with this key for good, marked or not; foreign keys act
// as they do for any row that goes. There is no such row: ErrNotFound. Delete
// hooks run.
func (r *Repository[T]) Purge(ctx context.Context, id string) error {
	cond, err := r.softRow(id)
	if err != nil {
		return err
	}
	res, err := r.db.do(ctx, &op.Op{Kind: op.Delete, Model: r.b.model, Filter: cond, WithDeleted: true, Purge: true})
	if err == nil && res.N == 0 {
		err = r.notFound("purge", id)
	}
	return r.wrap(err)
}

// softRow is the condition for a row of a model that must have soft delete.
func (r *Repository[T]) softRow(id string) (op.Cond, error) {
	if err := r.ready(); err != nil {
		return op.Cond{}, err
	}
	if err := hasSoftDelete(r.b.model); err != nil {
		return op.Cond{}, err
	}
	return op.KeyCond(r.b.model, id)
}

func hasSoftDelete(m *schema.Model) error {
	return op.Normalize(&op.Op{Kind: op.Find, Model: m, WithDeleted: true})
}

// restore takes the mark away from the rows of a condition that have it.
func restore(m *schema.Model, cond op.Cond) *op.Op {
	return &op.Op{
		Kind: op.Update, Model: m, WithDeleted: true, Filter: op.AllOf(cond, op.Cmp(m.DeletedF.Name, op.NotNull, nil)),
		Set: []op.Assign{{Field: m.DeletedF.Name}},
	}
}

// Restore brings all rows back that match and were deleted, and returns their
// number. A query without a condition is an error, unless it has
// Filter(weft.Everything()).
func (q *Query[T]) Restore(ctx context.Context) (int64, error) {
	s := q.state()
	if err := s.onlyConditions("restore"); err != nil {
		return 0, err
	}
	if err := hasSoftDelete(s.b.model); err != nil {
		return 0, err
	}
	res, err := s.db.do(ctx, restore(s.b.model, s.filter()))
	return res.N, s.wrap(err)
}

// Purge deletes all rows for good that match, of those marked deleted only with
// WithDeleted, and returns their number. A query without a condition is an
// error, unless it has Filter(weft.Everything()).
//
//	n, err := posts.WithDeleted().Where("deletedAt", "<", monthAgo).Purge(ctx)
func (q *Query[T]) Purge(ctx context.Context) (int64, error) {
	s := q.state()
	if err := s.onlyConditions("purge"); err != nil {
		return 0, err
	}
	o := s.ask(op.Delete)
	o.Purge = true
	res, err := s.db.do(ctx, o)
	return res.N, s.wrap(err)
}

// restoreLinks brings links back that were taken away and whose key is the pair
// itself: another row for the same pair could not be made.
func (l *links) restoreLinks(ctx context.Context) error {
	via := l.r.Via
	if via.DeletedF == nil || slices.ContainsFunc(via.Primary, func(f *schema.Field) bool {
		return !slices.Contains(l.r.ViaFrom, f) && !slices.Contains(l.r.ViaTo, f)
	}) {
		return nil
	}
	_, err := l.tx.do(ctx, restore(via, op.AllOf(l.own(), l.listed())))
	return err
}
