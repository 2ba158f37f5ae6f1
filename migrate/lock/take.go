package lock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

const columns = "name varchar(64) NOT NULL PRIMARY KEY, owner varchar(255) NOT NULL, token bigint NOT NULL, " +
	"acquired_at bigint NOT NULL, expires_at bigint NOT NULL, connection varchar(255) NOT NULL"

// How long to wait between two tries: it doubles from the first to the last,
// less a random part, so that processes that started together do not stay so.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// prepare makes the connection and the table ready.
func (l *Lock) prepare(ctx context.Context) error {
	if l.d == catalog.SQLite {
		if err := l.conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&l.wait); err != nil {
			return own.Fail(err, "migrate: read the busy timeout")
		}
		// Waiting is done here, where it ends with the context.
		if err := l.busyTimeout(ctx, 100); err != nil {
			return err
		}
		if there, err := own.Exists(ctx, l.conn, l.d, Table); there || err != nil && !own.Busy(err) {
			return err
		}
		// Others may be writing, which in a file without a write-ahead log keeps
		// even who only looks: as a writer it is waited for.
		for start := time.Now(); ; {
			err := l.write(ctx, func() error { return own.Make(ctx, l.conn, l.d, Table, columns) })
			if !op.Retryable(err) || time.Since(start) >= l.o.Wait { // of a group, whose transactions find out at the end
				return err
			}
		}
	}
	return own.Make(ctx, l.conn, l.d, Table, columns)
}

func (l *Lock) busyTimeout(ctx context.Context, ms int) error {
	var got int // the pragma answers with a row, which must be read away
	err := l.conn.QueryRowContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", ms)).Scan(&got)
	return own.Fail(err, "migrate: set the busy timeout")
}

// restore gives the connection back to the pool as it was.
func (l *Lock) restore(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	switch l.d {
	case catalog.SQLite:
		_ = l.busyTimeout(ctx, l.wait)
	case catalog.MySQL:
		_, _ = l.conn.ExecContext(ctx, "DO RELEASE_LOCK("+serverLock(l.o.Name)+")")
	}
}

// take tries until it has the lock, or the time or ctx is over.
func (l *Lock) take(ctx context.Context) error {
	start := time.Now()
	var last *Holder
	giveUp := func(err error) error {
		return fmt.Errorf("migrate: gave up waiting for the lock held by %s: %w", last, own.Fail(err, "wait"))
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		h, reason, err := l.try(ctx)
		switch {
		case err != nil && ctx.Err() != nil && last != nil:
			return giveUp(ctx.Err())
		case err != nil:
			return err
		case h != nil && h.Owner != "":
			last = h
		}
		if l.token > 0 {
			return nil
		}
		waited := max(0, time.Since(start))
		if l.o.Wait < 0 {
			waited = 0
		}
		if waited >= l.o.Wait {
			return &HeldError{Holder: h, Waited: waited, Err: reason}
		}
		timer := time.NewTimer(min(pause/2+rand.N(pause/2+1), l.o.Wait-waited))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if last == nil {
				return own.Fail(ctx.Err(), "migrate: wait for the lock")
			}
			return giveUp(ctx.Err())
		}
	}
}

// try takes the lock when it is free, when its lease has ended or when its
// holder is known to be gone. Otherwise it says who has it and, where there is
// more to say, why it cannot be had.
func (l *Lock) try(ctx context.Context) (h *Holder, reason, err error) {
	if l.d == catalog.SQLite {
		return l.trySQLite(ctx)
	}
	if h, err = look(ctx, l.conn, l.d, l.o.Name); err != nil {
		return nil, nil, err
	}
	free := h.Owner == ""
	if !free {
		alive, end, err := l.connection(ctx, h)
		switch {
		case err != nil:
			return nil, nil, err
		case alive && h.Left >= 0:
			return h, nil, nil
		case end != "":
			// The old holder must not go on. It may have ended by itself meanwhile.
			if _, err := l.conn.ExecContext(ctx, end); err != nil && own.State(err) != "1094" {
				return h, fmt.Errorf("its connection cannot be ended with %s: %w", end, err), nil
			}
			if _, end, err = l.connection(ctx, h); err != nil || end != "" {
				return h, nil, err // it takes a moment, or a roll back, to end
			}
		}
	}
	if l.d == catalog.Postgres {
		return h, nil, l.takePostgres(ctx, h)
	}
	return h, nil, l.takeMySQL(ctx, h)
}

