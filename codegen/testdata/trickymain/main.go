// Command trickymain has models in package main, whose types nobody can import.
package main

import (
	"database/sql/driver"
	"fmt"

	"github.com/weftdb/weft"
)

type (
	label  string
	level  int
	hash   []byte
	labels []label
	point  struct{ X, Y int }
	money  struct{ cents int64 }
)

func (m money) Value() (driver.Value, error) { return m.cents, nil }

func (m *money) Scan(v any) error { m.cents, _ = v.(int64); return nil }

// post is the name of a function, so the package of Post has another.
func post() string { return "post" }

// Post is a model.
type Post struct {
	weft.Model
	Label  label
	PLabel *label
	Level  level
	Hash   hash
	Labels labels
	Points []point
	Point  point
	ByName map[label]int
	Price  money `weft:"type=bigInteger"`
	Title  string
}

// Type is called as a keyword is.
type Type struct {
	ID   int64 `weft:"primary,auto"`
	Name string
}

func main() { fmt.Println(post(), Post{}, Type{}) }
