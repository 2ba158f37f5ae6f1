package weft_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

func TestJSON(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		a, err := weft.Repo[Author](db).With("books.author", "profile").OrderBy("name", weft.Asc).First(ctx)
		must(t, err)
		data, err := weft.JSON(a)
		must(t, err)
		var out map[string]any
		must(t, json.Unmarshal(data, &out))
		books := out["books"].([]any)
		equal(t, len(books), 4)
		b := books[0].(map[string]any)
		if out["name"] != "Ann" || out["_version"] != nil || b["genres"] != nil || b["price"] != "0" || b["notes"] != nil {
			t.Fatalf("%s", data)
		}
		if strings.Contains(string(data), "genres") {
			t.Fatalf("relations that are not loaded: %s", data)
		}
		// The author of the book is another instance of the same row: written whole, its books not loaded.
		if b["author"].(map[string]any)["name"] != "Ann" {
			t.Fatalf("%s", data)
		}
		a.Books[0].Author = a
		data, err = weft.JSON([]*Author{a})
		must(t, err)
		if !strings.Contains(string(data), `"author":{"id":"`+a.ID+`"}`) {
			t.Fatalf("cycle: %s", data)
		}
		part, err := weft.Repo[Author](db).Select("name").First(ctx)
		must(t, err)
		data, err = weft.JSON(part)
		must(t, err)
		equal(t, string(data), `{"id":"`+part.ID+`","name":"`+part.Name+`"}`)
		data, err = weft.JSON(&Genre{Name: "g"})
		must(t, err)
		equal(t, string(data), `{"id":0,"name":"g"}`)
		_, err = weft.JSON(3)
		is(t, err, weft.ErrValidation)
		data, err = db.JSON(&Person{ID: 3, Name: "<x>"})
		must(t, err)
		equal(t, string(data), `{"id":3,"name":"\u003cx\u003e","managerId":null}`)
	})
}

// A relation and a count that json:"-" hides stay inside, loaded or not.
func TestJSONHidesRelations(t *testing.T) {
	type Secret struct {
		weft.Model
		BoxID string
	}
	type Box struct {
		weft.Model
		Secrets []*Secret `weft:"has_many" json:"-"`
		Known   int       `weft:"count=Secrets" json:"-"`
	}
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			db, err := weft.Open(open(t), weft.Models(Box{}, Secret{}), weft.AutoMigrate())
			must(t, err)
			defer db.Close()
			b := &Box{}
			must(t, weft.Repo[Box](db).Create(ctx, b))
			must(t, weft.Repo[Secret](db).Create(ctx, &Secret{BoxID: b.ID}))
			must(t, weft.Repo[Box](db).Load(ctx, b, "secrets", "known"))
			equal(t, len(b.Secrets), 1)
			data, err := weft.JSON(b)
			must(t, err)
			if s := strings.ToLower(string(data)); strings.Contains(s, "secret") || strings.Contains(s, "known") {
				t.Errorf("%s", data)
			}
		})
	}
}
