package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type artist struct {
	ID     int64    `weft:"primary,column=ArtistId"`
	Name   *string  `weft:"column=Name"`
	Albums []*album `weft:"has_many,fk=ArtistID"`
}

func (artist) Weft() schema.Options { return schema.Options{Table: "Artist"} }

type album struct {
	ID       int64    `weft:"primary,column=AlbumId"`
	Title    string   `weft:"column=Title"`
	ArtistID int64    `weft:"column=ArtistId"`
	Artist   *artist  `weft:"belongs_to,fk=ArtistID"`
	Tracks   []*track `weft:"has_many,fk=AlbumID"`
}

func (album) Weft() schema.Options { return schema.Options{Table: "Album"} }

type track struct {
	ID        int64           `weft:"primary,auto,column=TrackId"`
	Name      string          `weft:"column=Name"`
	AlbumID   *int64          `weft:"column=AlbumId"`
	MediaType int64           `weft:"column=MediaTypeId"`
	Length    int64           `weft:"column=Milliseconds"`
	UnitPrice decimal.Decimal `weft:"column=UnitPrice"`
	Album     *album          `weft:"belongs_to,fk=AlbumID"`
}

func (track) Weft() schema.Options { return schema.Options{Table: "Track"} }

type employee struct {
	ID        int64       `weft:"primary,column=EmployeeId"`
	LastName  string      `weft:"column=LastName"`
	ReportsTo *int64      `weft:"column=ReportsTo"`
	BirthDate *time.Time  `weft:"column=BirthDate"`
	HireDate  *time.Time  `weft:"column=HireDate,type=date"`
	Manager   *employee   `weft:"belongs_to,fk=ReportsTo"`
	Reports   []*employee `weft:"has_many,fk=ReportsTo"`
}

func (employee) Weft() schema.Options { return schema.Options{Table: "Employee"} }

type invoice struct {
	ID    int64           `weft:"primary,column=InvoiceId"`
	At    time.Time       `weft:"column=InvoiceDate"`
	Total decimal.Decimal `weft:"column=Total"`
}

func (invoice) Weft() schema.Options { return schema.Options{Table: "Invoice"} }

func chinookFile(t *testing.T) (*sqlite.Engine, *schema.Set) {
	t.Helper()
	script := chinook.Script(t)
	e := sqlite.Open(filepath.Join(t.TempDir(), "chinook.db"))
	t.Cleanup(func() { _ = e.Close() })
	must(t, e, op.Op{Kind: op.SQL, SQL: script})
	return e, build(t, artist{}, album{}, track{}, employee{}, invoice{})
}

func TestFoundTables(t *testing.T) {
	e, set := chinookFile(t)
	get := func(model string, fields []string, c op.Cond, sort ...op.Sort) [][]any {
		t.Helper()
		o := op.Op{Kind: op.Find, Model: set.Model(model), Fields: fields, Filter: c, Sort: sort}
		if err := op.Normalize(&o); err != nil {
			t.Fatal(err)
		}
		_, rows := must(t, e, o)
		return rows
	}
	expect := func(got any, want string) {
		t.Helper()
		if s := fmt.Sprint(got); s != want {
			t.Errorf("got  %s\nwant %s", s, want)
		}
	}
	expect(get("employee", nil, op.Cmp("id", op.Eq, 2)), "[[2 Edwards 1 1958-12-08 00:00:00 +0000 UTC 2002-05-01 00:00:00 +0000 UTC]]")
	expect(get("employee", []string{"id"}, op.Cmp("birthDate", op.Eq, time.Date(1958, 12, 8, 0, 0, 0, 0, time.UTC))), "[[2]]")
	expect(get("employee", []string{"id"}, op.Cmp("hireDate", op.Eq, "2002-05-01")), "[[2]]")
	expect(get("employee", []string{"id"}, related("reports", related("reports"))), "[[1]]")
	expect(get("employee", []string{"id"}, op.Cmp("reportsTo", op.Eq, nil)), "[[1]]")
	expect(get("track", []string{"id", "unitPrice"}, op.Cmp("id", op.Le, 2), op.Sort{Field: "id"}), "[[1 0.99] [2 0.99]]")
	expect(len(get("track", []string{"id"}, op.Cmp("unitPrice", op.Eq, decimal.RequireFromString("0.99")))), "3290")
	expect(len(get("track", []string{"id"}, op.Cmp("unitPrice", op.Gt, decimal.RequireFromString("0.99")))), "213")
	expect(len(get("track", []string{"id"}, related("album", related("artist", op.Cmp("name", op.Eq, "AC/DC"))))), "18")

	o := op.Op{Kind: op.Aggregate, Model: set.Model("invoice"), Aggs: []op.Agg{{Func: op.AggSum, Field: "total", As: "s"}, {Func: op.AggMin, Field: "at", As: "a"}, {Func: op.AggMax, Field: "at", As: "b"}}}
	_, rows := must(t, e, o)
	expect(rows, "[[2328.6 2021-01-01 00:00:00 +0000 UTC 2025-12-22 00:00:00 +0000 UTC]]")

	// Writes keep to the table's own forms.
	ins := op.Op{
		Kind: op.Insert, Model: set.Model("track"), Returning: true, Fields: []string{"id", "unitPrice"},
		Rows: [][]any{{op.Unset{}, "New", int64(1), int64(1), int64(1000), decimal.RequireFromString("1.30")}},
	}
	_, rows = must(t, e, ins)
	expect(rows, "[[3504 1.3]]")
	_, rows = must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT typeof(UnitPrice), UnitPrice FROM Track WHERE TrackId = 3504"})
	expect(rows, "[[real 1.3]]")
	inc := op.Op{
		Kind: op.Increment, Model: set.Model("track"), Filter: op.Cmp("id", op.Eq, int64(3504)), Returning: true, Fields: []string{"unitPrice"},
		Set: []op.Assign{{Field: "unitPrice", Inc: true, Value: decimal.RequireFromString("0.10")}},
	}
	_, rows = must(t, e, inc)
	expect(rows, "[[1.4]]")
	upd := op.Op{
		Kind: op.Update, Model: set.Model("employee"), Filter: op.Cmp("id", op.Eq, int64(8)),
		Set: []op.Assign{{Field: "hireDate", Value: time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC)}},
	}
	must(t, e, upd)
	_, rows = must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT HireDate FROM Employee WHERE EmployeeId = 8"})
	expect(rows, "[[2020-02-03 00:00:00]]")

	_, err := e.Do(context.Background(), op.Op{Kind: op.Delete, Model: set.Model("artist"), Filter: op.Cmp("id", op.Eq, int64(1))})
	wants(t, err, op.CodeConflict, "foreign key")
}
