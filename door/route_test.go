package door

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

func do(t testing.TB, e op.Engine, o op.Op) op.Result {
	t.Helper()
	res, err := e.Do(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestFindsTheLeaderWhereverItIs(t *testing.T) {
	c := start(t, 3)
	c.lead(c.hosts[2].ID())
	r := c.remote(t)
	migrate(t, r)
	do(t, r, insertItem("a", 1))
	if leader, here := r.Leader(); leader != c.hosts[2].ID() || here {
		t.Errorf("the leader is %s, here %t", leader, here)
	}
	// It moves: the old one says where to.
	c.lead(c.hosts[1].ID())
	do(t, r, insertItem("b", 2))
	if leader, _ := r.Leader(); leader != c.hosts[1].ID() {
		t.Errorf("the leader is %s, want %s", leader, c.hosts[1].ID())
	}
	if got := all(t, r); got != "a=1 b=2" {
		t.Error(got)
	}
	if n := c.copies[0].asked.Load(); n != 0 {
		t.Errorf("a node that never led was asked %d times", n)
	}
}

func TestWaitsForALeader(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t)
	migrate(t, r)
	c.lead("")
	done := make(chan error, 1)
	go func() {
		_, err := r.Do(within(t), insertItem("a", 1))
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a write without a leader ends: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	c.lead(c.hosts[1].ID())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestPatienceEnds(t *testing.T) {
	c := start(t, 1)
	migrate(t, c.remote(t))
	c.lead("")
	// It never finds a leader: a request that was sent may have been applied.
	r := c.remote(t, func(o *Options) { o.Patience = 300 * time.Millisecond })
	_, err := r.Do(within(t), insertItem("a", 1))
	if op.CodeOf(err) != op.CodeDatabase || errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "within 300ms") {
		t.Errorf("without a leader: %v", err)
	}
	ctx := &ending{Context: within(t), done: make(chan struct{})}
	var asked atomic.Int64
	r = c.remote(t, func(o *Options) {
		peers := o.Peers
		o.Peers = func(hunt context.Context) ([]host.ID, error) {
			if asked.Add(1) == 2 { // once it is known that nobody leads
				close(ctx.done)
			}
			return peers(hunt)
		}
	})
	if _, err = r.Do(ctx, insertItem("a", 1)); op.CodeOf(err) != op.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "majority") {
		t.Errorf("at the end of its context: %v", err)
	}
}

func TestUnknownGroupIsSaid(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t, func(o *Options) { o.Group = "other" })
	_, err := r.Do(within(t), op.Op{Kind: op.SQL, SQL: "SELECT 1"})
	if op.CodeOf(err) != op.CodeNotFound || !strings.Contains(err.Error(), `no group "other"`) {
		t.Errorf("%v", err)
	}
}

func TestNoPeers(t *testing.T) {
	r := Open(newHost(t), Options{Group: "g", Patience: 100 * time.Millisecond, Peers: func(context.Context) ([]host.ID, error) { return nil, errors.New("nobody there") }})
	defer r.Close()
	if _, err := r.Info(within(t)); err == nil || !strings.Contains(err.Error(), "nobody there") {
		t.Errorf("%v", err)
	}
}

// ending is a context whose time is over when done is closed.
type ending struct {
	context.Context
	done chan struct{}
}

func (c *ending) Done() <-chan struct{} { return c.done }

func (c *ending) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// behindSecond is a client that knows the second node only, which leads what it
// asks for on to the first.
func (c *cluster) behindSecond(t *testing.T) (*Remote, *host.Host) {
	t.Helper()
	for i, k := range c.copies {
		k.forward = c.remoteOn(t, c.hosts[i])
	}
	c.lead(c.hosts[0].ID())
	far := newHost(t)
	meet(t, far, c.hosts[1])
	r := Open(far, Options{Group: "g", Peers: func(context.Context) ([]host.ID, error) { return []host.ID{c.hosts[1].ID()}, nil }})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	migrate(t, r)
	return r, far
}

// A client that cannot reach the leader goes through another node; what was led
// on once is not led on again.
func TestLeadsOnOnce(t *testing.T) {
	c := start(t, 3)
	r, _ := c.behindSecond(t)
	do(t, r, insertItem("a", 1))
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, insertItem("b", 2))
	if err := tx.Commit(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := all(t, r); got != "a=1 b=2" {
		t.Error(got)
	}
	if n := c.copies[1].asked.Load(); n == 0 {
		t.Error("the second node led nothing on")
	}

	ctx := withHops(within(t), 1)
	var other *NotLeader
	if _, err := c.copies[1].forward.Do(ctx, insertItem("c", 3)); !errors.As(err, &other) || other.Peer != c.hosts[0].ID() {
		t.Errorf("what was led on once is led on again: %v", err)
	}
}

