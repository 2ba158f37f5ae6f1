package data_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
	"github.com/weftdb/weft/op"

	_ "modernc.org/sqlite"
)

type place struct {
	d  catalog.Dialect
	db *sql.DB
}

// each runs the test on a fresh database of each dialect.
func each(t *testing.T, fn func(t *testing.T, p place)) {
	t.Parallel()
	for _, d := range []catalog.Dialect{catalog.SQLite, catalog.Postgres, catalog.MySQL} {
		t.Run(string(d), func(t *testing.T) {
			driver, dsn := "sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)"
			switch d {
			case catalog.Postgres:
				driver, dsn = "pgx", services.Postgres(t)
			case catalog.MySQL:
				driver, dsn = "mysql", services.MySQL(t)
			}
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			fn(t, place{d, db})
		})
	}
}

func (p place) exec(t *testing.T, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := p.db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (p place) runner(t *testing.T, o data.Options, list ...data.Migration) *data.Runner {
	t.Helper()
	r, err := data.NewRunner(p.db, p.d, list, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// log is what the migrations of a test wrote, in order.
func (p place) log(t *testing.T) string {
	t.Helper()
	rows, err := p.db.QueryContext(t.Context(), "SELECT what FROM log ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func (p place) makeLog(t *testing.T) {
	p.exec(t, map[catalog.Dialect]string{
		catalog.SQLite:   "CREATE TABLE log (n INTEGER PRIMARY KEY, what TEXT)",
		catalog.Postgres: "CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text)",
		catalog.MySQL:    "CREATE TABLE log (n bigint AUTO_INCREMENT PRIMARY KEY, what text)",
	}[p.d])
}

func write(what string) data.Func {
	return func(ctx context.Context, tx data.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO log (what) VALUES ('"+what+"')")
		return err
	}
}

func step(version int64) data.Migration {
	return data.Migration{Version: version, Name: fmt.Sprint("m", version), Up: write(fmt.Sprint("up", version)), Down: write(fmt.Sprint("down", version))}
}

func states(s *data.Status) string {
	var out []string
	for _, e := range s.Entries {
		out = append(out, fmt.Sprintf("%d:%s:%d", e.Version, e.State, e.Batch))
	}
	return strings.Join(out, " ")
}

func (p place) status(t *testing.T, r *data.Runner) *data.Status {
	t.Helper()
	s, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUpAndDown(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		p.makeLog(t)
		var told []data.Progress
		o := data.Options{Owner: "me", Progress: func(x data.Progress) { told = append(told, x) }}
		r := p.runner(t, o, step(2), step(1))
		if got := states(p.status(t, r)); got != "1:pending:0 2:pending:0" {
			t.Errorf("at first %s", got)
		}
		done, err := r.Apply(t.Context())
		if err != nil || len(done) != 2 || len(told) != 4 || told[3].N != 2 || told[3].Of != 2 {
			t.Fatalf("%+v, %v, %+v", done, err, told)
		}
		if done, err := r.Apply(t.Context()); done != nil || err != nil {
			t.Errorf("again: %+v, %v", done, err)
		}
		r = p.runner(t, o, step(1), step(2), step(3), step(4))
		if _, err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := p.status(t, r)
		if got := states(s); got != "1:applied:1 2:applied:1 3:applied:2 4:applied:2" {
			t.Errorf("applied %s", got)
		}
		if e := s.Entries[0]; e.Owner != "me" || e.At.IsZero() || e.Name != "m1" || !e.Reversible || e.Missing {
			t.Errorf("%+v", e)
		}
		if _, err := r.Rollback(t.Context(), 1); !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "roll back batch 2 first") {
			t.Errorf("%v", err)
		}
		if _, err := r.Rollback(t.Context(), 7); !errors.Is(err, op.ErrNotFound) {
			t.Errorf("%v", err)
		}
		for _, batch := range []int64{2, 0, 0} {
			if _, err := r.Rollback(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.log(t); got != "up1 up2 up3 up4 down4 down3 down2 down1" {
			t.Errorf("done: %s", got)
		}
		if got := len(p.status(t, r).Pending()); got != 4 {
			t.Errorf("%d are pending", got)
		}
	})
}

func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		fsys := fstest.MapFS{
			"0001_make log.up.sql":               {Data: []byte("CREATE TABLE log (n INTEGER PRIMARY KEY, what TEXT); -- the end\n")},
			"0001_make log.down.sql":             {Data: []byte("DROP TABLE log")},
			"0001_make log.up.mysql.sql":         {Data: []byte("CREATE TABLE log (n INTEGER PRIMARY KEY, what TEXT) ENGINE=InnoDB")},
			"2_fill.up.sql":                      {Data: []byte("INSERT INTO log VALUES (1, 'a;b');\r\nINSERT INTO log VALUES (2, 'c');")},
			"2_fill.down.sql":                    {Data: []byte("-- nothing yet")},
			"3_vacuum.up.sqlite.sql":             {Data: []byte("-- weft:no-transaction\nVACUUM;")},
			"3_vacuum.up.postgres.sql":           {Data: []byte("-- weft:no-transaction\nVACUUM log")},
			"3_vacuum.up.mysql.sql":              {Data: []byte("-- weft:no-transaction\nOPTIMIZE TABLE log")},
			"4_elsewhere.up.postgres.sql":        {Data: []byte("SELECT 1")},
			"README.md":                          {Data: []byte("x")},
			"deeper/9_not_here.up.sql":           {Data: []byte("nonsense")},
			"4_elsewhere.down.postgres.sql":      {Data: []byte("SELECT 1")},
			"9_unwritten.up.sql":                 {Data: []byte("-- to be written\n")},
			"8_odd.up.sql":                       {Data: []byte("INSERT INTO log VALUES (8, 'odd')")},
			"8_odd.down.sql":                     {Data: []byte("DELETE FROM log WHERE n = 8")},
			"8_odd.down." + string(p.d) + ".sql": {Data: []byte("DELETE FROM log WHERE n >= 8")},
		}
		list, err := data.Load(fsys, p.d)
		if err != nil {
			t.Fatal(err)
		}
		names := map[catalog.Dialect]int{catalog.Postgres: 6}[p.d]
		if want := max(5, names); len(list) != want {
			t.Fatalf("%d migrations, want %d: %v", len(list), want, list)
		}
		r := p.runner(t, data.Options{}, list...)
		done, err := r.Apply(t.Context())
		if err == nil || !strings.Contains(err.Error(), "9_unwritten.up.sql has no statement yet") || len(done) != len(list)-1 {
			t.Fatalf("%d done, %v", len(done), err)
		}
		if got := p.log(t); got != "a;b c odd" {
			t.Errorf("log %q", got)
		}
		_, err = r.Rollback(t.Context(), 0)
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "2_fill.up.sql has no down") || !strings.Contains(err.Error(), "3_vacuum") {
			t.Errorf("%v", err)
		}
		if got := p.log(t); got != "a;b c odd" {
			t.Errorf("log %q", got)
		}
		// An applied file is edited; line ends do not count.
		fsys["2_fill.up.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO log VALUES (1, 'a;b');\nINSERT INTO log VALUES (2, 'c');")}
		if list, err = data.Load(fsys, p.d); err != nil {
			t.Fatal(err)
		}
		if e := p.status(t, p.runner(t, data.Options{}, list...)).Entries[1]; e.Edited != "" {
			t.Errorf("%+v", e)
		}
		old := list[1].Checksum
		fsys["2_fill.up.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO log VALUES (1, 'other')")}
		if list, err = data.Load(fsys, p.d); err != nil {
			t.Fatal(err)
		}
		_, err = p.runner(t, data.Options{}, list...).Apply(t.Context())
		for _, want := range []string{"2_fill.up.sql was edited", old, list[1].Checksum} {
			if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %s", err, want)
			}
		}
	})
}

