package wire

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// other is the engine on the other side: it notes what reaches it and answers
// with what the test says.
type other struct {
	got   []op.Op
	calls []string
	ro    bool
	res   op.Result
	err   error
}

func (e *other) Do(_ context.Context, o op.Op) (op.Result, error) {
	e.got = append(e.got, o)
	return e.res, e.err
}

func (e *other) Begin(_ context.Context, opts op.TxOptions) (op.Tx, error) {
	e.ro = opts.ReadOnly
	return e, e.err
}

func (e *other) note(s string) error {
	e.calls = append(e.calls, s)
	return e.err
}

func (e *other) Caps() op.Caps                  { return op.Caps{Engine: "other", Flags: op.CapBackup} }
func (e *other) Close() error                   { return e.note("close") }
func (e *other) Commit(context.Context) error   { return e.note("commit") }
func (e *other) Rollback(context.Context) error { return e.note("rollback") }

// noSink stands beside an operation; it must not be sent.
type (
	noSink      struct{ op.Sink }
	noInstances struct{ op.Instances }
)

func TestLoopbackSendsACopy(t *testing.T) {
	e := &other{res: op.Result{N: 3}}
	l := Loopback(e, func() *schema.Set { return testSet })
	o := getByID()
	o.Instances = noInstances{}
	o.Sink = noSink{}
	res, err := l.Do(t.Context(), o)
	if err != nil || res.N != 3 || res.Rows != nil {
		t.Fatalf("got %+v, %v", res, err)
	}
	got := e.got[0]
	if got.Sink != nil || got.Instances != nil {
		t.Fatal("what stands beside the operation was sent")
	}
	if got.Model != post() || got.Filter.Value != o.Filter.Value {
		t.Fatalf("got %+v", got)
	}
	if c := l.Caps(); c.Engine != "other" || !c.Has(op.CapBackup) {
		t.Fatalf("got %+v", c)
	}
	if _, err := l.Do(t.Context(), op.Op{Kind: op.SQL, Args: []any{t}}); !errors.Is(err, op.ErrValidation) {
		t.Fatalf("got %v", err)
	}
}

func TestLoopbackLearnsModelsFromMigrations(t *testing.T) {
	e := &other{}
	l := Loopback(e, nil)
	if _, err := l.Do(t.Context(), getByID()); err == nil || !strings.Contains(err.Error(), "unknown model") {
		t.Fatalf("got %v", err)
	}
	if _, err := l.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: testSet, Apply: true}}); err != nil {
		t.Fatal(err)
	}
	if m := e.got[0].Migration; m.Models == testSet || !m.Apply || m.Models.Model("Post") == nil || m.Models.Model("Post").Relation("author") == nil {
		t.Fatalf("got %+v", m)
	}
	tx, err := l.Begin(t.Context(), op.TxOptions{ReadOnly: true})
	if err != nil || !e.ro {
		t.Fatalf("read only is %v, %v", e.ro, err)
	}
	for _, on := range []op.Engine{l, tx} {
		if _, err := on.Do(t.Context(), getByID()); err != nil || e.got[len(e.got)-1].Model != post() {
			t.Fatal(err)
		}
	}
}

func TestLoopbackErrors(t *testing.T) {
	stale := &op.ConflictError{Reason: op.ReasonStale, Model: "Post", Current: []any{"p1"}, Index: -1}
	e := &other{err: errors.Join(stale)}
	l := Loopback(e, nil)
	tx := &loopbackTx{loopback: loopback{next: e, known: &modelsSeen{}}, tx: e}
	_, doErr := l.Do(t.Context(), op.Op{Kind: op.Backup})
	_, beginErr := l.Begin(t.Context(), op.TxOptions{})
	for _, err := range []error{doErr, beginErr, l.Close(), tx.Commit(t.Context()), tx.Rollback(t.Context()), tx.Close()} {
		var c *op.ConflictError
		if !errors.As(err, &c) || c == stale || !reflect.DeepEqual(c, stale) {
			t.Errorf("got %#v", err)
		}
	}
	if want := []string{"close", "commit", "rollback", "close"}; !reflect.DeepEqual(e.calls, want) {
		t.Errorf("calls are %v, want %v", e.calls, want)
	}
}

