package encrypt_test

import (
	"reflect"
	"testing"

	"github.com/weftdb/weft/op"
)

// A find of columns of other rows opens the row's own values, and encrypted
// values of other rows cannot be asked for.
func TestColumnsOverRelations(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "name": "Ann", "ssn": ssn})
	p.insert(p.visit, map[string]any{"personId": "a", "finding": "well"})
	p.insert(p.visit, map[string]any{"personId": "nobody", "finding": "ill"})
	o := op.Op{
		Kind: op.Find, Model: p.visit, Fields: []string{"person.name", "finding", "person.id"}, Sort: []op.Sort{{Field: "person.name"}},
		Joins: []op.Join{{Path: "person", Filter: op.Cond{Kind: op.Has, Relation: "visits", Conds: []op.Cond{op.Cmp("finding", op.NotNull, nil)}}}},
	}
	got, err := read(p.try(o))
	want := [][]any{{nil, "ill", nil}, {"Ann", "well", "a"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, fields := range [][]string{{"person.ssn"}, {"id", "person.notes"}} {
		if _, err := p.try(op.Op{Kind: op.Find, Model: p.visit, Fields: fields}); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%v: got %v", fields, err)
		}
	}
	agg := op.Op{Kind: op.Aggregate, Model: p.visit, GroupBy: []string{"person.ssn"}}
	if _, err := p.try(agg); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("got %v", err)
	}
}