func TestLoadFaults(t *testing.T) {
	_, err := data.Load(fstest.MapFS{
		"5_a.up.sql":                     {Data: []byte("SELECT 1")},
		"05_b.up.sql":                    {Data: []byte("SELECT 1")},
		"6_only.down.sql":                {Data: []byte("SELECT 1")},
		"7_open.up.sql":                  {Data: []byte("SELECT 'x")},
		"seven.sql":                      {Data: []byte("")},
		"0_zero.up.sql":                  {Data: []byte("SELECT 1")},
		"99999999999999999999_up.up.sql": {Data: []byte("SELECT 1")},
	}, catalog.SQLite)
	for _, want := range []string{
		"05_b.up.sql and 5_a.up.sql have the same version 5; were they made on two branches?", "6_only.down.sql has no 6_only.up.sql",
		"7_open.up.sql: line 1: a quote ' is not closed", "seven.sql has no name of a migration", "0_zero.up.sql: the version 0", "99999999999999999999",
	} {
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err := data.Load(os.DirFS(filepath.Join(t.TempDir(), "none")), catalog.SQLite); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
	a, b := step(3), step(3)
	b.Name = "other"
	_, err = data.NewRunner(nil, catalog.SQLite, []data.Migration{a, b, {Version: -1}, {Version: 4, Name: "x", Up: a.Up, Resume: true}, {Version: 5}}, data.Options{})
	for _, want := range []string{"3_m3 and 3_other have the same version 3", "version -1", "Resume without NoTransaction", "has no Up"} {
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		p.makeLog(t)
		if _, err := p.runner(t, data.Options{}, step(1), step(3), step(7)).Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		list := []data.Migration{step(1), step(2), step(3), step(8)} // 7 is another branch's
		s := p.status(t, p.runner(t, data.Options{}, list...))
		if !s.Entries[1].OutOfOrder || !s.Entries[3].Missing || s.Entries[4].OutOfOrder || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "between 3_m3 and 8_m8") {
			t.Errorf("%+v", s)
		}
		_, err := p.runner(t, data.Options{}, list...).Apply(t.Context())
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "2_m2 comes before migrations that are applied already") {
			t.Errorf("%v", err)
		}
		if _, err := p.runner(t, data.Options{OutOfOrder: true}, list...).Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.log(t); got != "up1 up3 up7 up2 up8" {
			t.Errorf("%s", got)
		}
	})
}

