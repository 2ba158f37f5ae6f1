package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"regexp"
	"strings"
	"time"

	my "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Numbers of the server's errors, as MySQL's and MariaDB's manuals list them.
const (
	errTooManyConns  = 1040
	errNoThread      = 1094
	errDBDenied      = 1044
	errDenied        = 1045
	errNoDatabase    = 1046
	errBadNull       = 1048
	errUnknownDB     = 1049
	errShutdown      = 1053
	errBadField      = 1054
	errDuplicate     = 1062
	errNoKeyOfRow    = 1032
	errUnknown1105   = 1105
	errTableFull     = 1114
	errTooBigRow     = 1118
	errHostBlocked   = 1129
	errHostDenied    = 1130
	errTableDenied   = 1142
	errColumnDenied  = 1143
	errNoTable       = 1146
	errPacket        = 1153
	errUserConns     = 1203
	errLockWait      = 1205
	errDeadlock      = 1213
	errReference     = 1216
	errReferenced    = 1217
	errAccess        = 1227
	errOutOfRange    = 1264
	errOptionRunning = 1290
	errKilled        = 1317
	errNoDefault     = 1364
	errBadValue      = 1366
	errTooLong       = 1406
	errStmtClosed    = 1243
	errParent        = 1451
	errChild         = 1452
	errTooManyStmts  = 1461
	errAutoInc       = 1467
	errDivision      = 1365
	errBadTime       = 1292
	errDataTruncated = 1265
	errReprepare     = 1615
	errTooManyFields = 1390
	errDataOverflow  = 1690
	errReadOnlyTx    = 1792
	errNotPreparable = 1295
	errAborted       = 1927 // MariaDB: the connection was killed
	errTimeMaria     = 1969
	errChanged       = 1020 // MariaDB: the record has changed since the last read
	errTimeMySQL     = 3024
	errNoWait        = 3572
	errCheck         = 3819
	errCheckMaria    = 4025
	errIdle          = 4031
)

// number is that of an error of the server; 0 of any other.
func number(err error) uint16 {
	var e *my.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func errLost(name string) error {
	return op.Errorf(op.CodeDatabase, "the connection to %s was lost: check that the server runs, then try again", name)
}

// errUnknown says that it is not known whether a change was made.
func errUnknown(name string, err error) error {
	e := op.Errorf(op.CodeDatabase, "the connection to %s was lost before its answer came: whether the change was made is not known; look before you try again", name)
	e.Err = err
	return e
}

// conflict is a failure of a transaction that may be run again.
func conflict(err error) error { return &sqlengine.Fault{Class: sqlengine.FaultSnapshot, Err: err} }

// explain turns an error of the driver into a fault that the operation's words
// can be found for, or into an error of the database as a whole. stopped says
// that the statement was interrupted because its context or its time ended.
func (c *conn) explain(ctx context.Context, err error, stopped bool) error {
	var e *my.MySQLError
	isServer := errors.As(err, &e)
	if !isServer {
		c.bad = true
	}
	if stopped && (!isServer || e.Number == errKilled || e.Number == errTimeMaria) {
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		if c.late.Swap(false) {
			return op.Errorf(op.CodeTimeout, "the statement took longer than %s and was stopped: give its context a deadline, or the engine a longer mysql.QueryTimeout", c.e.opt.query)
		}
	}
	if !isServer {
		switch {
		case errors.Is(err, my.ErrPktTooLarge):
			return op.Errorf(op.CodeValidation, "the values of the statement are larger than the server takes at once (max_allowed_packet)")
		case errors.Is(err, driver.ErrBadConn): // nothing was sent
			return &unsent{errLost(c.e.name)}
		}
		lost := op.Errorf(op.CodeDatabase, "the connection to %s was lost (%v): if it was a write, whether it was made is not known; look before you try again", c.e.name, err)
		lost.Err = err
		return lost
	}
	return c.explainServer(e)
}

// unsent is the error of a statement that never reached the server, so that it
// can be tried on another connection.
type unsent struct{ error }

func (u *unsent) Unwrap() error { return u.error }

func (c *conn) explainServer(e *my.MySQLError) error {
	fault := func(class sqlengine.Class) *sqlengine.Fault { return &sqlengine.Fault{Class: class, Err: e} }
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = e
		return d
	}
	name := c.e.name
	switch e.Number {
	case errDuplicate:
		return c.duplicate(e)
	case errParent, errChild, errReference, errReferenced:
		f := fault(sqlengine.FaultReference)
		return f
	case errBadNull, errNoDefault:
		f := fault(sqlengine.FaultNotNull)
		if col := quoted.FindStringSubmatch(e.Message); col != nil {
			f.Columns = []string{col[1]}
		}
		return f
	case errCheck, errCheckMaria:
		return fault(sqlengine.FaultCheck)
	case errOutOfRange, errDataOverflow, errAutoInc:
		return fault(sqlengine.FaultOverflow)
	case errTooLong, errBadValue, errBadTime, errDataTruncated, errDivision:
		return op.Errorf(op.CodeValidation, "the database refuses a value: %s", e.Message)
	case errDeadlock, errLockWait, errChanged:
		if strings.HasSuffix(c.text, " NOWAIT") && e.Number == errLockWait { // it did not wait, and lost nothing
			return conflict(e)
		}
		// The server has undone the transaction, or keeps what it cannot go on
		// with: it ends here.
		if c.depth > 0 {
			c.lost = conflict(e)
			if e.Number != errDeadlock && !c.bad {
				_ = c.last("ROLLBACK")
			}
		}
		return conflict(e)
	case errNoWait:
		return conflict(e)
	case errKilled:
		return database("the statement was stopped on the server (KILL QUERY) by somebody else; nothing was changed")
	case errAborted, errShutdown, errIdle:
		c.bad = true
		return database("the server %s has ended the connection (%s): try again when it runs", name, e.Message)
	case errTimeMaria, errTimeMySQL:
		return op.Errorf(op.CodeTimeout, "the server's own limit for statements (max_statement_time, max_execution_time) ended it")
	case errOptionRunning, errReadOnlyTx:
		return database("%s cannot be written (%s): it is read-only, or a replica; use the primary server", name, e.Message)
	case errTableDenied, errColumnDenied, errDBDenied, errAccess:
		return database("%s: the user of the connection may not do that (%s): GRANT it the missing right", name, e.Message)
	case errNoTable, errBadField:
		return database("%s: migrate first (weft.AutoMigrate())", e.Message)
	case errTableFull:
		return database("%s cannot grow, its disk or tablespace is full: free some space; nothing was changed", name)
	case errPacket:
		c.bad = true
		return op.Errorf(op.CodeValidation, "the values of the statement are larger than the server takes at once (max_allowed_packet)")
	case errUnknown1105:
		if strings.Contains(e.Message, "max_allowed_packet") {
			return op.Errorf(op.CodeValidation, "a value is larger than the server takes at once (max_allowed_packet)")
		}
	case errTooBigRow:
		return op.Errorf(op.CodeValidation, "the row is too large for the table: %s", e.Message)
	}
	return fault(sqlengine.FaultOther)
}

