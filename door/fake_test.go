package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

// fake is a group whose data is one SQLite database, shared by all its copies: each
// fakeCopy is what one node holds. It remembers the IDs of changes.
type fake struct {
	e op.Engine

	mu       sync.Mutex
	leader   host.ID
	sets     map[string]*schema.Set
	outcomes map[string]error     // of changes, by ID
	results  map[string]op.Result // of those without rows
	applied  map[string]int       // how often each ID was applied
	commits  map[string]bool      // by ID: done, or given up because it was asked for before
	busy     map[string]*sync.Mutex
	restored []byte
	backup   []byte
}

// fakeCopy is a node's copy.
type fakeCopy struct {
	*fake
	self host.ID
	// before runs before a request is done, after when it is; an error is
	// returned in place of the outcome.
	before, after atomic.Pointer[func(ctx context.Context, what string) error]
	forward       Group // on a node that does not lead
	asked         atomic.Int64
}

func newFake(t testing.TB) *fake {
	e := sqlite.Open(":memory:")
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close the file: %v", err)
		}
	})
	return &fake{
		e: e, sets: map[string]*schema.Set{}, outcomes: map[string]error{}, results: map[string]op.Result{},
		applied: map[string]int{}, commits: map[string]bool{}, busy: map[string]*sync.Mutex{},
	}
}

// alone lets one change at a time have an ID, as the log of a group does.
func (f *fake) alone(id string) (done func()) {
	f.mu.Lock()
	m := f.busy[id]
	if m == nil {
		m = &sync.Mutex{}
		f.busy[id] = m
	}
	f.mu.Unlock()
	m.Lock()
	return m.Unlock
}

func (f *fake) lead(id host.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = id
}

func (c *fakeCopy) hook(p *atomic.Pointer[func(context.Context, string) error], ctx context.Context, what string) error {
	if fn := p.Load(); fn != nil {
		return (*fn)(ctx, what)
	}
	return nil
}

func (c *fakeCopy) Leader() (host.ID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader, c.leader == c.self
}

// leads is whether a request is done here; else it goes to the leader.
func (c *fakeCopy) leads() bool {
	_, here := c.Leader()
	return here
}

func (c *fakeCopy) Do(ctx context.Context, o op.Op) (op.Result, error) {
	c.asked.Add(1)
	writes := o.Writes()
	if !c.leads() && (writes || op.ReadingOf(ctx).Consistency != op.None) {
		if c.forward == nil {
			return op.Result{}, &NotLeader{}
		}
		return c.forward.Do(ctx, o)
	}
	if err := c.hook(&c.before, ctx, "do"); err != nil {
		return op.Result{}, err
	}
	if o.Kind == op.Migrate {
		h, err := Hash(o.Migration.Models)
		if err != nil {
			return op.Result{}, err
		}
		c.mu.Lock()
		c.sets[h] = o.Migration.Models
		c.mu.Unlock()
	}
	res, err := c.once(ctx, o, writes)
	if e := c.hook(&c.after, ctx, "do"); e != nil {
		return op.Result{}, e
	}
	return res, err
}

// once applies a change once.
func (c *fakeCopy) once(ctx context.Context, o op.Op, writes bool) (op.Result, error) {
	if !writes || o.ID == "" {
		return c.e.Do(ctx, o)
	}
	defer c.alone(o.ID)()
	c.mu.Lock()
	err, was := c.outcomes[o.ID]
	res := c.results[o.ID]
	c.mu.Unlock()
	if was {
		return res, err
	}
	res, err = c.e.Do(ctx, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.CodeOf(err) != op.CodeTimeout && op.CodeOf(err) != op.CodeCancelled {
		c.outcomes[o.ID] = err
	}
	if err == nil {
		c.applied[o.ID]++
		c.results[o.ID] = op.Result{N: res.N}
	}
	return res, err
}

type fakeTx struct {
	op.Tx
	c *fakeCopy
}

func (c *fakeCopy) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if !c.leads() {
		if c.forward == nil {
			return nil, &NotLeader{}
		}
		return c.forward.Begin(ctx, opts)
	}
	if err := c.hook(&c.before, ctx, "begin"); err != nil {
		return nil, err
	}
	tx, err := c.e.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &fakeTx{tx, c}, nil
}