func TestLoopbackRows(t *testing.T) {
	rows := &watched{rows: [][]any{{"p1", int64(1)}, {"p2", nil}, {"p3", int64(3)}}}
	l := Loopback(&other{res: op.Result{Rows: rows}}, func() *schema.Set { return testSet })
	find := op.Op{Kind: op.Find, Model: post(), Fields: []string{"id", "likes"}}
	res, err := l.Do(t.Context(), find)
	if err != nil {
		t.Fatal(err)
	}
	if rows.at != 0 {
		t.Fatal("rows were read before they were asked for")
	}
	if !res.Rows.Next() || rows.at != 1 || !reflect.DeepEqual(res.Rows.Row(), []any{"p1", int64(1)}) {
		t.Fatalf("%d rows were read, the first is %v", rows.at, res.Rows.Row())
	}
	if err := res.Rows.Close(); err != nil || !rows.closed {
		t.Fatalf("closed is %v, %v", rows.closed, err)
	}

	rows = &watched{rows: rows.rows, err: context.DeadlineExceeded}
	l = Loopback(&other{res: op.Result{Rows: rows}}, func() *schema.Set { return testSet })
	if res, err = l.Do(t.Context(), find); err != nil {
		t.Fatal(err)
	}
	n := 0
	for res.Rows.Next() {
		n++
	}
	if n != 3 || !errors.Is(res.Rows.Err(), context.DeadlineExceeded) || !rows.closed {
		t.Fatalf("%d rows, %v, closed %v", n, res.Rows.Err(), rows.closed)
	}

	// An engine that gives other columns than were asked for is found out.
	l = Loopback(&other{res: op.Result{Rows: op.NewRows([][]any{{"p1"}})}}, func() *schema.Set { return testSet })
	if res, err = l.Do(t.Context(), find); err != nil {
		t.Fatal(err)
	}
	if res.Rows.Next() || op.CodeOf(res.Rows.Err()) != op.CodeInternal {
		t.Fatalf("got %v", res.Rows.Err())
	}
}

// watched is a stream that says how far it was read.
type watched struct {
	rows   [][]any
	at     int
	err    error
	closed bool
}

func (w *watched) Next() bool   { w.at++; return w.at <= len(w.rows) }
func (w *watched) Row() []any   { return w.rows[w.at-1] }
func (w *watched) Err() error   { return w.err }
func (w *watched) Close() error { w.closed = true; return nil }

func TestLoopbackColumns(t *testing.T) {
	user := testSet.Model("User")
	for _, c := range []struct {
		o    op.Op
		want int
	}{
		{op.Op{Kind: op.Find, Model: post()}, 8},
		{op.Op{Kind: op.Find, Model: post(), Fields: []string{"id"}, With: []op.With{{Relation: "author"}}}, 2},
		{op.Op{Kind: op.Find, Model: post(), Fields: []string{"id"}, Via: &op.Via{Model: user, Relation: "posts"}}, 2},
		{op.Op{Kind: op.Find, Model: post(), Via: &op.Via{Model: user, Relation: "none"}}, AnyNumber},
		{op.Op{Kind: op.Aggregate, Model: post(), GroupBy: []string{"id"}, Aggs: make([]op.Agg, 2)}, 3},
		{op.Op{Kind: op.Aggregate, Model: post(), Aggs: make([]op.Agg, 1), Via: &op.Via{Model: user, Relation: "posts"}}, 2},
		{op.Op{Kind: op.Aggregate, Model: post(), Aggs: make([]op.Agg, 1), Via: &op.Via{Model: user, Relation: "none"}}, AnyNumber},
		{op.Op{Kind: op.Backup}, 1},
		{op.Op{Kind: op.SQL}, AnyNumber},
		{op.Op{Kind: op.Find}, AnyNumber},
	} {
		if got := Columns(&c.o); got != c.want {
			t.Errorf("%+v: got %d, want %d", c.o, got, c.want)
		}
	}
}

