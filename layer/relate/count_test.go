package relate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

var ctx = context.Background()

// counter counts the finds that reach an engine, and how many are open at once,
// and aggregates.
type counter struct {
	op.Engine
	*counts
}

type counts struct {
	mu    sync.Mutex
	finds []op.Op
	open  int
	most  int
	fail  func(o op.Op) error

	aggregates []op.Op
}

func (c *counter) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Kind == op.Aggregate {
		c.mu.Lock()
		c.aggregates = append(c.aggregates, o)
		c.mu.Unlock()
	}
	if o.Kind != op.Find {
		return c.Engine.Do(ctx, o)
	}
	c.mu.Lock()
	c.finds = append(c.finds, o)
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		if err := fail(o); err != nil {
			return op.Result{}, err
		}
	}
	res, err := c.Engine.Do(ctx, o)
	if err == nil && res.Rows != nil {
		c.mu.Lock()
		c.open++
		c.most = max(c.most, c.open)
		c.mu.Unlock()
		res.Rows = &closing{Rows: res.Rows, c: c.counts}
	}
	return res, err
}

func (c *counter) Begin(ctx context.Context, o op.TxOptions) (op.Tx, error) {
	t, err := c.Engine.Begin(ctx, o)
	if err != nil {
		return nil, err
	}
	return &countedTx{counter{t, c.counts}, t}, nil
}

type countedTx struct {
	counter
	op.Tx
}

func (t *countedTx) Do(ctx context.Context, o op.Op) (op.Result, error) { return t.counter.Do(ctx, o) }
func (t *countedTx) Begin(ctx context.Context, o op.TxOptions) (op.Tx, error) {
	return t.counter.Begin(ctx, o)
}
func (t *countedTx) Caps() op.Caps { return t.Tx.Caps() }
func (t *countedTx) Close() error  { return t.Tx.Close() }

func (c *counts) taken() []op.Op {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.finds
	c.finds, c.most = nil, 0
	return f
}

type closing struct {
	op.Rows
	c    *counts
	once sync.Once
}

func (r *closing) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *closing) Close() error {
	r.once.Do(func() { r.c.mu.Lock(); r.c.open--; r.c.mu.Unlock() })
	return r.Rows.Close()
}

type Shelf struct {
	ID    string  `weft:"primary,type=string"`
	Name  string  `weft:"type=string"`
	Books []*Book `weft:"has_many,fk=ShelfID"`
	Label *Label  `weft:"has_one,fk=ShelfID"`

	BooksCount int64 `weft:"count=books"`
}

type Label struct {
	ID      int64  `weft:"primary,auto"`
	ShelfID string `weft:"type=string"`
	Text    string
}

type Book struct {
	ID      string  `weft:"primary,type=string"`
	ShelfID *string `weft:"type=string"`
	Title   string
	Pages   int64
	Shelf   *Shelf    `weft:"belongs_to,fk=ShelfID"`
	Writers []*Writer `weft:"many_to_many,through=BookWriter"`

	WritersCount int64 `weft:"count=writers"`
}

type Writer struct {
	ID    int64   `weft:"primary,auto"`
	Name  string  `weft:"type=string"`
	Books []*Book `weft:"many_to_many,through=BookWriter"`
}

type BookWriter struct {
	BookID   string `weft:"primary,type=string"`
	WriterID int64  `weft:"primary"`
}

// Team and Member have eager relations that lead to each other.
type Team struct {
	ID      string    `weft:"primary,type=string"`
	Members []*Member `weft:"has_many,fk=TeamID,eager"`
}

type Member struct {
	ID     string   `weft:"primary,type=string"`
	TeamID string   `weft:"type=string"`
	Badges []*Badge `weft:"has_many,fk=MemberID,eager"`
}

type Badge struct {
	ID       string `weft:"primary,type=string"`
	MemberID string `weft:"type=string"`
}

func build(t testing.TB) *schema.Set {
	t.Helper()
	var list []*schema.Model
	for _, s := range []any{Shelf{}, Label{}, Book{}, Writer{}, BookWriter{}, Team{}, Member{}, Badge{}} {
		m, err := schema.FromStruct(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

type library struct {
	testing.TB
	set *schema.Set
	eng op.Engine
	c   *counts
}

// open gives a library of n shelves with three books each; book k of shelf s
// is "s-k" and has the writers k and k+1. Shelf 0 has no label, the last book
// no shelf.
func open(t testing.TB, n int, o relate.Options) *library {
	t.Helper()
	l := &library{TB: t, set: build(t), c: &counts{}}
	l.eng = relate.New(o)(&counter{mem.Open(), l.c})
	t.Cleanup(func() { _ = l.eng.Close() })
	l.do(op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: l.set, Apply: true}})
	for k := range 4 {
		l.insert("Writer", int64(k+1), fmt.Sprintf("writer %d", k+1))
	}
	for s := range n {
		l.insert("Shelf", shelf(s), fmt.Sprintf("shelf %d", s))
		if s > 0 {
			l.insert("Label", int64(s), shelf(s), "label")
		}
		for k := range 3 {
			id := fmt.Sprintf("%s-%d", shelf(s), k)
			l.insert("Book", id, shelf(s), fmt.Sprintf("title %d", k), int64(10*k))
			l.insert("BookWriter", id, int64(k+1))
			l.insert("BookWriter", id, int64(k+2))
		}
	}
	l.insert("Book", "stray", nil, "stray", int64(1))
	l.c.taken()
	return l
}

func shelf(i int) string { return fmt.Sprintf("s%04d", i) }

func (l *library) model(name string) *schema.Model {
	m := l.set.Model(name)
	if m == nil {
		l.Fatalf("no model %s", name)
	}
	return m
}

func (l *library) insert(model string, row ...any) {
	l.Helper()
	l.do(op.Op{Kind: op.Insert, Model: l.model(model), Rows: [][]any{row}})
}

func (l *library) do(o op.Op) op.Result {
	l.Helper()
	res, err := l.eng.Do(ctx, o)
	if err != nil {
		l.Fatal(err)
	}
	return res
}

func (l *library) rows(o op.Op) [][]any {
	l.Helper()
	list, err := all(l.eng, o)
	if err != nil {
		l.Fatal(err)
	}
	return list
}

func all(e op.Engine, o op.Op) ([][]any, error) {
	res, err := e.Do(ctx, o)
	if err != nil {
		return nil, err
	}
	defer res.Rows.Close()
	var list [][]any
	for res.Rows.Next() {
		list = append(list, append([]any(nil), res.Rows.Row()...))
	}
	return list, res.Rows.Err()
}

func related(t testing.TB, v any) [][]any {
	t.Helper()
	r, ok := v.(*op.Related)
	if !ok {
		t.Fatalf("%#v is no *op.Related", v)
	}
	return r.Rows
}
