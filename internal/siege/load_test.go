//go:build linux

package siege

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

const (
	groupsEach = 240 // rows are made for so many groups of each kind
	groupOps   = 150 // a group is left after so many operations,
	groupOpen  = 4   // or so many of unknown outcome, to keep histories checkable
	accounts   = 12  // of the bank
	funds      = 1000
	patience   = 4 * time.Second // for an answer
)

// kinds of workloads on groups of registers.
var kinds = []string{"register", "counter", "several", "purse"}

// load is clients at work on a cluster, and what they were told.
type load struct {
	history *history
	doors   []door
	seed    uint64

	mu     sync.Mutex
	slots  map[string][]*slot
	next   map[string]int
	told   map[string]fate
	trails map[string]*trail // what was tried, for each mark
	wrong  []string
	seen   map[string]int // errors by text, for the log
	waits  []time.Duration
	unique int64
}

// numbers are what differs between errors that are the same: addresses, ports.
var numbers = regexp.MustCompile(`http://[0-9.:]+|[0-9]+[0-9.:>-]*[0-9]+(->[0-9.:]+)?`)

// fate is what is known of a change.
type fate int

const (
	applied fate = iota + 1
	open         // may be applied
	never        // certainly not applied
)

// slot is a group in use.
type slot struct {
	group    string
	ops      int
	open     int
	last     int64 // a value that was read
	funded   bool
	complete bool
}

// prepare makes tables and rows.
func prepare(ctx context.Context, n *cluster.Node) error {
	if _, err := n.Execute(ctx, false, tables...); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	var rows []cluster.Stmt
	for i := range accounts {
		rows = append(rows, cluster.Stmt{"INSERT INTO bank (id, v) VALUES (?, ?)", i, funds})
	}
	for _, kind := range kinds {
		w := work{floor: kind == "purse"}
		for g := range groupsEach {
			w.group = fmt.Sprintf("%s%d", kind, g)
			stmt := cluster.Stmt{"INSERT INTO " + table(w) + " (id, v) VALUES (?, 0), (?, 0), (?, 0), (?, 0)"}
			for reg := range width {
				stmt = append(stmt, row(w, reg))
			}
			rows = append(rows, stmt)
		}
	}
	if _, err := n.Execute(ctx, true, rows...); err != nil {
		return fmt.Errorf("make rows: %w", err)
	}
	return nil
}

// newLoad is clients that come in through any of these doors.
func newLoad(seed uint64, doors ...door) *load {
	l := &load{
		history: newHistory(), doors: doors, seed: seed,
		slots: map[string][]*slot{}, next: map[string]int{}, told: map[string]fate{}, trails: map[string]*trail{}, seen: map[string]int{},
	}
	for _, kind := range kinds {
		for range 2 {
			l.slots[kind] = append(l.slots[kind], &slot{complete: true})
		}
	}
	return l
}

// run has n clients work until the context ends, and waits for them.
func (l *load) run(ctx context.Context, n int) { l.clients(ctx, n, l.once) }

// clients has n clients do one thing after the other until the context ends.
func (l *load) clients(ctx context.Context, n int, once func(client int, r *rand.Rand) (answered bool)) {
	var all sync.WaitGroup
	for client := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			r := rand.New(rand.NewPCG(l.seed, uint64(client)))
			for ctx.Err() == nil {
				pause := time.Duration(r.IntN(6000)) * time.Microsecond
				if !once(client, r) {
					pause *= 10 // as clients do who are turned away
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		}()
	}
	all.Wait()
}

// once does one operation and reports whether it was answered. It is not cut off
// when the load ends, so that what is under way then gets its answer.
func (l *load) once(client int, r *rand.Rand) (answered bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := l.doors[r.IntN(len(l.doors))]
	switch r.IntN(10) {
	case 0:
		return l.transfer(ctx, d, r)
	case 1:
		return l.insert(ctx, d, r)
	default:
		return l.group(ctx, client, d, r)
	}
}

// light does one operation that leaves no history.
func (l *load) light(_ int, r *rand.Rand) (answered bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := l.doors[r.IntN(len(l.doors))]
	if r.IntN(2) == 0 {
		return l.transfer(ctx, d, r)
	}
	return l.insert(ctx, d, r)
}

