package optest

import (
	"math"
	"testing"

	"github.com/weftdb/weft/op"
)

func testText(s *suite, t *testing.T) {
	s.run(t, "like folds case rune by rune", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": "Straße"}, rec{"id": "b", "label": "STRASSE"}, rec{"id": "c", "label": "\u212aelvin"},
			rec{"id": "d", "label": "kelvin"}, rec{"id": "e", "label": "İstanbul"}, rec{"id": "f", "label": "ISTANBUL"},
			rec{"id": "g", "label": "Ångström"}, rec{"id": "h", "label": "A\u030angstrom"}, rec{"id": "i", "label": "ΣΊΣΥΦΟΣ"},
			rec{"id": "j", "label": "party 🎉 time"}, rec{"id": "k", "label": "𐐀x"}, rec{"id": "l", "label": "STRAẞE"})
		for _, c := range []struct{ v, want string }{
			{"STRASSE", "b"},
			{"straße", "a l"}, // ẞ lowers to ß; ß has no simple upper case
			{"STRAẞE", "a l"},
			{"KELVIN", "c d"}, // the Kelvin sign lowers to k
			{"istanbul", "e f"},
			{"İSTANBUL", "e f"}, // İ lowers to i by the simple mapping
			{"ångström", "g"},
			{"ÅNGSTRÖM", "g"},
			{"\u212bngstr", "g"}, // the Ångström sign lowers to å
			{"angstrom", ""},     // a combining ring is a rune of its own
			{"a\u030aNG", "h"},
			{"σίσυφοσ", "i"}, // Σ lowers to σ, never to the final ς
			{"σίσυφος", ""},
			{"🎉", "j"},
			{"𐐨X", "k"},
		} {
			d.matches("Plain", cmp("label", op.Like, c.v), c.want)
		}
	})
	s.run(t, "wildcards and escapes are letters", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": "100%"}, rec{"id": "b", "label": "100 percent"}, rec{"id": "c", "label": "a_b"},
			rec{"id": "d", "label": "axb"}, rec{"id": "e", "label": `c:\dir`}, rec{"id": "f", "label": "c:/dir"}, rec{"id": "g", "label": "[x]*?"})
		for _, c := range []struct {
			op      op.Operator
			v, want string
		}{
			{op.Like, "%", "a"},
			{op.Like, "0%", "a"},
			{op.Like, "_", "c"},
			{op.Like, "A_B", "c"},
			{op.Like, `\`, "e"},
			{op.Like, `:\D`, "e"},
			{op.Like, "[x]", "g"},
			{op.Like, "*", "g"},
			{op.Like, "?", "g"},
			{op.StartsWith, "100%", "a"},
			{op.StartsWith, "a_", "c"},
			{op.StartsWith, `c:\`, "e"},
			{op.StartsWith, "[", "g"},
			{op.StartsWith, "%", ""},
			{op.EndsWith, "0%", "a"},
			{op.EndsWith, "_b", "c"},
			{op.EndsWith, `\dir`, "e"},
			{op.EndsWith, "*?", "g"},
			{op.EndsWith, "%", "a"},
		} {
			d.matches("Plain", cmp("label", c.op, c.v), c.want)
		}
	})
	s.run(t, "equality, starts with and ends with respect case", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": "Hello"}, rec{"id": "b", "label": "hello"}, rec{"id": "c", "label": "HELLO"}, rec{"id": "d", "label": "hello "})
		d.matches("Plain", cmp("label", op.Eq, "hello"), "b")
		d.matches("Plain", cmp("label", op.StartsWith, "Hel"), "a")
		d.matches("Plain", cmp("label", op.EndsWith, "LO"), "c")
		d.matches("Plain", cmp("label", op.EndsWith, " "), "d")
		d.matches("Plain", cmp("label", op.Like, "hELLo"), "a b c d")
		d.matches("Plain", list("label", op.In, "HELLO", "hello "), "c d")
	})
	s.run(t, "composed and decomposed letters differ", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": "é"}, rec{"id": "b", "label": "e\u0301"})
		d.matches("Plain", cmp("label", op.Eq, "é"), "a")
		d.matches("Plain", cmp("label", op.StartsWith, "e"), "b")
		d.matches("Plain", cmp("label", op.Like, "É"), "a")
	})
	s.run(t, "order is by bytes", func(d *db) {
		d.insert("Plain", rec{"id": "1", "label": "b"}, rec{"id": "2", "label": "B"}, rec{"id": "3", "label": "ä"}, rec{"id": "4", "label": "z"},
			rec{"id": "5", "label": "aa"}, rec{"id": "6", "label": "a"}, rec{"id": "7", "label": ""}, rec{"id": "8"},
			rec{"id": "9", "label": "\uffff"}, rec{"id": "x", "label": "😀"}, rec{"id": "y", "label": "10"}, rec{"id": "z", "label": "9"})
		o := op.Op{Model: d.model("Plain"), Fields: []string{"id"}, Sort: []op.Sort{by("label")}}
		want := [][]any{{"8"}, {"7"}, {"y"}, {"z"}, {"2"}, {"6"}, {"5"}, {"1"}, {"4"}, {"3"}, {"9"}, {"x"}}
		d.rowsAre(d.find(o), want...)
		d.matches("Plain", cmp("label", op.Gt, "z"), "3 9 x")
		d.matches("Plain", list("label", op.Between, "A", "a"), "2 6")
	})
	s.run(t, "long text", func(d *db) {
		long := make([]byte, 1<<20)
		for i := range long {
			long[i] = 'a' + byte(i%26)
		}
		d.insert("Wide", rec{"id": "a", "text": string(long), "bin": long})
		got := d.get("Wide", "a")
		if got["text"] != string(long) || !same(got["bin"], long) {
			d.Error("a text or bytes of 1 MiB came back changed")
		}
		d.matches("Wide", cmp("text", op.EndsWith, string(long[len(long)-1000:])), "a")
	})
}

func testNumbers(s *suite, t *testing.T) {
	s.run(t, "integers are exact to their ends", func(d *db) {
		d.insert("Wide", rec{"id": "a", "big": int64(math.MaxInt64)}, rec{"id": "b", "big": int64(math.MaxInt64 - 1)}, rec{"id": "c", "big": int64(math.MinInt64)},
			rec{"id": "d", "big": int64(1<<53 + 1)}, rec{"id": "e", "big": int64(1 << 53)}, rec{"id": "f", "big": int64(-1 << 53)})
		d.matches("Wide", cmp("big", op.Eq, int64(math.MaxInt64)), "a")
		d.matches("Wide", cmp("big", op.Lt, int64(math.MinInt64+1)), "c")
		d.matches("Wide", cmp("big", op.Eq, int64(1<<53+1)), "d")
		d.matches("Wide", cmp("big", op.Gt, int64(1<<53)), "a b d")
		d.matches("Wide", list("big", op.In, int64(1<<53), int64(math.MinInt64)), "c e")
		d.rowsAre(d.find(op.Op{Model: d.model("Wide"), Fields: []string{"id", "big"}, Sort: []op.Sort{desc("big")}}),
			[]any{"a", int64(math.MaxInt64)}, []any{"b", int64(math.MaxInt64 - 1)}, []any{"d", int64(1<<53 + 1)},
			[]any{"e", int64(1 << 53)}, []any{"f", int64(-1 << 53)}, []any{"c", int64(math.MinInt64)})
	})
	s.run(t, "decimals are exact", func(d *db) {
		d.insert("Wide", rec{"id": "a", "decN": dec("0.1")}, rec{"id": "b", "decN": dec("0.2")}, rec{"id": "c", "decN": dec("0.30")},
			rec{"id": "d", "decN": dec("99999999.99")}, rec{"id": "e", "decN": dec("-99999999.99")}, rec{"id": "n"})
		d.matches("Wide", cmp("decN", op.Eq, dec("0.3")), "c")
		d.matches("Wide", cmp("decN", op.Eq, dec("0.300000")), "c")
		// More digits than the field has are compared exactly, not rounded.
		d.matches("Wide", cmp("decN", op.Eq, dec("0.301")), "")
		d.matches("Wide", cmp("decN", op.Ne, dec("0.301")), "a b c d e n")
		d.matches("Wide", cmp("decN", op.Lt, dec("0.301")), "a b c e")
		d.matches("Wide", cmp("decN", op.Lt, dec("0.299")), "a b e")
		d.matches("Wide", cmp("decN", op.Ge, dec("0.2999999999999999999999")), "c d")
		d.matches("Wide", cmp("decN", op.Le, dec("-99999999.991")), "")
		d.matches("Wide", cmp("decN", op.Gt, dec("-99999999.991")), "a b c d e")
		d.matches("Wide", cmp("decN", op.Lt, dec("100000000000000000000000")), "a b c d e")
		d.matches("Wide", cmp("decN", op.Gt, dec("-100000000000000000000000")), "a b c d e")
		d.matches("Wide", list("decN", op.Between, dec("0.15"), dec("0.30001")), "b c")
		d.matches("Wide", list("decN", op.Between, dec("0.1000001"), dec("0.2999999")), "b")
		d.matches("Wide", list("decN", op.In, dec("0.1000"), dec("0.2001"), nil), "a n")
		d.rowsAre(d.find(op.Op{Model: d.model("Wide"), Fields: []string{"decN"}, Sort: []op.Sort{by("decN")}}),
			[]any{nil}, []any{dec("-99999999.99")}, []any{dec("0.1")}, []any{dec("0.2")}, []any{dec("0.3")}, []any{dec("99999999.99")})
	})
	s.run(t, "floats", func(d *db) {
		d.insert("Wide", rec{"id": "a", "flt": 0.1}, rec{"id": "b", "flt": 0.30000000000000004}, rec{"id": "c", "flt": 0.3},
			rec{"id": "d", "flt": math.MaxFloat64}, rec{"id": "e", "flt": -5e-324}, rec{"id": "f", "flt": float64(2)})
		d.matches("Wide", cmp("flt", op.Eq, 0.3), "c")
		d.matches("Wide", cmp("flt", op.Gt, 0.3), "b d f")
		d.matches("Wide", cmp("flt", op.Lt, 0.0), "e")
		d.matches("Wide", cmp("flt", op.Eq, 2.0), "f")
		if v := d.get("Wide", "f")["flt"]; v != float64(2) {
			d.Errorf("a whole float came back as %s", show(v))
		}
	})
	s.run(t, "values that no field can hold are refused", func(d *db) {
		m := d.model("Wide")
		for _, c := range []struct {
			field string
			v     any
		}{
			{"flt", math.NaN()},
			{"flt", math.Inf(1)},
			{"flt", math.Inf(-1)},
			{"big", uint64(math.MaxInt64) + 1},
			{"str", "a\x00b"},
			{"str", "\xff\xfe"},
			{"dec", dec("0.001")},
			{"str", nil},
			{"big", "x"},
			{"flag", "yes please"},
		} {
			if v, err := op.CanonField(m.Field(c.field), c.v); err == nil {
				d.Errorf("%s takes %#v as %s", c.field, c.v, show(v))
			} else if got := op.CodeOf(err); got != op.CodeValidation {
				d.Errorf("%s refuses %#v with %s, want %s", c.field, c.v, got, op.CodeValidation)
			}
			d.fail(d.set("Wide", op.Cond{}, to(c.field, c.v)), op.CodeValidation)
		}
	})
}
