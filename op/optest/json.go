package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// in is a comparison with a place in a JSON field.
func in(o op.Operator, v any, field string, path ...string) op.Cond {
	return op.Cond{Kind: op.Compare, Field: field, Path: path, Op: o, Value: v}
}

func inList(o op.Operator, vs []any, field string, path ...string) op.Cond {
	return op.Cond{Kind: op.Compare, Field: field, Path: path, Op: o, List: vs}
}

// pathCases are conditions on places of a JSON field: every operator with
// values of each JSON type.
func pathCases(field string) []op.Cond {
	values := []any{"x", "1", "", "ABC", "abc", "%", "deep", int64(1), int64(9007199254740993), int64(9007199254740992), int64(-1), 1.5, true, false}
	paths := [][]string{{"a"}, {"b"}, {"b", "0"}, {"b", "1"}, {"a", "b", "c"}, {"absent"}, {"A"}, {"a b"}, {"ä"}, {"n"}, {"0"}}
	var out []op.Cond
	for _, p := range paths {
		for _, o := range concat(equality, ordering, textual) {
			switch o {
			case op.IsNull, op.NotNull:
				out = append(out, in(o, nil, field, p...))
			case op.In, op.NotIn:
				out = append(out, inList(o, []any{}, field, p...), inList(o, []any{nil}, field, p...), inList(o, []any{"x", nil}, field, p...),
					inList(o, []any{"x", int64(1), true}, field, p...))
			case op.Between:
				out = append(out, inList(o, []any{int64(0), int64(2)}, field, p...), inList(o, []any{"", "y"}, field, p...), inList(o, []any{1.0, 1.5}, field, p...))
			default:
				if takesNull(o) {
					out = append(out, in(o, nil, field, p...))
				}
				for _, v := range values {
					if _, text := v.(string); text || (o != op.Like && o != op.StartsWith && o != op.EndsWith) {
						out = append(out, in(o, v, field, p...))
					}
				}
			}
		}
		for _, v := range append([]any{nil}, elements...) {
			out = append(out, in(op.Contains, v, field, p...))
		}
	}
	return out
}

