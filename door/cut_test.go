package door

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// cut ends the connection to the client in the middle of what is asked, once.
func (c *cluster) cut(what string, after bool) {
	fn := onceAt(what, func(ctx context.Context) error {
		return c.hosts[0].Disconnect(c.client.ID())
	})
	for _, k := range c.copies {
		if after {
			k.after.Store(fn)
		} else {
			k.before.Store(fn)
		}
	}
}

// once checks that nothing was applied twice.
func (c *cluster) once(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, n := range c.applied {
		if n != 1 {
			t.Errorf("the change %s was applied %d times", k, n)
		}
	}
}

func TestCutConnections(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after %t", after), func(t *testing.T) {
			c := start(t, 1)
			r := c.remote(t)
			migrate(t, r)
			c.cut("do", after)
			do(t, r, insertItem("a", 1))
			c.cut("do", after)
			do(t, r, op.Op{Kind: op.Increment, Model: item.Model("Item"), Set: []op.Assign{{Field: "n", Inc: true, Value: int64(5)}}})
			c.once(t)
			c.cut("do", after)
			if got := all(t, r); got != "a=6" {
				t.Error(got)
			}
			c.cut("run", after)
			out, err := r.Run(within(t), Request{Statements: []Statement{{SQL: "UPDATE items SET n = n + 1"}}})
			if err != nil || out[0].Err != nil {
				t.Errorf("%+v, %v", out, err)
			}
			c.once(t)
			c.cut("info", after)
			if _, err := r.Info(within(t)); err != nil {
				t.Error(err)
			}
			c.cut("begin", after)
			tx, err := r.Begin(within(t), op.TxOptions{})
			if err != nil {
				t.Fatal(err)
			}
			do(t, tx, insertItem("b", 2))
			c.cut("commit", after)
			err = tx.Commit(within(t))
			if after && err != nil {
				t.Errorf("a commit whose answer was lost: %v", err)
			}
			// Before, either the outcome is known to be none, or it was applied.
			if err != nil && !op.Retryable(err) {
				t.Errorf("a commit that was cut off: %v", err)
			}
			want := "a=7 b=2"
			if err != nil {
				want = "a=7"
			}
			if got := all(t, r); got != want {
				t.Errorf("%q, want %q (%v)", got, want, err)
			}
		})
	}
}

func TestCutInATransaction(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	tx, err := r.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, insertItem("a", 1))
	inner, err := tx.Begin(within(t), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.cut("do in tx", false)
	_, err = inner.Do(within(t), insertItem("b", 1))
	if !op.Retryable(err) || op.CodeOf(err) != op.CodeConflict {
		t.Errorf("the error is %v", err)
	}
	for _, x := range []op.Tx{inner, tx} {
		if _, err := x.Do(within(t), insertItem("c", 1)); !op.Retryable(err) {
			t.Errorf("afterwards: %v", err)
		}
	}
	if err := tx.Commit(within(t)); !op.Retryable(err) {
		t.Errorf("commit: %v", err)
	}
	if err := tx.Rollback(within(t)); err != nil {
		t.Errorf("rollback: %v", err)
	}
	do(t, r, insertItem("d", 4)) // nothing holds it up
	if got := all(t, r); got != "d=4" {
		t.Error(got)
	}
}

// A commit of which the node says that it does not know is asked for.
func TestUnknownCommit(t *testing.T) {
	for _, applied := range []bool{true, false} {
		c := start(t, 1)
		r := c.remote(t)
		migrate(t, r)
		tx, err := r.Begin(within(t), op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		do(t, tx, insertItem("a", 1))
		hook := onceAt("commit", func(context.Context) error { return Unknown(errors.New("the leader was lost")) })
		if applied {
			c.copies[0].after.Store(hook)
		} else {
			c.copies[0].before.Store(hook)
		}
		if err := tx.Commit(within(t)); applied != (err == nil) || (err != nil && !op.Retryable(err)) {
			t.Errorf("applied %t: %v", applied, err)
		}
	}
}

// What is not known must not be run again, whatever it is for: a transaction of
// which it is not known whether it was committed would be applied twice.
func TestUnknownIsNotRetryable(t *testing.T) {
	lost := &op.ConflictError{Reason: op.ReasonSerialization, Index: -1, Err: errors.New("the node was lost")}
	for _, why := range []error{lost, errors.Join(lost, errors.New("and nobody answers"))} {
		err := Unknown(why)
		if op.Retryable(err) || !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), lost.Error()) {
			t.Errorf("%v", err)
		}
	}
}