func (t *fakeTx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	inner, err := t.Tx.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &fakeTx{inner, t.c}, nil
}

func (t *fakeTx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := t.c.hook(&t.c.before, ctx, "do in tx"); err != nil {
		return op.Result{}, err
	}
	return t.Tx.Do(ctx, o)
}

func (t *fakeTx) Commit(ctx context.Context) error {
	id := IDOf(ctx)
	if id == "" {
		return errors.New("a commit without an ID")
	}
	if err := t.c.hook(&t.c.before, ctx, "commit"); err != nil {
		return errors.Join(err, t.Rollback(ctx))
	}
	err := t.settle(ctx, id)
	if e := t.c.hook(&t.c.after, ctx, "commit"); e != nil {
		return e
	}
	return err
}

// settle commits, unless the ID was given up.
func (t *fakeTx) settle(ctx context.Context, id string) error {
	defer t.c.alone(id)()
	t.c.mu.Lock()
	_, told := t.c.commits[id]
	t.c.mu.Unlock()
	if told {
		return errors.Join(op.Errorf(op.CodeCancelled, "it was given up"), t.Rollback(ctx))
	}
	err := t.Tx.Commit(ctx)
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.c.commits[id] = err == nil
	return err
}

func (c *fakeCopy) Run(ctx context.Context, r Request) ([]Answer, error) {
	if !c.leads() && !(r.ReadOnly && op.ReadingOf(ctx).Consistency == op.None) {
		if c.forward == nil {
			return nil, &NotLeader{}
		}
		return c.forward.Run(ctx, r)
	}
	if err := c.hook(&c.before, ctx, "run"); err != nil {
		return nil, err
	}
	var out []Answer
	for i, s := range r.Statements {
		reads := strings.HasPrefix(s.SQL, "SELECT")
		args := s.Args
		for _, v := range s.Named {
			args = append(args, v)
		}
		res, err := c.once(ctx, op.Op{Kind: op.SQL, SQL: s.SQL, Args: args, Returning: reads, ID: fmt.Sprint(r.ID, i)}, !reads)
		a := Answer{Query: reads, Changed: res.N, Columns: res.Columns, Err: err, Elapsed: time.Millisecond, LastID: -7}
		if res.Rows != nil {
			for res.Rows.Next() {
				a.Rows = append(a.Rows, append([]any(nil), res.Rows.Row()...))
			}
			a.Err = errors.Join(res.Rows.Err(), res.Rows.Close())
		}
		if len(a.Columns) > 0 {
			a.Types = make([]string, len(a.Columns))
		}
		out = append(out, a)
	}
	return out, nil
}

func (c *fakeCopy) Models(_ context.Context, hash string) (*schema.Set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sets[hash], nil
}

func (c *fakeCopy) Info(ctx context.Context) (Info, error) {
	if err := c.hook(&c.before, ctx, "info"); err != nil {
		return Info{}, err
	}
	leader, _ := c.Leader()
	return Info{Group: "g", Server: string(c.self), Leader: string(leader), Sequence: 1<<60 + 1}, nil
}

func (c *fakeCopy) Backup(ctx context.Context, w io.Writer) error {
	if err := c.hook(&c.before, ctx, "backup"); err != nil {
		return err
	}
	for at := 0; at < len(c.backup); at += 100_000 {
		if _, err := w.Write(c.backup[at:min(len(c.backup), at+100_000)]); err != nil {
			return err
		}
		if err := c.hook(&c.after, ctx, "backup"); err != nil {
			return err
		}
	}
	return nil
}

func (c *fakeCopy) Restore(ctx context.Context, r io.Reader) error {
	if err := c.hook(&c.before, ctx, "restore"); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return op.Errorf(op.CodeDatabase, "read: %w", err)
	}
	c.mu.Lock()
	c.restored = b
	c.mu.Unlock()
	return c.hook(&c.after, ctx, "restore")
}

// Resolve gives up what is not done by now.
func (c *fakeCopy) Resolve(_ context.Context, id string) (bool, error) {
	defer c.alone(id)()
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.commits[id]
	c.commits[id] = done // from now on it stays so
	return done, nil
}

