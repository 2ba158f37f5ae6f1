package weft_test

import (
	"database/sql"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// What a query gives has no declared type; it is made to fit the field, or the
// error says why it does not.
func TestSQLIntoFieldsOfOtherTypes(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "x.db")), weft.Models(Seat{}), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	type row struct {
		Bytes  string
		Price  decimal.Decimal
		Whole  decimal.Decimal
		Float  decimal.Decimal
		At     time.Time
		When   string
		Yes    bool
		Tags   []string
		Box    map[string]any
		Null   int64
		Ptr    *int64
		Opt    sql.NullString
		Any    any
		Num    float64
		Hidden string `weft:"-"`
	}
	list, err := weft.SQL[row](ctx, db, `SELECT CAST('raw' AS BLOB) AS bytes, ' 1.50 ' AS price, 3 AS whole, 0.1 + 0.2 AS float,
		'2025-03-01 12:00:00' AS at, '2025-03-01 12:00:00' AS "when", 1 AS yes, '["a","b"]' AS tags, '{"k":1}' AS box,
		NULL AS "null", NULL AS ptr, NULL AS opt, 9007199254740993 AS "any", 2 AS num`)
	must(t, err)
	r := list[0]
	if r.Bytes != "raw" || r.Price.String() != "1.5" || r.Whole.String() != "3" || r.Float.String() != "0.3" || r.At.Hour() != 12 ||
		r.When != "2025-03-01 12:00:00" || !r.Yes || len(r.Tags) != 2 || r.Box["k"] != 1.0 || r.Null != 0 || r.Ptr != nil || r.Opt.Valid ||
		r.Any != int64(9007199254740993) || r.Num != 2 {
		t.Fatalf("%+v", r)
	}
	for text, c := range map[string]error{
		"SELECT 'x' AS price":         errOf(weft.SQL[struct{ Price decimal.Decimal }](ctx, db, "SELECT 'x' AS price")),
		"SELECT 'soon' AS at":         errOf(weft.SQL[struct{ At time.Time }](ctx, db, "SELECT 'soon' AS at")),
		"SELECT 'x' AS n":             errOf(weft.SQL[struct{ N int }](ctx, db, "SELECT 'x' AS n")),
		"SELECT 300 AS n":             errOf(weft.SQL[struct{ N uint8 }](ctx, db, "SELECT 300 AS n")),
		"SELECT -1 AS n":              errOf(weft.SQL[struct{ N uint }](ctx, db, "SELECT -1 AS n")),
		"SELECT 1.5 AS n":             errOf(weft.SQL[struct{ N int }](ctx, db, "SELECT 1.5 AS n")),
		"SELECT '[1' AS tags":         errOf(weft.SQL[struct{ Tags []int }](ctx, db, "SELECT '[1' AS tags")),
		"a column without a field":    errOf(weft.SQL[struct{ A int }](ctx, db, "SELECT 1 AS a, 2 AS b")),
		"two columns for one value":   errOf(weft.SQL[int](ctx, db, "SELECT 1, 2")),
		"a type that holds no column": errOf(weft.SQL[struct{}](ctx, db, "SELECT 1 AS a")),
		"a channel":                   errOf(weft.SQL[chan int](ctx, db, "SELECT 1 AS a")),
	} {
		if code := weft.CodeOf(c); code != weft.CodeValidation && code != weft.CodeDatabase {
			t.Errorf("%s: %s %v", text, code, c)
		}
	}
	n, err := weft.SQL[int](ctx, db, "DELETE FROM seats")
	must(t, err)
	equal(t, len(n), 0)
	one, err := weft.SQL[time.Time](ctx, db, "SELECT '2025-03-01'")
	must(t, err)
	equal(t, one[0].Year(), 2025)
	dec, err := weft.SQL[decimal.Decimal](ctx, db, "SELECT '0.1' UNION ALL SELECT 2")
	must(t, err)
	equal(t, dec[1].String(), "2")
}

