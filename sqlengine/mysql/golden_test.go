package mysql_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write the golden files again")

// doc has soft delete, and so has the model that joins docs; a pair of them may
// be joined again after it was parted.
type doc struct {
	ID     int64      `weft:"primary"`
	Slug   string     `weft:"unique"`
	Gone   *time.Time `weft:"deleted"`
	Labels []*doc     `weft:"many_to_many,through=labelling,fk=DocID|LabelID"`
}

type labelling struct {
	ID      int64 `weft:"primary,auto"`
	DocID   int64 `weft:"index"`
	LabelID int64
	Gone    *time.Time `weft:"deleted"`
}

func all(conds ...op.Cond) op.Cond { return op.Cond{Kind: op.And, Conds: conds} }
func not(c op.Cond) op.Cond        { return op.Cond{Kind: op.Not, Conds: []op.Cond{c}} }

func list(field string, o op.Operator, vals ...any) op.Cond {
	return op.Cond{Kind: op.Compare, Field: field, Op: o, List: vals}
}

func path(field string, o op.Operator, v any, segs ...string) op.Cond {
	return op.Cond{Kind: op.Compare, Field: field, Path: segs, Op: o, Value: v}
}

func related(relation string, conds ...op.Cond) op.Cond {
	return op.Cond{Kind: op.Has, Relation: relation, Conds: conds}
}

