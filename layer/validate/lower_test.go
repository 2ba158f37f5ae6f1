package validate_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Folio and the others are marked when they are deleted; so are the rows of the
// model that joins them.
type Folio struct {
	ID      string     `weft:"primary,type=string"`
	Title   string     `weft:"unique"`
	Changed int64      `weft:"type=bigInteger"`
	At      time.Time  `weft:"updated"`
	Gone    *time.Time `weft:"deleted"`
	Ver     int64      `weft:"version"`
	Shades  []*Shade   `weft:"many_to_many,through=FolioShade"`
	Leaves  []*Leaf    `weft:"has_many,fk=FolioID"`
}

type Shade struct {
	ID   string     `weft:"primary,type=string"`
	Gone *time.Time `weft:"deleted"`
}

type FolioShade struct {
	FolioID string     `weft:"primary,type=string"`
	ShadeID string     `weft:"primary,type=string"`
	Gone    *time.Time `weft:"deleted"`
	Folio   *Folio     `weft:"belongs_to"`
}

type Leaf struct {
	ID      string `weft:"primary,type=string"`
	FolioID string `weft:"type=string"`
}

func folios(t *testing.T) (folio *schema.Model, c *capture, e op.Engine) {
	t.Helper()
	clock := func() time.Time { return time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC) }
	c = &capture{}
	return build(t, Folio{}, Shade{}, FolioShade{}, Leaf{}).Model("Folio"), c, validate.New(validate.Options{Clock: clock})(c)
}

func TestDeleteMarks(t *testing.T) {
	m, c, e := folios(t)
	filter := op.Cmp("title", op.Eq, "x")
	given := op.Op{
		Kind: op.Delete, Model: m, Filter: filter, Check: op.Cond{Kind: op.False}, Returning: true, Fields: []string{"id"},
		Guards: []op.Guard{{Kind: op.GuardMust, Model: m, Filter: filter, Must: op.Cmp("ver", op.Eq, int64(1))}},
	}
	want := given
	if _, err := e.Do(ctx, given); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(given, want) {
		t.Errorf("what the caller has is now %+v", given)
	}
	got := c.last()
	now := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	set := []op.Assign{{Field: "gone", Value: now}, {Field: "at", Value: now}}
	if got.Kind != op.Update || !reflect.DeepEqual(got.Set, set) || got.Check.Kind != op.True || !got.Returning {
		t.Errorf("the delete became %+v", got)
	}
	live := op.Cmp("gone", op.Eq, nil)
	if !reflect.DeepEqual(got.Using, live) || !reflect.DeepEqual(got.Guards[0].Filter, op.AllOf(live, filter)) {
		t.Errorf("it is kept to %+v, its guard to %+v", got.Using, got.Guards[0].Filter)
	}
	given.Explain, given.Guards = true, nil
	if _, err := e.Do(ctx, given); err != nil || c.last().Kind != op.Update || !c.last().Explain {
		t.Errorf("explained it is %+v, %v", c.last(), err)
	}
	given = op.Op{Kind: op.Delete, Model: m, Filter: filter, Purge: true, WithDeleted: true}
	if _, err := e.Do(ctx, given); err != nil || c.last().Kind != op.Delete || c.last().Using.Kind != op.True {
		t.Errorf("a purge is %+v, %v", c.last(), err)
	}
	leaf := m.Set().Model("Leaf")
	if _, err := e.Do(ctx, op.Op{Kind: op.Delete, Model: leaf}); err != nil || c.last().Kind != op.Delete {
		t.Errorf("a delete without soft delete is %+v, %v", c.last(), err)
	}
	res, err := e.Do(ctx, op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Delete, Model: m}, {Kind: op.Delete, Model: leaf}}})
	if err != nil || len(res.Batch) != 2 || c.last().Batch[0].Kind != op.Update || c.last().Batch[1].Kind != op.Delete {
		t.Errorf("a batch is %+v, %v", c.last(), err)
	}
}

