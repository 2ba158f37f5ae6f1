package validate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// oneField is a model of a key and one field.
func oneField(t *testing.T, f schema.Field) *schema.Model {
	t.Helper()
	f.Name, f.Column = "x", "x"
	m := &schema.Model{Name: "M", Table: "ms", Kind: schema.DocStore, Fields: []*schema.Field{
		{Name: "id", Column: "id", Type: schema.String, Primary: true}, &f,
	}}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	return set.Model("M")
}

func TestRules(t *testing.T) {
	for _, x := range []struct {
		field schema.Field
		value any
		want  string // rule and message; empty is accepted
	}{
		{schema.Field{Type: schema.String, Validate: "min=3"}, "äöü", ""},
		{schema.Field{Type: schema.String, Validate: "min=3"}, "äö", "min: must be at least 3 characters long"},
		{schema.Field{Type: schema.String, Validate: "omitempty,min=3"}, "", ""},
		{schema.Field{Type: schema.String, Validate: "oneof=red green"}, "blue", "oneof: must be one of red, green"},
		{schema.Field{Type: schema.String, Validate: "email"}, "a@b.example", ""},
		{schema.Field{Type: schema.String, Validate: "email"}, "a", "email: must be an email address"},
		{schema.Field{Type: schema.String, Validate: "email|url"}, "a", "email|url: must satisfy email|url"},
		{schema.Field{Type: schema.String, Validate: "startswith=x"}, "a", "startswith: must satisfy startswith=x"},
		{schema.Field{Type: schema.String, Validate: "min=3", Nullable: true}, nil, ""},
		{schema.Field{Type: schema.String, Required: true, Nullable: true}, nil, "required: is required"},
		{schema.Field{Type: schema.String, Required: true}, "", "required: is required"},
		{schema.Field{Type: schema.String}, strings.Repeat("x", 256), "size: must have at most 255 characters"},
		{schema.Field{Type: schema.Text}, strings.Repeat("x", 5000), ""},
		{schema.Field{Type: schema.BigInteger, Validate: "gte=1,lt=10"}, 10, "lt: must be less than 10"},
		{schema.Field{Type: schema.BigInteger, Validate: "required"}, 0, "required: is required"},
		{schema.Field{Type: schema.BigInteger, Required: true}, 0, ""},
		{schema.Field{Type: schema.BigInteger, Required: true}, op.Unset{}, "required: is required"},
		{schema.Field{Type: schema.BigInteger}, op.Unset{}, ""},
		{schema.Field{Type: schema.BigInteger}, nil, "required: must not be null"},
		{schema.Field{Type: schema.Float, Validate: "gt=0.5"}, 0.25, "gt: must be more than 0.5"},
		{schema.Field{Type: schema.Decimal, Precision: 30, Scale: 20, Validate: "gt=0.1"}, "0.10000000000000000001", ""},
		{schema.Field{Type: schema.Decimal, Precision: 30, Scale: 20, Validate: "lte=0.1"}, "0.10000000000000000001", "lte: must be at most 0.1"},
		{schema.Field{Type: schema.Decimal, Validate: "oneof=1.5 2"}, "2.00", ""},
		{schema.Field{Type: schema.Decimal, Validate: "required"}, "0", "required: is required"},
		{schema.Field{Type: schema.DateTime, Required: true}, time.Time{}, "required: is required"},
		{schema.Field{Type: schema.DateTime, Validate: "required"}, time.Unix(1, 0), ""},
		{schema.Field{Type: schema.Binary, Size: 2}, []byte{1, 2, 3}, "size: must have at most 2 bytes"},
		{schema.Field{Type: schema.Array, Validate: "max=2,dive,min=2"}, []string{"ab", "c"}, "min: [1] must be at least 2 characters long"},
		{schema.Field{Type: schema.Array, Validate: "max=2,dive,min=2"}, []string{"ab", "cd", "ef"}, "max: must be at most 2 elements long"},
		{schema.Field{Type: schema.Array, Validate: "dive,min=2"}, []any{"ab", true}, "dive,min=2: does not fit"},
		{schema.Field{Type: schema.Array, Required: true}, []string{}, "required: is required"},
		{schema.Field{Type: schema.Object, Validate: "len=1"}, map[string]any{"a": 1}, ""},
		{schema.Field{Type: schema.Enum, Enum: []string{"a", "b"}}, op.Unset{}, "enum: must be one of a, b"},
		{schema.Field{Type: schema.JSON}, op.Unset{}, "required: is required"},
		{schema.Field{Type: schema.String, Transform: "upper", Validate: "eq=A"}, "a", ""},
		{schema.Field{Type: schema.String, Transform: "trim", Size: 3}, "  abc  ", ""},
		{schema.Field{Type: schema.String, Transform: "trim", Size: 3}, "  abcd  ", "size: must have at most 3 characters"},
		{schema.Field{Type: schema.Enum, Enum: []string{"a"}, Transform: "lower"}, "A", ""},
	} {
		m := oneField(t, x.field)
		e := validate.New(validate.Options{})(&capture{})
		_, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(t, m, map[string]any{"id": "1", "x": x.value})}})
		got := ""
		var v *op.ValidationError
		if errors.As(err, &v) {
			got = v.Failures[0].Rule + ": " + v.Failures[0].Message
		} else if err != nil {
			got = err.Error()
		}
		if got != x.want && (x.want == "" || !strings.HasPrefix(got, x.want)) {
			t.Errorf("%s %q of %v: got %q, want %q", x.field.Type, x.field.Validate, x.value, got, x.want)
		}
	}
}

func TestRoundingTransform(t *testing.T) {
	m := oneField(t, schema.Field{Type: schema.Decimal, Transform: "round"})
	c := &capture{}
	e := validate.New(validate.Options{Transforms: map[string]func(any) any{
		"round": func(v any) any { return v.(decimal.Decimal).Round(2) },
	}})(c)
	if _, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(t, m, map[string]any{"id": "1", "x": "1.239"})}}); err != nil {
		t.Fatal(err)
	}
	if v := c.last().Rows[0][1].(decimal.Decimal); v.String() != "1.24" {
		t.Errorf("got %s", v)
	}
}

func TestNanoIDs(t *testing.T) {
	m := oneField(t, schema.Field{Type: schema.NanoID, Size: 10})
	c := &capture{}
	e := validate.New(validate.Options{})(c)
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 2000 {
		if _, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(t, m, map[string]any{"id": "1"})}}); err != nil {
			t.Fatal(err)
		}
		id := c.last().Rows[0][1].(string)
		if len(id) != 10 || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
		for _, r := range id {
			letters[r]++
		}
	}
	// 20,000 letters: each of the 62 about 322 times, a deviation of 120 is
	// beyond six sigma.
	for r, n := range letters {
		if n < 200 || n > 450 {
			t.Errorf("%c came %d times of 20000", r, n)
		}
	}
	if len(letters) != 62 {
		t.Errorf("%d letters", len(letters))
	}
}
