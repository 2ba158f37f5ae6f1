package snippets

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
	"github.com/weftdb/weft/schema"
)

func TestMigrations(t *testing.T) {
	ctx := t.Context()
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("migrations", 0o755))
	must(t, os.WriteFile(filepath.Join("migrations", "1_codes.up.sql"), []byte("UPDATE tickets SET code = lower(code) WHERE code <> lower(code);\n"), 0o600))
	// snippet:migrate
	db, err := sql.Open("sqlite", "app.db") // or "pgx" and "mysql", with catalog.Postgres and catalog.MySQL
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	set, err := schema.BuildFrom(Ticket{}, Reply{})
	if err != nil {
		t.Fatal(err)
	}
	m := migrate.New(db, catalog.SQLite, set, migrate.Options{AllowDrop: false})
	plan, err := m.Plan(ctx) // changes nothing
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(plan)
	err = m.Apply(ctx, plan) // *migrate.UnsafeError, when a step could lose something
	// end:migrate
	must(t, err)
	// snippet:migrate-data
	list, err := data.Load(os.DirFS("migrations"), catalog.SQLite) // or an embed.FS
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, data.Migration{
		Version: 20261126190000, Name: "long texts", NoTransaction: true, Resume: true,
		Up: func(ctx context.Context, _ data.Tx) error {
			return data.Batches(ctx, data.Batch{
				Table: "replies", Key: "id",
				Do: func(ctx context.Context, tx data.Tx, from, to any) error { // one transaction
					_, err := tx.ExecContext(ctx, "UPDATE replies SET text = trim(text) WHERE id BETWEEN ? AND ?", from, to)
					return err
				},
			})
		},
	})
	r, err := data.NewRunner(db, catalog.SQLite, list, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := r.Apply(ctx)
	// end:migrate-data
	must(t, err)
	if len(applied) != 2 {
		t.Errorf("%d migrations were applied", len(applied))
	}
}