// What fails leaves nothing behind, unless MySQL has committed it in between:
// that is recorded, and nothing goes on before somebody has looked.
func TestFailure(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		p.makeLog(t)
		bad := errors.New("bad")
		fails := true
		rows := step(2)
		rows.Up = func(ctx context.Context, tx data.Tx) error {
			err := write("rows")(ctx, tx)
			if err == nil && fails {
				err = bad
			}
			return err
		}
		r := p.runner(t, data.Options{Owner: "me"}, step(1), rows, step(3))
		done, err := r.Apply(t.Context())
		if !errors.Is(err, bad) || !errors.Is(err, op.ErrDatabase) || !strings.Contains(err.Error(), "apply 2_m2: bad") || len(done) != 1 {
			t.Fatalf("%v, %+v", err, done)
		}
		if got := p.log(t); got != "up1" {
			t.Errorf("log %s", got)
		}
		if got := states(p.status(t, r)); got != "1:applied:1 2:pending:0 3:pending:0" {
			t.Errorf("%s", got)
		}
		fails = false
		if _, err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}

		fails = true
		ddl := step(4)
		ddl.Up = func(ctx context.Context, tx data.Tx) error {
			_, err := tx.ExecContext(ctx, "CREATE TABLE made (n integer)")
			if err == nil && fails {
				err = bad
			}
			return err
		}
		r = p.runner(t, data.Options{Owner: "me"}, step(1), rows, step(3), ddl, step(5))
		if _, err = r.Apply(t.Context()); !errors.Is(err, bad) {
			t.Fatal(err)
		}
		if p.d != catalog.MySQL {
			if got := states(p.status(t, r)); !strings.HasSuffix(got, "4:pending:0 5:pending:0") {
				t.Errorf("%s", got)
			}
			return
		}
		s := p.status(t, r)
		if e := s.Entries[3]; e.State != data.Begun || !strings.Contains(e.Error, "bad") || e.Owner != "me" {
			t.Errorf("%+v", e)
		}
		_, err = r.Apply(t.Context())
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "version 4 (m4) was stopped while it was applied by me: bad") || !strings.Contains(err.Error(), "DELETE FROM weft_migrations WHERE version = 4") {
			t.Errorf("%v", err)
		}
		if _, err := r.Rollback(t.Context(), 0); !errors.Is(err, op.ErrValidation) {
			t.Errorf("%v", err)
		}
		if err := r.Resolve(t.Context(), 3, true); !errors.Is(err, op.ErrNotFound) {
			t.Errorf("%v", err)
		}
		p.exec(t, "DROP TABLE made")
		fails = false
		if err := r.Resolve(t.Context(), 4, false); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(p.status(t, r).Pending()); n != 0 {
			t.Errorf("%d are pending", n)
		}
	})
}

