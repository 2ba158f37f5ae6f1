package optest

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Gone runs at least n random operations (5,000 when n is 0) on an engine that
// hides deleted rows (Factory.Hides) and on op/mem, where rows that are deleted
// are gone, and compares every answer: to everything but what asks for them,
// rows that are marked must be as if they were not there. Only keys differ, for
// that of a marked row stays taken; they are not used again here.
func Gone(t *testing.T, f Factory, n int) {
	if !f.Hides {
		t.Fatalf("optest: %s does not hide deleted rows", f.Name)
	}
	if n <= 0 {
		n = 5000
	}
	if *opsFlag > 0 {
		n = *opsFlag
	}
	seed := Seed()
	r := &runner{t: t, s: &suite{f: f, models: f.models()}, gone: true}
	r.searches = r.caps().Has(op.CapFullTextSearch)
	r.cover = newCoverage(Models(), r.searches)
	var bad *mismatch
	for round := int64(0); bad == nil && r.ops < n; round++ {
		check(t, max(1, (n-r.ops)/programLength), uint64(seed+round*1_000_003), func(rt *rapid.T) {
			if bad != nil {
				return
			}
			r.programs++
			g := newGen(rt, r.s.models, r.programs, r.searches)
			g.gone = &gone{keys: map[*schema.Model]int{}, pairs: map[string]bool{}}
			prog := g.program(programLength)
			if bad = r.play(prog, r.cover); bad != nil {
				bad.prog = prog
			}
		})
	}
	if bad != nil {
		r.report(bad, seed)
		return
	}
	fmt.Fprintf(os.Stdout, "optest: %s as if deleted rows were gone: %d operations in %d databases, seed %d\n", f.Name, r.ops, r.programs, seed)
	for _, k := range r.cover.kindsNeverOK() {
		t.Errorf("no %s ever succeeded", k)
	}
}

// gone is what a generator for [Gone] keeps: a key is never used twice.
type gone struct {
	keys  map[*schema.Model]int
	pairs map[string]bool
}

// goneWeights are models with soft delete, and those that are related to them.
var goneWeights = []weight{{"Item", 6}, {"Shelf", 2}, {"Kind", 2}, {"ItemKind", 3}, {"ItemLike", 1}, {"Card", 1}}

// key is the next value of a key field, or one that has been given to a row
// that the field points at.
func (g *gen) key(m *schema.Model, f *schema.Field, fresh bool) (any, bool) {
	of := m
	switch f.Name {
	case "shelfId":
		of = g.set.Model("Shelf")
	case "itemId":
		of = g.set.Model("Item")
	case "kindId":
		of = g.set.Model("Kind")
	default:
		if !f.Primary {
			return nil, false
		}
	}
	if fresh && of == m {
		g.gone.keys[m]++
		return fmt.Sprint("k", g.gone.keys[m]), true
	}
	return fmt.Sprint("k", 1+g.n(g.gone.keys[of]+1)), true
}

// goneRow is a row with a key of its own that is not marked; none where all
// pairs of a join model that were tried are taken.
func (g *gen) goneRow(m *schema.Model) []any {
	for range 10 {
		row := make([]any, len(m.Fields))
		for i, f := range m.Fields {
			switch v, ok := g.key(m, f, true); {
			case ok:
				row[i] = v
			case f == m.VersionF:
				row[i] = int64(1)
			case f == m.DeletedF, f.Nullable && g.one(3):
				row[i] = nil
			default:
				row[i] = g.value(m, f)
			}
		}
		var key []any
		for _, f := range m.Primary {
			key = append(key, row[f.Pos])
		}
		if k := m.Name + showRow(key); !g.gone.pairs[k] {
			g.gone.pairs[k] = true
			return row
		}
	}
	return nil
}

// goneInsert inserts rows, or upserts them by unique values that are not the
// key.
func (g *gen) goneInsert(m *schema.Model) op.Op {
	o := op.Op{Kind: op.Insert, Model: m, Rows: [][]any{}}
	for range 1 + g.n(2) {
		if row := g.goneRow(m); row != nil {
			o.Rows = append(o.Rows, row)
		}
	}
	g.returning(&o)
	all := op.Uniques(m)
	if len(all) == 1 || len(o.Rows) != 1 || g.one(2) {
		return g.guarded(o)
	}
	o.Kind, o.Conflict, o.Returning, o.Fields = op.Upsert, &op.Conflict{}, false, nil
	for _, f := range pick(g, all[1:]) {
		o.Conflict.Fields = append(o.Conflict.Fields, f.Name)
	}
	if slices.Equal(o.Conflict.Fields, []string{"code"}) {
		o.Rows[0][m.Field("place").Pos] = nil // it meets one row at most
		if g.one(2) {
			o.Conflict.Update = []string{"rank"}
		}
	} else if m.Name == "Item" {
		o.Rows[0][m.Field("code").Pos] = nil
		if g.one(2) {
			o.Conflict.Set = []op.Assign{inc("rank", int64(1))}
		}
	}
	return g.guarded(o)
}
