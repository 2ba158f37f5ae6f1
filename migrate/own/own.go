// Package own is what the tables that Weft keeps for itself (weft_lock,
// weft_runs, weft_steps, weft_migrations) have in common on the three dialects:
// how they are found and made, the database's clock, and what an error of a
// driver says. It links no driver.
package own

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
)

// Querier is a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Bind turns the question marks of a statement of ours into what the dialect
// wants. The statement has none inside of texts.
func Bind(d catalog.Dialect, query string) string {
	if d != catalog.Postgres {
		return query
	}
	var b strings.Builder
	n := 0
	for {
		before, rest, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
		query = rest
	}
}

// Now is the time by the database's clock, in milliseconds since 1970. On
// SQLite, which has none, it is the machine's.
func Now(d catalog.Dialect) string {
	switch d {
	case catalog.Postgres:
		return "(extract(epoch from clock_timestamp()) * 1000)::bigint"
	case catalog.MySQL:
		return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)"
	}
	return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"
}

// Text is the type of a column of long text.
func Text(d catalog.Dialect) string {
	if d == catalog.MySQL {
		return "longtext"
	}
	return "text"
}

// Exists reports whether the current schema has the table.
func Exists(ctx context.Context, q Querier, d catalog.Dialect, table string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
	switch d {
	case catalog.Postgres:
		query = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = ?"
	case catalog.MySQL:
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = ?"
	}
	var n int
	if err := q.QueryRowContext(ctx, Bind(d, query), table).Scan(&n); err != nil {
		return false, Fail(err, "look for "+table)
	}
	return n > 0, nil
}

// Make makes the table when it is missing; columns is what stands between the
// parentheses. Several processes may do it at once.
func Make(ctx context.Context, q Querier, d catalog.Dialect, table, columns string) error {
	there, err := Exists(ctx, q, d, table)
	if there || err != nil {
		return err
	}
	ddl := "CREATE TABLE " + table + " (" + columns + ")"
	if d == catalog.MySQL {
		ddl += " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	}
	if _, err = q.ExecContext(ctx, ddl); err == nil {
		return nil
	}
	// Somebody else may have been quicker. Which error that gives differs, so
	// the catalogue is asked. In a transaction of PostgreSQL that fails too, and
	// the first error is the one to tell.
	if there, lookErr := Exists(ctx, q, d, table); lookErr == nil && there {
		return nil
	}
	return Fail(err, "create the table "+table+", which Weft keeps for itself")
}

// State is the code of an error of a driver: an SQLSTATE on PostgreSQL, the
// server's number on MySQL, the result code on SQLite; "" where there is none.
func State(err error) string {
	var pg interface{ SQLState() string }
	if errors.As(err, &pg) {
		return pg.SQLState()
	}
	var lite interface{ Code() int }
	if errors.As(err, &lite) {
		return strconv.Itoa(lite.Code())
	}
	// go-sql-driver's error has its number in a field, which an interface
	// cannot ask for; its text begins with it.
	for e := err; e != nil; e = errors.Unwrap(e) {
		if rest, ok := strings.CutPrefix(e.Error(), "Error "); ok {
			if n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); n > 0 {
				return rest[:n]
			}
		}
	}
	return ""
}

// Busy reports whether another connection holds what was asked for on SQLite.
func Busy(err error) bool {
	var lite interface{ Code() int }
	if !errors.As(err, &lite) {
		return false
	}
	primary := lite.Code() & 0xff
	return primary == 5 || primary == 6 // SQLITE_BUSY, SQLITE_LOCKED
}

// AlreadyThere reports whether the error means that something of that name is there.
func AlreadyThere(d catalog.Dialect, err error) bool {
	switch d {
	case catalog.Postgres:
		switch State(err) {
		case "42P07", "42701", "42710", "42P06", "42723":
			return true
		}
	case catalog.MySQL:
		switch State(err) {
		case "1050", "1060", "1061", "1826", "1022", "3822", "1359":
			return true
		}
	case catalog.SQLite:
		return State(err) == "1" && (strings.Contains(err.Error(), "already exists") || strings.Contains(err.Error(), "duplicate column name"))
	}
	return false
}

// Denied reports whether the error means that a permission is missing.
func Denied(d catalog.Dialect, err error) bool {
	switch d {
	case catalog.Postgres:
		return State(err) == "42501"
	case catalog.MySQL:
		switch State(err) {
		case "1142", "1143", "1044", "1227", "1370", "1419":
			return true
		}
	case catalog.SQLite:
		n, _ := strconv.Atoi(State(err))
		return n&0xff == 8 || n&0xff == 23 // SQLITE_READONLY, SQLITE_AUTH
	}
	return false
}

// Transient reports whether a transaction failed only because of others that
// ran at the same time, so that it may be tried again.
func Transient(d catalog.Dialect, err error) bool {
	switch s := State(err); d {
	case catalog.Postgres:
		return s == "40001" || s == "40P01"
	case catalog.MySQL:
		return s == "1213" || s == "1205"
	}
	return Busy(err) || op.Retryable(err) // the one of a file, the other of a group
}

// Gone reports whether the connection to the server is lost.
func Gone(d catalog.Dialect, err error) bool {
	if d == catalog.SQLite || err == nil {
		return false
	}
	switch State(err) {
	case "57P01", "57P02", "57P03", "08006", "08003", "08000", "1053", "1317", "1927", "2006", "2013":
		return true
	case "":
	default:
		return false
	}
	if errors.Is(err, sql.ErrConnDone) || op.FromContext(err) != err {
		return errors.Is(err, sql.ErrConnDone)
	}
	text := err.Error()
	for _, s := range []string{"bad connection", "invalid connection", "broken pipe", "connection reset", "conn closed", "unexpected EOF", "connection refused", "EOF"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// Fail makes an error of the contract from one of a driver, which stays its
// cause. An error of the contract stays as it is.
func Fail(err error, doing string) error {
	if err == nil {
		return nil
	}
	var ours *op.Error
	if errors.As(err, &ours) {
		return err
	}
	if e := op.FromContext(err); e != err {
		return fmt.Errorf("%s: %w", doing, e)
	}
	return op.Errorf(op.CodeDatabase, "%s: %w", doing, err)
}
