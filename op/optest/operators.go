package optest

import (
	"fmt"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// testOperators runs every operator on every field of Wide with every value
// worth testing and compares with op.MatchRow, then pins down by hand what
// op.MatchRow itself must answer.
func testOperators(s *suite, t *testing.T) {
	s.run(t, "every operator and type", func(d *db) {
		rows := d.seedWide()
		m := d.model("Wide")
		for _, f := range m.Fields {
			if f == m.VersionF {
				continue
			}
			d.sub(f.Name, func(d *db) {
				for _, c := range operatorCases(f) {
					d.agree(m, rows, c)
				}
			})
		}
	})
	s.run(t, "null", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": "x"}, rec{"id": "b", "label": "y"}, rec{"id": "n"})
		for _, c := range []struct {
			cond op.Cond
			want string
		}{
			{cmp("label", op.Eq, nil), "n"},
			{null("label"), "n"},
			{cmp("label", op.Ne, nil), "a b"},
			{notNull("label"), "a b"},
			{cmp("label", op.Eq, "x"), "a"},
			{cmp("label", op.Ne, "x"), "b n"},
			{not(cmp("label", op.Eq, "x")), "b n"},
			{not(cmp("label", op.Ne, "x")), "a"},
			{cmp("label", op.Lt, "z"), "a b"},
			{cmp("label", op.Ge, ""), "a b"},
			{not(cmp("label", op.Lt, "z")), "n"},
			{list("label", op.In), ""},
			{list("label", op.NotIn), "a b n"},
			{list("label", op.In, "x"), "a"},
			{list("label", op.In, "x", nil), "a n"},
			{list("label", op.In, nil), "n"},
			{list("label", op.NotIn, "x"), "b n"},
			{list("label", op.NotIn, "x", nil), "b"},
			{list("label", op.NotIn, nil), "a b"},
			{not(list("label", op.In, "x", nil)), "b"},
			{not(list("label", op.NotIn, "x")), "a"},
			{list("label", op.Between, "a", "x"), "a"},
			{not(list("label", op.Between, "a", "x")), "b n"},
			{cmp("label", op.Like, ""), "a b"},
			{not(cmp("label", op.Like, "")), "n"},
			{cmp("label", op.StartsWith, ""), "a b"},
			{cmp("label", op.EndsWith, ""), "a b"},
			{or(cmp("label", op.Eq, "x"), null("label")), "a n"},
			{and(cmp("label", op.Ne, "x"), notNull("label")), "b"},
		} {
			d.matches("Plain", c.cond, c.want)
		}
	})
	s.run(t, "booleans", func(d *db) {
		d.insert("Wide", rec{"id": "f", "flagN": false}, rec{"id": "n"}, rec{"id": "t", "flagN": true})
		d.matches("Wide", cmp("flagN", op.Eq, true), "t")
		d.matches("Wide", cmp("flagN", op.Eq, false), "f")
		d.matches("Wide", cmp("flagN", op.Ne, true), "f n")
		d.matches("Wide", cmp("flagN", op.Lt, true), "f")
		d.matches("Wide", list("flagN", op.In, true, nil), "n t")
	})
	s.run(t, "times", func(d *db) {
		d.insert("Wide", rec{"id": "a", "at": at("2024-05-01 10:00:00"), "day": at("2024-05-01"), "clock": "10:00:00"},
			rec{"id": "b", "at": at("2024-05-01 10:00:00.000001"), "day": at("2024-05-02"), "clock": "10:00:00.5"},
			rec{"id": "c", "at": at("2024-05-01 10:00:00.1"), "day": at("2024-04-30"), "clock": "10:00:01"},
			rec{"id": "d", "at": at("2024-05-01 10:00:01"), "day": at("1969-12-31"), "clock": "09:59:59"})
		d.matches("Wide", cmp("at", op.Eq, at("2024-05-01 10:00:00")), "a")
		d.matches("Wide", cmp("at", op.Gt, at("2024-05-01 10:00:00")), "b c d")
		d.matches("Wide", cmp("at", op.Le, at("2024-05-01 10:00:00.000001")), "a b")
		d.matches("Wide", list("at", op.Between, at("2024-05-01 10:00:00.000001"), at("2024-05-01 10:00:00.1")), "b c")
		d.matches("Wide", cmp("day", op.Lt, at("2024-05-01")), "c d")
		d.matches("Wide", list("day", op.In, at("2024-05-01"), at("1969-12-31")), "a d")
		d.matches("Wide", cmp("clock", op.Ge, "10:00:00.5"), "b c")
		d.rowsAre(d.find(op.Op{Model: d.model("Wide"), Fields: []string{"id"}, Sort: []op.Sort{by("at")}}), []any{"a"}, []any{"b"}, []any{"c"}, []any{"d"})
		d.rowsAre(d.find(op.Op{Model: d.model("Wide"), Fields: []string{"id"}, Sort: []op.Sort{by("clock")}}), []any{"d"}, []any{"a"}, []any{"b"}, []any{"c"})
	})
	s.run(t, "bytes", func(d *db) {
		d.insert("Wide", rec{"id": "a", "binN": []byte{}}, rec{"id": "b", "binN": []byte{0}}, rec{"id": "c", "binN": []byte{0, 255}},
			rec{"id": "d", "binN": []byte("a")}, rec{"id": "n"})
		d.matches("Wide", cmp("binN", op.Eq, []byte{}), "a")
		d.matches("Wide", cmp("binN", op.Eq, []byte("a")), "d")
		d.matches("Wide", cmp("binN", op.Ne, []byte("a")), "a b c n")
		d.matches("Wide", cmp("binN", op.Gt, []byte{0}), "c d")
		d.matches("Wide", list("binN", op.In, []byte{0}, []byte{}), "a b")
	})
}

