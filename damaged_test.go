package weft_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Crate has a column of each kind that somebody else may have written.
type Crate struct {
	weft.Model
	Name  string
	Count int64
	Load  float64
	Price decimal.Decimal
	Open  bool
	Since time.Time
	Tags  []string
	Box   map[string]any
	Raw   []byte
	Small int8
	Cost  money
}

// What a column holds that its field cannot is an error that names the field,
// by whatever way it is read, and never a panic or a wrong value.
func TestColumnsThatHoldSomethingElse(t *testing.T) {
	ctx := t.Context()
	for column, bad := range map[string]string{
		"count": "'many'", "load": "'heavy'", "price": "'dear'", "open": "'perhaps'", "since": "'long ago'",
		"tags": "'[1,'", "box": "'[]'", "small": "4000", "cost": "'free'",
	} {
		t.Run(column, func(t *testing.T) {
			db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "x.db")), weft.Models(Crate{}), weft.AutoMigrate())
			must(t, err)
			defer db.Close()
			crates := weft.Repo[Crate](db)
			s := &Crate{Name: "a", Tags: []string{"x"}, Cost: money{5}}
			must(t, crates.Create(ctx, s))
			_, err = db.Exec(ctx, "UPDATE crates SET "+column+" = "+bad)
			must(t, err)

			field := column
			check := func(how string, err error) {
				t.Helper()
				if err == nil {
					t.Fatalf("%s: no error", how)
				}
				if c := weft.CodeOf(err); c == weft.CodeInternal || !strings.Contains(strings.ToLower(err.Error()), field) {
					t.Fatalf("%s: %s %v", how, c, err)
				}
			}
			_, err = crates.Find(ctx, s.ID)
			check("find", err)
			_, err = crates.All(ctx)
			check("all", err)
			_, err = crates.Page(ctx)
			check("page", err)
			for _, err = range crates.Iter(ctx) {
				if err != nil {
					break
				}
			}
			check("iter", err)
			_, err = crates.Where("name", "=", "a").UpdateAll(ctx, weft.Set{"name": "b"})
			check("update", err)
			n, err := crates.Count(ctx) // what does not read the column goes on
			must(t, err)
			equal(t, n, 1)
			part, err := crates.Select("name").First(ctx)
			must(t, err)
			if part.ID != s.ID {
				t.Fatal(part)
			}
		})
	}
}
