package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Card can be deleted softly, and so can the box that it lies in.
type Card struct {
	ID   string `weft:"primary"`
	Text string
	weft.SoftDelete
	BoxID string
	Box   *Box `weft:"belongs_to"`
}

type Box struct {
	ID   string `weft:"primary"`
	Name string
	weft.SoftDelete
	Cards []*Card `weft:"has_many"`
}

func TestDeletedRowsOnPages(t *testing.T) {
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "soft.db")), weft.Models(Card{}, Box{}, Item{}, Part{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	cards, boxes := weft.Repo[Card](db), weft.Repo[Box](db)
	for _, err := range []error{
		boxes.CreateMany(t.Context(), []*Box{{ID: "b1", Name: "red box"}, {ID: "b2", Name: "blue box"}}),
		cards.CreateMany(t.Context(), []*Card{{ID: "c1", Text: "kept card", BoxID: "b1"}, {ID: "c2", Text: "torn card", BoxID: "b1"}, {ID: "c3", Text: "third card", BoxID: "b2"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, gone := range []func() (bool, error){
		func() (bool, error) { return cards.Delete(t.Context(), "c2") }, func() (bool, error) { return boxes.Delete(t.Context(), "b2") },
	} {
		if ok, err := gone(); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	s := &site{t: t, log: &bytes.Buffer{}, db: db}
	s.handler = newBrowser(db, loopback, slog.New(slog.NewTextHandler(s.log, nil)))
	s.get("/models/Card", 200, "2 rows", "kept card", "third card", "!torn card", "red box", "!blue box", "deleted rows too", "!checked")
	s.get("/models/Card?deleted=1", 200, "3 rows", "torn card", `/models/Card/c2?deleted=1`, "!/models/Card/c1?deleted=1", " checked")
	s.get("/models/Card?deleted=1&limit=1", 200, "deleted=1&amp;limit=1")
	s.get("/models/Card?deleted=1&format=json", 200, `"total": 3`)
	s.get("/models/Card/c2", 404)
	s.get("/models/Card/c2?deleted=1", 200, "torn card")
	s.get("/models/Box/b1", 200, "kept card", "!torn card")
	s.get("/models/Card?deleted=yes", 422, "deleted is 1 or left out")
	s.get("/models/Item?deleted=1", 422, "Item has no soft delete", "!deleted rows too")
	s.get("/models/Item/1?deleted=1", 422, "Item has no soft delete")
}
