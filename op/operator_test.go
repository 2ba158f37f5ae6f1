package op_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

func TestParseOperator(t *testing.T) {
	for text, want := range map[string]op.Operator{
		"=": op.Eq, "==": op.Eq, "!=": op.Ne, "<>": op.Ne, "<": op.Lt, "<=": op.Le, ">": op.Gt, ">=": op.Ge,
		"in": op.In, "NOT IN": op.NotIn, " not \t in ": op.NotIn, "Between": op.Between, "LIKE": op.Like,
		"starts  with": op.StartsWith, "Ends With": op.EndsWith, "contains": op.Contains,
		"is null": op.IsNull, "IS NOT NULL": op.NotNull, "not null": op.NotNull,
	} {
		if got, err := op.ParseOperator(text); err != nil || got != want {
			t.Errorf("ParseOperator(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "=>", "notin", "like%", "is", "; drop"} {
		_, err := op.ParseOperator(text)
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "starts with") {
			t.Errorf("ParseOperator(%q): %v", text, err)
		}
	}
	if op.Operator(0).String() != "?" || op.Operator(200).String() != "?" || op.Kind(200).String() != "?" {
		t.Error("a number that is no operator has a name")
	}
}

func FuzzParseOperator(f *testing.F) {
	for o := op.Eq; o <= op.NotNull; o++ {
		f.Add(o.String())
		f.Add(strings.ToUpper("  " + o.String() + " "))
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := op.ParseOperator(s)
		if err != nil {
			return
		}
		if again, err := op.ParseOperator(o.String()); err != nil || again != o {
			t.Fatalf("%q is %v, which is %v, %v", s, o, again, err)
		}
	})
}
