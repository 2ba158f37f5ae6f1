//go:build cgo

package conn

/*
#include "glue.h"
*/
import "C"

import (
	"context"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Check prepares one statement that somebody else wrote and says what it is.
// More than one statement, ATTACH, DETACH, VACUUM, BEGIN and its like, writing
// or unknown PRAGMAs, what would be on one connection only, and tables and
// functions that are Weft's own are a VALIDATION_ERROR or FORBIDDEN that says
// what was wrong and what would be right. It runs nothing.
//
// What it says holds for the schema as this connection sees it now. Outside a
// transaction another connection may change that at any time.
func (c *Conn) Check(ctx context.Context, sql string) (Info, error) {
	if err := c.enter(ctx); err != nil {
		return Info{}, err
	}
	s, info, err := c.foreign(sql)
	if err != nil {
		return Info{}, err
	}
	s.release(true)
	return info, nil
}

// Raw runs one statement that somebody else wrote, checked as by Check. The
// cursor gives its rows. A statement without rows has run when Raw returns, and
// Next says false at once; of one that changes something and gives rows, all is
// changed at the first Next. Changed and LastKey are valid then.
//
// On a connection that is borrowed a statement that takes more than 10,000
// million steps of SQLite's machine (minutes) fails; when it changes something,
// SQLite rolls back the whole transaction then.
func (c *Conn) Raw(ctx context.Context, sql string, args []sqlengine.Value) (sqlengine.Cursor, Info, error) {
	if err := c.enter(ctx); err != nil {
		return nil, Info{}, err
	}
	if c.depth > 0 && c.autocommit() {
		return nil, Info{}, errRolledBack()
	}
	s, info, err := c.foreign(sql)
	if err != nil {
		return nil, Info{}, err
	}
	fail := func(err error) (sqlengine.Cursor, Info, error) {
		s.release(true)
		return nil, Info{}, err
	}
	if !s.reads && len(c.open) > 0 {
		if err := c.settle(); err != nil {
			return fail(err)
		}
		c.use(ctx)
	}
	if looksAll(sql) {
		lite.LookAgain(ctx, c)
	}
	if err := s.pack(args); err != nil {
		return fail(err)
	}
	if len(info.Columns) > 0 {
		return c.newCursor(ctx, s), info, nil
	}
	if err := c.exec(s); err != nil {
		return fail(err)
	}
	s.release(true)
	return &cursor{c: c}, info, nil
}

// Replan makes all connections to the file choose anew how they run statements,
// from the statistics as they are now, once what is done here is committed. SQLite
// reads those with the schema only, so that a connection that has been open for
// long would run a statement otherwise than a new one, and give its rows in
// another order.
func (c *Conn) Replan(ctx context.Context) error {
	for _, text := range []string{
		// The schema becomes another one, and is the same.
		"CREATE TABLE " + groupPrefix + "replan (x)", "DROP TABLE " + groupPrefix + "replan",
		// For this connection, which made the change itself, it is not another one.
		"PRAGMA writable_schema = RESET",
	} {
		if _, err := c.Ask(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// looksAll reports whether a statement checks the integrity of all tables.
func looksAll(sql string) bool {
	first, rest := lite.Word(sql)
	return first == "PRAGMA" && strings.Contains(strings.ToLower(rest), "_check")
}

const (
	maxForeign     = 64      // statements of others that a connection keeps prepared
	maxForeignText = 8 << 10 // bytes of the longest
)

// foreignStmt is a statement of somebody else that was judged.
type foreignStmt struct {
	*stmt
	info Info
	// schema counts the schemas that this connection has seen.
	schema int64
}

// verify makes SQLite look whether the schema is still the one it knows, which
// preparing a statement alone does not.
var verify = &sqlengine.Statement{SQL: "SELECT 1 FROM sqlite_schema LIMIT 0"}

// seen counts the schemas that this connection has seen: when it is the same
// number, statements are what they were.
func (c *Conn) seen() (int64, error) {
	s, err := c.prepare(verify)
	if err != nil {
		return 0, err
	}
	defer s.release(true)
	C.weft_exec(s.p)
	if s.p.rc != codeDone {
		return 0, c.failed()
	}
	const reprepared = 5
	return int64(s.p.serial)<<32 | int64(C.sqlite3_stmt_status(s.p.p, reprepared, 0)), nil
}

// foreign gives a statement that somebody else wrote, if it may be run.
func (c *Conn) foreign(sql string) (*stmt, Info, error) {
	schema, err := c.seen()
	if err != nil {
		return nil, Info{}, err
	}
	f, ok := c.others.Take(sql)
	if ok && f.schema == schema {
		return f.stmt, f.info, nil
	}
	if ok { // it may be another one now, which takes its place
		f.Free()
	}
	s, info, err := c.judge(sql)
	if err != nil {
		return nil, Info{}, err
	}
	if len(sql) <= maxForeignText && keepable(sql) {
		c.others.Put(sql, &foreignStmt{stmt: s, info: info, schema: schema}, maxForeign)
	}
	return s, info, nil
}

// keepable reports whether a statement means the same the next time. The
// answers of some pragmas are made when they are prepared.
func keepable(sql string) bool {
	first, _ := lite.Word(sql)
	return first != "PRAGMA" && first != "EXPLAIN"
}

// judge prepares a statement that somebody else wrote.
func (c *Conn) judge(sql string) (*stmt, Info, error) {
	if err := words(sql); err != nil {
		return nil, Info{}, err
	}
	k := &check{ours: keepable(sql)}
	c.check, c.p.checking = k, 1
	s, rest, err := c.compile(sql, 0)
	c.check, c.p.checking = nil, 0
	drop := func(err error) (*stmt, Info, error) {
		if s != nil {
			s.Finalize()
		}
		return nil, Info{}, err
	}
	switch {
	case k.err != nil:
		return drop(k.err)
	case err != nil:
		return drop(err)
	case s == nil:
		return drop(op.Errorf(op.CodeValidation, "the statement is empty"))
	case lite.Skip(rest) != "":
		return drop(op.Errorf(op.CodeValidation, "there is more than one statement: %q follows the first; hand them in one by one (in one list, which can be atomic)", short(lite.Skip(rest))))
	}
	if s.p.explains != 0 {
		k.risk = "EXPLAIN"
	}
	switch {
	case k.risk == "":
	case !s.reads && s.p.explains == 0:
		return drop(forbidden("%s gives other answers on other copies, so a statement that changes something cannot use it: read it first and pass the value as an argument", k.risk))
	case c.borrowed:
		return drop(errLocal(k.risk))
	}
	s.other = true
	s.reads = s.reads || s.p.explains != 0
	info := k.info
	info.ReadOnly = s.reads
	info.Local = k.risk != ""
	for i := range int(s.p.cols) {
		info.Columns = append(info.Columns, s.name(i))
		info.Decls = append(info.Decls, s.decl(i))
	}
	for i := range int(s.p.args) {
		name := s.param(i + 1)
		if strings.HasPrefix(name, "?") {
			name = ""
		}
		info.Params = append(info.Params, strings.TrimLeft(name, ":@$"))
	}
	if info.ReadOnly {
		info.Writes, info.Schema = nil, false
	}
	return s, info, nil
}

func errLocal(what string) error {
	return forbidden("%s tells of one copy and may give other answers on another: ask outside a transaction, by a read that is not strong", what)
}
