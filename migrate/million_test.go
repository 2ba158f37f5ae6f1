package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
)

// million makes a table of a million rows.
func (p place) million(t *testing.T) {
	t.Helper()
	p.apply(t, parse(t, songs("songs", "plays: integer", "note: {type: text, nullable: true}")), migrate.Options{})
	p.exec(t, "INSERT INTO songs (id, title, plays, note) "+map[catalog.Dialect]string{
		catalog.SQLite:   "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000000) SELECT n, 'song ' || n, n % 1000, 'noted' FROM s",
		catalog.Postgres: "SELECT n, 'song ' || n, n % 1000, 'noted' FROM generate_series(1, 1000000) n",
		catalog.MySQL: "WITH d AS (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9), " +
			"s AS (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d AS n FROM d a, d b, d c, d e, d f, d g) " +
			"SELECT n, CONCAT('song ', n), n % 1000, 'noted' FROM s",
	}[p.dialect])
}

func songs(table string, fields ...string) string {
	return "model: Song\ntable: " + table + "\nfields:\n  id: {type: bigInteger, primary: true}\n  title: string\n  " + strings.Join(fields, "\n  ") + "\n"
}

// TestMillionRows changes a table of a million rows: no value is lost on the
// way, a drop is refused and says how many rows it concerns, and what goes
// through all rows of a SQLite file tells how far it is.
func TestMillionRows(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.million(t)
		same := func(table, plays string) {
			t.Helper()
			// A million different keys in range, each with what belongs to it: all are there.
			text := "'song ' || id"
			if p.dialect == catalog.MySQL {
				text = "CONCAT('song ', id)"
			}
			got := p.ask(t, fmt.Sprintf("SELECT count(*) FROM %[1]s WHERE id BETWEEN 1 AND 1000000 AND %[2]s = id %% 1000 AND title = %[3]s", table, plays, text))
			if s := strings.Join(got, "|"); s != "1000000" {
				t.Errorf("%s: only %s rows are as they were", table, s)
			}
		}
		p.apply(t, parse(t, songs("songs", "heard: {type: integer, renamedFrom: plays}", "note: {type: text, nullable: true}")), migrate.Options{})
		same("songs", "heard")
		p.apply(t, parse(t, "renamedFrom: songs\n"+songs("tracks", "heard: integer", "note: {type: text, nullable: true}")), migrate.Options{})
		same("tracks", "heard")

		fewer := parse(t, songs("tracks", "note: {type: text, nullable: true}"))
		m := p.migrator(fewer, migrate.Options{})
		plan, err := m.Plan(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		err = m.Apply(context.Background(), plan)
		var unsafe *migrate.UnsafeError
		if !errors.As(err, &unsafe) || !strings.Contains(strings.ReplaceAll(err.Error(), ",", ""), "1000000 rows") {
			t.Errorf("a drop of a column of a million values gave %v", err)
		}
		gone := p.migrator(parse(t, "model: Other\nfields:\n  id: {type: bigInteger, primary: true}\n"), migrate.Options{DropTables: []string{"tracks"}})
		if plan, err = gone.Plan(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err = gone.Apply(context.Background(), plan); !errors.As(err, &unsafe) || !strings.Contains(strings.ReplaceAll(err.Error(), ",", ""), "1000000 rows") {
			t.Errorf("a drop of a table of a million rows gave %v", err)
		}
		same("tracks", "heard")

		var told []migrate.Progress
		tell := migrate.Options{Progress: func(x migrate.Progress) { told = append(told, x) }}
		p.apply(t, parse(t, songs("tracks", "heard: integer", "note: {type: text, nullable: true}", "live: {type: boolean, default: true}")), tell)
		p.apply(t, parse(t, songs("tracks", "heard: bigInteger", "note: {type: text, nullable: true}", "live: {type: boolean, default: true}")), tell)
		p.apply(t, parse(t, songs("tracks", "heard: bigInteger", "note: text", "live: {type: boolean, default: true}")), tell)
		same("tracks", "heard")
		if got := p.ask(t, "SELECT count(*) FROM tracks WHERE live AND note = 'noted'"); strings.Join(got, "|") != "1000000" {
			t.Errorf("rows with the new column: %v", got)
		}
		if len(told) == 0 {
			t.Error("no progress was told")
		}
		batches := 0
		for _, x := range told {
			if x.Total > 0 && x.Done > 0 && x.Done < x.Total {
				batches++
			}
		}
		if p.dialect == catalog.SQLite && batches < 10 {
			t.Errorf("a rebuild of a million rows told only %d times how far it was", batches)
		}
	})
}
