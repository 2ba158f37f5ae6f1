package op_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"pgregory.net/rapid"
)

func TestCanonJSON(t *testing.T) {
	for text, want := range map[string]string{
		` { "b" : 1 , "a" : [ 1 , 2 ] } `: `{"a":[1,2],"b":1}`,
		`{"a":1,"a":2,"b":0,"a":3}`:       `{"a":3,"b":0}`,
		`{"b":1,"a":2,"aa":3}`:            `{"a":2,"aa":3,"b":1}`,
		`{}`:                              `{}`, `[]`: `[]`, `[ ]`: `[]`, `null`: `null`, ` true`: `true`, "false\n": `false`,
		`12345678901234567890123`: `12345678901234567890123`,
		`1.50`:                    `1.50`, `-0`: `-0`, `1E+5`: `1E+5`,
		`"\u00e9\/\ud83d\ude00"`:                                  `"é/😀"`,
		`"<&>\u2028"`:                                             "\"<&>\u2028\"",
		`"\u001f\n\"\\\b\f\r\t"`:                                  `"\u001f\n\"\\\b\f\r\t"`,
		`{"\u0062":{"z":[{"y":1,"x":2}]},"a":null}`:               `{"a":null,"b":{"z":[{"x":2,"y":1}]}}`,
		`{"i":9,"h":8,"g":7,"f":6,"e":5,"d":4,"c":3,"b":2,"a":1}`: `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`,
	} {
		got, err := op.CanonJSON(text)
		if err != nil || string(got) != want {
			t.Errorf("CanonJSON(%s) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "{", "[", `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `[1,]`, `[1 2]`, "01", "1.", ".5", "+1", "-", "1e", "NaN", "nul",
		`"a`, "\"a\nb\"", `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, `"\u0000"`, "\"\xff\"", "\"\\n\xff\"", `1 2`,
		"1e99999", "1e-99999999999999999999", strings.Repeat("[", 200) + strings.Repeat("]", 200), `"\`,
	} {
		if got, err := op.CanonJSON(text); !errors.Is(err, op.ErrValidation) {
			t.Errorf("CanonJSON(%q) = %q, %v", text, got, err)
		}
	}
}

// jsonText draws JSON texts with space, escapes and keys in any order.
func jsonText(depth int) *rapid.Generator[string] {
	str := rapid.Custom(func(t *rapid.T) string {
		b, err := json.Marshal(strings.ReplaceAll(rapid.String().Draw(t, "string"), "\x00", ""))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	})
	scalar := rapid.OneOf(str, rapid.SampledFrom([]string{"null", "true", "false", "0", "-1.50", "1e3", "123456789012345678901"}))
	if depth == 0 {
		return scalar
	}
	inner := jsonText(depth - 1)
	return rapid.OneOf(scalar,
		rapid.Custom(func(t *rapid.T) string {
			return "[ " + strings.Join(rapid.SliceOfN(inner, 0, 4).Draw(t, "elements"), " , ") + "]"
		}),
		rapid.Custom(func(t *rapid.T) string {
			var parts []string
			for range rapid.IntRange(0, 12).Draw(t, "members") {
				parts = append(parts, str.Draw(t, "key")+" : "+inner.Draw(t, "value"))
			}
			return "{" + strings.Join(parts, ",\n") + " }"
		}))
}

func TestCanonJSONIsIdempotentAndKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkCanonJSON(t, jsonText(3).Draw(t, "json"))
	})
}

func checkCanonJSON(t interface{ Fatalf(string, ...any) }, text string) {
	one, err := op.CanonJSON(text)
	if err != nil {
		if json.Valid([]byte(text)) && !errors.Is(err, op.ErrValidation) {
			t.Fatalf("%q: %v", text, err)
		}
		return
	}
	two, err := op.CanonJSON(string(one))
	if err != nil || one != two {
		t.Fatalf("%q: first %q, then %q, %v", text, one, two, err)
	}
	read := func(s string) (v any) {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%q is not JSON: %v", s, err)
		}
		return v
	}
	if a, b := read(text), read(string(one)); !reflect.DeepEqual(a, b) {
		t.Fatalf("%q became %q", text, one)
	}
}

