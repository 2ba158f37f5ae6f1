// Package seed brings the rows that models declare as their seed into a
// database: a row that is not there is inserted, one that is there and differs
// in a field that the seed gives is updated, everything else stays as it is.
//
// It works through operations, so that defaults, generated keys, validation,
// hooks and encryption happen as for every other write, and so on every engine.
package seed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Result counts the rows of one model.
type Result struct {
	Model                        string
	Inserted, Updated, Unchanged int
	Deleted                      int // rows that are marked deleted, and stay so
}

// attempts is how often everything is tried when other transactions are in the
// way.
const attempts = 20

// Apply seeds the models of the set, those that foreign keys point at first, in
// one transaction: all of it happens or nothing. The engine is that of an open
// database (DB.Engine): one with the layer that validates and fills defaults.
// Several processes may do it at once; a row is made once.
//
// A row is found by the model's seed key, also one that is marked deleted, which
// is left alone. Two rows with the same value there are an error. Fields that
// the seed does not give are filled by defaults in a new row and never touched in
// one that exists; a second run changes nothing, and no version.
func Apply(ctx context.Context, e op.Engine, set *schema.Set) ([]Result, error) {
	if set == nil {
		return nil, op.Errorf(op.CodeValidation, "seed: there are no models")
	}
	if !slices.Contains(e.Caps().Layers, "validate") {
		return nil, op.Errorf(op.CodeValidation, "seed: the engine has no layer that validates rows and fills their defaults: use the one of an open database (DB.Engine)")
	}
	models := order(set)
	if len(models) == 0 {
		return nil, nil
	}
	for attempt := 0; ; attempt++ {
		out, err := once(ctx, e, models)
		if err == nil || attempt == attempts-1 || !again(err, attempt) {
			return out, err
		}
		timer := time.NewTimer(rand.N(min(time.Millisecond<<attempt, 200*time.Millisecond)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, op.FromContext(ctx.Err())
		}
	}
}

// again reports whether another transaction may have been in the way: one that
// made the same row is met as a value that exists already, but so is a mistake
// in the seed, which is the same after a few more tries.
func again(err error, attempt int) bool {
	var c *op.ConflictError
	if errors.As(err, &c) && (c.Reason == op.ReasonUnique || c.Reason == op.ReasonExists || c.Reason == op.ReasonStale) {
		return attempt < 5
	}
	return op.Retryable(err)
}

// order are the models with a seed, those that foreign keys point at first. In a
// circle they stay in the order of the set; see postponed rows in once.
func order(set *schema.Set) []*schema.Model {
	parents := map[*schema.Model][]*schema.Model{}
	byTable := map[string]*schema.Model{}
	for _, m := range set.Models {
		byTable[m.Table] = m
	}
	point := func(from, to *schema.Model) {
		if from != nil && to != nil && from != to {
			parents[from] = append(parents[from], to)
		}
	}
	for _, m := range set.Models {
		for _, f := range m.Fields {
			if f.References != nil {
				point(m, byTable[f.References.Table])
			}
		}
		for _, r := range m.Relations {
			switch {
			case r.Kind == schema.BelongsTo:
				point(m, r.Target)
			case r.Kind == schema.ManyToMany:
				point(r.Via, m)
				point(r.Via, r.Target)
			default:
				point(r.Target, m)
			}
		}
	}
	var out []*schema.Model
	seen := map[*schema.Model]bool{}
	var visit func(m *schema.Model)
	visit = func(m *schema.Model) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, p := range parents[m] {
			visit(p)
		}
		if m.Seed != nil && len(m.Seed.Rows) > 0 {
			out = append(out, m)
		}
	}
	for _, m := range set.Models {
		visit(m)
	}
	return out
}

// item is one row to seed.
type item struct {
	m   *schema.Model
	n   int // from 1
	row map[string]any
	out *Result
}

func (it item) who() string { return fmt.Sprintf("seed row %d of %s", it.n, it.m.Name) }

// once seeds everything in one transaction. A row that points at one which is
// not there yet waits until the others are done, as long as that helps: rows of
// one table may point at each other, and tables in a circle.
func once(ctx context.Context, e op.Engine, models []*schema.Model) (results []Result, err error) {
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			results = nil
			_ = tx.Rollback(context.WithoutCancel(ctx))
		}
	}()
	results = make([]Result, len(models))
	var todo []item
	for i, m := range models {
		results[i].Model = m.Name
		for n, row := range m.Seed.Rows {
			todo = append(todo, item{m, n + 1, row, &results[i]})
		}
	}
	for len(todo) > 0 {
		var later []item
		var why error
		for _, it := range todo {
			err := it.apply(ctx, tx)
			var c *op.ConflictError
			switch {
			case errors.As(err, &c) && c.Reason == op.ReasonReference:
				later = append(later, it)
				if why == nil {
					why = fmt.Errorf("%s: %w", it.who(), err)
				}
			case err != nil:
				return nil, fmt.Errorf("%s: %w", it.who(), err)
			}
		}
		if len(later) == len(todo) {
			return nil, why
		}
		todo = later
	}
	return results, tx.Commit(ctx)
}