func testJSON(s *suite, t *testing.T) {
	s.run(t, "every operator on a path", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		rows := d.seedWide()
		m := d.model("Wide")
		for _, f := range []string{"obj", "objN", "doc", "docN", "docb", "docbN"} {
			d.sub(f, func(d *db) {
				for _, c := range pathCases(f) {
					d.agree(m, rows, c)
				}
			})
		}
		d.sub("arrN", func(d *db) {
			for _, c := range []op.Cond{
				in(op.Eq, "a", "arrN", "0"), in(op.Eq, int64(1), "arrN", "0"), in(op.Eq, int64(1), "arrN", "2"), in(op.Ne, "a", "arrN", "0"),
				in(op.IsNull, nil, "arrN", "0"), in(op.NotNull, nil, "arrN", "4"), in(op.Eq, int64(1), "arrN", "0", "0"), in(op.Eq, int64(1), "arrN", "1", "a"),
			} {
				d.agree(m, rows, c)
			}
		})
	})
	s.run(t, "same type is compared with same type", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		for id, doc := range map[string]string{
			"s": `{"v":"1"}`, "i": `{"v":1}`, "f": `{"v":1.0}`, "t": `{"v":true}`, "z": `{"v":null}`, "m": `{}`,
			"o": `{"v":{"v":1}}`, "a": `{"v":[1]}`, "b": `{"v":9007199254740993}`,
		} {
			d.insert("Wide", rec{"id": id, "docN": op.JSON(doc)})
		}
		d.insert("Wide", rec{"id": "n"})
		v := func(o op.Operator, x any) op.Cond { return in(o, x, "docN", "v") }
		d.matches("Wide", v(op.Eq, "1"), "s")
		d.matches("Wide", v(op.Eq, 1), "f i")
		d.matches("Wide", v(op.Eq, true), "t")
		d.matches("Wide", v(op.Eq, nil), "m n z")
		d.matches("Wide", v(op.IsNull, nil), "m n z")
		d.matches("Wide", v(op.NotNull, nil), "a b f i o s t")
		d.matches("Wide", v(op.Ne, "1"), "a b f i m n o t z")
		d.matches("Wide", v(op.Ge, 0), "b f i")
		d.matches("Wide", v(op.Ge, ""), "s")
		d.matches("Wide", v(op.Eq, int64(9007199254740993)), "b")
		d.matches("Wide", v(op.Eq, int64(9007199254740992)), "")
		d.matches("Wide", v(op.Like, "1"), "s")
		d.matches("Wide", in(op.Eq, 1, "docN", "v", "v"), "o")
		d.matches("Wide", in(op.Eq, 1, "docN", "v", "0"), "a")
		d.matches("Wide", inList(op.In, []any{"1", true, nil}, "docN", "v"), "m n s t z")
	})
	s.run(t, "array has element", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		d.insert("Wide", rec{"id": "a", "arrN": op.JSON(`["x","Y",1]`)}, rec{"id": "b", "arrN": op.JSON(`[1,true]`)}, rec{"id": "c", "arrN": op.JSON(`["1"]`)},
			rec{"id": "d", "arrN": op.JSON(`[]`)}, rec{"id": "e", "arrN": op.JSON(`[["x"],{"x":"x"}]`)}, rec{"id": "n"})
		d.matches("Wide", cmp("arrN", op.Contains, "x"), "a")
		d.matches("Wide", cmp("arrN", op.Contains, "y"), "")
		d.matches("Wide", cmp("arrN", op.Contains, 1), "a b")
		d.matches("Wide", cmp("arrN", op.Contains, "1"), "c")
		d.matches("Wide", cmp("arrN", op.Contains, true), "b")
		d.matches("Wide", not(cmp("arrN", op.Contains, "x")), "b c d e n")
	})
	s.run(t, "keys with signs of a path language", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		d.insert("Wide", rec{"id": "a", "docN": op.JSON(`{"$":"dollar","a.b":"dot","a\"b":"quote","[0]":"bracket","x'y":"tick","7":"digit","*":"star"}`)})
		for key, v := range map[string]string{"$": "dollar", "a.b": "dot", `a"b`: "quote", "[0]": "bracket", "x'y": "tick", "7": "digit", "*": "star"} {
			d.matches("Wide", in(op.Eq, v, "docN", key), "a")
		}
	})
	s.run(t, "order by a path", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		for id, doc := range map[string]string{"0": `{}`, "1": `{"v":false}`, "2": `{"v":true}`, "3": `{"v":-1}`, "4": `{"v":2}`, "5": `{"v":10}`, "6": `{"v":"10"}`, "7": `{"v":"9"}`, "8": `{"v":"a"}`} {
			d.insert("Wide", rec{"id": id, "docN": op.JSON(doc)})
		}
		key := op.Sort{Field: "docN", Path: []string{"v"}}
		got := d.find(op.Op{Model: d.model("Wide"), Fields: []string{"id"}, Sort: []op.Sort{key}})
		d.rowsAre(got, []any{"0"}, []any{"1"}, []any{"2"}, []any{"3"}, []any{"4"}, []any{"5"}, []any{"6"}, []any{"7"}, []any{"8"})
		key.Desc = true
		got = d.find(op.Op{Model: d.model("Wide"), Fields: []string{"id"}, Sort: []op.Sort{key}, Limit: 2})
		d.rowsAre(got, []any{"8"}, []any{"7"})
	})
	s.run(t, "numbers are kept as written, in jsonb by value", func(d *db) {
		doc := op.JSON(`{"v":1.50,"w":[1e2,-0.0,"1.0"]}`)
		d.insert("Wide", rec{"id": "a", "docN": doc, "docbN": doc})
		if v := d.get("Wide", "a")["docN"]; v != doc {
			d.Errorf("the document is %s", show(v))
		}
		if v := d.get("Wide", "a")["docbN"]; v != op.JSON(`{"v":1.5,"w":[100,0,"1.0"]}`) {
			d.Errorf("the document is %s", show(v))
		}
		if !d.has(op.CapJSONQueries) {
			return
		}
		d.must(d.set("Wide", cmp("id", op.Eq, "a"), op.Assign{Field: "docbN", Path: []string{"v"}, Value: op.JSON(`2.0`)}))
		if v := d.get("Wide", "a")["docbN"]; v != op.JSON(`{"v":2,"w":[100,0,"1.0"]}`) {
			d.Errorf("the document is %s", show(v))
		}
	})
	s.run(t, "positions are digits", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		doc := op.JSON(`{"l":["a","b"],"o":{" 1":"space","+1":"plus","01":"zero","1":"one"}}`)
		d.insert("Wide", rec{"id": "a", "docN": doc, "docbN": doc})
		for _, f := range []string{"docN", "docbN"} {
			d.matches("Wide", in(op.Eq, "b", f, "l", "1"), "a")
			d.matches("Wide", in(op.Eq, "b", f, "l", "01"), "a")
			for _, seg := range []string{"-1", "+1", " 1", "1 ", "1x", "99999999999"} {
				d.matches("Wide", in(op.NotNull, nil, f, "l", seg), "")
			}
			for seg, v := range map[string]string{" 1": "space", "+1": "plus", "01": "zero", "1": "one"} {
				d.matches("Wide", in(op.Eq, v, f, "o", seg), "a")
			}
		}
	})
	s.run(t, "one place of a document is set", func(d *db) {
		if !d.has(op.CapJSONQueries) {
			return
		}
		d.insert("Wide", rec{"id": "a", "docN": op.JSON(`{"a":{"b":1},"c":"keep"}`)}, rec{"id": "b", "docN": op.JSON(`{}`)})
		d.must(d.set("Wide", cmp("id", op.Eq, "a"), op.Assign{Field: "docN", Path: []string{"a", "b"}, Value: op.JSON(`"new"`)}))
		if v := d.get("Wide", "a")["docN"]; v != op.JSON(`{"a":{"b":"new"},"c":"keep"}`) {
			d.Errorf("the document is %s", show(v))
		}
		d.must(d.set("Wide", cmp("id", op.Eq, "b"), op.Assign{Field: "docN", Path: []string{"x"}, Value: op.JSON(`[1,2]`)}))
		if v := d.get("Wide", "b")["docN"]; v != op.JSON(`{"x":[1,2]}`) {
			d.Errorf("the document is %s", show(v))
		}
	})
}
