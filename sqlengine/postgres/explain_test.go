package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

// Explain tells the indexes that are used and the tables that are read whole.
func TestExplain(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	e := migrated(t, s.at(t, "one"), set)
	must(t, e, insert(m, 0, 3000))
	s.run(t, "ANALYZE one.items")
	explain := func(o op.Op) *op.Plan {
		t.Helper()
		o.Explain = true
		res, _ := must(t, e, o)
		return res.Plan
	}
	find := op.Op{Kind: op.Find, Model: m}
	find.Filter = op.Cmp("id", op.Eq, "000007")
	if p := explain(find); !slices.Equal(p.Index, []string{"items_pkey"}) || len(p.Scan) > 0 || len(p.Notes) > 0 {
		t.Errorf("by key: %+v", p)
	}
	find.Filter = op.Cmp("id", op.StartsWith, "00000")
	if p := explain(find); !slices.Equal(p.Index, []string{"items_pkey"}) {
		t.Errorf("by a prefix: %+v", p)
	}
	find.Filter, find.Sort, find.Limit = op.Cond{}, []op.Sort{{Field: "email"}}, 5
	if p := explain(find); len(p.Index) != 1 || len(p.Scan) > 0 || len(p.Notes) > 0 {
		t.Errorf("in the order of an index on what may be NULL: %+v", p)
	}
	find.Sort = []op.Sort{{Field: "n"}}
	if p := explain(find); !slices.Equal(p.Scan, []string{"items"}) || !strings.Contains(strings.Join(p.Notes, " "), "sorted") {
		t.Errorf("in an order that no index has: %+v", p)
	}
	if p := explain(op.Op{Kind: op.SQL, SQL: "UPDATE items SET n = ? WHERE text = ?"}); !slices.Equal(p.Scan, []string{"items"}) {
		t.Errorf("raw SQL without its values: %+v", p)
	}
	if res, _ := must(t, e, count(m)); res.N != 3000 {
		t.Errorf("%d rows", res.N)
	}
}
