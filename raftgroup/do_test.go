package raftgroup

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Statements of a request have an answer each; one that fails does not stop the
// others.
func TestRun(t *testing.T) {
	g, _ := single(t, Config{})
	list, err := g.Run(t.Context(), door.Request{Statements: []door.Statement{
		{SQL: "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"},
		{SQL: "INSERT INTO t (name) VALUES (?)", Args: []any{"a"}},
		{SQL: "INSERT INTO t (name) VALUES (:n)", Named: map[string]any{"n": "a"}},
		{SQL: "INSERT INTO t (name) VALUES (:n) RETURNING id, name", Named: map[string]any{"n": "b"}},
	}})
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[1]; a.Err != nil || a.Changed != 1 || a.LastID != 1 || a.Query {
		t.Errorf("insert: %+v", a)
	}
	var conflict *op.ConflictError
	if !errors.As(list[2].Err, &conflict) || conflict.Reason != op.ReasonUnique || !reflect.DeepEqual(conflict.Fields, []string{"name"}) {
		t.Errorf("a name that is there: %+v", list[2])
	}
	if a := list[3]; a.Err != nil || !a.Query || a.Changed != 1 || !reflect.DeepEqual(a.Rows, [][]any{{int64(2), "b"}}) ||
		!reflect.DeepEqual(a.Columns, []string{"id", "name"}) || !reflect.DeepEqual(a.Types, []string{"integer", "text"}) {
		t.Errorf("insert with RETURNING: %+v", a)
	}
	list, err = g.Run(t.Context(), door.Request{Statements: []door.Statement{{SQL: "SELECT * FROM t"}, {SQL: "SELECT count(*) FROM weft_group_ids"}, {SQL: "ATTACH 'x' AS y"}}})
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[0]; a.Err != nil || !reflect.DeepEqual(a.Rows, [][]any{{int64(1), "a"}, {int64(2), "b"}}) {
		t.Errorf("select: %+v", a)
	}
	if a := list[1]; a.Err != nil || !reflect.DeepEqual(a.Rows, [][]any{{int64(1)}}) {
		t.Errorf("entries with IDs: %+v", a)
	}
	if a := list[2]; a.Err == nil || !strings.Contains(a.Err.Error(), "a group is one file") {
		t.Errorf("ATTACH: %+v", a)
	}
}
