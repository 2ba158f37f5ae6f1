// Package lock lets one process at a time migrate a database.
//
// The lock is a row of the table weft_lock: who holds it, since when, until
// when by the database's clock, over which connection, and a fencing token that
// grows with each holder. The row says who it is; that nobody works beside the
// holder is made sure by more than the row:
//
//   - PostgreSQL: each transaction under the lock takes an advisory lock, and
//     the row changes hands only under that advisory lock. Who takes over ends
//     the old holder's session first.
//   - MySQL and MariaDB: the holder's connection has a GET_LOCK. Who takes over
//     ends that connection first (KILL), so that a paused holder cannot go on.
//   - SQLite: each transaction under the lock is a write transaction, and looks
//     at the token when it begins.
//
// A holder renews its lease while it works. A lease that has ended may be taken
// over; so may one whose holder is known to be gone: its connection on a
// server, its process on SQLite.
package lock

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// Table is the table of locks.
const Table = "weft_lock"

// Migrations is the name of the lock that every change of the schema and every
// data migration is made under.
const Migrations = "migrate"

// Options are how a lock is taken. Zero values are the defaults.
type Options struct {
	Name  string        // which lock; Migrations
	Owner string        // shown to those who wait; host:pid
	Wait  time.Duration // how long to wait for another holder; 60 s; negative does not wait
	TTL   time.Duration // how long the lease lasts without being renewed; 30 s
}

func (o *Options) fill() {
	if o.Name == "" {
		o.Name = Migrations
	}
	if o.Owner == "" {
		o.Owner = Me()
	}
	if len(o.Owner) > 250 {
		o.Owner = o.Owner[:250]
	}
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	if o.TTL <= 0 {
		o.TTL = 30 * time.Second
	}
}

// Me is the default owner: host:pid.
func Me() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// Holder is who holds a lock.
type Holder struct {
	Name       string
	Owner      string
	Token      int64
	Connection string        // of the server, or the process on SQLite; what the database would end
	Held       time.Duration // since it was taken
	Left       time.Duration // until the lease ends; negative when it has
}

// String is the holder for people.
func (h *Holder) String() string {
	s := h.Owner
	if h.Connection != "" {
		// The rest is for telling it from another one.
		number, _, _ := strings.Cut(h.Connection, " since ")
		if strings.HasPrefix(number, "process ") {
			number, _, _ = strings.Cut(number, " of ")
		}
		s += " (" + number + ")"
	}
	s += " for " + round(h.Held)
	if h.Left < 0 {
		return s + ", its lease ended " + round(-h.Left) + " ago"
	}
	return s + ", its lease ends in " + round(h.Left) + " unless it renews it"
}

