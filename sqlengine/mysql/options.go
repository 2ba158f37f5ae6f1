package mysql

import (
	"runtime"
	"time"
)

// options is how a server is used.
type options struct {
	readOnly bool
	conns    int
	life     time.Duration
	idle     time.Duration
	query    time.Duration
	lock     time.Duration
	dial     time.Duration
	patience time.Duration
}

func defaults() options {
	return options{
		conns:    max(8, 4*runtime.GOMAXPROCS(0)),
		life:     time.Hour,
		idle:     5 * time.Minute,
		query:    time.Minute,
		lock:     10 * time.Second,
		dial:     10 * time.Second,
		patience: 10 * time.Second,
	}
}

// Option changes how a server is used.
type Option func(*options)

// ReadOnly refuses every write before it is sent. Transactions are read-only
// ones.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// MaxConns is how many operations and transactions run at the same time; others
// wait for them. It is four times the number of processors by default, at least
// 8. A find whose rows are still read has a connection of its own, up to as many
// again; further ones are read into memory at once. So the server sees at most
// twice this number, and one to stop queries.
func MaxConns(n int) Option { return func(o *options) { o.conns = max(n, 1) } }

// ConnLifetime is how old a connection gets before it is replaced; one hour by
// default, 0 is without end.
func ConnLifetime(d time.Duration) Option { return func(o *options) { o.life = max(d, 0) } }

// ConnIdleTime is how long a connection may stand unused before it is replaced;
// 5 minutes by default, 0 is without end. Keep it below the server's wait_timeout.
func ConnIdleTime(d time.Duration) Option { return func(o *options) { o.idle = max(d, 0) } }

// QueryTimeout is how long a statement may run whose context has no deadline of
// its own: after it the statement is stopped on the server and fails with
// TIMEOUT. It is one minute by default, 0 is without end. Reading the rows of a
// find does not count.
func QueryTimeout(d time.Duration) Option { return func(o *options) { o.query = max(d, 0) } }

// LockTimeout is how long a statement waits for a row that another transaction
// has locked before it fails with a conflict that may be retried; 10 s by
// default. The server counts in seconds, and the least is one.
func LockTimeout(d time.Duration) Option { return func(o *options) { o.lock = max(d, time.Second) } }

// ConnectTimeout is how long connecting may take; 10 s by default.
func ConnectTimeout(d time.Duration) Option { return func(o *options) { o.dial = max(d, 0) } }

// CloseTimeout is how long Close waits for operations and transactions that are
// under way before it cuts them off; 10 s by default.
func CloseTimeout(d time.Duration) Option { return func(o *options) { o.patience = max(d, 0) } }
