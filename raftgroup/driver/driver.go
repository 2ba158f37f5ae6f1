// Package driver is a group as a database of database/sql, for programs and
// libraries that speak it: GORM, bun, sqlc, migrations. It needs a [door.Group],
// wherever the copies are.
//
//	db := driver.Open(group)
//
// Statements outside a transaction run on the group by themselves; reads are
// answered as [op.WithReading] of their context says. A transaction is
// serializable and interactive. It locks nothing: when others changed what it
// read, a statement in it or Commit fails with an error that is
// [op.ErrConflict], nothing was changed, and it may be run again.
//
// A connection of the pool costs nothing and is never lost: it holds the
// transaction that is open on it, and what PRAGMA foreign_keys,
// legacy_alter_table and busy_timeout were set to.
package driver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"slices"
	"sync"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Name is what Register registers the driver under.
const Name = "weft"

// Open is a database on a group, which stays its caller's: closing the one does
// not close the other.
func Open(g door.Group) *sql.DB { return sql.OpenDB(Connector(g)) }

// Connector makes connections to a group, for sql.OpenDB.
func Connector(g door.Group) driver.Connector { return &connector{g: g, d: dialer{noDial}} }

var registering sync.Once

// Register makes sql.Open("weft", dsn) possible, where dial makes a group of
// the data source name. A group that has a method Close() error is closed with
// the sql.DB. Only the first call counts.
func Register(dial func(dsn string) (door.Group, error)) {
	registering.Do(func() {
		if !slices.Contains(sql.Drivers(), Name) {
			sql.Register(Name, dialer{dial})
		}
	})
}

// dialer is the driver that database/sql knows.
type dialer struct {
	dial func(dsn string) (door.Group, error)
}

func noDial(string) (door.Group, error) {
	return nil, op.Errorf(op.CodeUnsupported, "this connection was made of a group and not of a name")
}

var _ driver.DriverContext = dialer{}

// Open is for database/sql, which calls OpenConnector.
func (d dialer) Open(dsn string) (driver.Conn, error) {
	c, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return c.Connect(context.Background())
}

// OpenConnector dials.
func (d dialer) OpenConnector(dsn string) (driver.Connector, error) {
	g, err := d.dial(dsn)
	if err != nil {
		return nil, err
	}
	return &connector{g: g, d: d, owned: true}, nil
}

type connector struct {
	g     door.Group
	d     dialer
	owned bool
}

var (
	_ driver.Connector = (*connector)(nil)
	_ io.Closer        = (*connector)(nil)
)

// Connect makes a connection, which asks nobody.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, op.FromContext(err)
	}
	return newSession(c.g), nil
}

// Driver is the one that made the connector.
func (c *connector) Driver() driver.Driver { return c.d }

// Close closes a group that was dialled.
func (c *connector) Close() error {
	if g, ok := c.g.(io.Closer); ok && c.owned {
		return g.Close()
	}
	return nil
}
