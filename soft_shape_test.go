package weft_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// A delete is one statement, and so is a save with its guard.
func TestSoftDeleteIsOneStatement(t *testing.T) {
	var seen []string
	watch := func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		seen = append(seen, c.Op+": "+c.SQL())
		return ctx, nil
	}
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "one.db")), weft.Models(Memo{}, MemoLine{}), weft.AutoMigrate(), weft.Observe(watch))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	ctx, memos := t.Context(), weft.Repo[Memo](db)
	m := &Memo{Title: "a"}
	must(t, memos.Create(ctx, m))
	one := func(parts ...string) {
		t.Helper()
		if len(seen) != 1 || strings.Contains(seen[0], ";") {
			t.Fatalf("the engine is asked for %q", seen)
		}
		for _, p := range parts {
			if !strings.Contains(seen[0], p) {
				t.Fatalf("%s does not say %q", seen[0], p)
			}
		}
		seen = nil
	}
	seen = nil
	m.Title = "b"
	must(t, memos.Save(ctx, m))
	one(`UPDATE "memos"`, `"deleted_at" IS NULL`, `"_version" = ?`)
	_, err = memos.Delete(ctx, m.ID)
	must(t, err)
	one(`UPDATE "memos"`, `SET "deleted_at" = ?`, `"updated_at" = ?`, `"_version" = coalesce`)
	must(t, memos.Restore(ctx, m.ID))
	one(`"deleted_at" IS NOT NULL`)
	must(t, memos.Purge(ctx, m.ID))
	one(`DELETE FROM "memos"`)

	// The guard of a save is part of its statement.
	model := db.Schema().Model("Memo")
	key := op.Cmp("id", op.Eq, m.ID)
	res, err := db.Engine().Do(ctx, op.Op{
		Kind: op.Update, Model: model, Filter: key, Set: []op.Assign{{Field: "title", Value: "c"}}, Explain: true,
		Guards: []op.Guard{{Kind: op.GuardMust, Model: model, Filter: key, Must: op.Cmp("_version", op.Eq, 1)}},
	})
	must(t, err)
	equal(t, len(res.Plan.Notes), 0)
}

// Slot has a key of two fields and a mark of another type, and no version.
type Slot struct {
	Hall  string `weft:"primary"`
	Row   int64  `weft:"primary"`
	Guest string
	Gone  sql.NullTime `weft:"deleted,type=timestamp" json:"gone"`
}

// Ring counts its keys by itself, belongs to a user and only remembers what was
// loaded.
type Ring struct {
	weft.Tracked
	weft.SoftDelete
	ID     int64 `weft:"primary,auto"`
	UserID string
	Name   string
}

func (Ring) Weft() weft.Options {
	return weft.Options{Scope: weft.UserScope, Indexes: []weft.Index{{Fields: []string{"userId", "name"}, Unique: true}}}
}

func TestSoftDeleteOfOtherShapes(t *testing.T) {
	on(t, []any{Slot{}, Ring{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		slots := weft.Repo[Slot](db)
		key := weft.Key("A", 1)
		must(t, slots.Create(ctx, &Slot{Hall: "A", Row: 1, Guest: "x"}))
		gone, err := slots.Delete(ctx, key)
		must(t, err)
		equal(t, gone, true)
		got, err := slots.Get(ctx, key)
		must(t, err)
		if got != nil {
			t.Fatal("still there")
		}
		got, err = slots.WithDeleted().First(ctx)
		must(t, err)
		equal(t, got.Gone.Valid, true)
		err = slots.Save(ctx, &Slot{Hall: "A", Row: 1})
		is(t, err, weft.ErrConflict)
		says(t, err, "A,1", "is deleted")
		must(t, slots.Restore(ctx, key))
		got, err = slots.Find(ctx, key)
		must(t, err)
		equal(t, got.Guest, "x")
		equal(t, got.Gone.Valid, false)
		got.Guest, got.Gone = "y", sql.NullTime{Valid: true, Time: time.Now()}
		must(t, slots.Save(ctx, got)) // of an instance of which nothing is remembered the mark is not written
		got, err = slots.Find(ctx, key)
		must(t, err)
		equal(t, got.Guest, "y")
		must(t, slots.Purge(ctx, key))
		is(t, slots.Purge(ctx, key), weft.ErrNotFound)
		for _, err := range []error{slots.Restore(ctx, "nonsense"), slots.Purge(ctx, "nonsense")} {
			is(t, err, weft.ErrValidation)
		}

		ann, bob := weft.Repo[Ring](db.User("ann")), weft.Repo[Ring](db.User("bob"))
		r := &Ring{Name: "one"}
		must(t, ann.Create(ctx, r))
		must(t, bob.Create(ctx, &Ring{Name: "one"}))
		stale, err := ann.Find(ctx, weft.Key(r.ID))
		must(t, err)
		r.Name = "two"
		must(t, ann.Save(ctx, r))
		stale.Name = "three"
		err = ann.Save(ctx, stale)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Ring](err)
		equal(t, ok, true)
		equal(t, fresh.Name, "two")
		gone, err = ann.Delete(ctx, weft.Key(r.ID))
		must(t, err)
		equal(t, gone, true)
		is(t, ann.Save(ctx, stale), weft.ErrNotFound)
		r.Name = "four"
		is(t, ann.Save(ctx, r), weft.ErrNotFound)
		created, err := ann.OnConflict("userId", "name").Create(ctx, &Ring{Name: "two"})
		must(t, err)
		equal(t, created, true)
		is(t, ann.Restore(ctx, weft.Key(r.ID)), weft.ErrConflict)
		is(t, bob.Restore(ctx, weft.Key(r.ID)), weft.ErrNotFound)
		n, err := weft.Repo[Ring](db).WithDeleted().WhereUserIn("ann").Count(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = weft.Repo[Ring](db).WhereUserIn("ann", "bob").Count(ctx)
		must(t, err)
		equal(t, n, 2)
	})
}

// Odd deleted fields are told of when the database opens.
func TestDeletedFieldFaults(t *testing.T) {
	type NotNull struct {
		ID   string    `weft:"primary"`
		Gone time.Time `weft:"deleted"`
	}
	type Always struct {
		ID   string     `weft:"primary"`
		Gone *time.Time `weft:"deleted,default=now"`
	}
	type Twice struct {
		ID string `weft:"primary"`
		weft.SoftDelete
		Gone *time.Time `weft:"deleted"`
	}
	type Day struct {
		ID   string     `weft:"primary"`
		Gone *time.Time `weft:"deleted,type=date"`
	}
	type Needed struct {
		ID   string     `weft:"primary"`
		Gone *time.Time `weft:"deleted" validate:"required"`
	}
	for want, m := range map[string]any{
		"must be nullable": NotNull{}, "cannot be required, unique, a key or have a default": Always{}, "two deleted fields": Twice{},
		"must be a datetime or timestamp": Day{}, "cannot be required": Needed{}, "leave it out": Trick{},
	} {
		_, err := weft.Open(sqlite.Open(":memory:"), weft.Models(m))
		is(t, err, weft.ErrValidation)
		says(t, err, want)
	}
}

// Trick has the unique index that other libraries need.
type Trick struct {
	ID   string `weft:"primary"`
	Code string
	weft.SoftDelete
}

func (Trick) Weft() weft.Options {
	return weft.Options{Indexes: []weft.Index{{Fields: []string{"code", "deletedAt"}, Unique: true}}}
}
