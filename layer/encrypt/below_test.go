package encrypt_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// below keeps what reaches the engine.
type below struct{ ops []op.Op }

func (b *below) Do(_ context.Context, o op.Op) (op.Result, error) {
	b.ops = append(b.ops, o)
	res := op.Result{N: 1, Rows: op.NewRows(nil)}
	for range o.Batch {
		res.Batch = append(res.Batch, op.Result{N: 1})
	}
	return res, nil
}

func (b *below) Begin(context.Context, op.TxOptions) (op.Tx, error) { return belowTx{b}, nil }
func (b *below) Caps() op.Caps                                      { return op.Caps{Flags: op.CapTransactions | op.CapNestedTransactions} }
func (b *below) Close() error                                       { return nil }

type belowTx struct{ *below }

func (belowTx) Commit(context.Context) error   { return nil }
func (belowTx) Rollback(context.Context) error { return nil }

// filled is an operation in which every place for a model has a clear one, also
// in parts that are added to the contract later.
func filled(m *schema.Model) (o op.Op, places int) {
	var fill func(v reflect.Value, depth int)
	fill = func(v reflect.Value, depth int) {
		if depth > 6 {
			return
		}
		switch x := v.Addr().Interface().(type) {
		case **schema.Model:
			*x = m
			places++
			return
		case **schema.Set:
			*x = m.Set()
			places++
			return
		case *op.With, *[]op.With, **op.Migration, *[]op.Op: // relate takes the first, the others have tests of their own
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Name != "Batch" {
					fill(v.Field(i), depth+1)
				}
			}
		case reflect.Pointer:
			if v.Type().Elem().Kind() == reflect.Struct {
				v.Set(reflect.New(v.Type().Elem()))
				fill(v.Elem(), depth+1)
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
				fill(v.Index(0), depth+1)
			}
		}
	}
	fill(reflect.ValueOf(&o).Elem(), 0)
	return o, places
}

// TestNothingClearReachesTheEngine looks through all that an engine is handed.
func TestNothingClearReachesTheEngine(t *testing.T) {
	models := set(t, Person{}, Visit{})
	person, visit := models.Model("Person"), models.Model("Visit")
	eng := &below{}
	e := encrypt.New(encrypt.Options{Ring: ring(t, "k1")})(eng)
	full, places := filled(person)
	if places < 6 {
		t.Fatalf("only %d places for a model were filled", places)
	}
	vals := map[string]any{"id": "a", "ssn": ssn, "pay": 4711, "photo": []byte(ssn), "notes": op.JSON(`"` + ssn + `"`)}
	set := []op.Assign{{Field: "ssn", Value: ssn}}
	one := op.Cmp("id", op.Eq, "a")
	ops := []op.Op{
		{Kind: op.Insert, Model: person, Rows: [][]any{row(t, person, vals)}},
		{Kind: op.Insert, Model: visit, Rows: [][]any{row(t, visit, map[string]any{"personId": "a", "finding": ssn})}},
		{Kind: op.Update, Model: person, Filter: one, Set: set},
		{Kind: op.Update, Model: person, Set: set, Returning: true},
		{Kind: op.Upsert, Model: person, Rows: [][]any{row(t, person, vals)}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"ssn"}, Set: []op.Assign{{Field: "notes", Value: op.JSON(`"` + ssn + `"`)}}}},
		{Kind: op.Delete, Model: person, Guards: []op.Guard{{Kind: op.GuardMust, Model: person, Filter: one, Must: op.AllOf(op.Cmp("ssn", op.Eq, ssn), op.Cmp("name", op.Eq, "x"))}}},
		{Kind: op.Find, Model: visit, Filter: op.Cond{Kind: op.Not, Conds: []op.Cond{{Kind: op.Has, Relation: "person", Target: person, Conds: []op.Cond{{Kind: op.Compare, Field: "ssn", Op: op.NotNull}}}}}},
		{Kind: op.Find, Model: visit, Via: &op.Via{Model: person, Relation: "visits", Keys: [][]any{{"a"}}}},
		{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}},
	}
	for k := op.Find; k <= op.Increment; k++ {
		if k == op.Batch {
			continue
		}
		o := full
		o.Kind, o.Sink, o.Instances, o.Rows, o.Set, o.Fields = k, nil, nil, nil, nil, nil
		ops = append(ops, o)
	}
	batch := op.Op{Kind: op.Batch, Batch: ops[:4], Guards: full.Guards}
	ops = append(ops, batch, op.Op{Kind: op.Batch, Batch: ops[:1], Guards: full.Guards})
	for _, o := range ops {
		eng.ops = nil
		if res, err := e.Do(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", o.Describe(), err)
		} else if res.Rows != nil {
			_ = res.Rows.Close()
		}
		if len(eng.ops) == 0 {
			t.Errorf("%s did not reach the engine", o.Describe())
		}
		for _, down := range eng.ops {
			noneClear(t, o.Describe(), reflect.ValueOf(down), models)
		}
	}
}

// noneClear fails when a clear model, or a clear value, can be reached.
func noneClear(t *testing.T, what string, v reflect.Value, models *schema.Set) {
	t.Helper()
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			for _, m := range models.Models {
				if v.Pointer() == reflect.ValueOf(m).Pointer() || v.Pointer() == reflect.ValueOf(models).Pointer() {
					t.Errorf("%s: %s is clear", what, path)
					return
				}
			}
			walk(v.Elem(), path)
		case reflect.Interface:
			walk(v.Elem(), path)
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 && strings.Contains(string(v.Bytes()), ssn) {
				t.Errorf("%s: %s has a clear value", what, path)
			}
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(v.MapIndex(k), fmt.Sprintf("%s[%v]", path, k))
			}
		case reflect.String:
			if strings.Contains(v.String(), ssn) {
				t.Errorf("%s: %s has a clear value", what, path)
			}
		case reflect.Int64:
			if v.Int() == 4711 {
				t.Errorf("%s: %s has a clear value", what, path)
			}
		}
	}
	walk(v, "Op")
}
