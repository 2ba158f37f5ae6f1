package weft_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
)

// Task and Sub belong to users, List to nobody.
type Task struct {
	weft.Model
	UserID string
	Title  string
	N      int64
	ListID string
	List   *List  `weft:"belongs_to"`
	Subs   []*Sub `weft:"has_many,fk=TaskID"`
}

type Sub struct {
	weft.Model
	UserID string
	TaskID string
}

type List struct {
	weft.Model
	Name  string
	Tasks []*Task `weft:"has_many,fk=ListID"`
}

func (Task) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }
func (Sub) Weft() weft.Options  { return weft.Options{Scope: weft.UserScope} }

// A user's handle must not see or change a row of another user, whatever way
// is taken.
func TestUserSeesOwnRowsOnly(t *testing.T) {
	on(t, []any{Task{}, Sub{}, List{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		list := &List{Name: "l"}
		must(t, weft.Repo[List](db).Create(ctx, list))
		ada, bob := db.User("ada"), db.User("bob")
		hers, his := &Task{Title: "a", ListID: list.ID, N: 1}, &Task{Title: "b", ListID: list.ID, N: 10}
		tasks := weft.Repo[Task](ada)
		must(t, tasks.Create(ctx, hers))
		must(t, weft.Repo[Task](bob).Create(ctx, his))
		must(t, weft.Repo[Sub](ada).Create(ctx, &Sub{TaskID: hers.ID}))
		must(t, weft.Repo[Sub](bob).Create(ctx, &Sub{TaskID: hers.ID}))

		relations := func(l *List) {
			t.Helper()
			equal(t, len(l.Tasks), 1)
			equal(t, l.Tasks[0].ID, hers.ID)
			equal(t, len(l.Tasks[0].Subs), 1)
		}
		eager, err := weft.Repo[List](ada).With("tasks.subs").First(ctx)
		must(t, err)
		relations(eager)
		must(t, weft.Repo[List](ada).Load(ctx, list, "tasks.subs"))
		relations(list)
		must(t, ada.Tx(ctx, func(tx *weft.DB) error {
			l, err := weft.Repo[List](tx).With("tasks.subs").First(ctx)
			must(t, err)
			relations(l)
			return weft.Repo[List](tx).Load(ctx, l, "tasks.subs")
		}))

		sum, err := tasks.Sum(ctx, "n")
		must(t, err)
		equal(t, sum.Int64(), 1)
		is(t, errOf(tasks.Increment(ctx, his.ID, "n", 1)), weft.ErrNotFound)
		is(t, errOf(tasks.Update(ctx, his.ID, weft.Set{"n": 1}.IfVersion(9))), weft.ErrNotFound)
		rows, err := tasks.Filter(weft.Everything()).UpdateAll(ctx, weft.Set{"title": "z"})
		must(t, err)
		equal(t, len(rows), 1)
		n, err := tasks.Filter(weft.Everything()).Update(ctx, weft.Set{"title": "y"})
		must(t, err)
		equal(t, n, 1)

		// The owner stays.
		is(t, errOf(tasks.Update(ctx, hers.ID, weft.Set{"userId": "bob"})), weft.ErrValidation)
		given, err := weft.Repo[Task](db).Find(ctx, hers.ID)
		must(t, err)
		given.UserID = "bob"
		is(t, weft.Repo[Task](db).Save(ctx, given), weft.ErrValidation)
		stolen, err := weft.Repo[Task](db).Find(ctx, his.ID)
		must(t, err)
		stolen.Title = "stolen"
		is(t, tasks.Save(ctx, stolen), weft.ErrNotFound)

		// Neither raw SQL nor the engine's door leads around it.
		is(t, errOf(ada.Exec(ctx, "DELETE FROM tasks")), weft.ErrForbidden)
		is(t, ada.Tx(ctx, func(tx *weft.DB) error { return errOf(tx.Exec(ctx, "DELETE FROM tasks")) }), weft.ErrForbidden)
		count := op.Op{Kind: op.Count, Model: db.Schema().Model("Task")}
		door := func(e op.Engine) {
			t.Helper()
			res, err := e.Do(ctx, count)
			must(t, err)
			equal(t, res.N, 1)
			forged := count
			forged.User = "bob"
			forged.Filter = op.Cmp("userId", op.Eq, "bob")
			res, err = e.Do(ctx, forged)
			must(t, err)
			equal(t, res.N, 0)
			res, err = e.Do(ctx, op.Op{Kind: op.Batch, Batch: []op.Op{count, forged}})
			must(t, err)
			equal(t, res.Batch[0].N, 1)
			equal(t, res.Batch[1].N, 0)
			for _, c := range []op.Cond{
				{Kind: op.Has, Relation: "tasks", Conds: []op.Cond{op.Cmp("userId", op.Eq, "bob")}},
				{Kind: op.HasCount, Relation: "tasks", Op: op.Eq, N: 2},
			} {
				res, err = e.Do(ctx, op.Op{Kind: op.Count, Model: db.Schema().Model("List"), Filter: c})
				must(t, err)
				equal(t, res.N, 0)
			}
		}
		door(ada.Engine())
		outer, err := ada.Engine().Begin(ctx, op.TxOptions{})
		must(t, err)
		inner, err := outer.Begin(ctx, op.TxOptions{})
		must(t, err)
		door(inner)
		must(t, inner.Commit(ctx))
		door(outer)
		must(t, outer.Rollback(ctx))
		must(t, ada.Tx(ctx, func(tx *weft.DB) error {
			in, err := tx.Engine().Begin(ctx, op.TxOptions{})
			must(t, err)
			door(in)
			return in.Commit(ctx)
		}))

		// A context carries the transaction, the handle the user.
		must(t, ada.InTx(ctx, func(ctx context.Context) error {
			for _, c := range []struct {
				db   *weft.DB
				want int64
			}{{ada, 1}, {bob, 1}, {db, 2}, {weft.From(ctx), 1}} {
				n, err := weft.Repo[Task](c.db).Count(ctx)
				must(t, err)
				equal(t, n, c.want)
			}
			return nil
		}))
		is(t, ada.Close(), weft.ErrValidation)
	})
}

func TestDoorInsideTransaction(t *testing.T) {
	on(t, []any{Task{}, Sub{}, List{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			in, err := tx.Engine().Begin(ctx, op.TxOptions{})
			must(t, err)
			must(t, in.Rollback(ctx))
			must(t, in.Rollback(ctx))
			return nil
		}))
		is(t, db.Tx(ctx, func(*weft.DB) error { return errOf(db.Engine().Begin(ctx, op.TxOptions{})) }), weft.ErrValidation)
		is(t, db.Tx(ctx, func(*weft.DB) error { return db.Close() }), weft.ErrValidation)
	})
}
