package mysql_test

import (
	"fmt"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// Book is a model.
type Book struct {
	weft.Model
	Title string
	Year  int
}

// Nothing connects before weft.Open, which says what is wrong with the server
// or its address.
func ExampleOpen() {
	// snippet:open
	engine := mysql.Open("mysql://app:secret@db.example.com:3306/books",
		mysql.MaxConns(20),
		mysql.QueryTimeout(10*time.Second),
	)
	db, err := weft.Open(engine, weft.Models(Book{}), weft.AutoMigrate())
	// end:open
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
}
