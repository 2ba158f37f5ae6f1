package lock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
)

// advisory is the number of PostgreSQL's advisory lock: of this database (which
// it belongs to anyway), the schema and the name.
func advisory(name string) string {
	return "hashtextextended('weft_lock.' || current_schema() || '." + name + "', 0)"
}

// serverLock is the name of MySQL's lock, which is the whole server's; at most
// 64 characters.
func serverLock(name string) string {
	return "concat('weft_lock.', sha1(concat(database(), '." + name + "')))"
}

// me is how the connection is written into the row: what is needed to know it
// again, so that nobody else's is ended.
func (l *Lock) me(ctx context.Context) (string, error) {
	query := "SELECT concat('connection ', connection_id(), ' of ', @@hostname, ':', @@port)"
	if l.d == catalog.Postgres {
		query = "SELECT 'pid ' || pid || ' since ' || (extract(epoch from backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()"
	}
	var s string
	err := l.conn.QueryRowContext(ctx, query).Scan(&s)
	return s, own.Fail(err, "migrate: ask for the connection")
}

// connection says whether the connection of the holder is there, and with what
// statement it is ended, if it must be. A connection of another server of a
// cluster counts as there until the lease ends.
func (l *Lock) connection(ctx context.Context, h *Holder) (alive bool, end string, err error) {
	if l.d == catalog.Postgres {
		pid, since, ok := cut(h.Connection, "pid ", " since ")
		if !ok {
			return h.Left >= 0, "", nil
		}
		// To a role that may not look at others' sessions their start is NULL.
		var n int
		err = l.conn.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND (backend_start IS NULL OR (extract(epoch from backend_start) * 1000000)::bigint = $2)", pid, since).Scan(&n)
		if n > 0 {
			end = fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)
		}
		return n > 0, end, own.Fail(err, "migrate: look for the holder's session")
	}
	id, _, ok := cut(h.Connection, "connection ", " of ")
	mine, err := l.me(ctx)
	if err != nil {
		return false, "", err
	}
	_, here, _ := strings.Cut(mine, " of ")
	if _, there, _ := strings.Cut(h.Connection, " of "); !ok || there != here {
		return h.Left >= 0, "", nil
	}
	// Another user's connection cannot be seen without the PROCESS privilege,
	// its lock can. A connection without the lock need not be ended: it has yet
	// to take it, and looks at the token then. Nor must it be: after a restart
	// the number is somebody else's.
	var listed, holds bool
	err = l.conn.QueryRowContext(ctx, "SELECT coalesce(IS_USED_LOCK("+serverLock(l.o.Name)+") = ?, 0), (SELECT count(*) FROM information_schema.processlist WHERE id = ?) > 0", id, id).Scan(&holds, &listed)
	if holds {
		end = fmt.Sprintf("KILL %d", id)
	}
	return holds || listed, end, own.Fail(err, "migrate: look for the holder's connection")
}

func cut(s, prefix, middle string) (n, rest int64, ok bool) {
	s, ok = strings.CutPrefix(s, prefix)
	a, b, _ := strings.Cut(s, middle)
	n, err := strconv.ParseInt(a, 10, 64)
	rest, _ = strconv.ParseInt(b, 10, 64)
	return n, rest, ok && err == nil
}

// takePostgres changes the row under the advisory lock, which a transaction of
// the old holder would have.
func (l *Lock) takePostgres(ctx context.Context, seen *Holder) error {
	connection, err := l.me(ctx)
	if err != nil {
		return err
	}
	return l.plainTx(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", func() error {
		var got bool
		if err := l.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock("+advisory(l.o.Name)+")").Scan(&got); err != nil || !got {
			return own.Fail(err, "migrate: take the advisory lock")
		}
		return l.change(ctx, seen, connection)
	})
}

// takeMySQL changes the row and then takes the server's lock, which is free as
// soon as the old holder's connection has ended. The row comes first: whoever
// is stopped between the two finds out by the token.
func (l *Lock) takeMySQL(ctx context.Context, seen *Holder) error {
	connection, err := l.me(ctx)
	if err != nil {
		return err
	}
	if err := l.change(ctx, seen, connection); err != nil || l.token == 0 {
		return err
	}
	token := l.token
	l.token = 0
	var got sql.NullInt64
	seconds := max(1, int64(l.o.TTL/time.Second))
	if err := l.conn.QueryRowContext(ctx, "SELECT GET_LOCK("+serverLock(l.o.Name)+", ?)", seconds).Scan(&got); err != nil {
		return own.Fail(err, "migrate: take the server's lock")
	}
	if got.Int64 != 1 {
		return nil
	}
	l.token = token
	err = l.check(ctx, l.conn)
	if lost := (*LostError)(nil); errors.As(err, &lost) {
		l.token, err = 0, nil
		_, err = l.conn.ExecContext(ctx, "DO RELEASE_LOCK("+serverLock(l.o.Name)+")")
	}
	return own.Fail(err, "migrate: take the server's lock")
}

// ended waits until the server has ended this holder's connection, which is of
// no use any more here: MySQL goes on with a statement whose client has left.
func (l *Lock) ended(ctx context.Context) error {
	other, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer other.Close()
	h, err := look(ctx, other, l.d, l.o.Name)
	if err != nil || h.Token != l.token {
		return err
	}
	by := &Lock{db: l.db, d: l.d, o: l.o, conn: other}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		alive, end, err := by.connection(ctx, h)
		if err != nil || end == "" && !alive {
			return err
		}
		if end != "" {
			if _, err := other.ExecContext(ctx, end); err != nil && own.State(err) != "1094" {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
