package optest

import (
	"errors"
	"testing"

	"github.com/weftdb/weft/op"
)

func testExplain(s *suite, t *testing.T) {
	s.run(t, "answers and does not run", func(d *db) {
		d.seedBlog()
		before := d.everything()
		m := d.model("Post")
		ops := []op.Op{
			{Kind: op.Find, Model: m, Filter: and(cmp("authorId", op.Eq, "a"), cmp("title", op.Like, "x")), Sort: []op.Sort{by("rank")}, Limit: 3},
			{Kind: op.Count, Model: m, Filter: has("tags")},
			d.ins("Post", rec{"id": "new"}), d.set("Post", op.Cond{}, to("rank", 0)), d.del("Post", op.Cond{}),
			{Kind: op.Increment, Model: m, Set: []op.Assign{inc("rank", int64(1))}},
			d.ups("Post", op.Conflict{Fields: []string{"id"}, Update: []string{"rank"}}, rec{"id": "1", "rank": 100}),
		}
		if d.has(op.CapAggregations) {
			ops = append(ops, op.Op{Kind: op.Aggregate, Model: m, GroupBy: []string{"authorId"}, Aggs: []op.Agg{agg(op.AggCount, "", "n")}})
		}
		ops = append(ops, op.Op{Kind: op.Batch, Batch: []op.Op{d.ins("Post", rec{"id": "new"})}})
		for _, o := range ops {
			o.Explain = true
			res := d.must(o)
			closeAll(res)
			if res.Plan == nil || res.Plan.Engine == "" {
				d.Errorf("%s: Explain gives plan %+v, want one that names the engine", dumpOp(o), res.Plan)
			}
		}
		if after := d.everything(); after != before {
			d.Errorf("Explain changed something:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func testClose(s *suite, t *testing.T) {
	closed := func(d *db, what string, err error) {
		d.Helper()
		var e *op.Error
		if !errors.As(err, &e) || !e.Closed || e.Code != op.CodeDatabase {
			d.Errorf("%s after Close: %v, want %v", what, err, op.ErrClosed())
		}
	}
	s.run(t, "twice, and use after it", func(d *db) {
		d.insert("Plain", rec{"id": "a"})
		for range 3 {
			if err := d.eng.Close(); err != nil {
				d.Errorf("close: %v", err)
			}
		}
		for _, o := range []op.Op{
			{Kind: op.Find, Model: d.model("Plain")},
			{Kind: op.Count, Model: d.model("Plain")},
			d.ins("Plain", rec{"id": "b"}),
			d.set("Plain", op.Cond{}, to("value", 1)), d.del("Plain", op.Cond{}),
			{Kind: op.Batch, Batch: []op.Op{d.ins("Plain", rec{"id": "b"})}},
		} {
			res, err := d.do(o)
			if err == nil && res.Rows != nil {
				_, err = drain(res.Rows)
			}
			closed(d, kindName(o.Kind), err)
		}
		if d.has(op.CapTransactions) {
			_, err := d.eng.Begin(d.ctx, op.TxOptions{})
			closed(d, "Begin", err)
		}
	})
	s.run(t, "what was written is there after opening again", func(d *db) {
		if s.f.Reopen == nil {
			return
		}
		d.seedWide()
		d.seedBlog()
		d.insert("Ticket", rec{"title": "first"})
		if d.has(op.CapTransactions) {
			tx := d.begin()
			d.on(tx).insert("Plain", rec{"id": "rolled back"})
			d.rollback(tx)
		}
		before := d.everything()
		if err := d.eng.Close(); err != nil {
			d.Fatal(err)
		}
		d = d.on(s.f.Reopen(d.T, s.models, d.eng))
		if after := d.everything(); after != before {
			d.Errorf("after opening again:\n%s\nbefore:\n%s", after, before)
		}
		d.insert("Ticket", rec{"title": "second"})
		if n := d.count("Ticket", op.Cond{}); n != 2 {
			d.Errorf("%d tickets, want 2", n)
		}
	})
}
