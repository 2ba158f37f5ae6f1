package weft_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Memo has soft delete and a count of its lines, which have it too.
type Memo struct {
	weft.Model
	weft.SoftDelete
	Title  string
	Code   *string     `weft:"unique"`
	Lines  []*MemoLine `weft:"has_many,fk=MemoID"`
	LinesN int64       `weft:"count=lines"`
}

type MemoLine struct {
	weft.Model
	weft.SoftDelete
	MemoID string
	Text   string
}

// Delete and purge run the delete hooks on the row as it was, restore those of
// an update on the row as it will be.
func TestSoftDeleteHooks(t *testing.T) {
	on(t, []any{Memo{}, MemoLine{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		memos := weft.Repo[Memo](db)
		m, other := &Memo{Title: "m"}, &Memo{Title: "other"}
		must(t, memos.CreateMany(ctx, []*Memo{m, other}))
		var log []string
		var fail error
		note := func(name string) func(context.Context, *Memo) error {
			return func(ctx context.Context, x *Memo) error {
				n, err := weft.Repo[Memo](weft.From(ctx)).Count(ctx)
				must(t, err)
				log = append(log, fmt.Sprint(name, " ", x.Title, " deleted ", x.DeletedAt != nil, ", ", n, " live"))
				return fail
			}
		}
		for at, name := range map[weft.HookPoint]string{
			weft.OnBeforeDelete: "before delete", weft.OnAfterDelete: "after delete",
			weft.OnBeforeUpdate: "before update", weft.OnAfterUpdate: "after update",
		} {
			must(t, weft.On(db, at, note(name)))
		}
		ran := func(want ...string) {
			t.Helper()
			if !slices.Equal(log, want) {
				t.Fatalf("hooks ran %q, want %q", log, want)
			}
			log = nil
		}
		gone, err := memos.Delete(ctx, m.ID)
		must(t, err)
		equal(t, gone, true)
		ran("before delete m deleted false, 2 live", "after delete m deleted false, 1 live")
		gone, err = memos.Delete(ctx, m.ID)
		must(t, err)
		equal(t, gone, false)
		ran()
		must(t, memos.Restore(ctx, m.ID))
		ran("before update m deleted false, 1 live", "after update m deleted false, 2 live")
		must(t, memos.Restore(ctx, m.ID))
		ran()
		n, err := memos.Where("title", "=", "m").Delete(ctx)
		must(t, err)
		equal(t, n, 1)
		ran("before delete m deleted false, 2 live", "after delete m deleted false, 1 live")
		must(t, memos.Purge(ctx, m.ID))
		ran("before delete m deleted true, 1 live", "after delete m deleted true, 1 live")
		must(t, memos.Purge(ctx, other.ID))
		ran("before delete other deleted false, 1 live", "after delete other deleted false, 0 live")

		must(t, memos.Create(ctx, m))
		stop := errors.New("stop")
		fail = stop
		is(t, errOf(memos.Delete(ctx, m.ID)), stop)
		equal(t, countOf[Memo](t, db, false), 1)
		fail = nil
		_, err = memos.Delete(ctx, m.ID)
		must(t, err)
		fail = stop
		is(t, memos.Restore(ctx, m.ID), stop)
		is(t, memos.Purge(ctx, m.ID), stop)
		is(t, errOf(memos.Filter(weft.Everything()).Restore(ctx)), stop)
		equal(t, countOf[Memo](t, db, false), 0)
		equal(t, countOf[Memo](t, db, true), 1)
		fail = nil

		// In a batch through the engine's door too.
		must(t, memos.Restore(ctx, m.ID))
		log = nil
		model := db.Schema().Model("Memo")
		_, err = db.Engine().Do(ctx, op.Op{Kind: op.Batch, Batch: []op.Op{
			{Kind: op.Delete, Model: model, Filter: op.Cmp("id", op.Eq, m.ID)}, {Kind: op.Count, Model: model},
		}})
		must(t, err)
		ran("before delete m deleted false, 1 live", "after delete m deleted false, 0 live")
		equal(t, countOf[Memo](t, db, true), 1)
	})
}

func TestCountsOfDeletedRows(t *testing.T) {
	on(t, []any{Memo{}, MemoLine{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		memos, lines := weft.Repo[Memo](db), weft.Repo[MemoLine](db)
		m := &Memo{}
		must(t, memos.Create(ctx, m))
		must(t, lines.CreateMany(ctx, []*MemoLine{{MemoID: m.ID, Text: "1"}, {MemoID: m.ID, Text: "2"}, {MemoID: m.ID, Text: "3"}}))
		_, err := lines.Where("text", "=", "2").Delete(ctx)
		must(t, err)
		got, err := memos.With("linesN").First(ctx)
		must(t, err)
		equal(t, got.LinesN, 2)
		must(t, memos.Load(ctx, m, "linesN"))
		equal(t, m.LinesN, 2)
		got, err = memos.WithQuery("linesN", func(r *weft.Rel) { r.WithDeleted() }).First(ctx)
		must(t, err)
		equal(t, got.LinesN, 3)
	})
}

// Raw SQL is the one way past the mark, in both directions.
func TestSoftDeleteAndSQL(t *testing.T) {
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "soft.db")), weft.Models(Memo{}, MemoLine{}), weft.AutoMigrate())
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	ctx := t.Context()
	memos := weft.Repo[Memo](db)
	list := []*Memo{{Title: "a"}, {Title: "b"}}
	must(t, memos.CreateMany(ctx, list))
	_, err = memos.Delete(ctx, list[0].ID)
	must(t, err)
	rows, err := weft.SQL[Memo](ctx, db, "SELECT * FROM memos ORDER BY title")
	must(t, err)
	equal(t, len(rows), 2)
	if rows[0].DeletedAt == nil || rows[1].DeletedAt != nil {
		t.Fatalf("raw rows %+v", rows)
	}
	n, err := db.Exec(ctx, "UPDATE memos SET deleted_at = '2020-01-01 00:00:00' WHERE title = 'b'")
	must(t, err)
	equal(t, n, 1)
	equal(t, countOf[Memo](t, db, false), 0)
	must(t, memos.Restore(ctx, list[1].ID))
	_, err = db.Exec(ctx, "DELETE FROM memos WHERE title = 'a'")
	must(t, err)
	is(t, memos.Restore(ctx, list[0].ID), weft.ErrNotFound)
	equal(t, countOf[Memo](t, db, true), 1)
	plan, err := memos.Where("code", "=", "x").Explain(ctx)
	must(t, err)
	equal(t, fmt.Sprint(plan.Index), "[memos_code_key]") // the partial index serves
}

