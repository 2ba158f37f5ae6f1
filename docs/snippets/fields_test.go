package snippets

import (
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:json-model
type Address struct {
	City string `json:"city"` // the names in the JSON, and in paths
	Zip  string `json:"zip"`
}

type Customer struct {
	weft.Model
	Name    string
	Home    Address        // one JSON column
	Phones  []string       // a JSON array
	Extra   map[string]any // a JSON object
	Billing Address        `weft:"embed,prefix=billing_"` // two columns instead: billingCity and billingZip
}

// end:json-model

// snippet:found
type Employee struct {
	weft.Tracked
	EmployeeID int64       `weft:"primary,auto,column=EmployeeId"`
	LastName   string      `weft:"column=LastName"`
	ReportsTo  *int64      `weft:"column=ReportsTo"`
	Manager    *Employee   `weft:"belongs_to,fk=ReportsTo"`
	Reports    []*Employee `weft:"has_many,fk=ReportsTo"`
}

func (Employee) Weft() weft.Options { return weft.Options{Table: "Employee"} }

// end:found

// snippet:composite
type Line struct {
	weft.Tracked
	OrderID int64 `weft:"primary"`
	No      int   `weft:"primary"`
	Article string
}

// end:composite

func TestJSONFields(t *testing.T) {
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "c.db")), weft.Models(Customer{}), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	ctx, customers := t.Context(), weft.Repo[Customer](db)
	c := &Customer{
		Name: "Ada", Home: Address{"Oslo", "0150"}, Phones: []string{"12", "34"},
		Extra: map[string]any{"vip": true, "score": 7}, Billing: Address{City: "Rome"},
	}
	must(t, customers.Create(ctx, c))
	// snippet:json-where
	q := customers.Filter(
		weft.If("home.city", "=", "Oslo"),
		weft.If("phones", "contains", "34"), // the array has the element
		weft.If("phones.0", "starts with", "1"),
		weft.If("extra.score", ">", 5), // a number is compared with numbers only
		weft.If("extra.vip", "=", true),
		weft.If("extra.partner", "=", nil), // absent, or null
	).OrderBy("home.zip", weft.Asc)
	// end:json-where
	list, err := q.All(ctx)
	must(t, err)
	same(t, len(list), 1)
	n, err := customers.Where("billingCity", "=", "Rome").Count(ctx)
	must(t, err)
	same(t, n, 1)
	n, err = customers.Where("extra.score", "=", "7").Count(ctx)
	must(t, err)
	same(t, n, 0)
	// snippet:json-set
	c, err = customers.Update(ctx, c.ID, weft.Set{
		"home.city":     "Bergen",
		"extra.score":   8,
		"extra.seen.by": "Ben", // what is missing on the way is made
		"phones.2":      "56",  // one past the end appends
	})
	// end:json-set
	must(t, err)
	same(t, c.Home.City+c.Phones[2]+c.Extra["seen"].(map[string]any)["by"].(string), "Bergen56Ben")
	if _, err := customers.Update(ctx, c.ID, weft.Set{"phones.9": "x"}); weft.CodeOf(err) != weft.CodeValidation {
		t.Fatal(err)
	}
	same(t, c.Extra["score"].(float64), 8)
}

func TestKeys(t *testing.T) {
	path, ctx := filepath.Join(t.TempDir(), "found.db"), t.Context()
	db, err := weft.Open(sqlite.Open(path), weft.Models(Line{}), weft.AutoMigrate())
	must(t, err)
	_, err = db.Exec(ctx, `CREATE TABLE Employee (EmployeeId INTEGER PRIMARY KEY, LastName NVARCHAR(20) NOT NULL, ReportsTo INTEGER)`)
	must(t, err)
	_, err = db.Exec(ctx, `INSERT INTO Employee VALUES (1, 'Adams', NULL), (2, 'Edwards', 1), (3, 'Peacock', 2)`)
	must(t, err)
	must(t, db.Close())

	// snippet:found-open
	db, err = weft.Open(sqlite.Open(path), weft.Models(Employee{}, Line{})) // no AutoMigrate: the tables are there
	// end:found-open
	must(t, err)
	defer db.Close()
	employees := weft.Repo[Employee](db)
	// snippet:found-use
	e, err := employees.With("manager", "reports").Where("lastName", "=", "Edwards").First(ctx)
	e.LastName = "Edwards-Lee"
	err = employees.Save(ctx, e) // if the loaded values still hold
	e, err = employees.Find(ctx, weft.Key(1))
	// end:found-use
	must(t, err)
	same(t, e.LastName, "Adams")
	lines := weft.Repo[Line](db)
	// snippet:composite-use
	err = lines.Create(ctx, &Line{OrderID: 7, No: 1, Article: "Loom"})
	l, err := lines.Find(ctx, weft.Key(7, 1))
	// end:composite-use
	must(t, err)
	same(t, l.Article, "Loom")
}