// An outcome that stays unknown is said to be.
func TestUnknownChange(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	migrate(t, r)
	r.o.Patience = time.Second // from now on, as the leader is known
	var ids atomic.Int64
	lost := func(_ context.Context, what string) error {
		ids.Add(1)
		return Unknown(errors.New("the leader was lost"))
	}
	c.copies[0].after.Store(&lost)
	_, err := r.Do(within(t), insertItem("a", 1))
	if !errors.Is(err, ErrUnknown) || op.CodeOf(err) != op.CodeDatabase {
		t.Errorf("%v", err)
	}
	c.once(t)
	r.o.Patience = patience
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	ids.Store(0)
	go func() {
		until(t, "it was asked twice", func() bool { return ids.Load() >= 2 })
		cancel()
	}()
	if _, err := r.Do(ctx, insertItem("b", 1)); !errors.Is(err, ErrUnknown) || op.CodeOf(err) != op.CodeCancelled {
		t.Errorf("%v", err)
	}
	c.copies[0].after.Store(nil)
	fails := onceAt("do", func(context.Context) error { return Unknown(errors.New("the leader was lost")) })
	c.copies[0].after.Store(fails)
	do(t, r, insertItem("c", 1)) // once is survived
}

// An outcome is not known, either, when the context ends while nobody leads whom
// it could be asked of. It is said what is waited for.
func TestUnknownChangeWithoutALeader(t *testing.T) {
	c := start(t, 1)
	var gone, hunting atomic.Bool
	r := c.remote(t, func(o *Options) {
		peers := o.Peers
		o.Peers = func(ctx context.Context) ([]host.ID, error) {
			if gone.Load() {
				hunting.Store(true)
				<-ctx.Done()
			}
			return peers(ctx)
		}
	})
	migrate(t, r)
	c.copies[0].after.Store(onceAt("do", func(context.Context) error {
		gone.Store(true)
		return Unknown(errors.New("the leader was lost"))
	}))
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	go func() {
		until(t, "the leader is looked for", hunting.Load)
		cancel()
	}()
	_, err := r.Do(ctx, insertItem("a", 1))
	if !errors.Is(err, ErrUnknown) || op.CodeOf(err) != op.CodeCancelled || !strings.Contains(err.Error(), "who leads") {
		t.Errorf("%v", err)
	}
}

// The node that leads dies: another leads, and nothing is done twice.
func TestLeaderDies(t *testing.T) {
	c := start(t, 3)
	r := c.remote(t)
	migrate(t, r)
	die := onceAt("do", func(ctx context.Context) error {
		c.lead(c.hosts[1].ID())
		go func() { _ = c.hosts[0].Close() }()
		<-ctx.Done()
		return ctx.Err()
	})
	c.copies[0].after.Store(die)
	begin := time.Now()
	do(t, r, op.Op{Kind: op.Insert, Model: item.Model("Item"), Rows: [][]any{{"a", int64(1)}}})
	t.Logf("the write took %s", time.Since(begin))
	c.once(t)
	if got := all(t, r); got != "a=1" {
		t.Error(got)
	}
}