// group does one transaction on a group.
func (l *load) group(ctx context.Context, client int, d door, r *rand.Rand) (answered bool) {
	kind := kinds[r.IntN(len(kinds))]
	w, s, ok := l.choose(kind, r)
	if !ok {
		l.broken("there are no more groups of kind %s; make more", kind)
		return false
	}
	mark := ""
	if changes(w) && r.IntN(2) == 0 {
		mark = l.mark()
	}
	ctx = l.follow(ctx, d, mark)
	call := l.history.now()
	got, refused, err := d.do(ctx, w, mark)
	back := l.history.now()
	o := outcome{got: got, refused: refused}
	switch {
	case refused:
		l.note(mark, never, err)
	case err == nil:
		l.note(mark, applied, nil)
	case changes(w) && d.nothing(err):
		l.note(mark, never, err)
		return false
	case changes(w):
		o = outcome{unknown: true}
		l.note(mark, open, err)
	default:
		l.note("", 0, err)
		return false
	}
	l.history.add(client, w, call, back, o)
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.unknown {
		s.open++
	}
	if len(got) > 0 && w.steps[0].what == 'r' {
		s.last = got[0]
	}
	return !o.unknown
}

// choose takes a transaction on one of the groups of a kind that are in use.
func (l *load) choose(kind string, r *rand.Rand) (work, *slot, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.slots[kind]
	i := r.IntN(len(list))
	s := list[i]
	if s.complete || s.ops >= groupOps || s.open >= groupOpen {
		if l.next[kind] == groupsEach {
			return work{}, nil, false
		}
		s = &slot{group: fmt.Sprintf("%s%d", kind, l.next[kind])}
		l.next[kind]++
		list[i] = s
	}
	s.ops++
	l.unique++
	w := work{group: s.group}
	reg := r.IntN(width)
	switch kind {
	case "register":
		w.steps = []step{[]step{
			{what: 'r'}, {what: 'w', b: l.unique}, {what: 'c', a: s.last, b: l.unique},
		}[r.IntN(3)]}
	case "counter":
		w.steps = []step{[]step{{what: 'r'}, {what: 'a', b: 1}, {what: 'a', b: 1}}[r.IntN(3)]}
	case "several":
		other := (reg + 1 + r.IntN(width-1)) % width
		w.steps = [][]step{
			{{what: 'r', reg: reg}, {what: 'r', reg: other}},
			{{what: 'w', reg: reg, b: l.unique}, {what: 'w', reg: other, b: l.unique}},
			{{what: 'r', reg: reg}, {what: 'w', reg: other, b: l.unique}},
			{{what: 'a', reg: reg, b: 1}, {what: 'r', reg: reg}, {what: 'w', reg: other, b: l.unique}, {what: 'r', reg: other}},
		}[r.IntN(4)]
	case "purse":
		w.floor = true
		other, amount := (reg+1+r.IntN(width-1))%width, int64(1+r.IntN(40))
		w.steps = []step{{what: 'a', reg: reg, b: -amount}, {what: 'a', reg: other, b: amount}}
		switch {
		case !s.funded:
			s.funded = true
			w.steps = []step{{what: 'a', reg: 0, b: 100}}
		case r.IntN(3) == 0:
			w.steps = []step{{what: 'r', reg: 0}, {what: 'r', reg: 1}, {what: 'r', reg: 2}, {what: 'r', reg: 3}}
		}
	}
	return w, s, true
}

func (l *load) mark() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unique++
	return fmt.Sprintf("m%d", l.unique)
}

// trail is what was tried for one change, and when.
type trail struct {
	begun time.Time
	mu    sync.Mutex
	lines []string
}

type trailKey struct{}

// follow keeps what is tried for a change that has a mark.
func (l *load) follow(ctx context.Context, d door, mark string) context.Context {
	if mark == "" {
		return ctx
	}
	t := &trail{begun: l.history.begun}
	l.mu.Lock()
	l.trails[mark] = t
	l.mu.Unlock()
	ctx = context.WithValue(ctx, trailKey{}, t)
	tried(ctx, "through %T", d)
	return ctx
}

// tried notes one thing that was tried.
func tried(ctx context.Context, format string, args ...any) {
	t, ok := ctx.Value(trailKey{}).(*trail)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%v: ", time.Since(t.begun).Round(time.Microsecond))+fmt.Sprintf(format, args...))
}

// note keeps what became of a change.
func (l *load) note(mark string, f fate, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mark != "" {
		l.told[mark] = f
		if t := l.trails[mark]; t != nil {
			t.mu.Lock()
			t.lines = append(t.lines, fmt.Sprintf("%v: told %v", time.Since(t.begun).Round(time.Microsecond), err))
			t.mu.Unlock()
		}
	}
	if err != nil {
		text := numbers.ReplaceAllString(err.Error(), "…")
		l.seen[fmt.Sprintf("%s: %.200s", []string{"not answered", "applied", "unknown", "never"}[f], text)]++
	}
}

