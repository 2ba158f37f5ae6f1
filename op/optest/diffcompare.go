package optest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// differs compares what two engines made of one operation.
func differs(o *op.Op, got, want answer) string {
	if got.err != nil || want.err != nil {
		return errorsDiffer(o, got.err, want.err)
	}
	if got.n != want.n && o.Kind != op.Find && o.Kind != op.Aggregate && o.Kind != op.Batch {
		return fmt.Sprintf("N is %d, want %d", got.n, want.n)
	}
	if len(got.batch) != len(want.batch) {
		return fmt.Sprintf("there are %d results, want %d", len(got.batch), len(want.batch))
	}
	for i := range got.batch {
		if why := differs(&o.Batch[i], got.batch[i], want.batch[i]); why != "" {
			return fmt.Sprintf("member %d: %s", i, why)
		}
	}
	if !got.has && !want.has {
		return ""
	}
	if got.has != want.has && len(got.rows)+len(want.rows) > 0 {
		return fmt.Sprintf("rows are given: %v, want %v", got.has, want.has)
	}
	return rowsDiffer(o, got.rows, want.rows)
}

// rowsDiffer compares rows: in order where the order is total or is that of
// the rows given, as multisets with the same order of sort keys elsewhere.
func rowsDiffer(o *op.Op, got, want [][]any) string {
	show := func() string { return fmt.Sprintf("the rows are\n%s\nwant\n%s", showRows(got), showRows(want)) }
	if (o.Kind == op.Insert || o.Kind == op.Upsert) && !sameRows(got, want) {
		return show()
	}
	if !slices.Equal(sortedRows(got), sortedRows(want)) {
		return show()
	}
	if (o.Kind != op.Find && o.Kind != op.Aggregate) || len(o.Sort) == 0 {
		return ""
	}
	if o.Via != nil {
		return viaDiffers(o, got, want)
	}
	for i := range got {
		for _, k := range o.Sort {
			col := column(o, k)
			if col < 0 {
				break
			}
			if !same(got[i][col], want[i][col]) {
				return show() + "\nin the order of " + dumpSort(o.Sort)
			}
		}
	}
	if total(o) && !sameRows(got, want) {
		return show() + "\nin the order of " + dumpSort(o.Sort)
	}
	return ""
}

// viaDiffers compares the order of each parent's rows.
func viaDiffers(o *op.Op, got, want [][]any) string {
	keys := len(o.Via.Keys[0])
	split := func(rows [][]any) map[string][][]any {
		out := map[string][][]any{}
		for _, r := range rows {
			k := showRow(r[len(r)-keys:])
			out[k] = append(out[k], r)
		}
		return out
	}
	if !total(o) {
		return ""
	}
	g, w := split(got), split(want)
	for k := range w {
		if !sameRows(g[k], w[k]) {
			return fmt.Sprintf("the rows of parent %s are\n%s\nwant\n%s", k, showRows(g[k]), showRows(w[k]))
		}
	}
	return ""
}

// column is where the values of a sort key are in the result, -1 for nowhere.
func column(o *op.Op, k op.Sort) int {
	if len(k.Path) > 0 || k.Rank {
		return -1
	}
	if o.Kind == op.Aggregate {
		for i, f := range op.ResultColumns(o) {
			if f.Name == k.Field {
				return i
			}
		}
		return -1
	}
	if o.Fields != nil {
		return slices.Index(o.Fields, k.Field)
	}
	if f := o.Model.Field(k.Field); f != nil {
		return f.Pos
	}
	return -1 // a column that is no field
}

// total reports whether the sort keys leave no two rows equal.
func total(o *op.Op) bool {
	sorted := func(name string) bool {
		return slices.ContainsFunc(o.Sort, func(k op.Sort) bool { return k.Field == name && len(k.Path) == 0 })
	}
	switch {
	case o.Kind == op.Aggregate:
		return !slices.ContainsFunc(o.GroupBy, func(n string) bool { return !sorted(n) })
	case o.Distinct:
		return o.Fields != nil && !slices.ContainsFunc(o.Fields, func(n string) bool { return !sorted(n) })
	}
	for _, f := range o.Model.Primary {
		if !sorted(f.Name) {
			return false
		}
	}
	return true
}

// errorsDiffer compares errors by code and, of conflicts, by reason and by the
// row they are about.
func errorsDiffer(o *op.Op, got, want error) string {
	g, w := failure(got), failure(want)
	if g == w {
		return conflictsDiffer(got, want)
	}
	// A write can break several rules at once, and engines look in different
	// order; which of them stands first is not promised.
	if brokenRule(g) && brokenRule(w) && severalRules(o) {
		return ""
	}
	// A sum of a group that Having or a limit leaves out need not be worked
	// out, so that it overflows is not promised.
	someGroups := o.Having.Kind != op.True || o.Limit > 0 || o.Offset > 0
	if o.Kind == op.Aggregate && someGroups && g == "none" && w == string(op.CodeValidation) {
		return ""
	}
	return fmt.Sprintf("the error is %q (%v), want %q (%v)", g, got, w, want)
}