// One of many who delete, restore and take the code over wins at a time; the
// code belongs to one live row at most, always.
func TestSoftDeleteConcurrently(t *testing.T) {
	on(t, []any{Memo{}, MemoLine{}}, func(t *testing.T, db *weft.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		memos := weft.Repo[Memo](db)
		code := "only"
		m := &Memo{Code: &code}
		must(t, memos.Create(ctx, m))
		deleted := make([]int, 4)
		var wg sync.WaitGroup
		errs := make(chan error, 64)
		for w := range deleted {
			wg.Go(func() {
				for i := range 15 {
					gone, err := memos.Delete(ctx, m.ID)
					if err != nil {
						errs <- fmt.Errorf("delete: %w", err)
						return
					}
					if gone {
						deleted[w]++
					}
					if i%3 == w%3 {
						err := db.Tx(ctx, func(tx *weft.DB) error {
							other := &Memo{Code: &code}
							if err := memos.In(tx).Create(ctx, other); err != nil {
								return err
							}
							return memos.In(tx).Purge(ctx, other.ID)
						})
						if err != nil && !errors.Is(err, weft.ErrConflict) {
							errs <- fmt.Errorf("take over: %w", err)
							return
						}
					}
					if n, err := memos.Where("code", "=", code).Count(ctx); err != nil || n > 1 {
						errs <- fmt.Errorf("%d live rows have the code, %w", n, err)
						return
					}
					if err := memos.Restore(ctx, m.ID); err != nil {
						errs <- fmt.Errorf("restore: %w", err)
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
		back, err := memos.Find(ctx, m.ID)
		must(t, err)
		total := 0
		for _, n := range deleted {
			total += n
		}
		// Each mark and each restore counted the version once.
		equal(t, weft.VersionOf(back), weft.Version(1+2*total))
		if total < len(deleted) {
			t.Errorf("%d deletes found the row", total)
		}
	})
}

// memoBefore is Memo before it had soft delete.
type memoBefore struct {
	weft.Model
	Title string
	Code  *string `weft:"unique"`
}

func (memoBefore) Weft() weft.Options { return weft.Options{Table: "memos"} }

// A table that gets soft delete later keeps its rows, and its unique index is
// made anew.
func TestMigrateToSoftDelete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memos.db")
	ctx := t.Context()
	code := "x"
	db, err := weft.Open(sqlite.Open(path), weft.Models(memoBefore{}), weft.AutoMigrate())
	must(t, err)
	must(t, weft.Repo[memoBefore](db).Create(ctx, &memoBefore{Title: "old", Code: &code}))
	must(t, db.Close())
	db, err = weft.Open(sqlite.Open(path), weft.Models(Memo{}, MemoLine{}), weft.AutoMigrate())
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	memos := weft.Repo[Memo](db)
	old, err := memos.First(ctx)
	must(t, err)
	_, err = memos.Delete(ctx, old.ID)
	must(t, err)
	must(t, memos.Create(ctx, &Memo{Title: "new", Code: &code}))
	is(t, memos.Restore(ctx, old.ID), weft.ErrConflict)
}
