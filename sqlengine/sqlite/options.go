package sqlite

import (
	"runtime"
	"time"
)

// options is how a database is opened.
type options struct {
	readOnly    bool
	immutable   bool
	keepJournal bool
	full        bool
	busy        time.Duration
	readers     int
	cacheKB     int
	patience    time.Duration
	pragmas     []string
}

func defaults() options {
	return options{
		busy:     5 * time.Second,
		readers:  max(4, 2*runtime.GOMAXPROCS(0)),
		cacheKB:  8 << 10,
		patience: 10 * time.Second,
	}
}

// Option changes how a database is opened.
type Option func(*options)

// ReadOnly opens the file for reading only; it must exist. Every write fails.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Immutable is ReadOnly for a file that nobody changes while it is open: one on
// a read-only medium, or one that no other program has. It is read without
// locks and without files beside it, which ReadOnly makes (-wal and -shm) for a
// database with a write-ahead log. When the file is changed all the same,
// answers may be wrong.
func Immutable() Option { return func(o *options) { o.readOnly, o.immutable = true, true } }

// KeepJournal leaves the journal mode of the file as it is. By default the
// engine switches every file that it may write to a write-ahead log, and the
// file stays that way. With a rollback journal reads and writes wait for each
// other.
func KeepJournal() Option { return func(o *options) { o.keepJournal = true } }

// Full makes every commit wait until the disk has it (synchronous=FULL). By
// default (NORMAL) a crash of the program loses nothing and a loss of power
// may lose the last commits, but never damages the file.
func Full() Option { return func(o *options) { o.full = true } }

// BusyTimeout is how long an operation waits for a lock that another process
// holds; 5 s by default. Operations of this process wait for each other as
// long as their contexts last.
func BusyTimeout(d time.Duration) Option { return func(o *options) { o.busy = max(d, 0) } }

// Readers is how many connections read at the same time: by default twice the
// number of processors, at least 4. They are opened when they are needed. A
// find that was not closed holds one.
func Readers(n int) Option { return func(o *options) { o.readers = max(n, 1) } }

// CacheSize is the page cache of each connection in KiB; 8,192 by default.
func CacheSize(kib int) Option { return func(o *options) { o.cacheKB = max(kib, 64) } }

// CloseTimeout is how long Close waits for operations and transactions that
// are under way before it interrupts them; 10 s by default.
func CloseTimeout(d time.Duration) Option { return func(o *options) { o.patience = max(d, 0) } }

// Pragma runs "PRAGMA text" on every connection, after those of the engine:
// Pragma("max_page_count=1000"). It must not come from outside.
func Pragma(text string) Option {
	return func(o *options) { o.pragmas = append(o.pragmas, text) }
}
