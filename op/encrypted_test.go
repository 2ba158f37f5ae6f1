package op_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// sealed is a model with encrypted fields, and one that points at it.
func sealed(t testing.TB) (m, child *schema.Model) {
	t.Helper()
	m = &schema.Model{Name: "Card", Fields: []*schema.Field{
		{Name: "id", Type: schema.String, Primary: true},
		{Name: "name", Type: schema.String},
		{Name: "pin", Type: schema.Text, Encrypted: true},
		{Name: "limit", Type: schema.Integer, Encrypted: true, Nullable: true},
		{Name: "price", Type: schema.Decimal, Precision: 6, Scale: 2, Encrypted: true, Nullable: true},
		{Name: "ratio", Type: schema.Float, Encrypted: true, Nullable: true},
		{Name: "at", Type: schema.DateTime, Encrypted: true, Nullable: true},
		{Name: "on", Type: schema.Boolean, Encrypted: true, Nullable: true},
		{Name: "data", Type: schema.Object, Encrypted: true, Nullable: true},
		{Name: "raw", Type: schema.Binary, Encrypted: true, Nullable: true},
	}}
	child = &schema.Model{Name: "Use", Fields: []*schema.Field{
		{Name: "id", Type: schema.String, Primary: true},
		{Name: "cardId", Type: schema.String},
	}, Relations: []*schema.Relation{{Name: "card", Kind: schema.BelongsTo, Model: "Card"}}}
	if _, err := schema.Build(m, child); err != nil {
		t.Fatal(err)
	}
	return m, child
}

