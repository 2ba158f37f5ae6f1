//go:build linux

package siege

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// width is how many registers a group of registers has. A transaction touches
// registers of one group only, so that histories fall apart by group.
const width = 4

// step is what a transaction does to one register, in order.
type step struct {
	what byte  // 'r' read, 'w' write b, 'a' add b, 'c' write b if it is a
	reg  int   // which of the group
	a, b int64 // see what
}

// work is one transaction on one group.
type work struct {
	group string
	steps []step
	floor bool // adds that would make a register negative fail, with all the rest
}

// outcome is what the caller was told.
type outcome struct {
	unknown bool    // it may be applied, now, later or never; got says nothing
	refused bool    // by the floor: nothing was applied
	got     []int64 // for each step: the value read, or 1 where a 'c' found a
}

// state of a group.
type state [width]int64

// apply runs a transaction on a state. It is the meaning of the workload,
// written for obviousness.
func apply(s state, w work) (after state, got []int64, refused bool) {
	after = s
	for _, st := range w.steps {
		v := &after[st.reg]
		var told int64
		switch st.what {
		case 'r':
			told = *v
		case 'w':
			*v = st.b
		case 'a':
			*v += st.b
			if w.floor && *v < 0 {
				return s, nil, true
			}
		case 'c':
			if *v == st.a {
				*v, told = st.b, 1
			}
		}
		got = append(got, told)
	}
	return after, got, false
}

// model is what porcupine checks histories against.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		o := out.(outcome)
		after, got, refused := apply(s.(state), in.(work))
		if o.unknown {
			return true, after
		}
		return refused == o.refused && (refused || slices.Equal(got, o.got)), after
	},
	DescribeOperation: func(in, out any) string { return describe(in.(work), out.(outcome)) },
}

func describe(w work, o outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", w.group)
	for i, st := range w.steps {
		switch st.what {
		case 'r':
			fmt.Fprintf(&b, " read %d", st.reg)
		case 'w':
			fmt.Fprintf(&b, " %d=%d", st.reg, st.b)
		case 'a':
			fmt.Fprintf(&b, " %d+=%d", st.reg, st.b)
		case 'c':
			fmt.Fprintf(&b, " %d:%d→%d", st.reg, st.a, st.b)
		}
		if i < len(o.got) && (st.what == 'r' || st.what == 'c') {
			fmt.Fprintf(&b, " (%d)", o.got[i])
		}
	}
	switch {
	case o.unknown:
		b.WriteString(" unknown")
	case o.refused:
		b.WriteString(" refused")
	}
	return b.String()
}

// history is what clients did and were told. It is safe for concurrent use.
type history struct {
	begun time.Time
	mu    sync.Mutex
	done  map[string][]porcupine.Operation
}

func newHistory() *history {
	return &history{begun: time.Now(), done: map[string][]porcupine.Operation{}}
}

func (h *history) now() int64 { return time.Since(h.begun).Nanoseconds() }

