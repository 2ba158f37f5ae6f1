package weft_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestSQLAndBackup(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	db, err := weft.Open(sqlite.Open(filepath.Join(dir, "a.db")), allModels(), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	library(t, db)
	type row struct {
		Name    string
		Books   int
		First   *time.Time
		Total   decimal.Decimal
		Missing *string
	}
	rows, err := weft.SQL[row](ctx, db, `SELECT a.name, COUNT(b.id) AS books, MIN(b.created_at) AS first, 1.5 AS total, NULL AS missing
		FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE a.name <> ? GROUP BY a.id ORDER BY a.name`, "Ben")
	must(t, err)
	if len(rows) != 2 || rows[0].Name != "Ann" || rows[0].Books != 4 || rows[0].First == nil || rows[1].First != nil || rows[1].Total.String() != "1.5" {
		t.Fatalf("%+v", rows)
	}
	names, err := weft.SQL[string](ctx, db, "SELECT name FROM authors ORDER BY name")
	must(t, err)
	equal(t, len(names), 3)
	unnamed, err := weft.SQL[struct{ Name string }](ctx, db, "SELECT name FROM authors ORDER BY name")
	must(t, err)
	equal(t, unnamed[2].Name, names[2])
	maps, err := weft.SQL[map[string]any](ctx, db, "SELECT name AS n, 2 AS two FROM authors WHERE name = ?", "Cyd")
	must(t, err)
	equal(t, maps[0]["n"].(string), "Cyd")
	equal(t, maps[0]["two"].(int64), 2)
	whole, err := weft.SQL[Author](ctx, db, "SELECT * FROM authors ORDER BY name")
	must(t, err)
	if len(whole) != 3 || whole[0].Name != "Ann" || whole[0].CreatedAt.IsZero() {
		t.Fatalf("%+v", whole)
	}
	lists, err := weft.SQL[[]string](ctx, db, `SELECT '["a","b"]' UNION ALL SELECT NULL`)
	must(t, err)
	equal(t, len(lists[0])+len(lists[1]), 2)
	none, err := weft.SQL[*string](ctx, db, "SELECT NULL")
	must(t, err)
	equal(t, none[0] == nil, true)
	for _, bad := range []error{
		errOf(weft.SQL[int8](ctx, db, "SELECT 300")), errOf(weft.SQL[func()](ctx, db, "SELECT 1")),
		errOf(weft.SQL[int](ctx, db, "SELECT ?", make(chan int))),
	} {
		is(t, bad, weft.ErrValidation)
	}
	long, err := weft.SQL[string](ctx, db, "SELECT ?", strings.Repeat("x", 300))
	must(t, err)
	equal(t, len(long[0]), 300)
	exact, err := weft.SQL[decimal.Decimal](ctx, db, "SELECT '1.23456'")
	must(t, err)
	equal(t, exact[0].String(), "1.23456")
	_, err = weft.SQL[row](ctx, db, "SELECT 1 AS nope")
	says(t, err, "nope")
	_, err = weft.SQL[int](ctx, db, "SELECT 1, 2")
	says(t, err, "2 columns")
	_, err = weft.SQL[int](ctx, db, "SELEKT 1")
	if err == nil {
		t.Fatal("bad SQL")
	}
	is(t, db.InTx(ctx, func(ctx2 context.Context) error {
		n, err := db.Exec(ctx2, "UPDATE authors SET age = 1 WHERE name <> ?", "Cyd")
		must(t, err)
		equal(t, n, 2)
		got, err := weft.SQL[int](ctx2, db, "SELECT COUNT(*) FROM authors WHERE age = 1")
		must(t, err)
		equal(t, got[0], 2)
		return errStop
	}), errStop)
	got, err := weft.SQL[int](ctx, db, "SELECT COUNT(*) FROM authors WHERE age = 1")
	must(t, err)
	equal(t, got[0], 0)

	var buf bytes.Buffer
	must(t, db.Backup(ctx, &buf))
	copied := filepath.Join(dir, "b.db")
	must(t, os.WriteFile(copied, buf.Bytes(), 0o600))
	db2, err := weft.Open(sqlite.Open(copied), allModels(), weft.AutoMigrate())
	must(t, err)
	n, err := weft.Repo[Author](db2).Count(ctx)
	must(t, err)
	equal(t, n, 3)
	must(t, db2.Close())

	m, err := weft.Open(mem.Open(), allModels())
	must(t, err)
	defer m.Close()
	_, err = m.Exec(ctx, "DELETE FROM authors")
	is(t, err, weft.ErrUnsupported)
	is(t, m.Backup(ctx, &buf), weft.ErrUnsupported)
}