func TestDeletedRowsAreHidden(t *testing.T) {
	m, c, e := folios(t)
	shade := m.Set().Model("Shade")
	live := fmt.Sprint(op.Cmp("gone", op.Eq, nil))
	ask := func(o op.Op) op.Op {
		t.Helper()
		if _, err := e.Do(ctx, o); err != nil {
			t.Fatal(err)
		}
		return c.last()
	}
	nested := op.Cond{Kind: op.Or, Conds: []op.Cond{
		{Kind: op.HasCount, Relation: "shades", Op: op.Ge, N: 1, Join: []op.Cond{{Kind: op.Has, Relation: "folio"}}},
		{Kind: op.Has, Relation: "leaves"},
	}}
	for _, o := range []op.Op{
		{Kind: op.Find},
		{Kind: op.Count},
		{Kind: op.Aggregate, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}},
		{Kind: op.Update, Set: []op.Assign{{Field: "title", Value: "y"}}},
		{Kind: op.Increment, Set: []op.Assign{{Field: "changed", Inc: true, Value: int64(1)}}},
	} {
		o.Model, o.Filter = m, nested
		got := ask(o)
		if fmt.Sprint(got.Using) != live {
			t.Errorf("%s: using %v", o.Kind, got.Using)
		}
		count, leaves := got.Filter.Conds[0], got.Filter.Conds[1]
		if len(count.Conds) != 1 || fmt.Sprint(count.Conds[0]) != live {
			t.Errorf("%s: shades that count: %v", o.Kind, count.Conds)
		}
		if len(count.Join) != 2 || len(count.Join[0].Conds) != 1 || fmt.Sprint(count.Join[1]) != live {
			t.Errorf("%s: rows that join: %v", o.Kind, count.Join)
		}
		if len(leaves.Conds) != 0 {
			t.Errorf("%s: leaves cannot be deleted softly, but are kept to %v", o.Kind, leaves.Conds)
		}
		o.WithDeleted = true
		if got := ask(o); got.Using.Kind != op.True || len(got.Filter.Conds[0].Conds) != 1 {
			t.Errorf("%s with deleted rows: using %v, filter %v", o.Kind, got.Using, got.Filter)
		}
	}
	if len(nested.Conds[0].Conds) != 0 || len(nested.Conds[0].Join) != 1 {
		t.Error("the caller's condition was changed")
	}
	via := &op.Via{Model: m, Relation: "shades", Keys: [][]any{{"1"}}}
	got := ask(op.Op{Kind: op.Find, Model: shade, Via: via})
	if fmt.Sprint(got.Via.Join) != live || via.Join.Kind != op.True {
		t.Errorf("via %+v, and what was given %+v", got.Via, via)
	}
	leaf := m.Set().Model("Leaf")
	if got := ask(op.Op{Kind: op.Find, Model: leaf, Filter: op.Cmp("id", op.Eq, "1")}); got.Using.Kind != op.True {
		t.Errorf("rows without a mark are kept to %v", got.Using)
	}
	ups := ask(op.Op{Kind: op.Upsert, Model: m, Rows: [][]any{row(t, m, map[string]any{"id": "1", "title": "x"})}, Conflict: &op.Conflict{Fields: []string{"title"}}})
	if ups.Using.Kind != op.True || ups.Check.Kind != op.True {
		t.Errorf("an upsert is %+v", ups)
	}
}

func TestTheMarkIsKept(t *testing.T) {
	m, c, e := folios(t)
	now := time.Now()
	for _, v := range []any{now, nil} {
		_, err := e.Do(ctx, op.Op{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "gone", Value: v}}})
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "gone is set by Delete and taken away by Restore") {
			t.Errorf("setting the mark to %v: %v", v, err)
		}
		if _, err := e.Do(ctx, op.Op{Kind: op.Update, Model: m, WithDeleted: true, Set: []op.Assign{{Field: "gone", Value: v}}}); err != nil {
			t.Errorf("setting it among deleted rows to %v: %v", v, err)
		}
		if got := c.last(); len(got.Set) != 2 || got.Set[1].Field != "at" {
			t.Errorf("the update sets %+v", got.Set)
		}
	}
	r := row(t, m, map[string]any{"id": "1", "title": "x", "gone": now})
	if _, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{r}}); err != nil || value(t, m, c.last().Rows[0], "gone") == nil {
		t.Errorf("a row that was deleted elsewhere: %+v, %v", c.last().Rows, err)
	}
}