// Into reads any field as any type that can hold it.
func TestIntoOtherTypes(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), mixed(t, db)
		q := r.OrderBy("id", weft.Asc).Limit(1)
		type wide struct {
			N decimal.Decimal
			F *float64
			D float64
			B bool
			R []byte
			T sql.NullTime
			J json.RawMessage
			S *string
		}
		list, err := weft.Into[wide](ctx, q)
		must(t, err)
		w := list[0]
		if !w.N.IsZero() || *w.F != 0 || w.D != 0 || !w.B || w.R[1] != 255 || !w.T.Valid || string(w.J) != `{"i":0}` || *w.S != "s0" {
			t.Fatalf("%+v", w)
		}
		maps, err := weft.Into[map[string]any](ctx, q)
		must(t, err)
		if m := maps[0]; len(m) != 9 || m["j"].(map[string]any)["i"] != 0.0 || m["r"].([]byte)[1] != 255 {
			t.Fatal(maps)
		}
		for name, err := range map[string]error{
			"text as a number": errOf(weft.Into[struct{ S int }](ctx, r)),
			"a twin":           errOf(weft.Into[struct{ N, ID, Id int64 }](ctx, r)),
			"no such field":    errOf(weft.Into[struct{ Nope int }](ctx, r)),
			"many as one":      errOf(weft.Into[int](ctx, r)),
			"a channel":        errOf(weft.Into[chan int](ctx, r.Select("n"))),
			"with relations":   errOf(weft.Into[map[string]any](ctx, r.With("x"))),
			"no column":        errOf(weft.Pluck(ctx, r, weft.Col[int]("nope"))),
			"a nil source":     errOf(weft.Into[int, Mixed](ctx, nil)),
			"a nil pluck":      errOf(weft.Pluck[Mixed](ctx, nil, weft.Col[int]("n"))),
			"an empty column":  errOf(weft.Pluck(ctx, r, weft.Col[int](""))),
		} {
			if weft.CodeOf(err) != weft.CodeValidation {
				t.Errorf("%s: %v", name, err)
			}
		}
		texts, err := weft.Pluck(ctx, r.OrderBy("id", weft.Asc).Limit(2), weft.Col[any]("s"))
		must(t, err)
		equal(t, texts[1], any("s1"))
		g := r.GroupBy("b").Agg(weft.Max("f", "f"), weft.Avg("n", "n"), weft.Min("t", "t"))
		type group struct {
			B bool
			F float64
			N float64
			T time.Time
		}
		groups, err := weft.Into[group](ctx, g.OrderBy("n", weft.Desc).Limit(1))
		must(t, err)
		if math.Abs(groups[0].F-4.0/3) > 1e-9 || groups[0].T.IsZero() {
			t.Fatalf("%+v", groups)
		}
		col, err := weft.Pluck(ctx, g.OrderBy("b", weft.Asc), weft.Col[bool]("b"))
		must(t, err)
		equal(t, col[1], true)
		for name, err := range map[string]error{
			"no such column":      errOf(weft.Pluck(ctx, g, weft.Col[bool]("nope"))),
			"an unknown order":    errOf(weft.Into[group](ctx, g.OrderBy("nope", weft.Asc))),
			"an order inside":     errOf(weft.Into[group](ctx, g.OrderBy("b.x", weft.Asc))),
			"a negative offset":   errOf(weft.Into[group](ctx, g.Offset(-1))),
			"a negative limit":    errOf(weft.Into[group](ctx, g.Limit(-1))),
			"the same name twice": errOf(weft.Into[group](ctx, g.Agg(weft.Max("d", "f")))),
			"an order before":     errOf(weft.Into[group](ctx, r.OrderBy("b", weft.Asc).GroupBy("b"))),
			"a sum of text":       errOf(weft.Into[group](ctx, r.GroupBy("b").Agg(weft.Sum("s", "f")))),
		} {
			if weft.CodeOf(err) != weft.CodeValidation {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestListsOfAnyType(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), mixed(t, db)
		count := func(q *weft.Query[Mixed]) int64 {
			t.Helper()
			n, err := q.Count(ctx)
			must(t, err)
			return n
		}
		equal(t, count(r.Where("n", "in", []any{0, int64(1)})), 5)
		equal(t, count(r.Where("n", "in", []int64{0})), 3)
		equal(t, count(r.Where("n", "in", [2]int{0, 1})), 5)
		equal(t, count(r.Where("n", "in", []level{0})), 3)
		equal(t, count(r.Where("d", "between", []string{"0.001", "0.002"})), 6)
		equal(t, count(r.WhereIn("s", []label{"s0"})), 4)
		equal(t, count(r.WhereIn("s", "s0", label("s1"))), 8)
		for name, q := range map[string]*weft.Query[Mixed]{
			"a single value":  r.Where("n", "in", 1),
			"nil":             r.Where("n", "in", nil),
			"bytes":           r.Where("n", "in", []byte{1}),
			"three ends":      r.Where("n", "between", []int{1, 2, 3}),
			"a text":          r.Where("n", "in", []string{"x"}),
			"a negative skip": r.Offset(-1),
		} {
			if err := errOf(q.All(ctx)); weft.CodeOf(err) != weft.CodeValidation {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
