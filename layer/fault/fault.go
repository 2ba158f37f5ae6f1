// Package fault is a layer for tests. It makes an engine fail, wait or break
// off on demand, and it counts and keeps the operations that pass it.
package fault

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
)

// Options of the layer; the zero value is ready.
type Options struct {
	// Seed makes rules with a probability repeatable.
	Seed uint64
}

// Point is a place where a rule can act.
type Point uint8

// The points. Row acts on the rows of a result.
const (
	Do Point = iota
	Begin
	Commit
	Rollback
	Row
)

// Rule says what goes wrong and when. Its zero value hits every operation and
// does nothing; Err, Delay and Wait say what it does.
type Rule struct {
	At    Point
	Kind  op.Kind // of the operation, for Do and Row; 0 is any, and op.Update an increment too
	Model string  // of the operation, for Do and Row; empty is any

	// Of the calls that match, only the Nth (from 1), or every one when 0, but
	// no more than Times when that is set; each with Probability, or always
	// when that is 0.
	Nth         int
	Times       int
	Probability float64

	// Delay is waited for before anything else; the context ends the wait.
	Delay <-chan struct{}
	// Wait is how long is waited then; the context ends it too.
	Wait time.Duration

	// Err is what the call fails with; nil lets it go on after Delay.
	Err error

	// After lets the call reach the engine and fails then, so that its effect
	// is there although the caller is told of an error. A transaction whose
	// Begin fails so is rolled back.
	After bool

	// Rows, for Row, is how many rows come before Err.
	Rows int
}

// Switch controls a layer. It is safe for concurrent use.
type Switch struct {
	mu     sync.Mutex
	rand   *rand.Rand
	rules  []*rule
	ops    []op.Op
	kinds  map[op.Kind]int
	points map[Point]int
}

type rule struct {
	Rule
	seen, hit int
}

// New makes the layer and its switch. Without rules the layer only counts.
func New(o Options) (op.Layer, *Switch) {
	s := &Switch{rand: rand.New(rand.NewPCG(o.Seed, 0))}
	s.Reset()
	return func(next op.Engine) op.Engine { return &engine{s: s, next: next} }, s
}

// Add adds a rule and returns what takes it away again. Where several rules
// hit one call, each delays, and the first error counts.
func (s *Switch) Add(r Rule) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &rule{Rule: r}
	s.rules = append(s.rules, n)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, x := range s.rules {
			if x == n {
				s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
				return
			}
		}
	}
}

// Clear takes every rule away.
func (s *Switch) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Reset forgets what was counted and kept.
func (s *Switch) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops, s.kinds, s.points = nil, map[op.Kind]int{}, map[Point]int{}
}

// Count returns how many operations of the kind came, inside and outside
// transactions; 0 counts all. A batch counts as one.
func (s *Switch) Count(k op.Kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k == 0 {
		return len(s.ops)
	}
	return s.kinds[k]
}

// Calls returns how many calls came to a point; Row counts rows.
func (s *Switch) Calls(p Point) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.points[p]
}

// Ops returns the operations that came, in order, without sink and instances.
func (s *Switch) Ops() []op.Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]op.Op(nil), s.ops...)
}

// note counts a call and, for Do, keeps the operation.
func (s *Switch) note(p Point, o *op.Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[p]++
	if p == Do {
		s.kinds[o.Kind]++
		kept := *o
		kept.Sink, kept.Instances = nil, nil
		s.ops = append(s.ops, kept)
	}
}

// hits returns the rules that act on this call.
func (s *Switch) hits(p Point, o *op.Op) []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Rule
	for _, r := range s.rules {
		if r.At != p || !r.matches(o) {
			continue
		}
		r.seen++
		switch {
		case r.Nth > 0 && r.seen != r.Nth:
		case r.Times > 0 && r.hit >= r.Times:
		case r.Probability > 0 && s.rand.Float64() >= r.Probability:
		default:
			r.hit++
			out = append(out, r.Rule)
		}
	}
	return out
}

// matches looks at the operation and, of a batch, at its members.
func (r *rule) matches(o *op.Op) bool {
	if o == nil {
		return true
	}
	kind := r.Kind == 0 || r.Kind == o.Kind || (r.Kind == op.Update && o.Kind == op.Increment)
	model := r.Model == "" || (o.Model != nil && o.Model.Name == r.Model)
	if kind && model {
		return true
	}
	for i := range o.Batch {
		if r.matches(&o.Batch[i]) {
			return true
		}
	}
	// A rule for batches of a model: the batch itself has none.
	return kind && r.Model != "" && anyModel(o.Batch, r.Model)
}

func anyModel(ops []op.Op, model string) bool {
	for i := range ops {
		if (ops[i].Model != nil && ops[i].Model.Name == model) || anyModel(ops[i].Batch, model) {
			return true
		}
	}
	return false
}

// act waits for the delays of the rules, then gives the error to fail with
// before the engine and the one to fail with after it.
func act(ctx context.Context, rules []Rule) (before, after error) {
	for _, r := range rules {
		if r.Delay != nil {
			select {
			case <-r.Delay:
			case <-ctx.Done():
				return op.FromContext(ctx.Err()), nil
			}
		}
	}
	for _, r := range rules {
		if r.Wait <= 0 {
			continue
		}
		timer := time.NewTimer(r.Wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return op.FromContext(ctx.Err()), nil
		}
	}
	for _, r := range rules {
		if r.Err == nil {
			continue
		}
		if r.After && after == nil {
			after = r.Err
		}
		if !r.After && before == nil {
			before = r.Err
		}
	}
	return before, after
}
