package rqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/door"
)

func TestReadBody(t *testing.T) {
	for body, want := range map[string][]door.Statement{
		`["a","b"]`:  {{SQL: "a"}, {SQL: "b"}},
		`[["a"]]`:    {{SQL: "a"}},
		`["a"] rest`: {{SQL: "a"}},
		`[["a",1,2.5,"t",null,true,false,9223372036854775807,9223372036854775808]]`: {{SQL: "a", Args: []any{
			int64(1), 2.5, "t", nil, int64(1), int64(0), int64(9223372036854775807), 9223372036854775808.0,
		}}},
		`[["a",{"x":1,"y":"X'ff'"},2]]`:     {{SQL: "a", Args: []any{int64(2)}, Named: map[string]any{"x": int64(1), "y": []byte{0xff}}}},
		`[["a"," x'00FF' ","x'0'","X''"]]`:  {{SQL: "a", Args: []any{[]byte{0, 255}, "x'0'", []byte{}}}},
		`[["a",[0,255],[]]]`:                {{SQL: "a", Args: []any{[]byte{0, 255}, []byte{}}}},
		`["\ud83d\ude00", ["b", "\u0000"]]`: {{SQL: "😀"}, {SQL: "b", Args: []any{"\x00"}}},
	} {
		got, err := readBody(strings.NewReader(body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v", body, got, err)
		}
	}
}

// Whatever comes in gives statements or a short error, and statements hold only
// values that a group takes.
func FuzzReadBody(f *testing.F) {
	for _, s := range []string{
		`["a"]`, `[["a",1,{"b":[1,2]}]]`, `[["a",1e400]]`, `[[[]]]`, `[`, ``, `[["a",{"b":{}}]]`, `[["x","X'zz'"]]`, `["a",]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readBody(bytes.NewReader(b))
		if err != nil {
			if len(err.Error()) > 200+len(b) {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		if len(list) == 0 {
			t.Error("no statements and no error")
		}
		for _, s := range list {
			for _, v := range s.Args {
				known(t, v)
			}
			for _, v := range s.Named {
				known(t, v)
			}
		}
	})
}

func known(t *testing.T, v any) {
	switch v.(type) {
	case nil, int64, float64, string, []byte:
	default:
		t.Errorf("an argument of type %T", v)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                            nil,
		" ; ;\n":                      nil,
		"-- only a comment":           nil,
		"SELECT 1":                    {"SELECT 1"},
		"SELECT ';' ; SELECT \";\";":  {"SELECT ';'", "SELECT \";\""},
		"SELECT 'it''s; so';SELECT 2": {"SELECT 'it''s; so'", "SELECT 2"},
		"/* ; */ SELECT 1 -- ;\n;b":   {"SELECT 1 -- ;", "b"},
		"SELECT [;], `;`;":            {"SELECT [;], `;`"},
		"SELECT 'open;":               {"SELECT 'open;"},
		"/* open;":                    nil,
		"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x=1; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 3": {
			"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x=1; SELECT CASE WHEN 1 THEN 2 END; END", "SELECT 3",
		},
		"create temp trigger t begin select 1; end;x":       {"create temp trigger t begin select 1; end", "x"},
		"CREATE TABLE trigger_end(a); INSERT INTO x SELECT": {"CREATE TABLE trigger_end(a)", "INSERT INTO x SELECT"},
	} {
		if got := split(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Splitting ends, and loses nothing but space, comments and what ends
// statements.
func FuzzSplit(f *testing.F) {
	f.Add("SELECT 1; CREATE TRIGGER a BEGIN b; END; c 'd;' -- e\n")
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		for _, one := range split(s) {
			if one == "" || !strings.Contains(s, one) {
				t.Errorf("%q is not of %q", one, s)
			}
			n += len(one)
		}
		if n > len(s) {
			t.Errorf("%d bytes of %d", n, len(s))
		}
	})
}

func TestLiteral(t *testing.T) {
	for want, v := range map[string]any{
		"NULL": nil, "-5": int64(-5), "1.0": 1.0, "0.1": 0.1, "1e+300": 1e300, "X'00ff'": []byte{0, 255}, "'it''s'": "it's",
		"CAST(X'6100' AS TEXT)": "a\x00",
	} {
		if got := string(appendLiteral(nil, v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestFloat(t *testing.T) {
	for _, v := range []float64{0, 1, -1.5, 1e20, 1e21, 123456789.125, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, 0.1} {
		if got, want := string(appendFloat(nil, v)), jsonOf(t, v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(fmt.Sprint(v), err)
	}
	return string(b)
}