// change gives the row to this process if it still is as it was seen.
func (l *Lock) change(ctx context.Context, seen *Holder, connection string) error {
	now := own.Now(l.d)
	if seen.Token == 0 {
		insert := "INSERT INTO " + Table + " (name, owner, token, acquired_at, expires_at, connection) VALUES (?, '', 1, 0, 0, '')"
		insert += map[catalog.Dialect]string{
			catalog.Postgres: " ON CONFLICT DO NOTHING", catalog.SQLite: " ON CONFLICT DO NOTHING",
			catalog.MySQL: " ON DUPLICATE KEY UPDATE token = token",
		}[l.d]
		if _, err := l.conn.ExecContext(ctx, own.Bind(l.d, insert), l.o.Name); err != nil {
			return own.Fail(err, "migrate: make the row of the lock")
		}
		seen = &Holder{Token: 1}
	}
	r, err := l.conn.ExecContext(ctx, own.Bind(l.d, "UPDATE "+Table+" SET owner = ?, token = token + 1, acquired_at = "+now+", expires_at = "+now+" + ?, connection = ? WHERE name = ? AND token = ? AND owner = ?"),
		l.o.Owner, l.o.TTL.Milliseconds(), connection, l.o.Name, seen.Token, seen.Owner)
	if err != nil {
		return own.Fail(err, "migrate: take the lock")
	}
	n, err := r.RowsAffected()
	if n == 1 {
		l.token = seen.Token + 1
	}
	return own.Fail(err, "migrate: take the lock")
}

// renew makes the lease longer until the lock is released.
func (l *Lock) renew() {
	defer close(l.done)
	if l.db.Stats().MaxOpenConnections == 1 {
		return // SQLite on one connection: its transactions renew
	}
	tick := time.NewTicker(l.o.TTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if l.renewOnce() {
			close(l.lost)
			return
		}
	}
}

// renewOnce reports whether somebody else has the lock. What fails otherwise is
// tried again at the next tick: the lease is longer than that, and when it ends
// all the same, the token tells.
func (l *Lock) renewOnce() (lost bool) {
	if l.d == catalog.SQLite {
		if !l.mu.TryLock() {
			return false
		}
		defer l.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.o.TTL/3)
	defer cancel()
	go func() { // Release does not wait for a server that does not answer
		select {
		case <-l.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	r, err := l.db.ExecContext(ctx, own.Bind(l.d, "UPDATE "+Table+" SET expires_at = "+own.Now(l.d)+" + ? WHERE name = ? AND token = ?"),
		l.o.TTL.Milliseconds(), l.o.Name, l.token)
	if err != nil {
		return false
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return false
	}
	h, err := look(ctx, l.db, l.d, l.o.Name)
	return err == nil && (h.Token != l.token || h.Owner == "")
}

// Check is nil while the lock is this holder's, else a *LostError. It asks
// beside the transaction that is open, if one is, but on SQLite.
func (l *Lock) Check(ctx context.Context) error {
	var q own.Querier = l.conn
	if l.d == catalog.Postgres {
		q = l.db // a transaction may be open that sees an older row, or has failed
	}
	return l.check(ctx, q)
}

func (l *Lock) check(ctx context.Context, q own.Querier) error {
	h, err := look(ctx, q, l.d, l.o.Name)
	switch {
	case err != nil:
		return err
	case h.Token == l.token && h.Owner != "":
		return nil
	case h.Owner == "":
		h = nil
	}
	return &LostError{Token: l.token, Holder: h}
}
