package optest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/weftdb/weft/op"
)

func testStream(s *suite, t *testing.T) {
	fill := func(d *db, n int) {
		o := op.Op{Kind: op.Insert, Model: d.model("Plain")}
		for i := range n {
			o.Rows = append(o.Rows, []any{fmt.Sprintf("%06d", i), int64(i), nil})
		}
		d.must(o)
	}
	find := func(d *db) op.Op {
		return op.Op{Kind: op.Find, Model: d.model("Plain"), Sort: []op.Sort{by("id")}}
	}
	s.run(t, "closed early, twice, at the end", func(d *db) {
		fill(d, 2000)
		for _, take := range []int{0, 1, 100, 2000, 3000} {
			res := d.must(find(d))
			for range take {
				if !res.Rows.Next() {
					break
				}
			}
			for range 3 {
				if err := res.Rows.Close(); err != nil {
					d.Errorf("close after %d rows: %v", take, err)
				}
			}
			if res.Rows.Next() {
				d.Errorf("rows go on after Close at %d", take)
			}
		}
		// Rows closed early hold nothing that a writer waits for.
		d.n(d.set("Plain", op.Cond{}, to("label", "x")))
	})
	s.run(t, "many streams at once", func(d *db) {
		fill(d, 300)
		var open []op.Rows
		for range 10 {
			res := d.must(find(d))
			if !res.Rows.Next() {
				d.Fatal("no row")
			}
			open = append(open, res.Rows)
		}
		for i, rows := range open {
			rest := d.drain(rows)
			if len(rest) != 299 {
				d.Errorf("stream %d has %d more rows, want 299", i, len(rest))
			}
		}
	})
	s.run(t, "writes between rows", func(d *db) {
		fill(d, 1000)
		res := d.must(find(d))
		defer res.Rows.Close()
		for i := range 1000 {
			if !res.Rows.Next() {
				d.Fatalf("the rows end at %d: %v", i, res.Rows.Err())
			}
			row := res.Rows.Row()
			if row[0] != fmt.Sprintf("%06d", i) || row[1] != int64(i) {
				d.Fatalf("row %d is %s: a write came through", i, showRow(row))
			}
			switch i {
			case 0:
				d.n(d.set("Plain", op.Cond{}, inc("value", int64(100000))))
			case 1:
				d.insert("Plain", rec{"id": "000001x"})
			case 500:
				d.n(d.del("Plain", op.Cond{}))
			}
		}
		if res.Rows.Next() {
			d.Error("a row came that was written later")
		}
		if n := d.count("Plain", op.Cond{}); n != 0 {
			d.Errorf("%d rows are left", n)
		}
	})
	s.run(t, "inside a transaction", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		fill(d, 500)
		tx := d.begin()
		in := d.on(tx)
		res := in.must(find(in))
		if !res.Rows.Next() {
			d.Fatal("no row")
		}
		if err := res.Rows.Close(); err != nil {
			d.Fatal(err)
		}
		in.n(in.set("Plain", op.Cond{}, to("value", 7)))
		if n := len(in.find(find(in))); n != 500 {
			d.Errorf("%d rows, want 500", n)
		}
		// Rows left open when the transaction ends hold nothing up.
		res = in.must(find(in))
		res.Rows.Next()
		d.rollback(tx)
		_ = res.Rows.Close()
		d.n(d.set("Plain", op.Cond{}, to("label", "x")))
		d.matches("Plain", cmp("value", op.Eq, 7), "000007")
	})
	s.run(t, "a sink gets what rows give", func(d *db) {
		d.seedWide()
		m := d.model("Wide")
		for _, fields := range [][]string{nil, {"bin", "id"}, {"flagN", "decN", "atN", "docN", "bigN", "fltN"}} {
			o := op.Op{Kind: op.Find, Model: m, Fields: fields, Sort: []op.Sort{by("id")}}
			d.sinkAgrees(o, 0)
		}
		d.seedBlog()
		d.sinkAgrees(op.Op{
			Kind: op.Find, Model: d.model("Tag"), Sort: []op.Sort{by("id")},
			Via: &op.Via{Model: d.model("Post"), Relation: "tags", Keys: [][]any{{"1"}}},
		}, 1)
		d.sinkAgrees(op.Op{Kind: op.Find, Model: d.model("Plain")}, 0)
	})
	s.run(t, "a sink gets what is returned", func(d *db) {
		for _, o := range []op.Op{
			d.ins("Post", rec{"id": "1", "rank": 1}, rec{"id": "2", "score": 0.5}),
			d.set("Post", cmp("id", op.Eq, "2"), to("title", "t")),
			d.ups("Post", op.Conflict{Fields: []string{"id"}, Update: []string{"rank"}}, rec{"id": "2", "rank": 9}),
			d.del("Post", cmp("id", op.Eq, "2")),
		} {
			sink := newRecorder(o.Model, []string{"title", "id", "rank"}, 0)
			o.Returning, o.Fields, o.Sink = true, []string{"title", "id", "rank"}, sink
			res := d.must(o)
			if res.Rows != nil {
				d.drain(res.Rows)
			}
			if sink.breach != nil {
				d.Fatalf("the engine breaks the contract of Sink: %v", sink.breach)
			}
			switch o.Kind {
			case op.Insert:
				d.rowsAre(sink.rows, []any{"", "1", int64(1)}, []any{"", "2", int64(0)})
			case op.Update:
				d.rowsAre(sink.rows, []any{"t", "2", int64(0)})
			default:
				d.rowsAre(sink.rows, []any{"t", "2", int64(9)})
			}
		}
		d.matches("Post", op.Cond{}, "1")
	})
	s.run(t, "a sink's error ends the find", func(d *db) {
		fill(d, 100)
		o := find(d)
		sink := newRecorder(o.Model, nil, 0)
		sink.failAt = 5
		o.Sink = sink
		res, err := d.do(o)
		if err == nil {
			for res.Rows.Next() {
			}
			err = res.Rows.Err()
			_ = res.Rows.Close()
		}
		if !errors.Is(err, errSink) {
			d.Errorf("the error is %v, want that of the sink", err)
		}
		if len(sink.rows) != 5 {
			d.Errorf("the sink got %d rows, want 5", len(sink.rows))
		}
		d.n(d.set("Plain", op.Cond{}, to("label", "x")))
	})
	s.run(t, "bytes belong to the sink", func(d *db) {
		d.insert("Wide", rec{"id": "a", "bin": []byte("aaaa")}, rec{"id": "b", "bin": []byte("bbbb")})
		o := op.Op{Kind: op.Find, Model: d.model("Wide"), Fields: []string{"bin"}, Sort: []op.Sort{by("id")}}
		for range 2 {
			sink := newRecorder(o.Model, o.Fields, 0)
			o.Sink = sink
			d.drain(d.must(o).Rows)
			d.rowsAre(sink.rows, []any{[]byte("aaaa")}, []any{[]byte("bbbb")})
			copy(sink.rows[0][0].([]byte), "XXXX") // must not reach the database
		}
	})
}

// sinkAgrees runs a find with and without a sink.
func (d *db) sinkAgrees(o op.Op, keys int) {
	d.Helper()
	want := d.collect(o)
	sink := newRecorder(o.Model, o.Fields, keys)
	o.Sink = sink
	res := d.must(o)
	n := 0
	for res.Rows.Next() {
		if n++; res.Rows.Row() != nil {
			d.Fatal("with a sink Row is not nil")
		}
		if len(sink.rows) != n {
			d.Fatalf("after %d calls of Next the sink has %d rows", n, len(sink.rows))
		}
	}
	if err := errors.Join(res.Rows.Err(), res.Rows.Close(), sink.breach); err != nil {
		d.Fatalf("%s into a sink: %v", dumpOp(o), err)
	}
	d.rowsAre(sink.rows, want...)
}