// taken is a sink that keeps rows and what was attached to them.
type taken struct {
	op.Sink
	cur      []any
	rows     [][]any
	children map[string]*taken
	links    map[string][][]int
	counts   []any // names and numbers
	fail     error
}

func newTaken() *taken {
	return &taken{children: map[string]*taken{}, links: map[string][][]int{}}
}

func (s *taken) put(col int, v any) {
	for len(s.cur) <= col {
		s.cur = append(s.cur, "unset")
	}
	s.cur[col] = v
}

func (s *taken) Begin()                    { s.cur = nil }
func (s *taken) Null(col int)              { s.put(col, nil) }
func (s *taken) Int(col int, v int64)      { s.put(col, v) }
func (s *taken) Text(col int, v string)    { s.put(col, v) }
func (s *taken) Time(col int, v time.Time) { s.put(col, v) }
func (s *taken) Value(col int, v any)      { s.put(col, v) }
func (s *taken) Len() int                  { return len(s.rows) }

func (s *taken) End() error {
	s.rows = append(s.rows, s.cur)
	return s.fail
}

func (s *taken) Child(r *schema.Relation, w *op.With) op.Sink {
	c := newTaken()
	s.children[r.Name] = c
	return c
}

func (s *taken) Attach(row int, r *schema.Relation, child op.Sink, rows []int) {
	if child != op.Sink(s.children[r.Name]) || row != len(s.links[r.Name]) {
		panic("attached to another row or from another sink")
	}
	s.links[r.Name] = append(s.links[r.Name], rows)
}

func (s *taken) Counted(row int, c *schema.Count, n int64) error {
	if row != len(s.rows)-1 {
		panic("counted for another row")
	}
	s.counts = append(s.counts, c.Name, n)
	return nil
}

func TestLoopbackSink(t *testing.T) {
	user := testSet.Model("User")
	posts := func(ids ...string) *op.Related {
		r := &op.Related{Model: post(), Fields: []string{"id"}}
		for _, id := range ids {
			r.Rows = append(r.Rows, []any{id, &op.Related{Model: user, Fields: []string{"name"}, Rows: [][]any{{"author of " + id}}}})
		}
		return r
	}
	e := &other{res: op.Result{Rows: op.NewRows([][]any{{"u1", posts("p1", "p2")}, {"u2", posts()}, {"u3", posts("p3")}})}}
	l := Loopback(e, func() *schema.Set { return testSet })
	s := newTaken()
	find := op.Op{
		Kind: op.Find, Model: user, Fields: []string{"id"}, Sink: s,
		With: []op.With{{Relation: "posts", Fields: []string{"id"}, With: []op.With{{Relation: "author", Fields: []string{"name"}}}}},
	}
	res, err := l.Do(t.Context(), find)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; res.Rows.Next(); n++ {
		if len(s.rows) != n || res.Rows.Row() != nil {
			t.Fatalf("%d rows were delivered at row %d", len(s.rows), n)
		}
	}
	if res.Rows.Err() != nil || res.Rows.Close() != nil {
		t.Fatal(res.Rows.Err())
	}
	child := s.children["posts"]
	if !reflect.DeepEqual(s.rows, [][]any{{"u1"}, {"u2"}, {"u3"}}) ||
		!reflect.DeepEqual(s.links["posts"], [][]int{{0, 1}, nil, {2}}) ||
		!reflect.DeepEqual(child.rows, [][]any{{"p1"}, {"p2"}, {"p3"}}) ||
		!reflect.DeepEqual(child.links["author"], [][]int{{0}, {1}, {2}}) ||
		!reflect.DeepEqual(child.children["author"].rows, [][]any{{"author of p1"}, {"author of p2"}, {"author of p3"}}) {
		t.Fatalf("got %+v, %+v", s, child)
	}

	// An error of the sink ends the operation with it.
	full := errors.New("full")
	rows := &watched{rows: [][]any{{"u1", posts()}, {"u2", posts()}}}
	e.res = op.Result{Rows: rows}
	find.Sink = &taken{fail: full}
	if res, err = l.Do(t.Context(), find); err != nil {
		t.Fatal(err)
	}
	first := res.Rows.Next()
	if first || res.Rows.Next() || res.Rows.Err() != full || !rows.closed {
		t.Fatalf("got %v, closed %v", res.Rows.Err(), rows.closed)
	}
}