// shapes are operations of every shape of statement.
func shapes(set *schema.Set) []struct {
	name string
	o    op.Op
} {
	p, g, d, l := set.Model("person"), set.Model("group"), set.Model("doc"), set.Model("labelling")
	find := func(c op.Cond) op.Op { return op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Filter: c} }
	many := make([]any, 200)
	for i := range many {
		many[i] = int64(i)
	}
	row := []any{op.Unset{}, "Ann", nil, int64(1), decimal.RequireFromString("12.30"), true, nil, nil, op.JSON("{}"), op.JSON("[]"), []byte{1}, int64(1), nil}
	return []struct {
		name string
		o    op.Op
	}{
		{"find all fields", op.Op{Kind: op.Find, Model: p}},
		{"find by key", find(op.Cmp("id", op.Eq, int64(1)))},
		{"find with using", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Using: op.Cmp("active", op.Eq, true), Filter: op.Cmp("age", op.Gt, int64(3))}},
		{"equal nil", find(op.Cmp("email", op.Eq, nil))},
		{"not equal", find(op.Cmp("email", op.Ne, "x"))},
		{"less", find(op.Cmp("balance", op.Lt, decimal.RequireFromString("1.005")))},
		{"between", find(list("age", op.Between, int64(1), int64(9)))},
		{"in, padded", find(list("age", op.In, int64(1), int64(2), int64(3)))},
		{"in, with nil", find(list("age", op.In, int64(1), nil))},
		{"in nothing", find(list("age", op.In))},
		{"in many", find(list("age", op.In, many...))},
		{"not in", find(list("age", op.NotIn, int64(1)))},
		{"like", find(op.Cmp("name", op.Like, "ÄN"))},
		{"starts with", find(op.Cmp("name", op.StartsWith, "An"))},
		{"ends with", find(op.Cmp("name", op.EndsWith, "n"))},
		{"contains", find(op.Cmp("tags", op.Contains, "x"))},
		{"contains a number", find(op.Cmp("tags", op.Contains, int64(1)))},
		{"or, not", find(op.Cond{Kind: op.Or, Conds: []op.Cond{op.Cmp("name", op.Eq, "a"), not(all(op.Cmp("age", op.Lt, int64(9)), op.Cmp("active", op.Eq, true)))}})},
		{"path, text", find(path("profile", op.Eq, "Oslo", "city"))},
		{"path, number", find(path("profile", op.Ge, int64(3), "a", "b c"))},
		{"path, nil", find(path("profile", op.Eq, nil, "city"))},
		{"path, digits", find(path("profile", op.Eq, "x", "list", "0"))},
		{"path, quotes", find(path("profile", op.Eq, "x", `it's "q"`))},
		{"has many", find(related("reports", op.Cmp("name", op.Eq, "x")))},
		{"has many to many", find(related("groups", op.Cmp("title", op.Eq, "x")))},
		{"has belongs to", find(related("manager", related("manager")))},
		{"has count", find(op.Cond{Kind: op.HasCount, Relation: "groups", Op: op.Ge, N: 2})},
		{"order", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "name"}, {Field: "id", Desc: true}}, Limit: 3, Offset: 2}},
		{"order by path", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "profile", Path: []string{"city"}}}}},
		{"after one key", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "id"}}, After: []any{int64(5)}}},
		{"after, one direction", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "name"}, {Field: "id"}}, After: []any{"x", int64(5)}}},
		{"after, mixed and null", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "age", Desc: true}, {Field: "id"}}, After: []any{int64(3), int64(5)}}},
		{"before", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Sort: []op.Sort{{Field: "age"}, {Field: "id"}}, Before: []any{nil, int64(5)}}},
		{"distinct", op.Op{Kind: op.Find, Model: p, Fields: []string{"name"}, Distinct: true}},
		{"via has many", op.Op{Kind: op.Find, Model: p, Fields: []string{"id"}, Via: &op.Via{Model: p, Relation: "reports", Keys: [][]any{{int64(1)}, {int64(2)}}}}},
		{"via many to many", op.Op{Kind: op.Find, Model: g, Via: &op.Via{Model: p, Relation: "groups", Keys: [][]any{{int64(1)}}}, Filter: op.Cmp("title", op.Eq, "x")}},
		{"via, limit per parent", op.Op{Kind: op.Find, Model: g, Via: &op.Via{Model: p, Relation: "groups", Keys: [][]any{{int64(1)}}, Limit: 3, Offset: 1}, Sort: []op.Sort{{Field: "title"}}}},
		{"count", op.Op{Kind: op.Count, Model: p, Filter: op.Cmp("active", op.Eq, true)}},
		{"aggregate", op.Op{Kind: op.Aggregate, Model: p, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}, {Func: op.AggSum, Field: "balance", As: "s"}, {Func: op.AggMax, Field: "age", As: "m"}}}},
		{"group, having", op.Op{Kind: op.Aggregate, Model: p, GroupBy: []string{"active"}, Aggs: []op.Agg{{Func: op.AggCountDistinct, Field: "name", As: "n"}}, Having: op.Cmp("n", op.Gt, int64(1)), Sort: []op.Sort{{Field: "n", Desc: true}}, Limit: 5}},
		{"aggregate via has many", op.Op{
			Kind: op.Aggregate, Model: p, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}, Using: op.Cmp("active", op.Eq, true),
			Via: &op.Via{Model: p, Relation: "reports", Keys: [][]any{{int64(1)}, {int64(2)}}},
		}},
		{"aggregate via many to many, having", op.Op{
			Kind: op.Aggregate, Model: g, GroupBy: []string{"title"}, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}},
			Having: op.Cmp("n", op.Gt, int64(1)), Sort: []op.Sort{{Field: "n", Desc: true}},
			Via: &op.Via{Model: p, Relation: "groups", Keys: [][]any{{int64(1)}}},
		}},
		{"insert", op.Op{Kind: op.Insert, Model: p, Rows: [][]any{row}}},
		{"update", op.Op{Kind: op.Update, Model: p, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{{Field: "name", Value: "x"}}}},
		{"update, version checked", op.Op{
			Kind: op.Update, Model: p, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{{Field: "name", Value: "x"}},
			Guards: []op.Guard{{Kind: op.GuardMust, Model: p, Filter: op.Cmp("id", op.Eq, int64(1)), Must: op.Cmp("version", op.Eq, int64(3))}},
		}},
		{"update a place in json", op.Op{Kind: op.Update, Model: p, Set: []op.Assign{{Field: "profile", Path: []string{"city"}, Value: op.JSON(`"Oslo"`)}, {Field: "profile", Path: []string{"zip"}, Value: op.JSON(`1`)}}}},
		{"increment, returning", op.Op{
			Kind: op.Increment, Model: p, Fields: []string{"age", "balance"}, Returning: true, Filter: op.Cmp("id", op.Eq, int64(1)),
			Set: []op.Assign{{Field: "age", Inc: true, Value: int64(1)}, {Field: "balance", Inc: true, Value: decimal.RequireFromString("0.50")}},
		}},
		{"upsert, leave", op.Op{Kind: op.Upsert, Model: p, Rows: [][]any{row}, Conflict: &op.Conflict{Fields: []string{"email"}}}},
		{"upsert, change", op.Op{Kind: op.Upsert, Model: p, Rows: [][]any{row}, Conflict: &op.Conflict{Fields: []string{"email"}, Update: []string{"name"}, Set: []op.Assign{{Field: "age", Inc: true, Value: int64(1)}}}}},
		{"delete", op.Op{Kind: op.Delete, Model: p, Filter: op.Cmp("id", op.Eq, int64(1))}},
		{"soft delete, upsert, leave", op.Op{Kind: op.Upsert, Model: d, Rows: [][]any{{int64(1), "x", nil}}, Conflict: &op.Conflict{Fields: []string{"slug"}}}},
		{"soft delete, upsert, change", op.Op{Kind: op.Upsert, Model: d, Rows: [][]any{{int64(1), "x", nil}}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"slug"}}}},
		{"soft delete, by unique", op.Op{Kind: op.Find, Model: d, Using: op.Live(d), Filter: op.Cmp("slug", op.Eq, "x")}},
		{"soft delete, joined", op.Op{Kind: op.Find, Model: d, Fields: []string{"id"}, Filter: op.Cond{Kind: op.HasCount, Relation: "labels", Op: op.Eq, N: 1, Conds: []op.Cond{op.Live(d)}, Join: []op.Cond{op.Live(l)}}}},
		{"soft delete, via", op.Op{Kind: op.Find, Model: d, Fields: []string{"id"}, Using: op.Live(d), Via: &op.Via{Model: d, Relation: "labels", Keys: [][]any{{int64(1)}, {int64(2)}}, Limit: 2, Join: op.Live(l)}, Sort: []op.Sort{{Field: "slug"}}}},
	}
}

