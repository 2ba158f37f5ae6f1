package op_test

import (
	"reflect"
	"testing"

	"github.com/weftdb/weft/op"
)

func TestForetold(t *testing.T) {
	m := wide(t)
	whole := make([]any, len(m.Fields))
	for i := range whole {
		whole[i] = int64(i)
	}
	part := append([]any(nil), whole...)
	part[1] = op.Unset{}
	for _, c := range []struct {
		name string
		o    op.Op
		want [][]any
	}{
		{"whole rows", op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{whole}}, [][]any{whole}},
		{"some fields", op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{whole}, Fields: []string{m.Fields[1].Name}}, [][]any{{int64(1)}}},
		{"a value that is not given", op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{whole, part}}, nil},
		{"rows that are not asked for", op.Op{Kind: op.Insert, Model: m, Rows: [][]any{whole}}, nil},
		{"an upsert", op.Op{Kind: op.Upsert, Model: m, Returning: true, Rows: [][]any{whole}}, nil},
		{"a field that does not exist", op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{whole}, Fields: []string{"nowhere"}}, nil},
		{"a row that is too short", op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{whole[:1]}}, nil},
	} {
		got, ok := c.o.Foretold()
		if ok != (c.want != nil) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, ok)
		}
	}
}
