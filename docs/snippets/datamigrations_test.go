package snippets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
	"github.com/weftdb/weft/migrate/seed"
	"github.com/weftdb/weft/sqlengine/sqlite"

	_ "modernc.org/sqlite"
)

func TestDataMigrationsInGo(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx := t.Context()
	db, err := sql.Open("sqlite", "app.db")
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, first TEXT, last TEXT)")
	must(t, err)
	_, err = db.ExecContext(ctx, "INSERT INTO people (name) VALUES ('Ada Lovelace'), ('Alan Turing')")
	must(t, err)
	// snippet:go-migration
	split := data.Migration{
		Version: 20261126190000, Name: "split names",
		Up: func(ctx context.Context, tx data.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE people SET first = substr(name, 1, instr(name, ' ') - 1), last = substr(name, instr(name, ' ') + 1)")
			return err
		},
		Down: func(ctx context.Context, tx data.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE people SET name = first || ' ' || last")
			return err
		},
	}
	runner, err := data.NewRunner(db, catalog.SQLite, []data.Migration{split}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := runner.Apply(ctx) // those that are pending, as one batch
	// end:go-migration
	must(t, err)
	if len(applied) != 1 {
		t.Errorf("%+v", applied)
	}
	// snippet:go-rollback
	undone, err := runner.Rollback(ctx, 0) // 0: the last batch
	// end:go-rollback
	must(t, err)
	if len(undone) != 1 {
		t.Errorf("%+v", undone)
	}
}

// snippet:seed-model
type Country struct {
	ID   int64
	Code string `weft:"unique"`
	Name string
	Rate float64 // the users' own: the seed does not give it
}

func (Country) Weft() weft.Options {
	return weft.Options{Seed: &weft.Seed{Key: "code", Rows: []map[string]any{
		{"code": "no", "name": "Norway"},
		{"code": "pt", "name": "Portugal"},
	}}}
}

// end:seed-model

func TestSeed(t *testing.T) {
	ctx := t.Context()
	// snippet:seed-apply
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Country{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	results, err := seed.Apply(ctx, db.Engine(), db.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r) // Country: 2 inserted
	}
	// end:seed-apply
	again, err := seed.Apply(ctx, db.Engine(), db.Schema())
	if err != nil || again[0].Unchanged != 2 || errors.Is(err, weft.ErrConflict) {
		t.Errorf("%v, %v", again, err)
	}
}