// TestGolden shows the statements as they are, with the collations of no
// server. What the server makes of them is its own affair.
func TestGolden(t *testing.T) {
	set := build(t, person{}, group{}, membership{}, doc{}, labelling{})
	e := open(t, services.MySQL(t), set)
	var out strings.Builder
	for _, s := range shapes(set) {
		o := s.o
		o.Explain = true
		if err := op.Normalize(&o); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		res, err := e.Do(context.Background(), o)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		fmt.Fprintf(&out, "-- %s\n%s\n", s.name, strings.Join(res.Plan.SQL, "\n"))
		if len(res.Plan.Args) < 20 {
			fmt.Fprintf(&out, "-- args %v\n", res.Plan.Args)
		}
		for _, n := range res.Plan.Notes {
			if !strings.Contains(n, "sorted") && !strings.Contains(n, "temporary") {
				fmt.Fprintf(&out, "-- %s\n", n)
			}
		}
		out.WriteByte('\n')
	}
	got := strings.NewReplacer("utf8mb4_nopad_bin", "(bytes)", "utf8mb4_0900_bin", "(bytes)", "utf8mb4_uca1400_ai_ci", "(fold)",
		"utf8mb4_unicode_520_ci", "(fold)", "utf8mb4_0900_ai_ci", "(fold)").Replace(out.String())
	golden := filepath.Join("testdata", "statements.sql")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("statements differ from %s (go test -run Golden -update writes it again):\n%s", golden, got)
	}
}

// Explain names the index that serves and the tables that are read whole.
func TestExplain(t *testing.T) {
	set := build(t, person{}, group{}, membership{})
	p := set.Model("person")
	e := open(t, services.MySQL(t), set)
	var rows [][]any
	for i := range 2000 {
		rows = append(rows, []any{op.Unset{}, fmt.Sprint("n", i), fmt.Sprint("e", i), int64(i), decimal.Zero, true, nil, nil, op.JSON("{}"), op.JSON("[]"), []byte{1}, int64(1), nil})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: p, Rows: rows})
	raw(t, e, "ANALYZE TABLE people")
	for _, c := range []struct {
		o     op.Op
		index string
		scan  bool
	}{
		{op.Op{Kind: op.Find, Model: p, Filter: op.Cmp("id", op.Eq, int64(5))}, "primary key", false},
		{op.Op{Kind: op.Find, Model: p, Filter: op.Cmp("email", op.Eq, "e5")}, "people_email_key", false},
		{op.Op{Kind: op.Find, Model: p, Filter: op.Cmp("age", op.Gt, int64(1995)), Sort: []op.Sort{{Field: "age"}}}, "people_age_idx", false},
		{op.Op{Kind: op.Find, Model: p, Filter: op.Cmp("email", op.StartsWith, "e199")}, "people_email_key", false},
		{op.Op{Kind: op.Find, Model: p, Filter: op.Cmp("name", op.Eq, "n5")}, "", true},
		{op.Op{Kind: op.Update, Model: p, Filter: op.Cmp("name", op.Eq, "n5"), Set: []op.Assign{{Field: "age", Value: nil}}}, "", true},
	} {
		c.o.Explain = true
		if err := op.Normalize(&c.o); err != nil {
			t.Fatal(err)
		}
		res, err := e.Do(context.Background(), c.o)
		if err != nil {
			t.Fatal(err)
		}
		if c.index != "" && !strings.Contains(strings.Join(res.Plan.Index, " "), c.index) || c.scan != (len(res.Plan.Scan) > 0 && res.Plan.Scan[0] == "people") {
			t.Errorf("%v: the plan is\n%v", res.Plan.SQL, res.Plan)
		}
	}
}
