package door

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// source is a group that finds as many rows as anybody reads.
type source struct {
	fakeCopy
	n      int64
	asked  atomic.Int64
	sent   atomic.Int64
	closed atomic.Int64
	ctx    atomic.Pointer[context.Context]
}

func (s *source) Leader() (host.ID, bool) { return s.self, true }

func (s *source) Do(ctx context.Context, o op.Op) (op.Result, error) {
	s.asked.Add(1)
	s.ctx.Store(&ctx)
	return op.Result{Rows: &sourceRows{s: s, ctx: ctx}}, nil
}

type sourceRows struct {
	s   *source
	ctx context.Context
	n   int64
	end bool
}

func (r *sourceRows) Next() bool {
	if r.ctx.Err() != nil || r.n == r.s.n || r.end {
		return false
	}
	r.n++
	r.s.sent.Add(1)
	return true
}
func (r *sourceRows) Row() []any { return []any{fmt.Sprintf("row %d", r.n), r.n} }
func (r *sourceRows) Err() error { return op.FromContext(r.ctx.Err()) }
func (r *sourceRows) Close() error {
	if !r.end {
		r.s.closed.Add(1)
	}
	r.end = true
	return nil
}

// fountain is a node whose group is a source, and a client's Remote on it.
func fountain(t *testing.T, n int64, set settings) (*source, *Remote) {
	t.Helper()
	node, client := newHost(t), newHost(t)
	meet(t, client, node)
	src := &source{n: n}
	src.fake, src.self = newFake(t), node.ID()
	src.sets[mustHash(t, item)] = item
	s := serve(node, func(string) (Group, error) { return src, nil }, nil, set)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	r := Open(client, Options{Group: "g", Peers: func(context.Context) ([]host.ID, error) { return []host.ID{node.ID()}, nil }})
	t.Cleanup(func() { _ = r.Close() })
	if _, err := r.learn(item); err != nil {
		t.Fatal(err)
	}
	return src, r
}

func findAll() op.Op { return op.Op{Kind: op.Find, Model: item.Model("Item")} }

// Rows come with flow control: who reads slowly makes the server wait, and who
// closes early ends its work. The stream is used again.
func TestRowsWaitForTheirReader(t *testing.T) {
	src, r := fountain(t, 1<<40, defaults())
	opened := r.h.Counters().StreamsOpened
	for range 3 {
		src.sent.Store(0)
		src.closed.Store(0)
		res := do(t, r, findAll())
		for i := range 10 {
			if !res.Rows.Next() || res.Rows.Row()[1] != int64(i+1) {
				t.Fatalf("row %d is %v: %v", i, res.Rows.Row(), res.Rows.Err())
			}
		}
		// It stops when the windows are full.
		var before int64 = -1
		var since time.Time
		until(t, "the server waits", func() bool {
			if now := src.sent.Load(); now != before {
				before, since = now, time.Now()
			}
			return time.Since(since) > 50*time.Millisecond
		})
		if before > 4_000_000 {
			t.Errorf("the server sent %d rows to a reader of 10", before)
		}
		if err := res.Rows.Close(); err != nil {
			t.Error(err)
		}
		until(t, "the server ends its work", func() bool { return src.closed.Load() == 1 })
	}
	t.Logf("%d streams", r.h.Counters().StreamsOpened-opened)
	src.n = 1_000_000
	res := do(t, r, findAll())
	n := 0
	for res.Rows.Next() {
		n++
	}
	if err := res.Rows.Err(); err != nil || n != 1_000_000 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A server gives up a peer that takes nothing.
func TestStalledReader(t *testing.T) {
	set := defaults()
	set.stall = time.Second
	src, r := fountain(t, 1<<40, set)
	res := do(t, r, findAll())
	if !res.Rows.Next() {
		t.Fatal("no row")
	}
	// It may have been asked again, when it gave up before the answer was looked at.
	until(t, "the server ends its work", func() bool { return src.closed.Load() == src.asked.Load() })
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); op.CodeOf(err) != op.CodeDatabase {
		t.Errorf("rows that were given up end with %v", err)
	}
}