func TestEncryptedFieldsAreNotGoneBy(t *testing.T) {
	m, child := sealed(t)
	find := func(c op.Cond) op.Op { return op.Op{Kind: op.Find, Model: m, Filter: c} }
	cmp := func(field string, o op.Operator, v any) op.Op { return find(op.Cmp(field, o, v)) }
	for name, c := range map[string]struct {
		op   op.Op
		says string
	}{
		"equal":             {cmp("pin", op.Eq, "1"), "Card: pin is encrypted: it cannot be compared; is null and not null can be asked"},
		"not equal":         {cmp("pin", op.Ne, "1"), "cannot be compared"},
		"less":              {cmp("limit", op.Lt, 1), "cannot be compared"},
		"in":                {find(op.Cond{Kind: op.Compare, Field: "pin", Op: op.In, List: []any{nil}}), "cannot be compared"},
		"between":           {find(op.Cond{Kind: op.Compare, Field: "limit", Op: op.Between, List: []any{1, 2}}), "cannot be compared"},
		"like":              {cmp("pin", op.Like, "1"), "cannot be compared"},
		"starts with":       {cmp("pin", op.StartsWith, "weft"), "cannot be compared"},
		"contains":          {cmp("data", op.Contains, 1), "cannot be compared"},
		"path":              {cmp("data.a", op.Eq, 1), "data is encrypted: nothing inside can be reached by a path"},
		"nested":            {find(op.Cond{Kind: op.Not, Conds: []op.Cond{op.AllOf(op.Cmp("id", op.Eq, "1"), op.Cmp("pin", op.Eq, "1"))}}), "cannot be compared"},
		"using":             {op.Op{Kind: op.Count, Model: m, Using: op.Cmp("pin", op.Eq, "1")}, "cannot be compared"},
		"check":             {op.Op{Kind: op.Delete, Model: m, Check: op.Cmp("pin", op.Eq, "1")}, "cannot be compared"},
		"guard filter":      {op.Op{Kind: op.Delete, Model: m, Guards: []op.Guard{{Kind: op.GuardMust, Model: m, Filter: op.Cmp("pin", op.Eq, "1")}}}, "cannot be compared"},
		"guard less":        {op.Op{Kind: op.Delete, Model: m, Guards: []op.Guard{{Kind: op.GuardMust, Model: m, Must: op.Cmp("limit", op.Lt, 1)}}}, "cannot be compared"},
		"has":               {op.Op{Kind: op.Find, Model: child, Filter: op.Cond{Kind: op.Has, Relation: "card", Conds: []op.Cond{op.Cmp("pin", op.Eq, "1")}}}, "cannot be compared"},
		"with filter":       {op.Op{Kind: op.Find, Model: child, With: []op.With{{Relation: "card", Filter: op.Cmp("pin", op.Eq, "1")}}}, "cannot be compared"},
		"with sort":         {op.Op{Kind: op.Find, Model: child, With: []op.With{{Relation: "card", Sort: []op.Sort{{Field: "pin"}}}}}, "sorted"},
		"match":             {find(op.Cond{Kind: op.Match, Value: "x", Fields: []string{"pin"}}), "no words to search"},
		"sort":              {op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: "pin"}}}, "rows cannot be sorted by it"},
		"sort path":         {op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: "data.a"}}}, "by a path"},
		"distinct":          {op.Op{Kind: op.Find, Model: m, Fields: []string{"pin"}, Distinct: true}, "equal ones"},
		"count of distinct": {op.Op{Kind: op.Count, Model: m, Fields: []string{"name", "pin"}, Distinct: true}, "equal ones"},
		"group":             {op.Op{Kind: op.Aggregate, Model: m, GroupBy: []string{"pin"}}, "grouped"},
		"sum":               {op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggSum, Field: "limit", As: "x"}}}, "no aggregates"},
		"max":               {op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggMax, Field: "limit", As: "x"}}}, "no aggregates"},
		"count":             {op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggCount, Field: "limit", As: "x"}}}, "no aggregates"},
		"increment":         {op.Op{Kind: op.Increment, Model: m, Set: []op.Assign{{Field: "limit", Inc: true, Value: 1}}}, "nothing can be added"},
		"set path":          {op.Op{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "data.a", Value: 1}}}, "set the whole value"},
		"conflict set":      {op.Op{Kind: op.Upsert, Model: m, Conflict: &op.Conflict{Fields: []string{"id"}, Set: []op.Assign{{Field: "limit", Inc: true, Value: 1}}}}, "nothing can be added"},
	} {
		err := op.Normalize(&c.op)
		var v *op.ValidationError
		if !errors.As(err, &v) || !strings.Contains(err.Error(), c.says) || v.Failures[0].Rule != "encrypted" {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	for name, o := range map[string]op.Op{
		"is null":     cmp("pin", op.IsNull, nil),
		"not null":    cmp("data", op.NotNull, nil),
		"= nil":       cmp("data", op.Eq, nil),
		"!= nil":      cmp("raw", op.Ne, (*string)(nil)),
		"fields":      {Kind: op.Find, Model: m, Fields: []string{"pin"}},
		"distinct":    {Kind: op.Find, Model: m, Fields: []string{"id", "pin"}, Distinct: true},
		"all of them": {Kind: op.Find, Model: m, Distinct: true},
		"set":         {Kind: op.Update, Model: m, Set: []op.Assign{{Field: "pin", Value: "x"}, {Field: "data", Value: nil}}},
		"guard":       {Kind: op.Delete, Model: m, Guards: []op.Guard{{Kind: op.GuardMust, Model: m, Must: op.AllOf(op.Cmp("pin", op.Eq, "1"), op.Cmp("at", op.Eq, nil))}}},
	} {
		if err := op.Normalize(&o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsAreNotInErrors gives encrypted fields values that they refuse.
func TestSecretsAreNotInErrors(t *testing.T) {
	m, _ := sealed(t)
	const secret = 4111111111111111
	for field, values := range map[string][]any{
		"pin":   {secret, []int{secret}},
		"limit": {"4111111111111111", secret, 4111111111111111.5},
		"price": {"4111111111111111", 4111111111.111, "41x1111111", "4111.1111"},
		"ratio": {"4111111111111111", int64(4111111111111111111)},
		"at":    {"4111111111111111"},
		"on":    {"4111111111111111", secret},
		"data":  {op.JSON(`{4111111111`), op.JSON(`[4111111111]`), "4111111111"},
		"raw":   {"4111111111111111"},
	} {
		for _, v := range values {
			_, err := op.CanonField(m.Field(field), v)
			if err == nil {
				t.Errorf("%s takes %v", field, v)
				continue
			}
			var failures *op.ValidationError
			if !errors.As(err, &failures) || len(failures.Failures) != 1 || failures.Failures[0].Message == "" {
				t.Errorf("%s: %v", field, err)
			}
			if strings.Contains(err.Error(), "4111") || strings.Contains(failures.Failures[0].Param, "4111") {
				t.Errorf("the value is in the error: %v", err)
			}
		}
	}
}

func TestOnlyUpdatesAreQuiet(t *testing.T) {
	m, _ := sealed(t)
	o := op.Op{Kind: op.Delete, Model: m, Quiet: true}
	if err := op.Normalize(&o); !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "only an update can be quiet") {
		t.Errorf("got %v", err)
	}
	o = op.Op{Kind: op.Update, Model: m, Quiet: true, Set: []op.Assign{{Field: "name", Value: "x"}}}
	if err := op.Normalize(&o); err != nil {
		t.Error(err)
	}
}
