package optest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

// programLength is how many steps run between two fresh databases.
const programLength = 250

// Differential runs at least n random operations (10,000 when n is 0) on the
// engine and on op/mem and compares every result, every error by code and
// reason, and again and again the whole content. It prints its seed, which
// -optest.seed repeats, and how often each operator met each type with and
// without NULL; a combination that can be and never was fails the test. On a
// difference it prints the shortest list of operations found that shows it.
func Differential(t *testing.T, f Factory, n int) {
	if n <= 0 {
		n = 10000
	}
	if *opsFlag > 0 {
		n = *opsFlag
	}
	seed := Seed()
	t.Logf("optest: %s against mem, seed %d (repeat with -optest.seed=%d)", f.Name, seed, seed)
	r := &runner{t: t, s: &suite{f: f, models: f.models()}}
	r.searches = r.caps().Has(op.CapFullTextSearch)
	r.cover = newCoverage(f.models(), r.searches)
	start := time.Now()
	var bad *mismatch
	play := func(programs int, seed int64, make func(g *gen) []step) {
		check(t, programs, uint64(seed), func(rt *rapid.T) {
			if bad != nil {
				return
			}
			r.programs++
			prog := make(newGen(rt, r.s.models, r.programs, r.searches))
			bad = r.play(prog, r.cover)
			if bad != nil {
				bad.prog = prog
			}
		})
	}
	for round := int64(0); bad == nil && r.ops < n; round++ {
		play(max(1, (n-r.ops)/programLength), seed+round*1_000_003, func(g *gen) []step { return g.program(programLength) })
	}
	// What chance has left out is gone for on purpose.
	missing := func() int {
		c := r.cover
		return len(c.empty()) + len(c.neverGone()) + len(c.neverReached()) + len(c.emptySearches())
	}
	for round := int64(1); bad == nil && round <= 5 && missing() > 0; round++ {
		cells, ways, far, searches := r.cover.empty(), r.cover.neverGone(), r.cover.neverReached(), r.cover.emptySearches()
		play(1, seed-round, func(g *gen) []step { return slices.Concat(g.directed(cells, ways, searches), g.reaching(far)) })
	}
	if bad != nil {
		r.report(bad, seed)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "optest: %s against mem: %d operations in %d databases, %.1f s, seed %d\n", f.Name, r.ops, r.programs, time.Since(start).Seconds(), seed)
	r.cover.print(&b)
	fmt.Fprint(os.Stdout, b.String())
	for _, c := range r.cover.empty() {
		t.Errorf("never tried: %s", c)
	}
	for _, c := range r.cover.emptySearches() {
		t.Errorf("never tried: %s", c)
	}
	for _, k := range r.cover.kindsNeverOK() {
		t.Errorf("no %s ever succeeded", k)
	}
	for _, w := range r.cover.neverGone() {
		t.Errorf("no %s ever gave rows", w)
	}
	for _, x := range r.cover.neverReached() {
		t.Errorf("never met: %s", x)
	}
}

// stepKind is what a step of a program does.
type stepKind uint8

const (
	doStep stepKind = iota
	beginStep
	readOnlyStep
	commitStep
	rollbackStep
)

// step is one step of a program.
type step struct {
	kind stepKind
	o    op.Op
}

func (s step) String() string {
	switch s.kind {
	case beginStep:
		return "begin"
	case readOnlyStep:
		return "begin read only"
	case commitStep:
		return "commit"
	case rollbackStep:
		return "rollback"
	}
	return dumpOp(s.o)
}

// mismatch is a step at which the two engines differ.
type mismatch struct {
	at   int
	why  string
	prog []step
}

// runner plays programs on both engines.
type runner struct {
	t        *testing.T
	s        *suite
	cover    *coverage
	ops      int  // operations run so far
	gone     bool // for Gone
	programs int
	searches bool // the engine has full-text search
}