// seedWide fills Wide with rows that together hold every value of every field,
// and NULL, and returns them.
func (d *db) seedWide() [][]any {
	d.Helper()
	m := d.model("Wide")
	o := op.Op{Kind: op.Insert, Model: m}
	for i, n := 0, deepest(m)+2; i < n; i++ {
		r := rec{"id": fmt.Sprintf("r%03d", i)}
		for j, f := range m.Fields {
			vs := valuesOf(f)
			switch k := (i + j) % (len(vs) + 1); {
			case f.Primary || f == m.VersionF:
			case k < len(vs):
				r[f.Name] = vs[k]
			case !f.Nullable:
				r[f.Name] = vs[0]
			}
		}
		o.Rows = append(o.Rows, d.row("Wide", r))
	}
	d.must(o)
	return o.Rows
}

// operatorCases are conditions on a field: every operator with every value.
func operatorCases(f *schema.Field) []op.Cond {
	vs := valuesOf(f)
	if f.Primary {
		vs = []any{"", "r", "r001", "R001", "001", "r010", "zzz", "%"}
	}
	if f.Type.Kind() == schema.KindDecimal {
		vs = append(append([]any{}, vs...), dec("0.011"), dec("1.1000"), dec("123456789012345678901234567890.123"))
	}
	var out []op.Cond
	for _, o := range operatorsOf(f) {
		switch o {
		case op.IsNull, op.NotNull:
			out = append(out, op.Cond{Kind: op.Compare, Field: f.Name, Op: o})
		case op.In, op.NotIn:
			out = append(out, list(f.Name, o), list(f.Name, o, nil), list(f.Name, o, vs...), list(f.Name, o, append([]any{nil}, vs[0])...))
			for i := range vs {
				out = append(out, list(f.Name, o, vs[i], vs[(i+1)%len(vs)]))
			}
		case op.Between:
			out = append(out, list(f.Name, o, nil, vs[0]), list(f.Name, o, vs[0], nil), list(f.Name, o, nil, nil))
			for i := range vs {
				out = append(out, list(f.Name, o, vs[i], vs[(i*7+3)%len(vs)]))
			}
		case op.Contains:
			for _, v := range append([]any{nil}, elements...) {
				out = append(out, cmp(f.Name, o, v))
			}
		default:
			if takesNull(o) {
				out = append(out, cmp(f.Name, o, nil))
			}
			if f.Type.Kind() == schema.KindJSON {
				continue
			}
			for _, v := range vs {
				out = append(out, cmp(f.Name, o, v))
			}
		}
	}
	for _, c := range out[:len(out):len(out)] {
		if c.Op != op.IsNull && c.Op != op.NotNull {
			out = append(out, not(c))
		}
	}
	return out
}

// elements are what JSON arrays are searched for.
var elements = []any{"a", "A", "1", int64(1), 1.5, true, false, "", "%", int64(9007199254740993), int64(9007199254740992), "Ä", "x"}

// agree checks the rows of a condition against op.MatchRow, found and counted.
func (d *db) agree(m *schema.Model, rows [][]any, c op.Cond) {
	d.Helper()
	o := op.Op{Kind: op.Find, Model: m, Filter: c, Fields: []string{m.Primary[0].Name}}
	if err := op.Normalize(&o); err != nil {
		d.Errorf("%s is refused: %v", dumpCond(c), err)
		return
	}
	want := map[string]bool{}
	for _, r := range rows {
		ok, err := op.MatchRow(m, r, o.Filter, nil)
		if err != nil {
			d.Errorf("%s: op.MatchRow fails: %v", dumpCond(c), err)
			return
		}
		if ok {
			want[r[m.Primary[0].Pos].(string)] = true
		}
	}
	res, err := d.eng.Do(d.ctx, o)
	if err != nil {
		d.Errorf("%s: %v", dumpCond(c), err)
		return
	}
	got, err := drain(res.Rows)
	if err != nil {
		d.Errorf("%s: %v", dumpCond(c), err)
		return
	}
	for _, r := range got {
		id := r[0].(string)
		if !want[id] {
			d.Errorf("%s holds for the row with %s", dumpCond(c), d.fieldOf(m, rows, id, c))
		}
		delete(want, id)
	}
	for id := range want {
		d.Errorf("%s does not hold for the row with %s", dumpCond(c), d.fieldOf(m, rows, id, c))
	}
}

func (d *db) fieldOf(m *schema.Model, rows [][]any, id string, c op.Cond) string {
	for c.Kind == op.Not {
		c = c.Conds[0]
	}
	f := m.Field(c.Field)
	for _, r := range rows {
		if f != nil && r[m.Primary[0].Pos] == id {
			return f.Name + " = " + show(r[f.Pos])
		}
	}
	return id
}
