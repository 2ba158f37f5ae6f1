package optest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
)

// testEncrypted holds that encrypted fields are fields like others, but that
// nothing goes by them.
func testEncrypted(s *suite, t *testing.T) {
	if !s.f.Encrypts {
		return
	}
	one := cmp("id", op.Eq, "a")
	s.run(t, "values of every type come back", func(d *db) {
		m := d.model("Vault")
		var want [][]any
		for i := range deepest(m) {
			r := rec{"id": fmt.Sprintf("%03d", i)}
			for _, f := range m.Fields {
				if f.Encrypted && (!f.Nullable || i%3 > 0) {
					vs := valuesOf(f)
					r[f.Name] = vs[i%len(vs)]
				}
			}
			want = append(want, d.row("Vault", r))
		}
		o := op.Op{Kind: op.Insert, Model: m, Rows: want, Returning: true}
		d.rowsAre(d.collect(o), want...)
		d.rowsAre(d.find(op.Op{Model: m, Sort: []op.Sort{by("id")}}), want...)
		rec := newRecorder(m, nil, 0)
		d.drained(op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{by("id")}, Sink: rec})
		d.rowsAre(rec.rows, want...)
	})
	s.run(t, "any choice of fields", func(d *db) {
		d.insert("Vault", rec{"id": "a", "pin": "1", "big": 7, "rank": 3})
		m := d.model("Vault")
		for _, fields := range [][]string{
			{"pin"}, {"rank"}, {"rank", "pin"}, {"big", "id", "pin"}, {"id", "pin"}, {"pin", "id"}, {"pin", "rank", "big", "binN"},
		} {
			var want []any
			for _, f := range fields {
				want = append(want, map[string]any{"id": "a", "pin": "1", "big": int64(7), "rank": int64(3), "binN": nil}[f])
			}
			d.rowsAre(d.find(op.Op{Model: m, Fields: fields}), want)
			rec := newRecorder(m, fields, 0)
			d.drained(op.Op{Kind: op.Find, Model: m, Fields: fields, Sink: rec})
			d.rowsAre(rec.rows, want)
			if rec.breach != nil {
				d.Error(rec.breach)
			}
			set := d.set("Vault", one, to("pin", "1"))
			set.Returning, set.Fields = true, fields
			d.rowsAre(d.collect(set), want)
			many := d.set("Vault", op.Cond{}, to("pin", "1"))
			many.Returning, many.Fields = true, fields
			d.rowsAre(d.collect(many), want)
		}
	})
	s.run(t, "NULL can be asked for, values cannot", func(d *db) {
		d.insert("Vault", rec{"id": "a"}, rec{"id": "b", "pinN": "", "docN": op.JSON(`{"a":1}`), "binN": []byte{}})
		for _, f := range []string{"pinN", "docN", "binN"} {
			d.matches("Vault", null(f), "a")
			d.matches("Vault", notNull(f), "b")
			d.matches("Vault", cmp(f, op.Eq, nil), "a")
			d.matches("Vault", cmp(f, op.Ne, nil), "b")
			d.matches("Vault", not(null(f)), "b")
		}
		d.matches("Vault", null("pin"), "")
		d.fail(op.Op{Kind: op.Find, Model: d.model("Vault"), Filter: cmp("pin", op.Eq, "x")}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Vault"), Sort: []op.Sort{by("pin")}}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Increment, Model: d.model("Vault"), Set: []op.Assign{inc("big", int64(1))}}, op.CodeValidation)
	})
	s.run(t, "updates", func(d *db) {
		for i := range 3 {
			d.insert("Vault", rec{"id": string(rune('a' + i)), "label": fmt.Sprint(i), "pin": "old", "pinN": "n", "rank": i})
		}
		if n := d.n(d.set("Vault", one, to("pin", "new"), to("pinN", nil), to("rank", 9))); n != 1 {
			d.Errorf("update reports %d rows", n)
		}
		if r := d.get("Vault", "a"); r["pin"] != "new" || r["pinN"] != nil || r["rank"] != int64(9) || r["ver"] != int64(2) {
			d.Errorf("the row is %v", r)
		}
		o := d.set("Vault", cmp("rank", op.Lt, 9), to("pin", "both"), inc("rank", int64(1)))
		if n := d.n(o); n != 2 {
			d.Errorf("update reports %d rows", n)
		}
		if n := d.n(d.set("Vault", cmp("id", op.Eq, "absent"), to("pin", "x"))); n != 0 {
			d.Errorf("update of no row reports %d", n)
		}
		o = d.set("Vault", one, to("pin", "x"))
		o.Using = cmp("rank", op.Lt, 9)
		if n := d.n(o); n != 0 {
			d.Errorf("update of a row that does not exist for it reports %d", n)
		}
		o = d.set("Vault", op.Cond{}, to("pin", "x"))
		o.Check = cmp("rank", op.Lt, 9)
		d.fail(o, op.CodeForbidden)
		d.rowsAre(d.find(op.Op{Model: d.model("Vault"), Fields: []string{"id", "pin", "rank", "ver"}, Sort: []op.Sort{by("id")}}),
			[]any{"a", "new", int64(9), int64(2)}, []any{"b", "both", int64(2), int64(2)}, []any{"c", "both", int64(3), int64(2)})
	})
	s.run(t, "updates of many rows", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Locker")}
		for i := range 1201 {
			o.Rows = append(o.Rows, []any{"h", int64(i), int64(i), i%2 == 0})
		}
		d.n(o)
		set := d.set("Locker", op.Cond{}, to("code", 5))
		if n := d.n(set); n != 1201 {
			d.Errorf("update reports %d rows", n)
		}
		for _, r := range d.find(op.Op{Model: d.model("Locker"), Fields: []string{"code"}}) {
			if r[0] != int64(5) {
				d.Fatalf("a code is %v", r[0])
			}
		}
	})
	s.run(t, "keys from the database", func(d *db) {
		m := d.model("Slip")
		first := op.Op{Kind: op.Insert, Model: m, Rows: [][]any{d.row("Slip", rec{"text": "a"}), d.row("Slip", rec{"text": "b", "id": 50}), d.row("Slip", rec{"text": ""})}, Returning: true}
		got := d.collect(first)
		if len(got) != 3 || got[0][1] != "a" || got[1][1] != "b" || got[2][1] != "" || got[1][0] != int64(50) || got[0][3] != int64(1) {
			d.Fatalf("rows are\n%s", showRows(got))
		}
		d.n(d.ins("Slip", rec{"text": "c", "note": "n"}))
		d.n(d.ups("Slip", op.Conflict{Fields: []string{"id"}, Update: []string{"text"}}, rec{"text": "d"}, rec{"id": 50, "text": "B"}))
		var texts []string
		for _, r := range d.find(op.Op{Model: m, Fields: []string{"text"}}) {
			texts = append(texts, r[0].(string))
		}
		if slices.Sort(texts); !slices.Equal(texts, []string{"", "B", "a", "c", "d"}) {
			d.Errorf("texts are %q", texts)
		}
		if v := d.get("Slip", int64(50)); v["ver"] != int64(2) {
			d.Errorf("the version is %v, want 2", v["ver"])
		}
	})
	s.run(t, "upserts", func(d *db) {
		find := func() [][]any {
			return d.find(op.Op{Model: d.model("Vault"), Fields: []string{"id", "pin", "big", "ver"}, Sort: []op.Sort{by("id")}})
		}
		byLabel := func(set ...op.Assign) op.Conflict {
			return op.Conflict{Fields: []string{"label"}, Update: []string{"pin"}, Set: set}
		}
		d.insert("Vault", rec{"id": "a", "label": "x", "pin": "1", "big": 1})
		// A row that exists has another key than the new one.
		if n := d.n(d.ups("Vault", byLabel(), rec{"id": "b", "label": "x", "pin": "2", "big": 2}, rec{"id": "c", "label": "y", "pin": "3", "big": 3})); n != 2 {
			d.Errorf("upsert reports %d rows", n)
		}
		d.rowsAre(find(), []any{"a", "2", int64(1), int64(2)}, []any{"c", "3", int64(3), int64(1)})
		o := d.ups("Vault", byLabel(to("big", 9)), rec{"id": "d", "label": "x", "pin": "4", "big": 5}, rec{"id": "e", "label": "z", "pin": "5", "big": 6}, rec{"id": "f", "label": "x", "pin": "6", "big": 7})
		o.Returning, o.Fields = true, []string{"pin", "id", "big"}
		got := d.collect(o)
		if len(got) != 3 || got[1][0] != "5" || got[1][2] != int64(6) || got[2][0] != "6" || got[2][1] != "a" {
			d.Errorf("rows are\n%s", showRows(got))
		}
		d.rowsAre(find(), []any{"a", "6", int64(9), int64(4)}, []any{"c", "3", int64(3), int64(1)}, []any{"e", "5", int64(6), int64(1)})
		if n := d.n(d.ups("Vault", op.Conflict{}, rec{"id": "g", "label": "x", "pin": "7"}, rec{"id": "h", "pin": "8"})); n != 1 {
			d.Errorf("upsert reports %d rows", n)
		}
		if r := d.get("Vault", "h"); r["pin"] != "8" {
			d.Errorf("the row is %v", r)
		}
	})
	s.run(t, "guards compare values", func(d *db) {
		d.insert("Locker", rec{"hall": "h", "row": 1, "code": 7}, rec{"hall": "h", "row": 2})
		row := func(n int) op.Cond { return and(cmp("hall", op.Eq, "h"), cmp("row", op.Eq, n)) }
		must := func(n int, code any) op.Guard {
			return d.mustHold("Locker", row(n), and(cmp("code", op.Eq, code), cmp("open", op.Eq, false)))
		}
		set := func(n, to int) op.Op { return d.set("Locker", row(n), op.Assign{Field: "code", Value: int64(to)}) }
		c := d.conflict(guarded(set(1, 9), must(1, 8)), op.ReasonStale)
		if len(c.Current) != 4 || c.Current[2] != int64(7) {
			d.Errorf("the conflict's current row is %v", c.Current)
		}
		d.conflict(guarded(set(2, 9), must(2, 8)), op.ReasonStale)
		d.conflict(guarded(set(1, 9), must(1, nil)), op.ReasonStale)
		d.n(guarded(set(1, 9), must(1, 7)))
		d.n(guarded(set(2, 5), must(2, nil)))
		d.n(d.set("Locker", row(2), to("open", true)))
		c = d.conflict(guarded(set(2, 6), must(2, 5)), op.ReasonStale)
		if len(c.Current) != 4 || c.Current[2] != int64(5) {
			d.Errorf("the conflict's current row is %v", c.Current)
		}
		b := op.Op{Kind: op.Batch, Batch: []op.Op{set(1, 1)}, Guards: []op.Guard{must(1, 8)}}
		d.conflict(b, op.ReasonStale)
		b.Guards = []op.Guard{must(1, 9)}
		d.must(b)
		d.rowsAre(d.find(op.Op{Model: d.model("Locker"), Sort: []op.Sort{by("row")}, Fields: []string{"code"}}), []any{int64(1)}, []any{int64(5)})
	})
	s.run(t, "in batches", func(d *db) {
		d.insert("Locker", rec{"hall": "h", "row": 1, "code": 1}, rec{"hall": "h", "row": 2, "code": 2})
		find := op.Op{Kind: op.Find, Model: d.model("Locker"), Fields: []string{"code"}, Sort: []op.Sort{by("hall"), by("row")}}
		for _, set := range []op.Op{
			d.set("Locker", and(cmp("hall", op.Eq, "h"), cmp("row", op.Eq, 1)), to("code", 8)),
			d.set("Locker", cmp("open", op.Eq, false), to("code", 9)),
		} {
			set.Returning, set.Fields = true, []string{"code"}
			res := d.must(op.Op{Kind: op.Batch, Batch: []op.Op{find, d.ins("Locker", rec{"hall": "i", "row": 1, "code": 3}), set, find, d.del("Locker", cmp("hall", op.Eq, "i"))}})
			first, changed, last := d.drain(res.Batch[0].Rows), d.drain(res.Batch[2].Rows), d.drain(res.Batch[3].Rows)
			if len(first) != 2 || len(last) != 3 || res.Batch[2].N != int64(len(changed)) || changed[0][0] != last[0][0] {
				d.Errorf("the batch gives\n%s\n%s\n%s", showRows(first), showRows(changed), showRows(last))
			}
		}
		bad := op.Op{Kind: op.Batch, Batch: []op.Op{d.set("Locker", op.Cond{}, to("code", 77)), d.ins("Locker", rec{"hall": "h", "row": 1})}}
		d.fail(bad, op.CodeConflict)
		d.matches("Locker", op.Cond{}, "h h")
		for _, r := range d.find(find) {
			if r[0] == int64(77) {
				d.Error("a batch that failed has left a value")
			}
		}
	})
	s.run(t, "deleted rows are given back", func(d *db) {
		d.insert("Vault", rec{"id": "a", "pin": "1"})
		o := d.del("Vault", one)
		o.Returning, o.Fields = true, []string{"pin"}
		d.rowsAre(d.collect(o), []any{"1"})
	})
	s.run(t, "behind relations", func(d *db) {
		d.insert("Keeper", rec{"id": "k"}, rec{"id": "l"})
		d.insert("Vault", rec{"id": "a", "keeperId": "k", "pin": "1"}, rec{"id": "b", "keeperId": "k", "pin": "2"}, rec{"id": "c", "keeperId": "l", "pin": "3", "pinN": "x"})
		m := d.model("Vault")
		via := op.Op{
			Kind: op.Find, Model: m, Fields: []string{"pin", "rank"}, Sort: []op.Sort{by("id")},
			Via: &op.Via{Model: d.model("Keeper"), Relation: "vaults", Keys: [][]any{{"k"}, {"l"}}},
		}
		want := [][]any{{"1", int64(0), "k"}, {"2", int64(0), "k"}, {"3", int64(0), "l"}}
		d.setOf(d.collect(via), want...)
		rec := newRecorder(m, via.Fields, 1)
		via.Sink = rec
		d.drained(via)
		d.setOf(rec.rows, want...)
		d.matches("Keeper", has("vaults", notNull("pinN")), "l")
		if !s.f.Relate {
			return
		}
		got := d.collect(op.Op{Kind: op.Find, Model: d.model("Keeper"), Sort: []op.Sort{by("id")}, With: []op.With{{Relation: "vaults", Fields: []string{"pin"}, Filter: notNull("pinN")}}})
		if r := got[1][len(got[1])-1].(*op.Related); len(r.Rows) != 1 || r.Rows[0][0] != "3" {
			d.Errorf("the vaults of l are %v", r.Rows)
		}
	})
	s.run(t, "in transactions", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		d.insert("Vault", rec{"id": "a", "pin": "1"})
		tx := d.begin()
		in := d.on(tx)
		in.n(in.set("Vault", op.Cond{}, to("pin", "2")))
		in.n(in.ins("Slip", rec{"text": "s"}))
		if r := in.get("Vault", "a"); r["pin"] != "2" {
			d.Errorf("inside, the row is %v", r)
		}
		// An operation that fails after it wrote something leaves nothing of it.
		bad := in.set("Vault", op.Cond{}, to("pin", "3"))
		bad.Check = op.Cond{Kind: op.False}
		in.fail(bad, op.CodeForbidden)
		if r := in.get("Vault", "a"); r["pin"] != "2" {
			d.Errorf("after an operation that failed, the row is %v", r)
		}
		d.rollback(tx)
		if r := d.get("Vault", "a"); r["pin"] != "1" || d.count("Slip", op.Cond{}) != 0 {
			d.Errorf("after the rollback, the row is %v", r)
		}
	})
	s.run(t, "the key stays", func(d *db) {
		d.insert("Vault", rec{"id": "a", "pin": "1"})
		if _, err := d.do(d.set("Vault", one, to("id", "b"))); err == nil && slices.Contains(d.eng.Caps().Layers, "encrypt") {
			d.Error("the key of a row with encrypted fields could be changed")
		}
	})
}

// drained runs an operation whose rows go to its sink.
func (d *db) drained(o op.Op) {
	d.Helper()
	res := d.must(o)
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); err != nil {
		d.Fatalf("%s: %v", dumpOp(o), err)
	}
	if err := res.Rows.Close(); err != nil {
		d.Fatal(err)
	}
}
