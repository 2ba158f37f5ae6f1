package weft_test

import (
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Shelf stands beside models that no struct describes.
type Shelf struct {
	ID   int64 `weft:"primary,auto"`
	Name string
}

const described = `
model: Box
fields:
  id: {type: integer, primary: true, auto: true}
  shelfId: {type: integer, index: true}
  label: {type: string, required: true}
relations:
  shelf: {belongsTo: Shelf, fk: shelfId}
`

// Models that were read from YAML are registered beside structs and reached
// through the engine, with all layers.
func TestModelsWithoutStructs(t *testing.T) {
	for name, eng := range map[string]weft.Engine{"mem": mem.Open(), "sqlite": sqlite.Open(filepath.Join(t.TempDir(), "a.db"))} {
		t.Run(name, func(t *testing.T) {
			list, err := schema.ParseYAML("box.yaml", []byte(described))
			must(t, err)
			db, err := weft.Open(eng, weft.Models(Shelf{}, list[0]), weft.AutoMigrate())
			must(t, err)
			defer func() { must(t, db.Close()) }()
			must(t, weft.Repo[Shelf](db).Create(t.Context(), &Shelf{Name: "top"}))

			box := db.Schema().Model("Box")
			put := func(label string) error {
				_, err := db.Engine().Do(t.Context(), op.Op{Kind: op.Insert, Model: box, Rows: [][]any{{op.Unset{}, int64(1), label}}})
				return err
			}
			must(t, put("nails"))
			says(t, put(""), "label")
			res, err := db.Engine().Do(t.Context(), op.Op{
				Kind: op.Find, Model: box, Filter: op.Cmp("label", op.Like, "NAIL"), Fields: []string{"label", "shelfId"},
				With: []op.With{{Relation: "shelf", Fields: []string{"id", "name"}}},
			})
			must(t, err)
			defer res.Rows.Close()
			if !res.Rows.Next() {
				t.Fatal("no box", res.Rows.Err())
			}
			row := res.Rows.Row()
			if row[0] != "nails" || row[2].(*op.Related).Rows[0][1] != "top" {
				t.Errorf("got %v", row)
			}
		})
	}
	_, err := weft.Open(mem.Open(), weft.Models((*schema.Model)(nil)))
	says(t, err, "nil *schema.Model")
	_, err = weft.Open(mem.Open(), weft.Models(&schema.Model{Name: "Bad", Fields: []*schema.Field{{Name: "x", Type: "nosuch"}}}))
	says(t, err, "Bad", "nosuch")
}
