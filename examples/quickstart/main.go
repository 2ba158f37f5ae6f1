// Command quickstart is a whole program on Weft: one model, one file.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type Book struct {
	weft.Model        // ID, CreatedAt, UpdatedAt, and a hidden version
	Title      string `validate:"required,max=100"`
	Sold       int64  `weft:"index"`
}

func main() {
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open("books.db"), weft.Models(Book{}), weft.AutoMigrate())
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	books := weft.Repo[Book](db)

	err = books.CreateMany(ctx, []*Book{{Title: "Looms", Sold: 7}, {Title: "Cards", Sold: 42}, {Title: "Draft"}})
	list, err2 := books.Where("sold", ">", 5).OrderBy("sold", weft.Desc).Limit(10).All(ctx)
	if err != nil || err2 != nil {
		log.Fatal(err, err2)
	}
	for _, b := range list {
		fmt.Printf("%s sold %d times\n", b.Title, b.Sold)
	}
}
