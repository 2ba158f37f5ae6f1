package weft_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func benchDB(b *testing.B) *weft.DB {
	db, err := weft.Open(sqlite.Open(filepath.Join(b.TempDir(), "b.db")), allModels(), weft.AutoMigrate())
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	return db
}

func BenchmarkFind(b *testing.B) {
	books := weft.Repo[Book](benchDB(b))
	x := &Book{Title: "x"}
	must(b, books.Create(b.Context(), x))
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := books.Find(ctx, x.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	notes := weft.Repo[Author](benchDB(b))
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		a := &Author{}
		a.Name = time.Now().String()
		if err := notes.Create(ctx, a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	db := benchDB(b)
	authors := weft.Repo[Author](db)
	for range 200 {
		must(b, authors.Create(b.Context(), &Author{Name: time.Now().String()}))
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := authors.OrderBy("name", weft.Asc).Limit(20).All(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
