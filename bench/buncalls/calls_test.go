package buncalls

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"
)

type Author struct {
	ID    int64  `bun:",pk,autoincrement"`
	Name  string `bun:",unique"`
	Email string
	Books []*Book `bun:"rel:has-many,join:id=author_id"`
}

type Book struct {
	ID       int64 `bun:",pk,autoincrement"`
	AuthorID int64
	Title    string
	Sold     int64
	InPrint  bool `bun:",default:true"`
	Released *time.Time
	Author   *Author `bun:"rel:belongs-to,join:author_id=id"`
}

type hook struct{}

func (hook) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }
func (hook) AfterQuery(context.Context, *bun.QueryEvent)                        {}

// The calls on the left of the table are bun's own and do what they do there.
func TestCalls(t *testing.T) {
	ctx := context.Background()
	conn, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "bun.db")+"?_time_format=sqlite")
	must(t, err)
	db := bun.NewDB(conn, sqlitedialect.New())
	t.Cleanup(func() { must(t, db.Close()) })
	did := func(_ sql.Result, err error) {
		t.Helper()
		must(t, err)
	}
	did(db.NewCreateTable().Model((*Author)(nil)).IfNotExists().Exec(ctx))
	did(db.NewCreateTable().Model((*Book)(nil)).IfNotExists().Exec(ctx))
	db.AddQueryHook(hook{})

	a := &Author{Name: "Ada"}
	did(db.NewInsert().Model(a).Exec(ctx))
	b := &Book{AuthorID: a.ID, Title: "Go by night", Sold: 12}
	did(db.NewInsert().Model(b).Exec(ctx))
	equal(t, "a false where the default is true", b.InPrint, true)
	list := []*Book{{AuthorID: a.ID, Title: "One", Sold: 1}, {AuthorID: a.ID, Title: "Two", Sold: 20}}
	did(db.NewInsert().Model(&list).Exec(ctx))
	did(db.NewInsert().Model(&Author{Name: "Ada", Email: "ada@example.org"}).
		On("CONFLICT (name) DO UPDATE").Set("email = EXCLUDED.email").Exec(ctx))

	id, titles := b.ID, []string{"One", "Two"}
	must(t, db.NewSelect().Model(b).Where("id = ?", id).Scan(ctx))
	if err := db.NewSelect().Model(b).Where("id = ?", -1).Scan(ctx); !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	list = nil
	some := func(want int, q *bun.SelectQuery) {
		t.Helper()
		must(t, q.Scan(ctx))
		equal(t, q.String(), len(list), want)
		list = nil
	}
	some(2, db.NewSelect().Model(&list).Where("sold > ?", 5).Where("in_print = ?", true))
	some(3, db.NewSelect().Model(&list).Where("sold > ?", 10).WhereOr("title = ?", "One"))
	some(2, db.NewSelect().Model(&list).Where("title IN (?)", bun.In(titles)))
	some(3, db.NewSelect().Model(&list).Relation("Author"))
	some(0, db.NewSelect().Model(&list).Order("sold DESC", "title").Limit(20).Offset(40))
	var authors []*Author
	must(t, db.NewSelect().Model(&authors).Relation("Books", func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("sold > ?", 5) }).Scan(ctx))
	equal(t, "relation", len(authors[0].Books), 2)
	n, err := db.NewSelect().Model((*Book)(nil)).Count(ctx)
	must(t, err)
	equal(t, "count", n, 3)
	var rows []struct{ AuthorID, Sold int64 }
	must(t, db.NewSelect().Model((*Book)(nil)).ColumnExpr("author_id, SUM(sold) AS sold").Group("author_id").
		Having("SUM(sold) > ?", 10).Scan(ctx, &rows))
	equal(t, "groups", rows[0].Sold, 33)

	must(t, db.NewSelect().Model(b).Where("id = ?", id).Scan(ctx))
	b.Title = "New"
	did(db.NewUpdate().Model(b).WherePK().Exec(ctx))
	did(db.NewUpdate().Model(b).Column("title").WherePK().Exec(ctx))
	did(db.NewUpdate().Model((*Book)(nil)).Set("sold = sold + 1").Where("id = ?", id).Exec(ctx))

	// Two that read the same row both write it, with all its columns.
	x, y := new(Book), new(Book)
	must(t, db.NewSelect().Model(x).Where("id = ?", id).Scan(ctx))
	must(t, db.NewSelect().Model(y).Where("id = ?", id).Scan(ctx))
	x.Sold = 99
	did(db.NewUpdate().Model(x).WherePK().Exec(ctx))
	y.Title = "Newer"
	did(db.NewUpdate().Model(y).WherePK().Exec(ctx))
	must(t, db.NewSelect().Model(x).Where("id = ?", id).Scan(ctx))
	equal(t, "one update is lost", x.Sold, 13)

	must(t, db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model(b).WherePK().Exec(ctx)
		return err
	}))
	var lines []struct{ Title string }
	must(t, db.NewRaw("SELECT title FROM books WHERE sold > ?", 5).Scan(ctx, &lines))
	equal(t, "raw", len(lines), 1)
	did(db.NewDelete().Model((*Book)(nil)).Where("sold = ?", 0).Exec(ctx))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
