package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// The functions as SQLite calls them here answer as those that other drivers
// call, on values of every kind.
func TestFunctionsAgree(t *testing.T) {
	ctx := context.Background()
	e := Open(":memory:")
	defer e.Close()
	c, err := e.writers.get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	text, blob, num, real := sqlengine.TextValue, sqlengine.BlobValue, sqlengine.IntValue, sqlengine.FloatValue
	values := []sqlengine.Value{
		{},
		num(0), num(7), num(-1), num(math.MaxInt64), num(math.MinInt64), num(1700000000), real(0), real(1.5), real(-2.25e20), real(1e-7),
		real(20060102), real(0.1), real(123456789.123456789), real(1e15), real(123456789012345678), real(1e16), real(1e17), real(0.00012), real(0.000012), real(-0.5e-300), real(math.MaxFloat64), real(math.Inf(1)), text(""), text("abc"), text("ÄbC"), text("null"),
		text(`{"a":{"B":1}}`), text(`["a"]`), text(`["a","B"]`), text("[1,2"), text(" 12abc"), text("-3.5e2x"), text("9223372036854775808"), text("+4"), text("."), text("2024-05-06 07:08:09"),
		text("2024-05-06T07:08:09Z"), text("word other*"), blob(""), blob("ABC"), blob("5"), blob("\x00\xff"),
	}
	same := func(a, b sqlengine.Value) bool {
		if a.Kind == sqlengine.Float && b.Kind == sqlengine.Float {
			return a.Float() == b.Float()
		}
		return a == b
	}
	check := func(f lite.Function, args []sqlengine.Value) {
		t.Helper()
		sql := "SELECT " + f.Name + "(" + strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ") + ")"
		var want sqlengine.Value
		var werr error
		if f.Aggregate != nil {
			a := f.Aggregate()
			sql = "SELECT " + f.Name + "(v) FROM (SELECT ? AS v" + strings.Repeat(" UNION ALL SELECT ?", len(args)-1) + ")"
			for _, v := range args {
				a.Step([]sqlengine.Value{v})
			}
			want, werr = a.Final()
		} else {
			want, werr = f.Call(args)
		}
		rows, err := c.Ask(ctx, sql, args...)
		if (err == nil) != (werr == nil) {
			t.Errorf("%s%v: SQLite says %v, the function %v", f.Name, shown(args), err, werr)
			return
		}
		if err != nil {
			if again := lite.Explain(ctx, &lite.Error{Code: 1, Message: werr.Error()}, lite.Place{}); again.Error() != err.Error() && !errors.Is(err, again) {
				t.Errorf("%s%v: SQLite says %v, the function %v", f.Name, shown(args), err, again)
			}
			return
		}
		if !same(rows[0][0], want) {
			t.Errorf("%s%v = %v here, the function gives %v", f.Name, shown(args), rows[0][0].Any(), want.Any())
		}
	}
	for _, f := range lite.Functions {
		for i, v := range values {
			switch {
			case f.Name == "weft_add":
				for _, w := range values {
					check(f, []sqlengine.Value{v, w, num(-1000), num(math.MaxInt64)})
				}
			case f.Name == "weft_json_set":
				for _, w := range values {
					check(f, []sqlengine.Value{v, w, num(5)})
					check(f, []sqlengine.Value{w, text(`["a"]`), v})
				}
			case f.Aggregate != nil:
				for n := range 4 {
					check(f, values[i:min(i+1+n, len(values))])
				}
			case f.Args == 1:
				check(f, []sqlengine.Value{v})
			default:
				check(f, nil)
				for _, w := range values {
					check(f, []sqlengine.Value{v, w, text("word")})
				}
			}
		}
	}
	for name := range calls {
		found := false
		for _, f := range lite.Functions {
			found = found || f.Name == name
		}
		if !found {
			t.Errorf("%s is nowhere in the table of functions", name)
		}
	}
}

func shown(args []sqlengine.Value) string {
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = fmt.Sprintf("%#v", a.Any())
	}
	return "(" + strings.Join(list, ", ") + ")"
}
