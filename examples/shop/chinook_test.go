package main

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// chinookFile makes the real database.
func chinookFile(t *testing.T) (string, *sql.DB) {
	t.Helper()
	script := chinook.Script(t)
	file := filepath.Join(t.TempDir(), "chinook.db")
	db, err := sql.Open("sqlite", file)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	db.SetMaxOpenConns(1)
	_, err = db.Exec("BEGIN;" + script + ";COMMIT")
	must(t, err)
	return file, db
}

// The models are those that pull makes of Chinook now, and AutoMigrate has
// nothing to do for them.
func TestModelsAreThosePulled(t *testing.T) {
	file, hand := chinookFile(t)
	want, err := filepath.Abs("models")
	must(t, err)
	cmd := exec.Command("go", "run", "../../cmd/weft", "schema", "pull", file, "--out", want, "--check")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	before := answer(t, hand, "SELECT name, sql FROM sqlite_master ORDER BY name")
	db, err := weft.Open(sqlite.Open(file), all(), weft.AutoMigrate())
	must(t, err)
	must(t, db.Close())
	if after := answer(t, hand, "SELECT name, sql FROM sqlite_master ORDER BY name"); !slices.Equal(before, after) {
		t.Errorf("AutoMigrate changed the tables to\n%s", strings.Join(after, "\n"))
	}
}

// answer runs SQL written by hand and joins the columns of each row by bars.
func answer(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	must(t, err)
	var out []string
	for rows.Next() {
		cells, to := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			to[i] = &cells[i]
		}
		must(t, rows.Scan(to...))
		parts := make([]string, len(cells))
		for i, c := range cells {
			parts[i] = c.String
		}
		out = append(out, strings.Join(parts, "|"))
	}
	must(t, rows.Err())
	return out
}

// engines are Chinook on each engine. The models are those of SQLite; the
// scripts of the others make the same tables.
var engines = map[string]func(t *testing.T) op.Engine{
	"sqlite": func(t *testing.T) op.Engine {
		file, _ := chinookFile(t)
		return sqlite.Open(file)
	},
	"postgres": func(t *testing.T) op.Engine {
		address := services.Postgres(t)
		chinook.LoadPostgres(t, connect(t, "pgx", address))
		return postgres.Open(address)
	},
	"mysql": func(t *testing.T) op.Engine {
		dsn := services.MySQL(t)
		chinook.LoadMySQL(t, connect(t, "mysql", dsn))
		return mysql.Open(dsn)
	},
}

func connect(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// The questions of the reports, through the models that were pulled, give what
// SQL written by hand gives, in a bounded number of queries, on every engine.
func TestQuestions(t *testing.T) {
	_, hand := chinookFile(t)
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) { questions(t, engine(t), hand) })
	}
}

func questions(t *testing.T, engine op.Engine, hand *sql.DB) {
	layer, sw := fault.New(fault.Options{})
	db, err := weft.Open(engine, all(), weft.With(layer))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s, ctx := newShop(db), t.Context()
	for _, q := range []struct {
		name    string
		queries int
		ask     func() ([]string, error)
		sql     string
	}{
		{"five best customers by total", 1, func() (out []string, err error) {
			list, err := s.BestCustomers(ctx, 5)
			for _, b := range list {
				out = append(out, fmt.Sprintf("%s|%s|%s", b.CustomerFirstName, b.CustomerLastName, b.Total.StringFixed(2)))
			}
			return out, err
		}, `SELECT c.FirstName, c.LastName, printf('%.2f', SUM(i.Total)) FROM Invoice i JOIN Customer c USING (CustomerId)
			GROUP BY c.CustomerId ORDER BY ROUND(SUM(i.Total), 2) DESC, c.CustomerId LIMIT 5`},
		{"playlists that contain a genre", 1, func() (out []string, err error) {
			list, err := s.PlaylistsWith(ctx, "Jazz")
			for _, p := range list {
				out = append(out, fmt.Sprintf("%d|%s", p.PlaylistID, *p.Name))
			}
			return out, err
		}, `SELECT DISTINCT p.PlaylistId, p.Name FROM Playlist p JOIN PlaylistTrack USING (PlaylistId) JOIN Track t USING (TrackId)
			JOIN Genre g USING (GenreId) WHERE g.Name = 'Jazz' ORDER BY p.PlaylistId`},
		{"unsold tracks", 2, func() (out []string, err error) {
			list, n, err := s.Unsold(ctx, 0)
			if n != int64(len(list)) {
				t.Errorf("%d tracks are counted, %d listed", n, len(list))
			}
			for _, l := range list {
				out = append(out, fmt.Sprintf("%d|%s|%s|%s", l.TrackID, l.Name, l.AlbumTitle, l.AlbumArtistName))
			}
			return out, err
		}, `SELECT t.TrackId, t.Name, a.Title, ar.Name FROM Track t LEFT JOIN Album a USING (AlbumId) LEFT JOIN Artist ar USING (ArtistId)
			WHERE t.TrackId NOT IN (SELECT TrackId FROM InvoiceLine) ORDER BY t.TrackId`},
		{"revenue by country and year", 1, func() (out []string, err error) {
			list, err := s.RevenueByCountryAndYear(ctx)
			for _, r := range list {
				out = append(out, fmt.Sprintf("%s|%d|%s|%d", r.BillingCountry, r.InvoiceDateYear, r.Total.StringFixed(2), r.Invoices))
			}
			return out, err
		}, `SELECT BillingCountry, CAST(strftime('%Y', InvoiceDate) AS INTEGER) AS y, printf('%.2f', SUM(Total)), COUNT(*) FROM Invoice
			GROUP BY BillingCountry, y ORDER BY BillingCountry, y`},
		{"employees with the number of their customers", 2, func() (out []string, err error) {
			list, err := s.Sellers(ctx)
			for _, e := range list {
				out = append(out, fmt.Sprintf("%d|%s|%s|%d", e.EmployeeID, e.FirstName, e.LastName, e.Customers))
			}
			return out, err
		}, `SELECT e.EmployeeId, e.FirstName, e.LastName, COUNT(c.CustomerId) FROM Employee e
			LEFT JOIN Customer c ON c.SupportRepId = e.EmployeeId GROUP BY e.EmployeeId ORDER BY e.EmployeeId`},
	} {
		t.Run(q.name, func(t *testing.T) {
			want := answer(t, hand, q.sql)
			sw.Reset()
			got, err := q.ask()
			must(t, err)
			for i := range want { // a backslash in the script means something to MySQL
				want[i] = strings.ReplaceAll(want[i], `\ `, " ")
			}
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], `\ `, " ")
			}
			if n := len(sw.Ops()); n != q.queries {
				t.Errorf("%d queries, want %d", n, q.queries)
			}
			if n := sw.Count(op.SQL); n > 0 {
				t.Errorf("%d of them are SQL", n)
			}
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("through the models %d rows\n%.600s\nby SQL %d\n%.600s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
			}
		})
	}
}

// The real database is only read.
func TestTourOfChinook(t *testing.T) {
	file, hand := chinookFile(t)
	must(t, hand.Close())
	before, err := os.ReadFile(file)
	must(t, err)
	var out strings.Builder
	must(t, run(t.Context(), []string{"tour", "-db", file}, &out, &out))
	for _, part := range []string{"Helena Holý: 49.62", "Nothing is bought", "1519 tracks were never sold", "Jane Peacock: 21"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the tour does not say %q:\n%s", part, out.String())
		}
	}
	after, err := os.ReadFile(file)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file changed")
	}
}
