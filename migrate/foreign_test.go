package migrate_test

import (
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
)

type shelf struct {
	Room   string `weft:"primary"`
	Number int64  `weft:"primary"`
}

type tome struct {
	ID      int64
	Room    *string
	Number  *int64
	LentTo  string
	Next    *int64
	Shelf   *shelf  `weft:"belongs_to,fk=Room|Number,references"`
	Reader  *reader `weft:"belongs_to,fk=LentTo,lk=Card,on_update=cascade"`
	Sequel  *tome   `weft:"belongs_to,fk=Next,references,on_delete=set null,on_update=restrict"`
	Nowhere *reader `weft:"belongs_to,fk=Next"`
}

type reader struct {
	ID   int64
	Card string `weft:"unique"`
}

// Relations that ask for a foreign key get one, over several columns too; one
// that does not gets none. Models and tables say the same.
func TestRelationForeignKeys(t *testing.T) {
	set := structs(t, shelf{}, tome{}, reader{})
	conn := open(t)
	auto(t, conn, set)
	got := query(t, conn, "SELECT sql FROM sqlite_master WHERE name = 'tomes'")[0]
	golden(t, "relation_keys.sql", []byte(got+"\n"))
	keys := op.ForeignKeys(set.Models)
	d, err := catalog.Inspect(t.Context(), conn, catalog.SQLite, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := d.Table("tomes").Foreign
	if len(keys) != 3 || len(found) != 3 {
		t.Fatalf("the models have %d foreign keys and the tables %d, want 3", len(keys), len(found))
	}
	for i, k := range keys {
		f := found[i]
		if f.RefTable != k.Target.Table || f.OnDelete != strings.ToUpper(string(k.OnDelete)) || f.OnUpdate != strings.ToUpper(string(k.OnUpdate)) || len(f.Columns) != len(k.Fields) {
			t.Errorf("the table has %+v, the models %+v", f, k)
		}
	}
}
