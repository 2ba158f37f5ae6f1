package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
)

// Tx runs fn in one transaction of the holder's connection, on which fn works.
// The transaction begins only if the lock is still this holder's, and until it
// ends nobody else gets the lock. It is committed when fn gives back nil and
// otherwise rolled back. With serializable it is that; else it is what the
// dialect has for changes of the schema.
func (l *Lock) Tx(ctx context.Context, serializable bool, fn func() error) error {
	switch l.d {
	case catalog.SQLite:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.write(ctx, func() error {
			err := l.check(ctx, l.conn)
			if err == nil {
				err = fn()
			}
			if err == nil {
				_, err = l.conn.ExecContext(ctx, "UPDATE "+Table+" SET expires_at = "+own.Now(l.d)+" + ? WHERE name = ?", l.o.TTL.Milliseconds(), l.o.Name)
			}
			return err
		})
	case catalog.Postgres:
		begin := "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
		if serializable {
			begin = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
		}
		return l.plainTx(ctx, begin, func() error {
			if _, err := l.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+advisory(l.o.Name)+")"); err != nil {
				return own.Fail(err, "migrate: take the advisory lock")
			}
			if err := l.Check(ctx); err != nil {
				return err
			}
			return fn()
		})
	}
	// Before the transaction, which would keep the row from being renewed when it
	// is serializable. Who takes over ends this connection, so it holds as long.
	if err := l.Check(ctx); err != nil {
		return err
	}
	if serializable {
		if _, err := l.conn.ExecContext(ctx, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"); err != nil {
			return own.Fail(err, "migrate: begin")
		}
	}
	return l.plainTx(ctx, "START TRANSACTION", fn)
}

// write runs fn in a write transaction of SQLite.
func (l *Lock) write(ctx context.Context, fn func() error) error {
	if err := l.patient(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = l.patient(ctx, "COMMIT")
	}
	if err != nil {
		l.rollBack(ctx)
	}
	return err
}

// patient runs a statement of SQLite that others may have to be waited for.
func (l *Lock) patient(ctx context.Context, statement string) error {
	start := time.Now()
	for {
		_, err := l.conn.ExecContext(ctx, statement) // waits for 100 ms by itself
		switch {
		case !own.Busy(err) || ctx.Err() != nil:
			return own.Fail(err, "migrate: "+strings.ToLower(statement))
		case time.Since(start) >= l.o.Wait:
			return &HeldError{Waited: time.Since(start), Err: err}
		}
	}
}

// plainTx runs fn in a transaction.
func (l *Lock) plainTx(ctx context.Context, begin string, fn func() error) error {
	if _, err := l.conn.ExecContext(ctx, begin); err != nil {
		return own.Fail(err, "migrate: begin")
	}
	err := fn()
	if err == nil {
		err = l.commit(ctx)
	}
	if err != nil {
		l.rollBack(ctx)
	}
	return err
}

func (l *Lock) commit(ctx context.Context) error {
	if l.d == catalog.Postgres {
		// COMMIT of a transaction in which a statement has failed rolls back and
		// says so to nobody. This fails there.
		if _, err := l.conn.ExecContext(ctx, "SELECT 1"); err != nil {
			return own.Fail(err, "migrate: commit")
		}
	}
	_, err := l.conn.ExecContext(ctx, "COMMIT")
	return own.Fail(err, "migrate: commit")
}

// rollBack ends the transaction. When the connection does not answer any more,
// the server rolls back by itself.
func (l *Lock) rollBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = l.conn.ExecContext(ctx, "ROLLBACK")
}

// trySQLite takes the row in a write transaction.
func (l *Lock) trySQLite(ctx context.Context) (h *Holder, reason, err error) {
	if h, err = look(ctx, l.conn, l.d, l.o.Name); err != nil {
		if own.Busy(err) {
			return nil, err, nil
		}
		return nil, nil, err
	}
	if h.Owner != "" && h.Left >= 0 && !processGone(h.Connection) {
		return h, nil, nil
	}
	if h.Owner == "" {
		// Who waits longer is waiting for whatever else holds the file.
		defer func() {
			if l.token == 0 && reason != nil {
				h = nil
			}
		}()
	}
	_, err = l.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		if err = l.change(ctx, h, process()); err == nil {
			_, err = l.conn.ExecContext(ctx, "COMMIT")
		}
		if err != nil {
			l.token = 0
			l.rollBack(ctx)
		}
	}
	if own.Transient(l.d, err) {
		return h, err, nil
	}
	return h, nil, own.Fail(err, "migrate: take the lock")
}

// process is how this process is written into the row on SQLite.
func process() string { return fmt.Sprintf("process %d of %s", os.Getpid(), machine()) }

// machine tells machines, their starts and, where there are such, the worlds of
// process numbers apart.
func machine() string {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	world, _ := os.Readlink("/proc/self/ns/pid")
	s := strings.Join([]string{host, strings.TrimSpace(string(boot)), world}, " ")
	return strings.TrimSpace(s[:min(len(s), 200)])
}

// processGone reports whether the holder was a process of this machine that is
// not there any more. When a number was used again it counts as there, until
// the lease ends.
func processGone(connection string) bool {
	pid, _, ok := cut(connection, "process ", " of ")
	if _, of, _ := strings.Cut(connection, " of "); !ok || of != machine() {
		return false
	}
	// One that has ended and that its parent has not asked for yet still has its number.
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		if _, state, ok := strings.Cut(string(stat), ") "); ok && strings.ContainsAny(state[:1], "ZX") {
			return true
		}
	}
	p, err := os.FindProcess(int(pid))
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }()
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