// The server knows how long its caller waits, and notices when it goes.
func TestServerEndsWithItsCaller(t *testing.T) {
	src, r := fountain(t, 1<<40, defaults())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := r.Do(ctx, findAll())
	if err != nil {
		t.Fatal(err)
	}
	end, ok := (*src.ctx.Load()).Deadline()
	if left := time.Until(end); !ok || left > time.Minute || left < 50*time.Second {
		t.Errorf("the server's deadline is %s from now", left)
	}
	cancel()
	until(t, "the server ends its work", func() bool { return src.closed.Load() == 1 })
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("the rows end with %v", err)
	}
}

// Small writes of many go through at once, and again on the same streams.
func TestManyAtOnce(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t)
	migrate(t, r)
	const callers, each = 128, 20
	var inside, most atomic.Int64
	all := make(chan struct{})
	meet := func(ctx context.Context, what string) error {
		if n := inside.Add(1); n == callers {
			close(all)
		}
		if n := inside.Load(); n > most.Load() {
			most.Store(n)
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.copies[0].before.Store(&meet)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for k := range each {
				if _, err := r.Do(within(t), insertItem(fmt.Sprintf("%d-%d", i, k), 1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if most.Load() < callers {
		t.Errorf("%d at once, want %d", most.Load(), callers)
	}
	// Those that ask whether a slow node is there are opened beside.
	lines := r.lines.of(c.hosts[0].ID())
	r.lines.mu.Lock()
	n := len(lines.idle)
	r.lines.mu.Unlock()
	if n > 2*callers {
		t.Errorf("%d streams for %d callers", n, callers)
	}
	if n := c.hosts[0].Counters().StreamsRefused; n > 0 {
		t.Errorf("%d streams were refused", n)
	}
}

func TestIdleTransactionIsRolledBack(t *testing.T) {
	set := defaults()
	set.idleTx = 100 * time.Millisecond
	c := startWith(t, 1, set)
	r := c.remote(t)
	migrate(t, r)
	// A machine that stands still makes it idle too early: then it is run again.
	var tx, inner op.Tx
	again := func(fn func() error) {
		t.Helper()
		until(t, "a transaction that is not idle", func() bool {
			var err error
			if tx, err = r.Begin(within(t), op.TxOptions{}); err != nil {
				t.Fatal(err)
			}
			if err = fn(); err != nil && !op.Retryable(err) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	again(func() error {
		_, err := tx.Do(within(t), insertItem("a", 1))
		if err == nil {
			inner, err = tx.Begin(within(t), op.TxOptions{})
		}
		return err
	})
	do(t, r, insertItem("b", 2)) // waits until it is out of the way
	if _, err := inner.Do(within(t), insertItem("c", 1)); !op.Retryable(err) {
		t.Errorf("the error is %v", err)
	}
	if err := tx.Commit(within(t)); !op.Retryable(err) {
		t.Errorf("commit: %v", err)
	}
	if got := all(t, r); got != "b=2" {
		t.Error(got)
	}
	// The stream is as good as before.
	again(func() error {
		_, err := tx.Do(within(t), insertItem("d", 4))
		if err == nil {
			err = tx.Commit(within(t))
		}
		return err
	})
}

func TestTransactionsOfAPeerAreCounted(t *testing.T) {
	set := defaults()
	set.txPerPeer = 3
	c := startWith(t, 1, set)
	file := sqlite.Open(filepath.Join(t.TempDir(), "group.db")) // readers at once need a file
	t.Cleanup(func() { _ = file.Close() })
	c.fake.e = file
	r := c.remote(t)
	migrate(t, r)
	for range 2 {
		var open []op.Tx
		for range 3 {
			tx, err := r.Begin(within(t), op.TxOptions{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, tx)
		}
		if _, err := r.Begin(within(t), op.TxOptions{ReadOnly: true}); op.CodeOf(err) != op.CodeRateLimit {
			t.Errorf("one too many: %v", err)
		}
		for _, tx := range open {
			if err := tx.Rollback(within(t)); err != nil {
				t.Error(err)
			}
		}
	}
	// One that is gone without a word is not counted.
	other := c.remoteOn(t, c.client)
	for range 3 {
		if _, err := other.Begin(within(t), op.TxOptions{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "they are not counted", func() bool {
		tx, err := r.Begin(within(t), op.TxOptions{ReadOnly: true})
		return err == nil && tx.Rollback(within(t)) == nil
	})
}

// rude opens a stream and writes what it likes.
func rude(t *testing.T, from, to *host.Host, text string) (answer string, err error) {
	t.Helper()
	st, err := from.Open(within(t), to.ID(), protocol, host.OpenOptions{})
	if err != nil {
		return "", err
	}
	defer st.Reset()
	if _, err := st.Write([]byte(text)); err != nil {
		return "", err
	}
	if err := st.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	kind, n, err := readHead(bufio.NewReader(st))
	return fmt.Sprint(string(kind), n), err
}

func TestGarbageIsPunished(t *testing.T) {
	c := start(t, 1)
	node := c.hosts[0]
	frame := func(q request, body string) string {
		q.group, q.body = "g", []byte(body)
		b := q.append(nil)
		return string(frameRequest) + string(rune(len(b)+len(body))) + string(b) + body
	}
	for what, text := range map[string]string{
		"an unknown frame":         "X\x00",
		"a frame of the server":    "K\x00",
		"a frame that is too long": "Q\xff\xff\xff\xff\x7f",
		"a length that overflows":  "Q\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"no request":               "Q\x03\x01\x01\x00",
		"version 0":                "Q\x01\x00",
		"an operation of garbage":  frame(request{verb: verbDo}, "garbage"),
		"statements of garbage":    frame(request{verb: verbRun}, "\x00"),
		"options of garbage":       frame(request{verb: verbBegin}, "?"),
		"data without a restore":   "D\x01x",
	} {
		before := node.Counters().Malformed
		if answer, err := rude(t, c.client, node, text); err == nil {
			t.Errorf("%s is answered with %s", what, answer)
		}
		until(t, what+" is counted", func() bool { return node.Counters().Malformed == before+1 })
	}
	for what, text := range map[string]string{
		"a later version": "Q\x01\x02",
		"another verb":    frame(request{verb: 200}, ""),
		"another flag":    frame(request{verb: verbInfo, flags: 0x80}, ""),
		"another level":   frame(request{verb: verbInfo, reading: op.Reading{Consistency: 9}}, ""),
	} {
		if answer, err := rude(t, c.client, node, text); err != nil || answer[0] != frameError {
			t.Errorf("%s: %s, %v", what, answer, err)
		}
	}
	// It ends with the peer being shut out.
	until(t, "the peer is shut out", func() bool {
		_, _ = rude(t, c.client, node, "X\x00")
		return node.Counters().Banned > 0
	})
}

func TestFloodIsRefused(t *testing.T) {
	c := start(t, 1)
	node := c.hosts[0]
	var open []*host.Stream
	defer func() {
		for _, s := range open {
			_ = s.Reset()
		}
	}()
	until(t, "the peer is shut out", func() bool {
		st, err := c.client.Open(within(t), node.ID(), protocol, host.OpenOptions{})
		if err == nil {
			_, _ = st.Write([]byte("Q"))
			open = append(open, st)
		}
		return node.Counters().Banned > 0
	})
	if n := node.Counters().StreamsActive; n > limits.PerPeer {
		t.Errorf("%d streams are served", n)
	}
}

// A server that answers garbage, or nothing, is left for another.
func TestHostileServer(t *testing.T) {
	for what, answer := range map[string]string{
		"garbage":             "garbage, garbage, garbage",
		"nothing":             "",
		"a long frame":        "K\xff\xff\xff\xff\x7f",
		"an unknown answer":   "S\x00",
		"half a frame":        "K\x05ab",
		"rows of garbage":     "K\x00garbage",
		"a broken leader":     "K\x01\x01",
		"an error of garbage": "E\x03abc",
	} {
		t.Run(what, func(t *testing.T) {
			c := start(t, 1)
			evil := newHost(t)
			evil.Handle(protocol, limits, func(_ context.Context, st *host.Stream) error {
				kind, n, err := readHead(bufio.NewReader(st))
				if err != nil || kind != frameRequest {
					return err
				}
				_ = n
				_, err = io.WriteString(st, answer)
				return err
			})
			meet(t, c.client, evil)
			for _, first := range []bool{true, false} {
				r := c.remote(t, func(o *Options) {
					o.Peers = func(context.Context) ([]host.ID, error) {
						if first {
							return []host.ID{evil.ID(), c.hosts[0].ID()}, nil
						}
						return []host.ID{c.hosts[0].ID(), evil.ID()}, nil
					}
				})
				if what == "a broken leader" && first {
					continue // it says that it leads; who says so is believed
				}
				migrate(t, r)
				ctx := op.WithReading(within(t), op.Reading{Consistency: op.None})
				res, err := r.Do(ctx, op.Op{Kind: op.Count, Model: item.Model("Item")})
				if what == "an error of garbage" && first {
					continue // an error is one, whatever it says
				}
				if err != nil {
					t.Errorf("%t: %v, %v", first, res, err)
				}
			}
		})
	}
}

func TestRequestTooLarge(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	_, err := r.Do(within(t), op.Op{Kind: op.SQL, SQL: "SELECT ?", Args: []any{strings.Repeat("x", MaxRequest)}})
	if op.CodeOf(err) != op.CodeValidation {
		t.Errorf("%v", err)
	}
	res, err := r.Do(within(t), op.Op{Kind: op.SQL, SQL: "SELECT length(?)", Args: []any{strings.Repeat("x", MaxRequest-1000)}, Returning: true})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Rows.Next() || res.Rows.Row()[0] != int64(MaxRequest-1000) {
		t.Errorf("%v", res.Rows.Row())
	}
	_ = res.Rows.Close()
}

func TestServerCloses(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t)
	migrate(t, r)
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, insertItem("a", 1))
	for range 2 {
		if err := c.servers[0].Close(); err != nil {
			t.Error(err)
		}
	}
	c.lead(c.hosts[1].ID())
	do(t, r, insertItem("b", 2)) // the transaction is out of the way
	if err := tx.Commit(within(t)); !op.Retryable(err) {
		t.Errorf("commit: %v", err)
	}
	if got := all(t, r); got != "b=2" {
		t.Error(got)
	}
}

func TestMethods(t *testing.T) {
	c := start(t, 1)
	node, s := c.hosts[0], c.servers[0]
	type nums struct{ A, B int64 }
	s.Handle("add", func(_ context.Context, peer host.ID, in []byte) ([]byte, error) {
		if peer != c.client.ID() {
			t.Errorf("it comes from %s", peer)
		}
		return append(in[:0:0], "1152921504606846977"...), nil
	})
	s.Handle("fail", func(context.Context, host.ID, []byte) ([]byte, error) {
		return nil, op.Errorf(op.CodeForbidden, "not you")
	})
	s.Handle("hang", func(ctx context.Context, _ host.ID, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	s.Handle("large", func(context.Context, host.ID, []byte) ([]byte, error) { return make([]byte, MaxReply), nil })
	var sum int64
	if err := Call(within(t), c.client, node.ID(), "add", nums{1, 2}, &sum); err != nil || sum != 1152921504606846977 {
		t.Errorf("%d, %v", sum, err)
	}
	if err := Call(within(t), c.client, node.ID(), "add", nil, nil); err != nil {
		t.Error(err)
	}
	for name, code := range map[string]op.Code{"fail": op.CodeForbidden, "none": op.CodeNotFound, "large": op.CodeInternal} {
		if err := Call(within(t), c.client, node.ID(), name, nil, nil); op.CodeOf(err) != code {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	if err := Call(ctx, c.client, node.ID(), "hang", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := Call(within(t), c.client, node.ID(), "add", strings.Repeat("x", MaxQuestion), nil); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("%v", err)
	}
	if err := Call(within(t), c.client, node.ID(), "add", func() {}, nil); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("%v", err)
	}
	if err := Call(within(t), c.client, newHost(t).ID(), "add", nil, nil); !errors.Is(err, host.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	before := node.Counters().Malformed
	for _, text := range []string{"", "\x00", "\x01\x00\x03add{", "\x01\xff", string(make([]byte, MaxQuestion+2000))} {
		_, _ = c.client.Call(within(t), node.ID(), methodProtocol, []byte(text), MaxReply)
	}
	until(t, "they are counted", func() bool { return node.Counters().Malformed == before+5 })
}

// A peer does not nest transactions without end.
func TestNestedTransactionsAreBounded(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	outer, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tx, n := outer, 0
	for n <= maxNested {
		inner, err := tx.Begin(within(t), op.TxOptions{})
		if err != nil {
			if op.CodeOf(err) != op.CodeValidation {
				t.Errorf("%v", err)
			}
			break
		}
		tx, n = inner, n+1
	}
	if n != maxNested {
		t.Errorf("%d are nested", n)
	}
	do(t, tx, insertItem("a", 1)) // the rest goes on
	if err := outer.Rollback(within(t)); err != nil {
		t.Error(err)
	}
	if got := all(t, r); got != "" {
		t.Error(got)
	}
}