func FuzzCanonJSON(f *testing.F) {
	for _, s := range []string{`{"b":[1,{"a":"\u00e9"}],"a":null}`, `{"a":1,"a":2}`, `[1.50,-0,1e5]`, `"\ud83d\ude00"`, `{`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkCanonJSON(t, text)
		// The readers of canonical text must not panic on any text.
		j := op.JSON(text)
		op.JSONPath(j, []string{"a", "0"})
		op.JSONContains(j, "a")
		if out, err := op.SetJSONPath(j, []string{"a", "b"}, "1"); err == nil {
			if _, err := op.CanonJSON(text); err == nil && op.JSONPath(out, []string{"a", "b"}) != int64(1) {
				t.Fatalf("set in %q gives %q", text, out)
			}
		}
	})
}

func TestJSONPath(t *testing.T) {
	const doc = op.JSON(`{"0":"zero","a":{"b":[10,20.5,"x",true,null,{"c":[]}]},"big":12345678901234567890,"e":"","k\"q":1,"n":null,"one":1.0}`)
	for path, want := range map[string]any{
		"0": "zero", "a.b.0": int64(10), "a.b.1": dec("20.5"), "a.b.2": "x", "a.b.3": true, "a.b.4": nil,
		"a.b.5": op.JSON(`{"c":[]}`), "a.b.5.c": op.JSON(`[]`), "a.b.6": nil, "a.b.-1": nil, "a.b.x": nil, "a.b.0.0": nil,
		"a.b.99999999999999999999": nil,
		"big":                      dec("12345678901234567890"), "e": "", `k"q`: int64(1), "n": nil, "n.x": nil, "missing": nil, "one": int64(1), "a.b.5.c.0": nil,
	} {
		got := op.JSONPath(doc, strings.Split(path, "."))
		if op.CompareValues(got, want) != 0 || reflect.TypeOf(got) != reflect.TypeOf(want) {
			t.Errorf("%s = %v (%T), want %v (%T)", path, got, got, want, want)
		}
	}
	if got := op.JSONPath(`"x"`, nil); got != "x" {
		t.Errorf("no path: %v", got)
	}
}

func TestJSONContains(t *testing.T) {
	const list = op.JSON(`["a",1,2.50,true,null,[1],{"k":1},12345678901234567890]`)
	for _, v := range []any{"a", int64(1), dec("2.5"), true, dec("12345678901234567890")} {
		if !op.JSONContains(list, v) {
			t.Errorf("%v is not found", v)
		}
	}
	for _, v := range []any{"A", "1", int64(2), false, nil, "k"} {
		if op.JSONContains(list, v) {
			t.Errorf("%v is found", v)
		}
	}
	if op.JSONContains(`{"a":1}`, int64(1)) || op.JSONContains(`[]`, int64(1)) || op.JSONContains("", "") {
		t.Error("found in what is no array or empty")
	}
}

func TestSetJSONPath(t *testing.T) {
	for _, c := range []struct{ doc, path, val, want string }{
		{`{"a":1}`, "a", `2`, `{"a":2}`},
		{`{"a":1}`, "b", `"x"`, `{"a":1,"b":"x"}`},
		{``, "a.b", `1`, `{"a":{"b":1}}`},
		{`null`, "a", `[]`, `{"a":[]}`},
		{`{"a":null}`, "a.b", `1`, `{"a":{"b":1}}`},
		{`{"a":[1,2]}`, "a.1", `9`, `{"a":[1,9]}`},
		{`{"a":[1,2]}`, "a.2", `9`, `{"a":[1,2,9]}`},
		{`[]`, "0", `9`, `[9]`},
		{`{}`, "0", `9`, `{"0":9}`},
		{`{"b":1}`, `a"`, `null`, `{"a\"":null,"b":1}`},
		{`{"a":{"b":{"c":1}}}`, "a.b", `{"z":1,"y":2}`, `{"a":{"b":{"y":2,"z":1}}}`},
	} {
		got, err := op.SetJSONPath(op.JSON(c.doc), strings.Split(c.path, "."), op.JSON(c.val))
		if err != nil || string(got) != c.want {
			t.Errorf("set %s of %s to %s: %s, %v", c.path, c.doc, c.val, got, err)
		}
	}
	for _, c := range []struct{ doc, path string }{{`{"a":1}`, "a.b"}, {`[1]`, "2"}, {`[1]`, "x"}, {`"s"`, "a"}} {
		if got, err := op.SetJSONPath(op.JSON(c.doc), strings.Split(c.path, "."), "1"); !errors.Is(err, op.ErrValidation) {
			t.Errorf("set %s of %s: %s, %v", c.path, c.doc, got, err)
		}
	}
}