// caps are the engine's, of a database opened for the question.
func (r *runner) caps() op.Caps {
	sc := &scope{TB: r.t}
	defer sc.end()
	return r.s.f.Open(sc, r.s.models).Caps()
}

// both is a level of transactions on both engines; the first is none.
type both struct {
	eng, ref op.Engine
	readOnly bool
}

// play runs a program on two fresh databases. Coverage may be nil.
func (r *runner) play(prog []step, cover *coverage) (bad *mismatch) {
	sc := &scope{TB: r.t}
	defer sc.end()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ref := mem.Open()
	defer func() { _ = ref.Close() }()
	p := &player{r: r, ctx: ctx, cover: cover, levels: []both{{eng: r.s.f.Open(sc, r.s.models), ref: ref}}}
	defer p.abandon()
	for i, st := range prog {
		if why := p.step(st); why != "" {
			return &mismatch{at: i, why: why}
		}
		if i%25 == 24 {
			if why := p.content(); why != "" {
				return &mismatch{at: i, why: why}
			}
		}
	}
	for len(p.levels) > 1 {
		if why := p.step(step{kind: commitStep}); why != "" {
			return &mismatch{at: len(prog) - 1, why: "at the end: " + why}
		}
	}
	why := p.content()
	if why == "" && r.searches {
		why = p.words()
	}
	if why != "" {
		return &mismatch{at: len(prog) - 1, why: why}
	}
	return nil
}

// player plays one program.
type player struct {
	r      *runner
	ctx    context.Context
	cover  *coverage
	levels []both
	wide   [][]any // rows of Wide as the reference has them; nil when not known
}

func (p *player) top() *both { return &p.levels[len(p.levels)-1] }

// abandon rolls back what is open.
func (p *player) abandon() {
	for len(p.levels) > 1 {
		l := p.top()
		_ = l.eng.(op.Tx).Rollback(p.ctx)
		_ = l.ref.(op.Tx).Rollback(p.ctx)
		p.levels = p.levels[:len(p.levels)-1]
	}
}

// step runs one step and says how the engines differ, if they do.
func (p *player) step(st step) string {
	switch st.kind {
	case beginStep, readOnlyStep:
		return p.begin(st.kind == readOnlyStep)
	case commitStep, rollbackStep:
		if len(p.levels) == 1 {
			return ""
		}
		l := p.top()
		p.levels = p.levels[:len(p.levels)-1]
		p.wide = nil
		end := func(e op.Engine) error {
			if st.kind == commitStep {
				return e.(op.Tx).Commit(p.ctx)
			}
			return e.(op.Tx).Rollback(p.ctx)
		}
		got, want := end(l.eng), end(l.ref)
		if got != nil {
			_ = l.eng.(op.Tx).Rollback(p.ctx)
		}
		if got != nil || want != nil {
			return fmt.Sprintf("%s gives error %v, want %v", st, got, want)
		}
		if st.kind == rollbackStep {
			return p.content()
		}
		return ""
	}
	if p.top().readOnly && st.o.Writes() {
		return ""
	}
	p.r.ops++
	return p.compare(st.o)
}

func (p *player) begin(readOnly bool) string {
	l := p.top()
	caps := l.eng.Caps()
	if !caps.Has(op.CapTransactions) || (len(p.levels) > 1 && !caps.Has(op.CapNestedTransactions)) {
		return ""
	}
	next := both{readOnly: readOnly || l.readOnly}
	eng, err := l.eng.Begin(p.ctx, op.TxOptions{ReadOnly: readOnly})
	if err != nil {
		return fmt.Sprintf("begin: %v", err)
	}
	ref, err := l.ref.Begin(p.ctx, op.TxOptions{ReadOnly: readOnly})
	if err != nil {
		_ = eng.Rollback(p.ctx)
		return fmt.Sprintf("the reference does not begin: %v", err)
	}
	next.eng, next.ref = eng, ref
	p.levels = append(p.levels, next)
	return ""
}