// add keeps one operation. One of unknown outcome may happen at any time after
// its call: it never returned. One that only reads and was not answered says
// nothing.
func (h *history) add(client int, w work, call, back int64, o outcome) {
	if o.unknown {
		if !changes(w) {
			return
		}
		back = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[w.group] = append(h.done[w.group], porcupine.Operation{ClientId: client, Input: w, Call: call, Output: o, Return: back})
}

func changes(w work) bool {
	return slices.ContainsFunc(w.steps, func(s step) bool { return s.what != 'r' })
}

// check fails the test where a history has no order that explains it. What the
// checker cannot decide in time fails as well.
func (h *history) check(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	begun, total, unknown := time.Now(), 0, 0
	for group, ops := range h.done {
		total += len(ops)
		for _, o := range ops {
			if o.Output.(outcome).unknown {
				unknown++
			}
		}
		switch porcupine.CheckOperationsTimeout(model, ops, time.Minute) {
		case porcupine.Ok:
		case porcupine.Illegal:
			t.Errorf("NOT LINEARIZABLE: no order explains what was told of %s:\n%s", group, shortest(ops))
		default:
			t.Errorf("NOT DECIDED: the history of %s with %d operations is too much for the checker", group, len(ops))
		}
	}
	t.Logf("%d operations on %d groups, %d of unknown outcome, checked in %v", total, len(h.done), unknown, time.Since(begun).Round(time.Millisecond))
}

// shortest is the beginning of a history up to the first answer that cannot be
// explained any more.
func shortest(ops []porcupine.Operation) string {
	byReturn := slices.Clone(ops)
	slices.SortFunc(byReturn, func(a, b porcupine.Operation) int {
		switch {
		case a.Return < b.Return:
			return -1
		case a.Return > b.Return:
			return 1
		}
		return 0
	})
	known := len(byReturn)
	for known > 0 && byReturn[known-1].Return == math.MaxInt64 {
		known--
	}
	open := func(n int) []porcupine.Operation { // the first n answers, and what was under way by then
		end := byReturn[n-1].Return
		list := slices.Clone(byReturn[:n])
		for _, o := range byReturn[n:] {
			if o.Call < end {
				o.Return, o.Output = math.MaxInt64, outcome{unknown: true}
				list = append(list, o)
			}
		}
		return list
	}
	n, found := known, false
	for low, high := 1, known; low <= high; {
		mid := (low + high) / 2
		if porcupine.CheckOperationsTimeout(model, open(mid), 10*time.Second) == porcupine.Illegal {
			n, found, high = mid, true, mid-1
		} else {
			low = mid + 1
		}
	}
	var b strings.Builder
	list := open(n)
	slices.SortFunc(list, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range list[max(0, len(list)-40):] {
		until := fmt.Sprintf("%9.3f ms", float64(o.Return)/1e6)
		if o.Return == math.MaxInt64 {
			until = "      never"
		}
		fmt.Fprintf(&b, "  client %2d  %9.3f ms to %s  %s\n", o.ClientId, float64(o.Call)/1e6, until, describe(o.Input.(work), o.Output.(outcome)))
	}
	if found {
		fmt.Fprintf(&b, "  the last answer is the one that cannot be explained")
	}
	return b.String()
}

// The model finds what it should. Each history is written by hand.
func TestModel(t *testing.T) {
	read := func(v int64) (work, outcome) {
		return work{group: "g", steps: []step{{what: 'r'}}}, outcome{got: []int64{v}}
	}
	write := func(v int64) work { return work{group: "g", steps: []step{{what: 'w', b: v}}} }
	add := work{group: "g", steps: []step{{what: 'a', b: 1}}}
	move := work{group: "g", floor: true, steps: []step{{what: 'a', reg: 0, b: -1}, {what: 'a', reg: 1, b: 1}}}
	one := outcome{got: []int64{0}}
	type op struct {
		work
		call, back int64
		outcome
	}
	reads := func(v, call, back int64) op { w, o := read(v); return op{w, call, back, o} }
	for name, c := range map[string]struct {
		ops  []op
		good bool
	}{
		"in order":                    {[]op{{write(1), 0, 1, one}, reads(1, 2, 3)}, true},
		"a stale read":                {[]op{{write(1), 0, 1, one}, {write(2), 2, 3, one}, reads(1, 4, 5)}, false},
		"a read during a write":       {[]op{{write(1), 0, 5, one}, reads(0, 1, 2), reads(1, 3, 4)}, true},
		"back in time":                {[]op{{write(1), 0, 9, one}, reads(1, 1, 2), reads(0, 3, 4)}, false},
		"a lost write":                {[]op{{write(1), 0, 1, one}, reads(0, 2, 3)}, false},
		"unknown, then seen":          {[]op{{write(1), 0, 1, outcome{unknown: true}}, reads(0, 2, 3), reads(1, 4, 5)}, true},
		"unknown, never seen":         {[]op{{write(1), 0, 1, outcome{unknown: true}}, reads(0, 2, 3)}, true},
		"unknown, seen and gone":      {[]op{{write(1), 0, 1, outcome{unknown: true}}, reads(1, 2, 3), reads(0, 4, 5)}, false},
		"added once":                  {[]op{{add, 0, 1, one}, {add, 0, 1, one}, reads(2, 2, 3)}, true},
		"added twice":                 {[]op{{add, 0, 1, one}, reads(2, 2, 3)}, false},
		"added twice, one unknown":    {[]op{{add, 0, 1, outcome{unknown: true}}, reads(2, 2, 3)}, false},
		"swapped what was not there":  {[]op{{work{group: "g", steps: []step{{what: 'c', a: 5, b: 6}}}, 0, 1, outcome{got: []int64{1}}}}, false},
		"moved what was not there":    {[]op{{move, 0, 1, outcome{got: []int64{0, 0}}}}, false},
		"refused what was not there":  {[]op{{move, 0, 1, outcome{refused: true}}}, true},
		"half of a transaction":       {[]op{{write(1), 0, 1, one}, {move, 2, 3, outcome{got: []int64{0, 0}}}, {work{group: "g", steps: []step{{what: 'r'}, {what: 'r', reg: 1}}}, 4, 5, outcome{got: []int64{0, 0}}}}, false},
		"both halves of it":           {[]op{{write(1), 0, 1, one}, {move, 2, 3, outcome{got: []int64{0, 0}}}, {work{group: "g", steps: []step{{what: 'r'}, {what: 'r', reg: 1}}}, 4, 5, outcome{got: []int64{0, 1}}}}, true},
		"refused, and yet it is done": {[]op{{write(1), 0, 1, one}, {move, 2, 3, outcome{refused: true}}}, false},
	} {
		h := newHistory()
		for i, o := range c.ops {
			h.add(i, o.work, o.call, o.back, o.outcome)
		}
		result := porcupine.CheckOperationsTimeout(model, h.done["g"], time.Minute)
		if good := result == porcupine.Ok; good != c.good {
			t.Errorf("%s: the checker says %s", name, result)
		}
		if !c.good && !strings.Contains(shortest(h.done["g"]), "the last answer") {
			t.Errorf("%s: what cannot be explained is not told:\n%s", name, shortest(h.done["g"]))
		}
	}
}