// A transaction that another node leads on has one ID on the whole way: when the
// answer to its commit is lost on the last part of it, the group knows it.
func TestCommitThatWasLedOnIsKnown(t *testing.T) {
	c := start(t, 2)
	r, far := c.behindSecond(t)
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, insertItem("a", 1))
	c.copies[0].after.Store(onceAt("commit", func(context.Context) error { return c.hosts[1].Disconnect(far.ID()) }))
	if err := tx.Commit(within(t)); err != nil {
		t.Errorf("it was committed, and is told to be none: %v", err)
	}
	if got := all(t, r); got != "a=1" {
		t.Error(got)
	}
}

// A node that holds no copy tells who leads, although it was not asked before.
func TestNodeWithoutACopy(t *testing.T) {
	c := start(t, 2)
	plain := newHost(t)
	for _, h := range c.hosts {
		meet(t, plain, h)
	}
	lead := c.remoteOn(t, plain)
	s := Serve(plain, func(string) (Group, error) { return lead, nil }, nil)
	defer s.Close()
	meet(t, c.client, plain)
	r := Open(c.client, Options{Group: "g", Peers: func(context.Context) ([]host.ID, error) { return []host.ID{plain.ID()}, nil }})
	defer r.Close()
	migrate(t, r)
	do(t, r, insertItem("a", 1))
	if leader, _ := r.Leader(); leader != c.hosts[0].ID() {
		t.Errorf("the leader is %s", leader)
	}
	// What any copy may answer, it leads on.
	ctx := op.WithReading(within(t), op.Reading{Consistency: op.None})
	res, err := r.Do(ctx, op.Op{Kind: op.Count, Model: item.Model("Item")})
	if err != nil || res.N != 1 {
		t.Errorf("%d, %v", res.N, err)
	}
	set, err := r.Models(within(t), mustHash(t, item))
	if err != nil || set == nil {
		t.Errorf("models: %v, %v", set, err)
	}
}

