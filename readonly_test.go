package weft_test

import (
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Gauge has fields that only the database writes.
type Gauge struct {
	weft.Model
	Name  string
	Reads int64  `weft:"readonly"`
	State string `weft:"readonly,default=new"`
	Last  *int64 `weft:"readonly"`
}

func TestReadOnlyFields(t *testing.T) {
	on(t, []any{Gauge{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		gauges := weft.Repo[Gauge](db)
		g := &Gauge{Name: "a"}
		must(t, gauges.Create(ctx, g))
		if g.Reads != 0 || g.State != "new" || g.Last != nil {
			t.Errorf("got %+v", g)
		}
		must(t, gauges.CreateMany(ctx, []*Gauge{{Name: "b"}, {Name: "c"}}))
		says(t, gauges.Create(ctx, &Gauge{Name: "d", Reads: 4}), "reads is read-only")
		is(t, errOf(gauges.Update(ctx, g.ID, weft.Set{"reads": 1})), weft.ErrValidation)

		// What the database writes there is read.
		if db.Engine().Caps().Has(op.CapSQL) {
			must(t, errOf(db.Exec(ctx, "UPDATE gauges SET reads = reads + 5 WHERE name = ?", "a")))
			got, err := gauges.Find(ctx, g.ID)
			must(t, err)
			equal(t, got.Reads, 5)
			got.Name = "renamed"
			must(t, gauges.Save(ctx, got))
			equal(t, got.Reads, 5)
		}
	})
}

// In a table found elsewhere the value is the column's own default; where there
// is none, the error says what is missing.
func TestReadOnlyFieldsOfExistingTables(t *testing.T) {
	type Meter struct {
		ID     int64 `weft:"primary,auto"`
		Name   string
		Serial int64 `weft:"readonly"`
	}
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := weft.Open(sqlite.Open(path))
	must(t, err)
	ctx := t.Context()
	must(t, errOf(db.Exec(ctx, "CREATE TABLE meters (id INTEGER PRIMARY KEY, name TEXT NOT NULL, serial INTEGER NOT NULL DEFAULT 42)")))
	must(t, db.Close())
	open := func() *weft.DB {
		db, err := weft.Open(sqlite.Open(path), weft.Models(Meter{}))
		must(t, err)
		return db
	}
	db = open()
	m := &Meter{Name: "a"}
	must(t, weft.Repo[Meter](db).Create(ctx, m))
	equal(t, m.Serial, 42)
	must(t, errOf(db.Exec(ctx, "DROP TABLE meters")))
	must(t, errOf(db.Exec(ctx, "CREATE TABLE meters (id INTEGER PRIMARY KEY, name TEXT NOT NULL, serial INTEGER NOT NULL)")))
	must(t, db.Close())
	db = open()
	defer db.Close()
	err = weft.Repo[Meter](db).Create(ctx, &Meter{Name: "a"})
	is(t, err, weft.ErrValidation)
	says(t, err, "Meter: serial is read-only", "give the column a default")
}