// newHost is a host on loopback.
func newHost(t testing.TB) *host.Host {
	t.Helper()
	cfg := host.Default()
	cfg.DataDir, cfg.Listen = t.TempDir(), []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close host: %v", err)
		}
	})
	return h
}

// meet tells a host where another is.
func meet(t testing.TB, a, b *host.Host) {
	t.Helper()
	for _, addr := range b.Addrs() {
		id, at, err := host.ParseAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Remember(id, []string{at}, time.Hour, false); err != nil {
			t.Fatal(err)
		}
	}
}

// cluster is a group on some nodes, and a client.
type cluster struct {
	*fake
	hosts   []*host.Host
	copies  []*fakeCopy
	servers []*Server
	client  *host.Host
}

func (c *cluster) ids() []host.ID {
	var out []host.ID
	for _, h := range c.hosts {
		out = append(out, h.ID())
	}
	return out
}

// start gives a group on n nodes of which the first leads.
func start(t testing.TB, n int) *cluster { return startWith(t, n, defaults()) }

func startWith(t testing.TB, n int, set settings) *cluster {
	t.Helper()
	c := &cluster{fake: newFake(t), client: newHost(t)}
	for range n {
		h := newHost(t)
		k := &fakeCopy{fake: c.fake, self: h.ID()}
		s := serve(h, func(name string) (Group, error) {
			if name != "g" {
				return nil, op.Errorf(op.CodeNotFound, "there is no group %q", name)
			}
			return k, nil
		}, nil, set)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close server: %v", err)
			}
		})
		meet(t, c.client, h)
		c.hosts, c.copies, c.servers = append(c.hosts, h), append(c.copies, k), append(c.servers, s)
	}
	for _, a := range c.hosts {
		for _, b := range c.hosts {
			if a != b {
				meet(t, a, b)
			}
		}
	}
	c.lead(c.hosts[0].ID())
	return c
}

// remote is the group as the client sees it.
func (c *cluster) remote(t testing.TB, o ...func(*Options)) *Remote {
	t.Helper()
	return c.remoteOn(t, c.client, o...)
}

func (c *cluster) remoteOn(t testing.TB, h *host.Host, o ...func(*Options)) *Remote {
	t.Helper()
	opts := Options{Group: "g", Peers: func(context.Context) ([]host.ID, error) { return c.ids(), nil }}
	for _, fn := range o {
		fn(&opts)
	}
	r := Open(h, opts)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// within is a context for one test.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// until polls a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// once makes a hook that fails the first time that what is asked.
func onceAt(what string, fn func(ctx context.Context) error) *func(context.Context, string) error {
	var did atomic.Bool
	f := func(ctx context.Context, w string) error {
		if w == what && did.CompareAndSwap(false, true) {
			return fn(ctx)
		}
		return nil
	}
	return &f
}

var item = func() *schema.Set {
	models, err := schema.ParseYAML("item", []byte(`
model: Item
table: items
fields:
  id: {type: string, primary: true}
  n: {type: bigInteger}
`))
	if err != nil {
		panic(err)
	}
	set, err := schema.Build(models...)
	if err != nil {
		panic(err)
	}
	return set
}()

func migrate(t testing.TB, e op.Engine) {
	t.Helper()
	if _, err := e.Do(within(t), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: item, Apply: true}}); err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

func insertItem(id string, n int64) op.Op {
	o := op.Op{Kind: op.Insert, Model: item.Model("Item"), Rows: [][]any{{id, n}}}
	if err := op.Normalize(&o); err != nil {
		panic(err)
	}
	return o
}

// all are the items.
func all(t testing.TB, e op.Engine) string {
	t.Helper()
	res, err := e.Do(within(t), op.Op{Kind: op.Find, Model: item.Model("Item"), Sort: []op.Sort{{Field: "id"}}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for res.Rows.Next() {
		row := res.Rows.Row()
		out = append(out, fmt.Sprintf("%v=%v", row[0], row[1]))
	}
	if err := errors.Join(res.Rows.Err(), res.Rows.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}