func TestLoopbackSinkCounts(t *testing.T) {
	set, err := schema.Build(
		&schema.Model{Name: "Post", Fields: []*schema.Field{{Name: "id", Type: schema.UUID, Primary: true}, {Name: "userId", Type: schema.UUID}}},
		&schema.Model{
			Name: "User", Fields: []*schema.Field{{Name: "id", Type: schema.UUID, Primary: true}},
			Relations: []*schema.Relation{{Name: "posts", Kind: schema.HasMany, Model: "Post"}},
			Counts:    []*schema.Count{{Name: "postsCount", Relation: "posts"}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	user := set.Model("User")
	e := &other{}
	l := Loopback(e, func() *schema.Set { return set })
	find := op.Op{
		Kind: op.Find, Model: user, Fields: []string{"id"},
		With: []op.With{{Relation: "postsCount"}, {Relation: "posts", Fields: []string{"id"}}},
	}
	none := &op.Related{Model: set.Model("Post"), Fields: []string{"id"}}
	run := func(rows ...[]any) (*taken, error) {
		s := newTaken()
		o := find
		o.Sink = s
		e.res = op.Result{Rows: op.NewRows(rows)}
		res, err := l.Do(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for res.Rows.Next() {
		}
		return s, res.Rows.Err()
	}
	s, err := run([]any{"u1", int64(2), none}, []any{"u2", int64(0), none})
	if err != nil || !reflect.DeepEqual(s.rows, [][]any{{"u1"}, {"u2"}}) ||
		!reflect.DeepEqual(s.counts, []any{"postsCount", int64(2), "postsCount", int64(0)}) || len(s.links["posts"]) != 2 {
		t.Fatalf("got %+v, %v", s, err)
	}
	for _, row := range [][]any{{"u1", none, none}, {"u1", int64(1), int64(1)}, {none, int64(1), none}} {
		if _, err := run(row); op.CodeOf(err) != op.CodeInternal {
			t.Errorf("%v: got %v", row, err)
		}
	}
}

func TestLoopbackBatch(t *testing.T) {
	e := &other{res: op.Result{Batch: []op.Result{{N: 1}, {N: 1, Rows: op.NewRows([][]any{{"p1"}})}, {Rows: op.NewRows([][]any{{"p2"}})}}}}
	l := Loopback(e, func() *schema.Set { return testSet })
	s := newTaken()
	m := op.Op{Kind: op.Find, Model: post(), Fields: []string{"id"}}
	sunk := m
	sunk.Sink = s
	res, err := l.Do(t.Context(), op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Delete, Model: post()}, m, sunk}})
	if err != nil || len(res.Batch) != 3 || res.Batch[0].Rows != nil || res.Batch[0].N != 1 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if got := allRows(t, res.Batch[1].Rows); !reflect.DeepEqual(got, [][]any{{"p1"}}) {
		t.Fatalf("got %v", got)
	}
	for res.Batch[2].Rows.Next() {
	}
	if !reflect.DeepEqual(s.rows, [][]any{{"p2"}}) {
		t.Fatalf("got %v", s.rows)
	}
	e.res = op.Result{Batch: []op.Result{{Rows: failing{op.ErrTimeout}}}}
	if _, err := l.Do(t.Context(), op.Op{Kind: op.Batch}); err != error(op.ErrTimeout) {
		t.Fatalf("got %v", err)
	}
}
