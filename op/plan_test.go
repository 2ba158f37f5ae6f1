package op_test

import (
	"testing"

	"github.com/weftdb/weft/op"
)

func TestPlanInWords(t *testing.T) {
	p := &op.Plan{
		Engine: "sqlite", SQL: []string{"SELECT 1"}, Index: []string{"a", "b"}, Scan: []string{"books"}, Notes: []string{"n"},
		With: []*op.Plan{{Engine: "sqlite", SQL: []string{"SELECT 2"}}},
	}
	const want = "engine: sqlite\nsql: SELECT 1\nuses index: a, b\nreads all of: books\nnote: n\nrelation:\n  engine: sqlite\n  sql: SELECT 2"
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFlagsByName(t *testing.T) {
	if got := (op.CapTransactions | op.CapJSONQueries | op.CapBuffer).String(); got != "transactions, jsonQueries, buffer" {
		t.Errorf("got %q", got)
	}
}
