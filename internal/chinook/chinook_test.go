package chinook

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	_ "modernc.org/sqlite"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// store is Chinook on one engine: opened with Weft, and by hand.
type store struct {
	db     *weft.DB
	sw     *fault.Switch
	engine string
	own    *sql.DB // the database that Weft has opened
	hand   *sql.DB // Chinook on SQLite, which SQL by hand is written for; own where that is it
}

// stores are the engines, with a database that Chinook is loaded into.
var stores = map[string]func(t *testing.T) (op.Engine, *sql.DB){
	"sqlite": func(t *testing.T) (op.Engine, *sql.DB) {
		path := filepath.Join(t.TempDir(), "chinook.db")
		hand := connect(t, "sqlite", path)
		hand.SetMaxOpenConns(1)
		_, err := hand.Exec("BEGIN;" + Script(t) + ";COMMIT")
		must(t, err)
		return sqlite.Open(path), hand
	},
	"postgres": func(t *testing.T) (op.Engine, *sql.DB) {
		address := services.Postgres(t)
		hand := connect(t, "pgx", address)
		LoadPostgres(t, hand)
		return postgres.Open(address), hand
	},
	"mysql": func(t *testing.T) (op.Engine, *sql.DB) {
		dsn := services.MySQL(t)
		hand := connect(t, "mysql", dsn)
		LoadMySQL(t, hand)
		return mysql.Open(dsn), hand
	},
}

