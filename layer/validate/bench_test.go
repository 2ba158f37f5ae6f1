package validate_test

import (
	"context"
	"testing"
	"time"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
)

type Bench struct {
	ID        string    `weft:"primary,type=uuid"`
	CreatedAt time.Time `weft:"created"`
	UpdatedAt time.Time `weft:"updated"`
	Ver       int64     `weft:"version"`
	Title     string    `validate:"required,max=100"`
	Body      string
	Likes     int64
	Public    bool `weft:"default=true"`
}

// nowhere is an engine that does nothing.
type nowhere struct{ capture }

func (nowhere) Do(context.Context, op.Op) (op.Result, error) { return op.Result{}, nil }

func BenchmarkInsert(b *testing.B) {
	m := build(b, Bench{}).Model("Bench")
	e := validate.New(validate.Options{})(&nowhere{})
	given := row(b, m, map[string]any{"title": "a title", "body": "a body that is a bit longer", "likes": int64(3)})
	rows := [][]any{given}
	o := op.Op{Kind: op.Insert, Model: m, Rows: rows}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Do(ctx, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindByKey(b *testing.B) {
	m := build(b, Bench{}).Model("Bench")
	e := validate.New(validate.Options{})(&nowhere{})
	o := op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, "0196a3c8-0000-7000-8000-000000000000")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Do(ctx, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	m := build(b, Bench{}).Model("Bench")
	e := validate.New(validate.Options{})(&nowhere{})
	o := op.Op{
		Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, "0196a3c8-0000-7000-8000-000000000000"),
		Set: []op.Assign{{Field: "title", Value: "another"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Do(ctx, o); err != nil {
			b.Fatal(err)
		}
	}
}