var (
	quoted  = regexp.MustCompile(`(?:Column|Field) '((?:[^']|'')*)'`)
	entryOf = regexp.MustCompile(`(?s)for key '([^']*)'[^']*$`)
	changes = regexp.MustCompile("^(?:INSERT INTO|UPDATE) `((?:[^`]|``)+)`")
)

// duplicate says which columns of which table a key that exists is of. MySQL
// names it "table.key", MariaDB "key": the table is then that of the statement,
// or one that a foreign key carried the change to.
func (c *conn) duplicate(e *my.MySQLError) error {
	f := &sqlengine.Fault{Class: sqlengine.FaultUnique, Err: e}
	m := entryOf.FindStringSubmatch(e.Message)
	if m == nil || c.lost != nil || c.bad {
		return f
	}
	table, key := "", m[1]
	if t, k, ok := strings.Cut(key, "."); ok && !c.e.maria() {
		table, key = t, k
	} else if t := changes.FindStringSubmatch(c.text); t != nil {
		table = strings.ReplaceAll(t[1], "``", "`")
	}
	if key == "PRIMARY" {
		f.Class = sqlengine.FaultKey
	}
	f.Table = table
	name := table + "\x00" + key
	if known, ok := c.e.keys.Load(name); ok {
		f.Columns, _ = known.([]string)
		return f
	}
	rows, err := c.ask(context.Background(), keyColumns, sqlengine.TextValue(key), sqlengine.TextValue(table))
	if err != nil || len(rows) == 0 {
		return f
	}
	f.Table = rows[0][0].Bytes()
	for _, r := range rows {
		if r[0].Bytes() == f.Table {
			f.Columns = append(f.Columns, r[1].Bytes())
		}
	}
	if f.Table == table {
		c.e.keys.Store(name, f.Columns)
	}
	return f
}

// keyColumns are the columns of a key by its name, of the table given before
// those of others. Columns that Weft has the database compute are left out.
const keyColumns = "SELECT s.TABLE_NAME, s.COLUMN_NAME FROM information_schema.STATISTICS AS s " +
	"JOIN information_schema.COLUMNS AS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME " +
	"WHERE s.TABLE_SCHEMA = DATABASE() AND s.INDEX_NAME = ? AND s.NON_UNIQUE = 0 AND c.EXTRA NOT LIKE '%GENERATED%' " +
	"ORDER BY s.TABLE_NAME <> ?, s.TABLE_NAME, s.SEQ_IN_INDEX"

// explainConnect says why there is no connection, and what to do.
func (e *Engine) explainConnect(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return op.FromContext(ctx.Err())
	}
	// Dialling may notice that the time is over a moment before the context does.
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return op.FromContext(context.DeadlineExceeded)
	}
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = err
		d.Op = "connect"
		return d
	}
	var known *op.Error
	var ne net.Error
	var oe *net.OpError
	switch n := number(err); {
	case errors.As(err, &known):
		return err
	case n == errDenied:
		return database("%s refuses the user %q: check user and password", e.name, e.user())
	case n == errUnknownDB || n == errNoDatabase:
		return database("%s has no database %q: create it (CREATE DATABASE %s) or name another", e.name, e.database(), quote(e.database()))
	case n == errDBDenied:
		return database("the user %q may not use the database %q on %s: GRANT it the rights", e.user(), e.database(), e.name)
	case n == errTooManyConns || n == errUserConns:
		return database("%s has no connection left (max_connections): use fewer (mysql.MaxConns), or raise the limit on the server", e.name)
	case n == errHostBlocked || n == errHostDenied:
		return database("%s refuses connections from this host (%v)", e.name, err)
	case n != 0:
		return database("%s refuses the connection: %v", e.name, err)
	case errors.As(err, &ne) && ne.Timeout():
		return database("%s did not answer within %s: check its address, the network and the firewall", e.name, e.cfg.Timeout.Round(time.Millisecond))
	case errors.As(err, &oe):
		return database("%s cannot be reached (%v): check that the server runs and that the address is right", e.name, oe.Err)
	}
	return database("connecting to %s failed (%v): check that a MySQL or MariaDB server runs there", e.name, err)
}