// answer is what an engine made of an operation.
type answer struct {
	n     int64
	rows  [][]any
	has   bool // has rows
	batch []answer
	err   error
}

func (p *player) ask(e op.Engine, o op.Op) answer {
	o = ownCopy(o)
	res, err := e.Do(p.ctx, o)
	if err != nil {
		return answer{err: err}
	}
	a := read(res)
	closeAll(res)
	return a
}

func read(res op.Result) answer {
	a := answer{n: res.N}
	if res.Rows != nil {
		a.has = true
		a.rows, a.err = drain(res.Rows)
	}
	for _, b := range res.Batch {
		m := read(b)
		if m.err != nil {
			a.err = m.err
		}
		a.batch = append(a.batch, m)
	}
	return a
}

// compare runs an operation on both engines.
func (p *player) compare(o op.Op) string {
	if err := op.Normalize(&o); err != nil {
		return fmt.Sprintf("the suite made an operation that is refused: %v", err)
	}
	p.note(&o)
	got, want := p.ask(p.top().eng, o), p.ask(p.top().ref, o)
	if p.cover != nil {
		p.cover.kind(o.Kind, got.err)
		p.cover.gone(&o, len(got.rows))
		p.cover.reached(&o, got.rows)
	}
	if o.Writes() {
		p.wide = nil
	}
	return differs(&o, got, want)
}

// note records coverage of the conditions of an operation.
func (p *player) note(o *op.Op) {
	if p.cover == nil {
		return
	}
	for i := range o.Batch {
		p.note(&o.Batch[i])
	}
	if o.Model == nil || o.Model.Name != "Wide" {
		return
	}
	if p.wide == nil {
		p.wide = p.ask(p.top().ref, op.Op{Kind: op.Find, Model: o.Model}).rows
	}
	for _, c := range []op.Cond{o.Filter, o.Using, o.Check} {
		p.cover.note(o.Model, c, p.wide)
	}
}

// content compares the whole content.
func (p *player) content() string {
	for _, m := range p.r.s.models.Models {
		o := op.Op{Kind: op.Find, Model: m, Sort: keySort(m), WithDeleted: m.DeletedF != nil && !p.r.gone}
		got, want := p.ask(p.top().eng, o), p.ask(p.top().ref, o)
		if got.err != nil {
			return fmt.Sprintf("the content of %s cannot be read: %v", m.Name, got.err)
		}
		if !sameRows(got.rows, want.rows) {
			return fmt.Sprintf("%s holds\n%s\nwant\n%s", m.Name, onlyDiffering(m, got.rows, want.rows), onlyDiffering(m, want.rows, got.rows))
		}
	}
	return ""
}

// onlyDiffering shows the rows that the other side does not have.
func onlyDiffering(m *schema.Model, rows, other [][]any) string {
	there := map[string]bool{}
	for _, r := range other {
		there[showRow(r)] = true
	}
	var out []string
	for _, r := range rows {
		if s := showRow(r); !there[s] {
			var parts []string
			for i, f := range m.Fields {
				parts = append(parts, f.Name+" "+show(r[i]))
			}
			out = append(out, "  "+strings.Join(parts, ", "))
		}
	}
	if len(out) == 0 {
		return "  (the others)"
	}
	return strings.Join(out, "\n")
}

// ownCopy keeps an engine from changing what the other one is given.
func ownCopy(o op.Op) op.Op {
	if o.Rows != nil {
		rows := make([][]any, len(o.Rows))
		for i, r := range o.Rows {
			rows[i] = append([]any(nil), r...)
		}
		o.Rows = rows
	}
	if o.Set != nil {
		o.Set = append([]op.Assign(nil), o.Set...)
	}
	if o.Batch != nil {
		b := make([]op.Op, len(o.Batch))
		for i := range o.Batch {
			b[i] = ownCopy(o.Batch[i])
		}
		o.Batch = b
	}
	return o
}
