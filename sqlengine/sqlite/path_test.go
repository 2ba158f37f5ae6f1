package sqlite_test

import (
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
)

// A path of numbers is refused where it could mean more places than a statement
// can name. Without that a hundred of them would be more than there is memory for.
func TestPathOfPositions(t *testing.T) {
	models := optest.Models()
	e := file(t, models)
	var m *schema.Model
	var field string
	for _, x := range models.Models {
		for _, f := range x.Fields {
			if f.Type.Kind() == schema.KindJSON && m == nil {
				m, field = x, f.Name
			}
		}
	}
	for _, n := range []int{6, 7, 40, 100} {
		path := slices.Repeat([]string{"0"}, n)
		for _, o := range []op.Op{
			{Kind: op.Find, Model: m, Filter: op.Cond{Kind: op.Compare, Field: field, Path: path, Op: op.Eq, Value: "x"}},
			{Kind: op.Count, Model: m, Filter: op.Cond{Kind: op.Compare, Field: field, Path: path, Op: op.Contains, Value: "x"}},
			{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: field, Path: path}}},
		} {
			res, err := e.Do(t.Context(), o)
			if err == nil && res.Rows != nil {
				for res.Rows.Next() {
				}
				err = res.Rows.Err()
				_ = res.Rows.Close()
			}
			if n <= 6 && err != nil || n > 6 && op.CodeOf(err) != op.CodeValidation {
				t.Errorf("%d numbers: %v", n, err)
			}
		}
	}
}