func connect(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// The questions of this file, on every engine. The last one writes.
func TestQuestions(t *testing.T) {
	_, hand := stores["sqlite"](t)
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			layer, sw := fault.New(fault.Options{})
			s := &store{sw: sw, engine: name, hand: hand}
			e, own := open(t)
			db, err := weft.Open(e, weft.With(layer), weft.Models(
				Artist{}, Album{}, Track{}, Genre{}, MediaType{}, Playlist{}, PlaylistTrack{}, Employee{}, Customer{}, Invoice{}, InvoiceLine{}))
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			s.db, s.own = db, own
			for _, q := range []struct {
				name string
				ask  func(*testing.T, *store)
			}{
				{"tracks of an artist", tracksOfAnArtist},
				{"chain of managers", chainOfManagers},
				{"customers with invoices", customersWithInvoices},
				{"playlists of a track", playlistsOfATrack},
				{"filters", filters},
				{"writes", writes},
			} {
				t.Run(q.name, func(t *testing.T) { q.ask(t, s) })
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer runs SQL written by hand and joins each row by bars.
func answer(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	must(t, err)
	defer rows.Close()
	cols, err := rows.Columns()
	must(t, err)
	var out []string
	for rows.Next() {
		vals := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		must(t, rows.Scan(ptrs...))
		parts := make([]string, len(cols))
		for i, v := range vals {
			parts[i] = v.String
		}
		out = append(out, strings.Join(parts, "|"))
	}
	must(t, rows.Err())
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("the SQL found nothing")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows through models, %d by SQL\ngot  %.400s\nwant %.400s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func tracksOfAnArtist(t *testing.T, s *store) {
	db, hand, sw := s.db, s.hand, s.sw
	sw.Reset()
	list, err := weft.Repo[Artist](db).Where("name", "in", []string{"AC/DC", "Iron Maiden", "Antônio Carlos Jobim"}).
		With("albums.tracks.genre").All(t.Context())
	must(t, err)
	if n := sw.Count(op.Find); n != 4 {
		t.Fatalf("%d queries, want 4", n)
	}
	var got []string
	for _, a := range list {
		for _, al := range a.Albums {
			for _, tr := range al.Tracks {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", str(a.Name), al.Title, tr.Name, str(tr.Genre.Name), tr.UnitPrice.StringFixed(2)))
			}
		}
	}
	same(t, got, answer(t, hand, `SELECT ar.Name, al.Title, t.Name, g.Name, printf('%.2f', t.UnitPrice) FROM Artist ar
		JOIN Album al USING (ArtistId) JOIN Track t USING (AlbumId) JOIN Genre g USING (GenreId)
		WHERE ar.Name IN ('AC/DC', 'Iron Maiden', 'Antônio Carlos Jobim')`))
}

func chainOfManagers(t *testing.T, s *store) {
	db, hand := s.db, s.hand
	list, err := weft.Repo[Employee](db).With("manager.manager.manager").All(t.Context())
	must(t, err)
	var got []string
	for _, e := range list {
		chain := e.LastName
		for m := e.Manager; m != nil; m = m.Manager {
			chain += ">" + m.LastName
		}
		got = append(got, chain+"|"+e.HireDate.Format("2006-01-02"))
	}
	same(t, got, answer(t, hand, `WITH RECURSIVE up(id, chain, boss, hired) AS (
		SELECT EmployeeId, LastName, ReportsTo, date(HireDate) FROM Employee
		UNION ALL SELECT up.id, up.chain || '>' || e.LastName, e.ReportsTo, up.hired FROM up JOIN Employee e ON e.EmployeeId = up.boss)
		SELECT chain, hired FROM up WHERE boss IS NULL`))
}

func customersWithInvoices(t *testing.T, s *store) {
	db, hand, sw := s.db, s.hand, s.sw
	sw.Reset()
	list, err := weft.Repo[Customer](db).With("invoices.lines", "supportRep").All(t.Context())
	must(t, err)
	if n := sw.Count(op.Find); n != 4 {
		t.Fatalf("%d queries, want 4", n)
	}
	var got []string
	for _, c := range list {
		for _, inv := range c.Invoices {
			sum, n := decimal.Zero, 0
			for _, l := range inv.Lines {
				sum = sum.Add(l.UnitPrice.Mul(decimal.NewFromInt(l.Quantity)))
				n++
			}
			if !sum.Equal(inv.Total) {
				t.Fatalf("invoice %d: lines add up to %s, total %s", inv.ID, sum, inv.Total)
			}
			got = append(got, fmt.Sprintf("%s|%s|%s|%s|%d", c.Email, str(c.Country), inv.InvoiceDate.Format("2006-01-02 15:04:05"), inv.Total.StringFixed(2), n)+"|"+c.SupportRep.LastName)
		}
	}
	same(t, got, answer(t, hand, `SELECT c.Email, c.Country, CAST(i.InvoiceDate AS TEXT), printf('%.2f', i.Total), COUNT(*), e.LastName FROM Customer c
		JOIN Invoice i USING (CustomerId) JOIN InvoiceLine l USING (InvoiceId) JOIN Employee e ON e.EmployeeId = c.SupportRepId
		GROUP BY i.InvoiceId`))
	sum, err := weft.Repo[Invoice](db).Sum(t.Context(), "total")
	must(t, err)
	if want := answer(t, hand, `SELECT printf('%.2f', SUM(Total)) FROM Invoice`)[0]; sum.Decimal().StringFixed(2) != want {
		t.Fatalf("sum %s, want %s", sum, want)
	}
}

func playlistsOfATrack(t *testing.T, s *store) {
	db, hand := s.db, s.hand
	list, err := weft.Repo[Track](db).Where("name", "like", "LOVE").With("playlists").All(t.Context())
	must(t, err)
	var got []string
	for _, tr := range list {
		for _, p := range tr.Playlists {
			got = append(got, fmt.Sprintf("%d|%s|%s|%d", tr.ID, tr.Name, str(p.Name), p.ID))
		}
	}
	same(t, got, answer(t, hand, `SELECT t.TrackId, t.Name, p.Name, p.PlaylistId FROM Track t JOIN PlaylistTrack USING (TrackId)
		JOIN Playlist p USING (PlaylistId) WHERE t.Name LIKE '%love%'`))
	p, err := weft.Repo[Playlist](db).Where("id", "=", 8).WithQuery("tracks", func(r *weft.Rel) {
		r.Where("unitPrice", ">=", "0.99").OrderBy("milliseconds", weft.Desc).Limit(5)
	}).First(t.Context())
	must(t, err)
	got = nil
	for _, tr := range p.Tracks {
		got = append(got, tr.Name)
	}
	same(t, got, answer(t, hand, `SELECT Name FROM Track JOIN PlaylistTrack USING (TrackId) WHERE PlaylistId = 8 AND UnitPrice >= 0.99
		ORDER BY Milliseconds DESC, TrackId LIMIT 5`))
}

func filters(t *testing.T, s *store) {
	db, hand := s.db, s.hand
	ctx := t.Context()
	tracks := weft.Repo[Track](db)
	for query, q := range map[string]*weft.Query[Track]{
		`Composer IS NULL`:                        tracks.Where("composer", "=", nil),
		`Composer IS NULL OR Composer <> 'AC/DC'`: tracks.Where("composer", "!=", "AC/DC"),
		`UnitPrice = 1.99`:                        tracks.Where("unitPrice", "=", decimal.RequireFromString("1.99")),
		`Milliseconds BETWEEN 100000 AND 200000`:  tracks.Where("milliseconds", "between", []int{100000, 200000}),
		`substr(Name, 1, 3) = 'The'`:              tracks.Where("name", "starts with", "The"),
		`AlbumId IN (1, 5, 9)`:                    tracks.WhereIn("albumId", 1, 5, 9),
	} {
		n, err := q.Count(ctx)
		must(t, err)
		if want := answer(t, hand, "SELECT COUNT(*) FROM Track WHERE "+query)[0]; fmt.Sprint(n) != want {
			t.Errorf("%s: %d rows, want %s", query, n, want)
		}
	}
	day := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	n, err := weft.Repo[Invoice](db).Where("invoiceDate", ">=", day).Where("invoiceDate", "<", day.AddDate(1, 0, 0)).Count(ctx)
	must(t, err)
	if want := answer(t, hand, "SELECT COUNT(*) FROM Invoice WHERE InvoiceDate >= '2022-01-01' AND InvoiceDate < '2023-01-01'")[0]; fmt.Sprint(n) != want || n == 0 {
		t.Errorf("invoices of 2022: %d, want %s", n, want)
	}
}

// key is a key for a new row where the database hands out none: the scripts for
// servers declare theirs as plain numbers.
func (s *store) key(n int64) int64 {
	if s.engine == "sqlite" {
		return 0
	}
	return n
}

var camelCase = regexp.MustCompile(`\b[A-Z][A-Za-z]*[a-z][A-Za-z]*\b`)

// byHand is answer on the database that Weft works on.
func (s *store) byHand(t *testing.T, query string) []string {
	t.Helper()
	if s.engine == "postgres" {
		query = camelCase.ReplaceAllString(query, `"$0"`)
	}
	return answer(t, s.own, query)
}

func writes(t *testing.T, s *store) {
	db := s.db
	ctx := t.Context()
	artists, albums, links := weft.Repo[Artist](db), weft.Repo[Album](db), weft.Repo[PlaylistTrack](db)
	name := "Weft"
	a := &Artist{ID: s.key(5000), Name: &name}
	must(t, artists.Create(ctx, a))
	al := &Album{ID: s.key(5000), Title: "First", ArtistID: a.ID}
	must(t, albums.Create(ctx, al))
	stale, err := albums.Find(ctx, weft.Key(al.ID))
	must(t, err)
	al.Title = "Second"
	must(t, albums.Save(ctx, al))
	stale.Title = "Third"
	err = albums.Save(ctx, stale)
	if !errors.Is(err, weft.ErrConflict) {
		t.Fatalf("a stale write gave %v", err)
	}
	same(t, []string{fmt.Sprintf("%d|Second|%d", al.ID, a.ID)}, s.byHand(t, fmt.Sprintf("SELECT * FROM Album WHERE AlbumId = %d", al.ID)))

	err = albums.Create(ctx, &Album{ID: s.key(5001), Title: "Nobody's", ArtistID: 999999})
	var c *weft.ConflictError
	if !errors.As(err, &c) || c.Reason != "reference" {
		t.Fatalf("an album of nobody gave %v", err)
	}
	err = links.Create(ctx, &PlaylistTrack{PlaylistID: 1, TrackID: 1})
	if !errors.As(err, &c) || c.Reason != "exists" {
		t.Fatalf("a link that exists gave %v", err)
	}
	gone, err := links.Delete(ctx, weft.Key(1, 1))
	must(t, err)
	if !gone || s.byHand(t, "SELECT COUNT(*) FROM PlaylistTrack WHERE PlaylistId = 1 AND TrackId = 1")[0] != "0" {
		t.Fatal("the link is still there")
	}
	inv := &Invoice{ID: s.key(5000), CustomerID: 1, InvoiceDate: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Total: decimal.RequireFromString("12.30")}
	must(t, weft.Repo[Invoice](db).Create(ctx, inv))
	total := "12.30"
	if s.engine == "sqlite" { // a NUMERIC is a float there
		total = "12.3"
	}
	same(t, []string{"2026-01-02 03:04:05|" + total}, s.byHand(t, fmt.Sprintf("SELECT CAST(InvoiceDate AS CHAR(19)), Total FROM Invoice WHERE InvoiceId = %d", inv.ID)))
	n, err := weft.Repo[Track](db).Where("genreId", "=", 1).Update(ctx, weft.Set{"unitPrice": "1.29"})
	must(t, err)
	if want := s.byHand(t, "SELECT COUNT(*) FROM Track WHERE UnitPrice = 1.29")[0]; fmt.Sprint(n) != want {
		t.Fatalf("%d updated, want %s", n, want)
	}
	ok, err := albums.Delete(ctx, weft.Key(al.ID))
	must(t, err)
	ok2, err := artists.Delete(ctx, weft.Key(a.ID))
	must(t, err)
	if !ok || !ok2 {
		t.Fatal("not deleted")
	}
	_, err = artists.Delete(ctx, "1")
	if !errors.As(err, &c) || c.Reason != "reference" {
		t.Fatalf("deleting an artist with albums gave %v", err)
	}
}
