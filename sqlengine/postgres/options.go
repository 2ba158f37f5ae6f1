package postgres

import (
	"runtime"
	"time"
)

// options is how a database is opened.
type options struct {
	maxConns, minConns int           // negative where nothing is said
	lifetime, idle     time.Duration // as well
	timeout            time.Duration // as well
	patience           time.Duration
	readOnly           bool
	name               string
}

func defaults() options {
	return options{maxConns: -1, minConns: -1, lifetime: -1, idle: -1, timeout: -1, patience: 10 * time.Second, name: "weft"}
}

// What holds where neither an option nor the address says anything.
const (
	defaultLifetime = time.Hour
	defaultIdle     = 30 * time.Minute
	defaultTimeout  = time.Minute
)

func defaultConns() int { return max(10, 4*runtime.GOMAXPROCS(0)) }

// Option changes how a database is opened.
type Option func(*options)

// MaxConns is how many connections the engine opens at most: by default four
// times the number of processors, at least 10. Half of them may be held by
// results of finds that are read row by row; further results are read into
// memory at once. It comes before pool_max_conns in the address, as the other
// options do before theirs.
func MaxConns(n int) Option { return func(o *options) { o.maxConns = max(n, 1) } }

// MinConns is how many connections are kept open; none by default. They are
// opened by the first operation.
func MinConns(n int) Option { return func(o *options) { o.minConns = max(n, 0) } }

// ConnLifetime is how long a connection is used before another takes its
// place; an hour by default.
func ConnLifetime(d time.Duration) Option { return func(o *options) { o.lifetime = max(d, 0) } }

// ConnIdleTime is how long a connection that nobody uses is kept; half an hour
// by default.
func ConnIdleTime(d time.Duration) Option { return func(o *options) { o.idle = max(d, 0) } }

// QueryTimeout is how long the server works on one statement before it gives
// up with a TIMEOUT (its statement_timeout); a minute by default, 0 for ever.
// One in the address (statement_timeout=5000) holds where this is not given. A
// result that is read row by row must be read to its end within that time.
// Contexts end statements earlier. Migrations have no such limit.
func QueryTimeout(d time.Duration) Option { return func(o *options) { o.timeout = max(d, 0) } }

// ReadOnly refuses every write: all transactions are read only.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// ApplicationName is what the server shows of the engine's connections; "weft"
// by default. One in the address comes first.
func ApplicationName(name string) Option { return func(o *options) { o.name = name } }

// CloseTimeout is how long Close waits for operations that are under way before
// it ends their connections; 10 s by default.
func CloseTimeout(d time.Duration) Option { return func(o *options) { o.patience = max(d, 0) } }