// A node that stopped, or lost the leadership without noticing what it should
// answer, is left after a question to it.
func TestLeaderHangs(t *testing.T) {
	c := start(t, 2)
	r := c.remote(t)
	migrate(t, r)
	hang := onceAt("do", func(ctx context.Context) error {
		c.lead(c.hosts[1].ID())
		<-ctx.Done()
		return ctx.Err()
	})
	c.copies[0].before.Store(hang)
	begin := time.Now()
	do(t, r, insertItem("a", 1))
	t.Logf("the write took %s", time.Since(begin))
	// One that is only slow is waited for.
	slow := onceAt("do", func(ctx context.Context) error {
		select {
		case <-time.After(3 * time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	c.copies[1].before.Store(slow)
	do(t, r, insertItem("b", 2))
	if n := c.copies[1].asked.Load(); n != 2 {
		t.Errorf("the slow node was asked %d times, want 2", n)
	}
}

func TestBackupAndRestore(t *testing.T) {
	c := start(t, 1)
	r := c.remote(t)
	c.fake.backup = bytes.Repeat([]byte("SQLite format 3\x00"), 100_000)
	var got bytes.Buffer
	if err := r.Backup(within(t), &got); err != nil || !bytes.Equal(got.Bytes(), c.fake.backup) {
		t.Fatalf("%d bytes of %d, %v", got.Len(), len(c.fake.backup), err)
	}
	if err := r.Restore(within(t), iotest.HalfReader(bytes.NewReader(c.fake.backup))); err != nil || !bytes.Equal(c.restored, c.fake.backup) {
		t.Fatalf("%d bytes of %d, %v", len(c.restored), len(c.fake.backup), err)
	}
	if err := r.Restore(within(t), strings.NewReader("")); err != nil || len(c.restored) != 0 {
		t.Errorf("nothing: %v", err)
	}

	// An error in the middle, a cut in the middle, a writer that fails.
	c.restored = []byte("before")
	c.copies[0].after.Store(onceAt("backup", func(context.Context) error { return op.Errorf(op.CodeDatabase, "the disk is gone") }))
	if err := r.Backup(within(t), io.Discard); op.CodeOf(err) != op.CodeDatabase || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
	got.Reset()
	n := 0
	f := func(context.Context, string) error {
		if n++; n == 5 {
			return c.hosts[0].Disconnect(c.client.ID())
		}
		return nil
	}
	c.copies[0].after.Store((*func(context.Context, string) error)(&f))
	if err := r.Backup(within(t), &got); err == nil && !bytes.Equal(got.Bytes(), c.fake.backup) {
		t.Errorf("a short copy of %d bytes is taken for whole", got.Len())
	}
	c.copies[0].after.Store(nil)
	if err := r.Backup(within(t), &full{left: 300_000}); !errors.Is(err, errFull) {
		t.Errorf("a full disk here: %v", err)
	}
	got.Reset()
	if err := r.Backup(within(t), &got); err != nil || !bytes.Equal(got.Bytes(), c.fake.backup) {
		t.Errorf("afterwards: %v", err)
	}
	if err := r.Restore(within(t), io.MultiReader(bytes.NewReader(c.fake.backup[:500_000]), iotest.ErrReader(errFull))); !errors.Is(err, errFull) {
		t.Errorf("a reader that fails: %v", err)
	}
	c.copies[0].before.Store(onceAt("restore", func(context.Context) error { return op.Errorf(op.CodeQuota, "too large") }))
	if err := r.Restore(within(t), bytes.NewReader(c.fake.backup)); op.CodeOf(err) != op.CodeQuota {
		t.Errorf("refused: %v", err)
	}
	cutting := &during{r: bytes.NewReader(c.fake.backup), at: 700_000, fn: func() { _ = c.hosts[0].Disconnect(c.client.ID()) }}
	if err := r.Restore(within(t), cutting); err == nil {
		t.Error("a restore that was cut off succeeds")
	}
	if string(c.restored) != "before" {
		t.Errorf("half a file of %d bytes was taken", len(c.restored))
	}
	c.copies[0].after.Store(onceAt("restore", func(context.Context) error { return c.hosts[0].Disconnect(c.client.ID()) }))
	if err := r.Restore(within(t), bytes.NewReader(c.fake.backup)); err != nil && !errors.Is(err, ErrUnknown) {
		t.Errorf("an answer that was lost: %v", err)
	}
}

var errFull = errors.New("no space left on device")

type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// during runs a function in the middle of a reading.
type during struct {
	r  io.Reader
	at int
	fn func()
}

func (d *during) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if d.at > 0 && d.at <= n {
		d.fn()
	}
	d.at -= n
	return n, err
}