// conflictsDiffer compares what two conflicts of the same reason say. Which of
// several unique fields that are taken, or of several stale rows, is named is
// not promised.
func conflictsDiffer(got, want error) string {
	var g, w *op.ConflictError
	if !errors.As(got, &g) || !errors.As(want, &w) {
		return ""
	}
	fields := w.Reason != op.ReasonExists || slices.Equal(g.Fields, w.Fields)
	if g.Model != w.Model || (g.ID != w.ID && w.Reason != op.ReasonStale) || g.Index != w.Index || !fields {
		return fmt.Sprintf("the conflict is about %s %q, row %d, fields %v, want %s %q, row %d, fields %v",
			g.Model, g.ID, g.Index, g.Fields, w.Model, w.ID, w.Index, w.Fields)
	}
	return ""
}

// failure is the code of an error and the reason of a conflict, and whether the
// other row is deleted.
func failure(err error) string {
	if err == nil {
		return "none"
	}
	var c *op.ConflictError
	s := string(op.CodeOf(err))
	if errors.As(err, &c) {
		s += " " + c.Reason
		if c.Deleted {
			s += " deleted"
		}
	}
	return s
}

func brokenRule(s string) bool {
	switch strings.TrimSuffix(s, " deleted") {
	case "CONFLICT unique", "CONFLICT exists", "CONFLICT reference", "FORBIDDEN", "VALIDATION_ERROR":
		return true
	}
	return false
}

// severalRules reports whether a write could break more than one rule.
func severalRules(o *op.Op) bool {
	if o.Kind == op.Batch {
		return slices.ContainsFunc(o.Batch, func(b op.Op) bool { return severalRules(&b) })
	}
	if o.Model == nil || !o.Writes() {
		return false
	}
	rules := len(op.Uniques(o.Model))
	if o.Check.Kind != op.True {
		rules++
	}
	if slices.ContainsFunc(op.ForeignKeys(o.Model.Set().Models), func(k op.ForeignKey) bool { return k.Model == o.Model || k.Target == o.Model }) {
		rules++
	}
	for _, a := range o.Set {
		if a.Inc {
			rules++
		}
	}
	return rules > 1
}

// report prints the shortest program found that still shows a difference.
func (r *runner) report(bad *mismatch, seed int64) {
	short := r.shrink(bad, 20*time.Second)
	var b strings.Builder
	fmt.Fprintf(&b, "%s and mem differ, seed %d (repeat with -optest.seed=%d)\n", r.s.f.Name, seed, seed)
	fmt.Fprintf(&b, "after %d operations on a fresh database, of %d that led there:\n", len(short.prog), bad.at+1)
	for i, st := range short.prog {
		fmt.Fprintf(&b, "%4d  %s\n", i, st)
	}
	fmt.Fprintf(&b, "step %d: %s", short.at, short.why)
	r.t.Error(b.String())
}

// shrink leaves out steps, in large pieces first, as long as a difference stays,
// and stops halfway when that takes too long.
func (r *runner) shrink(bad *mismatch, most time.Duration) *mismatch {
	best := &mismatch{at: bad.at, why: bad.why, prog: bad.prog[:bad.at+1]}
	end := time.Now().Add(most)
	try := func(prog []step) bool {
		ops := r.ops
		m := r.play(prog, nil)
		r.ops = ops
		if m == nil {
			return false
		}
		m.prog = prog[:m.at+1]
		best = m
		return true
	}
	for size := len(best.prog) / 2; size >= 1; {
		removed := false
		for from := 0; from+size <= len(best.prog) && time.Now().Before(end); {
			prog := slices.Concat(best.prog[:from], best.prog[from+size:])
			if len(prog) > 0 && try(prog) {
				removed = true
			} else {
				from += size
			}
		}
		if size > 1 || !removed || time.Now().After(end) {
			size /= 2
		}
	}
	// The same with the rows of inserts and the members of batches.
	for i := 0; i < len(best.prog) && time.Now().Before(end); i++ {
		for j := 0; i < len(best.prog) && j < max(len(best.prog[i].o.Rows), len(best.prog[i].o.Batch)); {
			prog := slices.Clone(best.prog)
			o := prog[i].o
			if len(o.Batch) > 0 {
				o.Batch = slices.Delete(slices.Clone(o.Batch), j, j+1)
			} else {
				o.Rows = slices.Delete(slices.Clone(o.Rows), j, j+1)
			}
			prog[i].o = o
			if !try(prog) {
				j++
			}
		}
	}
	return best
}