func (it item) apply(ctx context.Context, tx op.Tx) error {
	given, err := it.values()
	if err != nil {
		return err
	}
	key := it.m.Field(it.m.Seed.Key)
	rows, err := find(ctx, tx, op.Op{Kind: op.Find, Model: it.m, Filter: op.Cmp(key.Name, op.Eq, given[key.Pos]), WithDeleted: it.m.DeletedF != nil, Limit: 2})
	switch {
	case err != nil:
		return err
	case len(rows) > 1:
		return op.Errorf(op.CodeConflict, "several rows of %s have %s %v, by which the seed finds its row: make that field unique", it.m.Name, key.Name, given[key.Pos])
	case len(rows) == 0:
		if _, err := tx.Do(ctx, op.Op{Kind: op.Insert, Model: it.m, Rows: [][]any{given}}); err != nil {
			return err
		}
		it.out.Inserted++
		return nil
	}
	old := rows[0]
	if d := it.m.DeletedF; d != nil && old[d.Pos] != nil {
		it.out.Deleted++
		return nil
	}
	var set []op.Assign
	for i, f := range it.m.Fields {
		if _, unset := given[i].(op.Unset); !unset && !same(old[i], given[i]) {
			set = append(set, op.Assign{Field: f.Name, Value: given[i]})
		}
	}
	if len(set) == 0 {
		it.out.Unchanged++
		return nil
	}
	changed, err := it.update(ctx, tx, old, set)
	if changed {
		it.out.Updated++
	} else if err == nil {
		it.out.Unchanged++
	}
	return err
}

// values are the fields of the row, Unset where the seed gives none.
func (it item) values() ([]any, error) {
	out := make([]any, len(it.m.Fields))
	for i, f := range it.m.Fields {
		v, ok := it.row[f.Name]
		if !ok {
			out[i] = op.Unset{}
			continue
		}
		c, err := op.CanonField(f, v)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// update changes the row, in a transaction of its own: when the row is afterwards
// what it was, because a transform or hook brought the values into the form that
// they had already, that is undone, so that its version stays.
func (it item) update(ctx context.Context, tx op.Tx, old []any, set []op.Assign) (changed bool, err error) {
	in := tx
	nested := tx.Caps().Has(op.CapNestedTransactions)
	if nested {
		if in, err = tx.Begin(ctx, op.TxOptions{}); err != nil {
			return false, err
		}
		defer func() {
			if !changed {
				if rerr := in.Rollback(context.WithoutCancel(ctx)); err == nil {
					err = rerr
				}
			}
		}()
	}
	var conds []op.Cond
	for _, f := range it.m.Primary {
		conds = append(conds, op.Cmp(f.Name, op.Eq, old[f.Pos]))
	}
	rows, err := find(ctx, in, op.Op{Kind: op.Update, Model: it.m, Filter: op.AllOf(conds...), Set: set, Returning: true})
	if err != nil {
		return false, err
	}
	if len(rows) != 1 {
		return false, &op.ConflictError{Reason: op.ReasonStale, Model: it.m.Name, Index: -1}
	}
	if nested && it.sameRow(old, rows[0]) {
		return false, nil
	}
	if nested {
		if err := in.Commit(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// sameRow compares all that a seed or its hooks can change.
func (it item) sameRow(a, b []any) bool {
	for i, f := range it.m.Fields {
		if f.Role != schema.RoleVersion && f.Role != schema.RoleUpdated && !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func same(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return op.CompareValues(a, b) == 0
}

// find runs an operation and takes its rows.
func find(ctx context.Context, e op.Engine, o op.Op) ([][]any, error) {
	res, err := e.Do(ctx, o)
	if err != nil {
		return nil, err
	}
	defer res.Rows.Close()
	var out [][]any
	for res.Rows.Next() {
		out = append(out, slices.Clone(res.Rows.Row()))
	}
	return out, res.Rows.Err()
}

// String is the result for people: "Country: 3 inserted, 1 updated".
func (r Result) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{r.Inserted, "inserted"}, {r.Updated, "updated"}, {r.Unchanged, "unchanged"}, {r.Deleted, "deleted, left alone"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if parts == nil {
		parts = []string{"nothing"}
	}
	return r.Model + ": " + strings.Join(parts, ", ")
}