// Several at once: each migration runs once.
func TestTogether(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		p.makeLog(t)
		var wg sync.WaitGroup
		for range 4 {
			r := p.runner(t, data.Options{}, step(1), step(2), step(3))
			wg.Go(func() {
				if _, err := r.Apply(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := p.log(t); got != "up1 up2 up3" {
			t.Errorf("%s", got)
		}
	})
}

func TestBatches(t *testing.T) {
	for _, key := range []string{"integer", "varchar(20)"} {
		t.Run(key, func(t *testing.T) { batches(t, key) })
	}
}

func batches(t *testing.T, key string) {
	each(t, func(t *testing.T, p place) {
		p.makeLog(t)
		p.exec(t, "CREATE TABLE items (id "+key+" NOT NULL PRIMARY KEY, n integer)")
		for i := range 25 {
			p.exec(t, fmt.Sprintf("INSERT INTO items VALUES ('%03d', 0)", i))
		}
		crash := errors.New("crash")
		calls, stopAt := 0, 2
		var told []data.Progress
		m := data.Migration{Version: 1, Name: "big", NoTransaction: true, Resume: true, Up: func(ctx context.Context, _ data.Tx) error {
			return data.Batches(ctx, data.Batch{Table: "items", Key: "id", Size: 10, Do: func(ctx context.Context, tx data.Tx, from, to any) error {
				calls++
				q := "UPDATE items SET n = n + 1 WHERE id BETWEEN ? AND ?"
				if p.d == catalog.Postgres {
					q = "UPDATE items SET n = n + 1 WHERE id BETWEEN $1 AND $2"
				}
				if _, err := tx.ExecContext(ctx, q, from, to); err != nil {
					return err
				}
				if calls == stopAt {
					return crash
				}
				return nil
			}})
		}}
		r := p.runner(t, data.Options{Progress: func(x data.Progress) { told = append(told, x) }}, m)
		if _, err := r.Apply(t.Context()); !errors.Is(err, crash) || !strings.Contains(err.Error(), "goes on where it stopped") {
			t.Fatal(err)
		}
		if got := states(p.status(t, r)); got != "1:begun:1" {
			t.Errorf("%s", got)
		}
		told = nil
		if _, err := r.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if calls != 4 { // one done, one undone, two more
			t.Errorf("%d calls", calls)
		}
		var least, most, rows int
		if err := p.db.QueryRowContext(t.Context(), "SELECT min(n), max(n), count(*) FROM items").Scan(&least, &most, &rows); err != nil || least != 1 || most != 1 || rows != 25 {
			t.Errorf("%d to %d, %v", least, most, err)
		}
		if !slices.ContainsFunc(told, func(x data.Progress) bool { return x.Done == 15 && x.Total == 15 }) {
			t.Errorf("%+v", told)
		}
		if got := states(p.status(t, r)); got != "1:applied:1" {
			t.Errorf("%s", got)
		}
	})
}

func TestBatchesElsewhere(t *testing.T) {
	if err := data.Batches(t.Context(), data.Batch{}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m := data.Migration{Version: 1, Name: "x", Up: func(ctx context.Context, _ data.Tx) error {
		return data.Batches(ctx, data.Batch{Table: "t", Key: "id", Do: func(context.Context, data.Tx, any, any) error { return nil }})
	}}
	r, err := data.NewRunner(db, catalog.SQLite, []data.Migration{m}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Apply(t.Context()); !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "must say NoTransaction") {
		t.Errorf("%v", err)
	}
}

func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "migrations")
	up, down, err := data.New(dir, "Fill the slugs\nDROP TABLE x")
	if err != nil || !strings.HasSuffix(up, "_fill_the_slugs_drop_table_x.up.sql") || !strings.HasSuffix(down, ".down.sql") {
		t.Fatalf("%s, %s, %v", up, down, err)
	}
	second, _, err := data.New(dir, "Fill the slugs")
	if err != nil || second <= up {
		t.Errorf("%s after %s, %v", second, up, err)
	}
	list, err := data.Load(os.DirFS(dir), catalog.Postgres)
	if err != nil || len(list) != 2 || list[0].Down != nil {
		t.Errorf("%v, %v", list, err)
	}
	if _, _, err := data.New(dir, "…"); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
}