func round(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// HeldError is what waiting for a lock ends with. It is a CONFLICT.
type HeldError struct {
	Holder *Holder // nil when nobody is known: something else kept the database busy
	Waited time.Duration
	Err    error // what the database said last; may be nil
}

func (e *HeldError) Error() string {
	after := "after waiting " + round(e.Waited)
	if e.Waited <= 0 {
		after = "without waiting"
	}
	if e.Holder == nil {
		return fmt.Sprintf("migrate: the lock could not be taken %s, because another connection keeps the database busy: %v", after, e.Err)
	}
	msg := fmt.Sprintf("migrate: the lock is held by %s; gave up %s. Wait until that process is done, or end it", e.Holder, after)
	if e.Err != nil {
		msg += fmt.Sprintf(" (%v)", e.Err)
	}
	return msg
}

// Unwrap returns what the database said.
func (e *HeldError) Unwrap() error { return e.Err }

// Is holds for [op.ErrConflict].
func (e *HeldError) Is(target error) bool { return target == error(op.ErrConflict) }

// LostError is that somebody else holds the lock that this process had. What
// was not committed yet is undone. It is a CONFLICT.
type LostError struct {
	Token  int64   // the lock that was lost
	Holder *Holder // who has it now; may be nil
}

func (e *LostError) Error() string {
	now := "nobody holds it now"
	if e.Holder != nil {
		now = "it is held by " + e.Holder.String()
	}
	return "migrate: this process lost the lock, because its lease ended before it was renewed (was it paused?); " + now +
		". Nothing was done after that; run it again to see what is left to do"
}

// Is holds for [op.ErrConflict].
func (e *LostError) Is(target error) bool { return target == error(op.ErrConflict) }

// Lock is a lock that is held. It is used by one goroutine; only its renewing
// goes on beside.
type Lock struct {
	db    *sql.DB
	d     catalog.Dialect
	o     Options
	conn  *sql.Conn
	token int64

	stop chan struct{} // closed by Release
	done chan struct{} // closed when nothing is renewed any more
	lost chan struct{} // closed when somebody else has the lock

	mu   sync.Mutex // held while a transaction of SQLite is open, which renews for itself
	wait int        // SQLite: the busy timeout that the connection had
}

// Acquire takes the lock, waiting for another holder as the options say. The
// database must allow two connections at once, but for SQLite.
func Acquire(ctx context.Context, db *sql.DB, d catalog.Dialect, o Options) (*Lock, error) {
	o.fill()
	if d != catalog.SQLite && db.Stats().MaxOpenConnections == 1 {
		return nil, op.Errorf(op.CodeValidation, "migrate: a migration needs two connections, one to work and one to renew its lock: SetMaxOpenConns must not be 1")
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, own.Fail(err, "migrate: connect")
	}
	l := &Lock{db: db, d: d, o: o, conn: conn, stop: make(chan struct{}), done: make(chan struct{}), lost: make(chan struct{})}
	if err = l.prepare(ctx); err == nil {
		err = l.take(ctx)
	}
	if err != nil {
		l.restore(ctx)
		_ = conn.Close()
		return nil, err
	}
	go l.renew()
	return l, nil
}

// Conn is the connection that everything under the lock is done on. On a server
// it is the one that is ended when somebody takes the lock over.
func (l *Lock) Conn() *sql.Conn { return l.conn }

// Token is the fencing token: greater than that of every earlier holder.
func (l *Lock) Token() int64 { return l.token }

// Owner is who holds the lock, as others see it.
func (l *Lock) Owner() string { return l.o.Owner }

// Context is ctx until somebody else has the lock; then it is cancelled with a
// *LostError as its cause. The returned function frees what that needs.
func (l *Lock) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.lost:
			cancel(&LostError{Token: l.token})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Release gives the lock back, if it is still this holder's, and frees the
// connection. It works after ctx has ended too. Releasing twice does nothing.
func (l *Lock) Release(ctx context.Context) error {
	if l == nil || l.conn == nil {
		return nil
	}
	close(l.stop)
	<-l.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	q := own.Bind(l.d, "UPDATE "+Table+" SET owner = '', connection = '', expires_at = 0 WHERE name = ? AND token = ?")
	_, err := l.conn.ExecContext(ctx, q, l.o.Name, l.token)
	for l.d == catalog.SQLite && own.Transient(l.d, err) && ctx.Err() == nil {
		// Somebody else writes, maybe one who tries to take the lock. What was
		// done under it is done: that is waited for, as when a transaction begins.
		_, err = l.conn.ExecContext(ctx, q, l.o.Name, l.token)
	}
	if err != nil && l.d != catalog.SQLite {
		// The connection is gone, maybe not the server. What the connection was
		// doing there must have ended before somebody else begins.
		if err = l.ended(ctx); err == nil {
			_, err = l.db.ExecContext(ctx, q, l.o.Name, l.token)
		}
	}
	l.restore(ctx)
	_ = l.conn.Close()
	l.conn = nil
	return own.Fail(err, "migrate: release the lock")
}

// Look says who holds the lock of that name; nil when nobody does.
func Look(ctx context.Context, q own.Querier, d catalog.Dialect, name string) (*Holder, error) {
	if there, err := own.Exists(ctx, q, d, Table); err != nil || !there {
		return nil, err
	}
	h, err := look(ctx, q, d, name)
	if err != nil || h.Owner == "" {
		return nil, err
	}
	return h, nil
}

// look reads the row. A lock that nobody ever held has token 0.
func look(ctx context.Context, q own.Querier, d catalog.Dialect, name string) (*Holder, error) {
	h := &Holder{Name: name}
	var held, left int64
	now := own.Now(d)
	err := q.QueryRowContext(ctx, own.Bind(d, "SELECT owner, token, connection, "+now+" - acquired_at, expires_at - "+now+" FROM "+Table+" WHERE name = ?"), name).
		Scan(&h.Owner, &h.Token, &h.Connection, &held, &left)
	if err == sql.ErrNoRows {
		return h, nil
	}
	h.Held, h.Left = time.Duration(held)*time.Millisecond, time.Duration(left)*time.Millisecond
	return h, own.Fail(err, "migrate: read the lock")
}
