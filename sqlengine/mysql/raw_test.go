package mysql_test

import (
	"context"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// Statements on tables answer with rows, whether they are wanted or not.
func TestStatementsOnTables(t *testing.T) {
	e := mysql.Open(services.MySQL(t))
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "CREATE TABLE looms (id INT PRIMARY KEY)"}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ANALYZE TABLE looms", "optimize table looms", "CHECK TABLE looms", "INSERT INTO looms VALUES (1)"} {
		if _, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: text}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT id FROM looms", Returning: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Rows.Close(); err != nil {
		t.Error(err)
	}
	// A change gives no rows: asked for them it tells how many it changed.
	for text, want := range map[string]int64{
		"UPDATE looms SET id = id":            1,
		"DELETE FROM looms WHERE id < 0":      0,
		"CREATE INDEX looms_id ON looms (id)": 0,
	} {
		res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: text, Returning: true})
		if err != nil || res.Rows != nil || res.N != want {
			t.Errorf("%s, asked for its rows, gave %d and %v, %v", text, res.N, res.Rows, err)
		}
	}
}
