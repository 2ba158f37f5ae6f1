package endure

import (
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Fields that point at a key are seldom declared as the key is: a string at a
// uuid, an int32 at an int64. Databases are stricter with that than Go.
type (
	anyWriter struct {
		weft.Model
		Name   string
		Books  []*anyBook  `weft:"has_many,fk=WriterID"` // held by a foreign key
		Notes  []*anyNote  `weft:"has_many,fk=WriterID"` // by none
		Prizes []*anyPrize `weft:"many_to_many,through=anyAward"`
	}
	anyBook struct {
		weft.Model
		WriterID string
		Writer   *anyWriter `weft:"belongs_to,fk=WriterID,on_delete=cascade"`
		ShelfID  int32
		Shelf    *anyShelf `weft:"belongs_to,fk=ShelfID,references"`
	}
	anyNote struct {
		weft.Model
		WriterID string
		Writer   *anyWriter `weft:"belongs_to,fk=WriterID"`
		Text     string
	}
	anyPrize struct {
		weft.Model
		Name string
	}
	anyAward struct { // the same prize may be won twice
		weft.Model
		AnyWriterID string
		AnyPrizeID  string
		Year        int
	}
	anyShelf struct {
		ID    int64 `weft:"primary,auto"`
		Room  string
		Books []*anyBook `weft:"has_many,fk=ShelfID"`
	}
)

func TestKeysOfOtherTypes(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) weft.Engine{
		"sqlite":   func(t *testing.T) weft.Engine { return sqlite.Open(t.TempDir() + "/any.db") },
		"postgres": func(t *testing.T) weft.Engine { return postgres.Open(services.Postgres(t)) },
		"mysql":    func(t *testing.T) weft.Engine { return mysql.Open(services.MySQL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := weft.Open(open(t), weft.Models(anyWriter{}, anyBook{}, anyNote{}, anyPrize{}, anyAward{}, anyShelf{}), weft.AutoMigrate())
			must(t, err)
			defer func() { must(t, db.Close()) }()
			keysOfOtherTypes(t, db)
		})
	}
}

func keysOfOtherTypes(t *testing.T, db *weft.DB) {
	ctx := t.Context()
	writers, books, notes := weft.Repo[anyWriter](db), weft.Repo[anyBook](db), weft.Repo[anyNote](db)
	shelf := &anyShelf{Room: "attic"}
	must(t, weft.Repo[anyShelf](db).Create(ctx, shelf))
	prize := &anyPrize{Name: "The Loom"}
	must(t, weft.Repo[anyPrize](db).Create(ctx, prize))
	var list []*anyWriter
	for i, name := range []string{"Ada", "Bo"} {
		w := &anyWriter{Name: name}
		must(t, writers.Create(ctx, w))
		for range i {
			must(t, books.Create(ctx, &anyBook{WriterID: w.ID, ShelfID: int32(shelf.ID)}))
			must(t, notes.Create(ctx, &anyNote{WriterID: w.ID, Text: "of " + name}))
			for year := range 2 {
				must(t, weft.Repo[anyAward](db).Create(ctx, &anyAward{AnyWriterID: w.ID, AnyPrizeID: prize.ID, Year: year}))
			}
		}
		list = append(list, w)
	}
	must(t, notes.Create(ctx, &anyNote{Text: "of nobody"})) // no key at all, and no foreign key that minds

	for what, q := range map[string]*weft.Query[anyWriter]{
		"books":  writers.Filter(weft.Has("books")),
		"shelf":  writers.Filter(weft.Has("books", weft.Has("shelf", weft.If("room", "=", "attic")))),
		"notes":  writers.Filter(weft.Has("notes", weft.If("text", "like", "BO"))),
		"prizes": writers.Filter(weft.Has("prizes", weft.If("name", "=", "The Loom"))),
		"number": writers.Filter(weft.HasCount("prizes", "=", 1)),
	} {
		got, err := q.With("books.shelf", "notes", "prizes").All(ctx)
		must(t, err)
		if len(got) != 1 || got[0].Name != "Bo" || len(got[0].Books) != 1 || got[0].Books[0].Shelf == nil || len(got[0].Notes) != 1 || len(got[0].Prizes) != 1 {
			t.Errorf("%s: %+v", what, got)
		}
	}
	n, err := notes.Filter(weft.Has("writer")).Count(ctx)
	must(t, err)
	equal(t, "notes of writers", n, int64(1))
	fails(t, books.Create(ctx, &anyBook{WriterID: "nobody", ShelfID: int32(shelf.ID)}), nil, "anyBook")
	if _, err := writers.Delete(ctx, list[1].ID); err != nil {
		t.Fatal(err)
	}
	n, err = books.Count(ctx)
	must(t, err)
	equal(t, "books", n, int64(0))
}