func mustHash(t testing.TB, s *schema.Set) string {
	t.Helper()
	h, err := Hash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashIsThatOfTheYAML(t *testing.T) {
	text, err := schema.SetYAML(item)
	if err != nil {
		t.Fatal(err)
	}
	models, err := schema.ParseYAML("again", text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	a, b := mustHash(t, item), mustHash(t, again)
	if a != b || len(a) != 64 || a != mustHash(t, item) {
		t.Errorf("%s and %s", a, b)
	}
	if _, err := Hash(nil); err == nil {
		t.Error("no set has a hash")
	}
}

// Reads of any copy stay with one that answers, and go on to the next.
func TestAnyCopyAnswers(t *testing.T) {
	c := start(t, 3)
	r := c.remote(t)
	migrate(t, r)
	do(t, r, insertItem("a", 1))
	before := c.copies[0].asked.Load()
	c.lead(c.hosts[2].ID())
	read := func() error {
		ctx := op.WithReading(within(t), op.Reading{Consistency: op.None, MaxAge: time.Minute})
		res, err := r.Do(ctx, op.Op{Kind: op.Count, Model: item.Model("Item")})
		if err == nil && res.N != 1 {
			err = fmt.Errorf("%d rows", res.N)
		}
		return err
	}
	saw := func(ctx context.Context, _ string) error {
		if got := op.ReadingOf(ctx); got.Consistency != op.None || got.MaxAge != time.Minute {
			t.Errorf("the node is asked for %+v", got)
		}
		return nil
	}
	for _, k := range c.copies {
		k.before.Store(&saw)
	}
	for range 5 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.copies[0].asked.Load() - before; n != 5 {
		t.Errorf("the first node was asked %d times, want 5", n)
	}
	if err := c.servers[0].Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	// A change that claims to be a read is not answered by any.
	a := &ask{q: request{verb: verbDo}, any: true}
	o := insertItem("x", 1)
	call, err := r.enter(op.WithReading(within(t), op.Reading{Consistency: op.None}))
	if err != nil {
		t.Fatal(err)
	}
	defer call.end()
	defer call.free()
	res, err := r.operation(a, &o, call, func(take func(*reply) error) error {
		k, _, err := r.holder(call.ctx, a)
		for err == nil && k != c.hosts[1].ID() {
			k, _, err = r.holder(call.ctx, a)
		}
		if err != nil {
			return err
		}
		a.q.group, a.q.flags = "g", flagAny
		p, err := r.send(call.ctx, k, a)
		if err != nil {
			return err
		}
		defer p.done(true)
		if p.kind != frameNotLeader {
			return fmt.Errorf("a frame of kind %c", p.kind)
		}
		return errStopped
	}, nil)
	if !errors.Is(err, op.ErrCancelled) {
		t.Errorf("%v, %v", res, err)
	}
}

// The models are sent once, to whoever does not know them.
func TestModelsAreTaught(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	c.mu.Lock()
	clear(c.sets)
	c.mu.Unlock()
	var mu sync.Mutex
	migrations := 0
	count := func(_ context.Context, what string) error {
		mu.Lock()
		defer mu.Unlock()
		migrations++
		return nil
	}
	do(t, r, insertItem("a", 1))
	c.copies[0].before.Store(&count)
	for i := range 5 {
		do(t, r, insertItem(fmt.Sprint(i), 1))
	}
	if migrations != 5 {
		t.Errorf("5 writes are %d operations", migrations)
	}
	c.copies[0].before.Store(nil)
	// In a transaction too.
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res := do(t, tx, op.Op{Kind: op.Count, Model: item.Model("Item")}); res.N != 6 {
		t.Errorf("%d rows", res.N)
	}
	if err := tx.Rollback(within(t)); err != nil {
		t.Fatal(err)
	}
	strange := Open(c.client, Options{Group: "g", Peers: r.o.Peers})
	defer strange.Close()
	do(t, strange, insertItem("x", 1)) // a model says what set it is of
}

func TestWholeGroupOverADoor(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t)
	migrate(t, r)
	info, err := r.Info(within(t))
	if err != nil || info.Sequence != 1<<60+1 || info.Leader != string(c.hosts[0].ID()) {
		t.Errorf("%+v, %v", info, err)
	}
	out, err := r.Run(within(t), Request{Statements: []Statement{
		{SQL: "INSERT INTO items (id, n) VALUES (?, ?)", Args: []any{"a", int64(1<<62 + 1)}},
		{SQL: "SELECT id, n, NULL, 1.5, x'00ff' FROM items WHERE id = :id", Named: map[string]any{"id": "a"}},
		{SQL: "SELECT id FROM items WHERE 0"},
		{SQL: "nonsense"},
	}})
	if err != nil || len(out) != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out[0].Err != nil || out[0].Query || out[0].LastID != -7 || out[0].Elapsed != time.Millisecond {
		t.Errorf("%+v", out[0])
	}
	if got := fmt.Sprint(out[1].Rows, out[1].Columns[:2]); out[1].Err != nil || got != "[[a 4611686018427387905 <nil> 1.5 [0 255]]] [id n]" {
		t.Errorf("%+v, %s", out[1], got)
	}
	if !out[2].Query || len(out[2].Rows) != 0 || out[2].Err != nil {
		t.Errorf("%+v", out[2])
	}
	if out[3].Err == nil {
		t.Error("nonsense succeeds")
	}
	// A later answer of the stream is not disturbed.
	if got := all(t, r); got != "a=4611686018427387905" {
		t.Error(got)
	}
	ok, err := r.Resolve(within(t), "nobody's")
	if err != nil || ok {
		t.Errorf("%t, %v", ok, err)
	}
}

func TestClosedRemote(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, insertItem("a", 1))
	hang := func(ctx context.Context, what string) error { <-ctx.Done(); return ctx.Err() }
	c.copies[0].before.Store(&hang)
	done := make(chan error, 1)
	go func() {
		_, err := r.Info(within(t))
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it ends: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	var e *op.Error
	if err := <-done; !errors.As(err, &e) || !e.Closed {
		t.Errorf("what was under way: %v", err)
	}
	c.copies[0].before.Store(nil)
	if _, err := tx.Do(within(t), insertItem("b", 1)); !errors.As(err, &e) || !e.Closed {
		t.Errorf("a transaction after Close: %v", err)
	}
	if err := tx.Rollback(within(t)); err != nil {
		t.Error(err)
	}
	other := c.remote(t)
	migrate(t, other)
	do(t, other, insertItem("c", 3)) // nothing holds it up
	if got := all(t, other); got != "c=3" {
		t.Errorf("left: %s", got)
	}
}

// A group that begins only now is waited for; one that nobody knows is not.
func TestWaitsForAGroupThatBegins(t *testing.T) {
	c := start(t, 1)
	plain := newHost(t)
	meet(t, plain, c.hosts[0])
	lead := c.remoteOn(t, plain)
	var asked atomic.Int64
	s := Serve(plain, func(string) (Group, error) {
		if asked.Add(1) < 10 {
			return nil, op.Errorf(op.CodeTimeout, "it has not begun yet")
		}
		return lead, nil
	}, nil)
	defer s.Close()
	meet(t, c.client, plain)
	for name, o := range map[string]op.Reading{"the leader": {}, "any copy": {Consistency: op.None}} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			r := Open(c.client, Options{Group: "g", Peers: func(context.Context) ([]host.ID, error) { return []host.ID{plain.ID()}, nil }})
			defer r.Close()
			_, err := r.Run(op.WithReading(within(t), o), Request{ReadOnly: true, Statements: []Statement{{SQL: "SELECT 1"}}})
			if err != nil || asked.Load() < 10 {
				t.Errorf("%v after %d questions", err, asked.Load())
			}
		})
	}
}