func (l *load) broken(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf("after %v: ", time.Since(l.history.begun).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// transfer moves money between accounts of the bank, or looks at all of them.
func (l *load) transfer(ctx context.Context, d door, r *rand.Rand) (answered bool) {
	b, ok := d.(banker)
	if !ok {
		return true
	}
	if r.IntN(3) == 0 {
		switch sum, err := b.total(ctx); {
		case err == nil && sum != accounts*funds:
			l.broken("the accounts of the bank hold %d together, not %d", sum, accounts*funds)
		case err != nil:
			l.note("", 0, err)
			return false
		}
		return true
	}
	from, mark := r.IntN(accounts), l.mark()
	to := (from + 1 + r.IntN(accounts-1)) % accounts
	refused, err := b.move(l.follow(ctx, d, mark), from, to, int64(1+r.IntN(300)), mark)
	switch {
	case err == nil:
		l.note(mark, applied, nil)
	case refused || d.nothing(err):
		l.note(mark, never, err)
		return refused
	default:
		l.note(mark, open, err)
		return false
	}
	return true
}

// insert inserts one row by one statement, and looks for it through another
// door.
func (l *load) insert(ctx context.Context, d door, r *rand.Rand) (answered bool) {
	b, ok := d.(banker)
	if !ok {
		return true
	}
	mark := l.mark()
	begun := time.Now()
	err := b.insert(l.follow(ctx, d, mark), mark)
	switch {
	case err == nil:
		l.note(mark, applied, nil)
		l.mu.Lock()
		l.waits = append(l.waits, time.Since(begun))
		l.mu.Unlock()
	case d.nothing(err):
		l.note(mark, never, err)
		return false
	default:
		l.note(mark, open, err)
		return false
	}
	other, ok := l.doors[r.IntN(len(l.doors))].(banker)
	if !ok {
		return true
	}
	n, err := other.count(ctx, mark)
	if err == nil && n != 1 {
		l.broken("row %s was acknowledged, and a linearizable read finds it %d times", mark, n)
	}
	return err == nil
}

// banker is a door for workloads that are not registers.
type banker interface {
	move(ctx context.Context, from, to int, amount int64, mark string) (refused bool, err error)
	total(ctx context.Context) (int64, error)
	insert(ctx context.Context, mark string) error
	count(ctx context.Context, mark string) (int64, error)
}

func (d byHTTP) move(ctx context.Context, from, to int, amount int64, mark string) (bool, error) {
	_, err := d.node.Execute(
		ctx, true,
		cluster.Stmt{"UPDATE bank SET v = v + ? WHERE id = ?", amount, to},
		cluster.Stmt{"UPDATE bank SET v = v - ? WHERE id = ?", amount, from},
		cluster.Stmt{"INSERT INTO marks (id, n) VALUES (?, 1)", mark},
	)
	var e *cluster.StatementError
	return errors.As(err, &e) && meetsFloor(work{floor: true}, err), err
}

func (d byHTTP) total(ctx context.Context) (int64, error) {
	return d.one(ctx, cluster.Stmt{"SELECT sum(v) FROM bank"})
}

func (d byHTTP) insert(ctx context.Context, mark string) error {
	_, err := d.node.Execute(ctx, false, cluster.Stmt{"INSERT INTO marks (id, n) VALUES (?, 1)", mark})
	return err
}

func (d byHTTP) count(ctx context.Context, mark string) (int64, error) {
	return d.one(ctx, cluster.Stmt{"SELECT count(*) FROM marks WHERE id = ?", mark})
}

func (d byHTTP) one(ctx context.Context, s cluster.Stmt) (int64, error) {
	results, err := d.node.Query(ctx, "linearizable", s)
	if err != nil {
		return 0, err
	}
	return results[0].Int()
}

// report prints what clients met, and fails the test on what was wrong.
func (l *load) report(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[fate]int{}
	for _, f := range l.told {
		n[f]++
	}
	t.Logf("marked changes: %d applied, %d of unknown outcome, %d refused", n[applied], n[open], n[never])
	texts := slices.SortedFunc(maps.Keys(l.seen), func(a, b string) int { return l.seen[b] - l.seen[a] })
	for _, text := range texts[:min(len(texts), 12)] {
		t.Logf("  %4d × %s", l.seen[text], text)
	}
	for _, w := range l.wrong {
		t.Errorf("WRONG: %s", w)
	}
}
