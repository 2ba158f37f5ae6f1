package raftgroup

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync"
	"time"

	"github.com/rqlite/go-sqlite3"

	"github.com/weftdb/weft/sqlengine/lite"
)

// recorded is a statement that changed something.
type recorded struct {
	sql  string
	args []any
}

// recorder opens connections to a file and remembers what is changed there, in
// order, without what was rolled back.
type recorder struct {
	path string

	mu   sync.Mutex
	list []recorded
}

func (r *recorder) done() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list
}

// Connect opens a connection.
func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	c, err := r.Driver().Open("file:" + r.path + "?_busy_timeout=5000&_foreign_keys=1")
	if err != nil {
		return nil, err
	}
	return &recordingConn{Conn: c, r: r}, nil
}

// Driver is that of the SQLite that rqlite links.
func (r *recorder) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// recordingConn is one connection. open is what was done in the transaction that
// is open, marks where its savepoints began.
type recordingConn struct {
	driver.Conn
	r     *recorder
	in    bool
	open  []recorded
	marks []mark
}

type mark struct {
	name string
	at   int
}

// ExecContext runs a statement and remembers it.
func (c *recordingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if err == nil {
		c.note(query, args)
	}
	return res, err
}

// QueryContext asks.
func (c *recordingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *recordingConn) note(query string, args []driver.NamedValue) {
	words := strings.Fields(query)
	name := strings.TrimSuffix(words[len(words)-1], ";")
	switch lite.FirstWord(query) {
	case "BEGIN":
		c.in = true
	case "COMMIT", "END":
		c.keep(c.open)
		c.in, c.open, c.marks = false, nil, nil
	case "ROLLBACK":
		if len(words) > 2 {
			if at, ok := c.mark(name); ok {
				c.open = c.open[:at]
			}
			return
		}
		c.in, c.open, c.marks = false, nil, nil
	case "SAVEPOINT":
		c.marks = append(c.marks, mark{name, len(c.open)})
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP", "REINDEX", "ANALYZE":
		s := recorded{sql: query}
		for _, a := range args {
			v := a.Value
			if t, ok := v.(time.Time); ok {
				v = t.UTC()
			}
			s.args = append(s.args, v)
		}
		if c.in {
			c.open = append(c.open, s)
		} else {
			c.keep([]recorded{s})
		}
	case "PRAGMA":
		if c.in && strings.Contains(query, "legacy_alter_table") && strings.Contains(query, "=") {
			c.open = append(c.open, recorded{sql: query})
		}
	}
}

func (c *recordingConn) mark(name string) (int, bool) {
	for i := len(c.marks) - 1; i >= 0; i-- {
		if strings.EqualFold(c.marks[i].name, name) {
			return c.marks[i].at, true
		}
	}
	return 0, false
}

func (c *recordingConn) keep(list []recorded) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.list = append(c.r.list, list...)
}
