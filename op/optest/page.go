package optest

import (
	"fmt"
	"testing"

	"github.com/weftdb/weft/op"
)

func testSort(s *suite, t *testing.T) {
	s.run(t, "every type, both ways", func(d *db) {
		rows := d.seedWide()
		m := d.model("Wide")
		for _, f := range m.Fields {
			if f.Type.Kind() == jsonKind {
				continue
			}
			for _, down := range []bool{false, true} {
				o := op.Op{Model: m, Fields: []string{f.Name}, Sort: []op.Sort{{Field: f.Name, Desc: down}, by("id")}}
				got := d.find(o)
				if len(got) != len(rows) {
					d.Fatalf("sorted by %s there are %d rows of %d", f.Name, len(got), len(rows))
				}
				for i := 1; i < len(got); i++ {
					c := op.CompareValues(got[i-1][0], got[i][0])
					if (c > 0 && !down) || (c < 0 && down) {
						d.Errorf("sorted by %s (descending: %v) %s comes before %s", f.Name, down, show(got[i-1][0]), show(got[i][0]))
					}
				}
			}
		}
	})
	s.run(t, "null is smallest", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": ""}, rec{"id": "b"}, rec{"id": "c", "label": "x"})
		m := d.model("Plain")
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"id"}, Sort: []op.Sort{by("label")}}), []any{"b"}, []any{"a"}, []any{"c"})
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"id"}, Sort: []op.Sort{desc("label")}}), []any{"c"}, []any{"a"}, []any{"b"})
	})
	s.run(t, "several fields", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1, "label": "x"}, rec{"id": "b", "value": 2}, rec{"id": "c", "value": 1},
			rec{"id": "d", "value": 2, "label": "x"}, rec{"id": "e", "value": 1, "label": "x"})
		m := d.model("Plain")
		for _, c := range []struct {
			sort []op.Sort
			want string
		}{
			{[]op.Sort{by("value"), by("label"), by("id")}, "caebd"},
			{[]op.Sort{desc("value"), by("label"), by("id")}, "bdcae"},
			{[]op.Sort{by("value"), desc("label"), desc("id")}, "eacdb"},
			{[]op.Sort{by("label"), desc("value"), desc("id")}, "bcdea"},
		} {
			got := ""
			for _, r := range d.find(op.Op{Model: m, Fields: []string{"id"}, Sort: c.sort}) {
				got += r[0].(string)
			}
			if got != c.want {
				d.Errorf("sorted by %s: %s, want %s", dumpSort(c.sort), got, c.want)
			}
		}
	})
}

func testPage(s *suite, t *testing.T) {
	s.run(t, "limit and offset", func(d *db) {
		for i := range 10 {
			d.insert("Plain", rec{"id": fmt.Sprint(i), "value": i})
		}
		m := d.model("Plain")
		for _, c := range []struct {
			limit, offset int
			want          string
		}{{0, 0, "0123456789"}, {3, 0, "012"}, {3, 8, "89"}, {3, 10, ""}, {0, 7, "789"}, {100, 0, "0123456789"}, {1, 9, "9"}, {3, 100, ""}} {
			got := ""
			for _, r := range d.find(op.Op{Model: m, Fields: []string{"id"}, Sort: []op.Sort{by("value")}, Limit: c.limit, Offset: c.offset}) {
				got += r[0].(string)
			}
			if got != c.want {
				d.Errorf("limit %d offset %d: %q, want %q", c.limit, c.offset, got, c.want)
			}
		}
	})
	s.run(t, "after and before a cursor", func(d *db) {
		// Values and NULLs twice each, so that the key decides among equals.
		for i := range 12 {
			r := rec{"id": string(rune('a' + i)), "value": i % 2}
			if i%4 != 3 {
				r["label"] = fmt.Sprint(i % 3)
			}
			d.insert("Plain", r)
		}
		m := d.model("Plain")
		orders := [][]op.Sort{{by("id")}, {desc("id")}}
		for _, l := range []op.Sort{by("label"), desc("label")} {
			for _, v := range []op.Sort{by("value"), desc("value")} {
				orders = append(orders, []op.Sort{l, v, by("id")}, []op.Sort{v, l, desc("id")}, []op.Sort{l, desc("id")})
			}
		}
		for _, order := range orders {
			all := d.find(op.Op{Model: m, Sort: order})
			for i, row := range all {
				var cursor []any
				for _, k := range order {
					cursor = append(cursor, row[m.Field(k.Field).Pos])
				}
				if got := d.find(op.Op{Model: m, Sort: order, After: cursor}); !sameRows(got, all[i+1:]) {
					d.Errorf("order %s after %s:\n%s\nwant\n%s", dumpSort(order), showRow(cursor), showRows(got), showRows(all[i+1:]))
				}
				if got := d.find(op.Op{Model: m, Sort: order, Before: cursor}); !sameRows(got, all[:i]) {
					d.Errorf("order %s before %s:\n%s\nwant\n%s", dumpSort(order), showRow(cursor), showRows(got), showRows(all[:i]))
				}
				if got := d.find(op.Op{Model: m, Sort: order, After: cursor, Limit: 2}); !sameRows(got, all[i+1:min(i+3, len(all))]) {
					d.Errorf("order %s after %s limit 2:\n%s", dumpSort(order), showRow(cursor), showRows(got))
				}
				// Before, limit and offset count from the cursor backwards.
				if got := d.find(op.Op{Model: m, Sort: order, Before: cursor, Limit: 2, Offset: 1}); !sameRows(got, all[max(i-3, 0):max(i-1, 0)]) {
					d.Errorf("order %s before %s limit 2 offset 1:\n%s", dumpSort(order), showRow(cursor), showRows(got))
				}
			}
		}
	})
	s.run(t, "a cursor of values that no row has", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 10}, rec{"id": "b", "value": 20}, rec{"id": "c", "value": 20}, rec{"id": "d", "value": 30})
		m := d.model("Plain")
		o := op.Op{Model: m, Fields: []string{"id"}, Sort: []op.Sort{by("value"), by("id")}, After: []any{int64(20), "bb"}}
		d.rowsAre(d.find(o), []any{"c"}, []any{"d"})
		o.After, o.Before = nil, []any{int64(20), "bb"}
		d.rowsAre(d.find(o), []any{"a"}, []any{"b"})
		o.Filter = cmp("id", op.Ne, "b")
		d.rowsAre(d.find(o), []any{"a"})
	})
	s.run(t, "pages by every type meet", func(d *db) {
		d.seedWide()
		m := d.model("Wide")
		for _, f := range m.Fields {
			if f.Type.Kind() == jsonKind || f.Type.Kind() == bytesKind {
				continue
			}
			order := []op.Sort{{Field: f.Name, Desc: f.Pos%2 == 0}, by("id")}
			fields := []string{f.Name, "id"}
			all := d.find(op.Op{Model: m, Fields: fields, Sort: order})
			var got [][]any
			var after []any
			for range len(all) {
				page := d.find(op.Op{Model: m, Fields: fields, Sort: order, Limit: 7, After: after})
				got = append(got, page...)
				if len(page) < 7 {
					break
				}
				after = page[len(page)-1]
			}
			if !sameRows(got, all) {
				d.Errorf("pages by %s together are %d rows and differ from the %d at once", f.Name, len(got), len(all))
			}
		}
	})
}
