//go:build cgo

package conn

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

const (
	openCreate = 0x4

	codeBusy   = 5
	codeLocked = 6

	// copyPages is how many pages are copied between two looks at the context.
	copyPages = 256
)

// other opens a connection to another file for the time of a copy.
func other(path string, flags int, busy time.Duration) (*Conn, error) {
	c := &Conn{path: path, busy: busy, ctx: context.Background()}
	c.register()
	if err := c.connect(path, flags|openNoMutex); err != nil {
		c.unregister()
		return nil, err
	}
	return c, nil
}

// pages copies all pages of the main database of one connection to another's,
// as one transaction there.
func pages(ctx context.Context, to, from *Conn, step int) error {
	main := C.CString("main")
	defer C.free(unsafe.Pointer(main))
	b := C.sqlite3_backup_init(to.p.db, main, from.p.db, main)
	if b == nil {
		C.weft_fail(to.p, C.sqlite3_extended_errcode(to.p.db))
		return to.failed()
	}
	since := time.Now()
	for {
		rc := C.sqlite3_backup_step(b, C.int(step))
		switch int(rc) & 0xff {
		case 0:
			since = time.Now()
		case codeDone:
			if rc = C.sqlite3_backup_finish(b); rc != 0 {
				C.weft_fail(to.p, rc)
				return to.failed()
			}
			return nil
		case codeBusy, codeLocked:
			if !from.pause(since) {
				C.sqlite3_backup_finish(b)
				return from.explain(&lite.Error{Code: int(rc), Message: C.GoString(C.sqlite3_errstr(rc))})
			}
		default:
			C.sqlite3_backup_finish(b)
			return to.explain(&lite.Error{Code: int(rc), Message: C.GoString(C.sqlite3_errstr(rc))})
		}
		if err := ctx.Err(); err != nil {
			C.sqlite3_backup_finish(b)
			return op.FromContext(err)
		}
	}
}

// Copy writes a consistent copy of the database to a new file, a step at a
// time. Writers go on meanwhile; the copy is what the database was when Copy
// began. It is a file of its own, without a write-ahead log beside it, and on
// the disk when Copy returns. When it fails there is no file.
func (c *Conn) Copy(ctx context.Context, to string) (err error) {
	if err := c.enter(ctx); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return op.Errorf(op.CodeValidation, "%s exists: a copy is written to a new file", to)
	}
	if c.depth == 0 {
		if err := c.Begin(ctx, false); err != nil {
			return err
		}
		defer func() { _ = c.Rollback() }()
	}
	if _, err := c.Ask(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil { // takes the snapshot
		return err
	}
	d, err := other(to, openReadWrite|openCreate, c.busy)
	if err != nil {
		return err
	}
	err = pages(ctx, d, c, copyPages)
	if err == nil { // the pages say that there is a log
		_, err = d.Ask(ctx, "PRAGMA journal_mode = DELETE")
	}
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		for _, end := range []string{"", "-wal", "-shm", "-journal"} {
			_ = os.Remove(to + end)
		}
	}
	return err
}

// Load replaces the whole content of the main database by that of another
// file, as one transaction: readers see all of it or nothing. None may be open.
// The other file's page size may differ. It must keep its text as UTF-8, and
// must not have used up the integer keys of a table.
func (c *Conn) Load(ctx context.Context, from string) error {
	if c.borrowed {
		ctx = context.WithoutCancel(ctx)
	}
	if err := c.enter(ctx); err != nil {
		return err
	}
	switch {
	case c.depth > 0 || !c.autocommit():
		return op.Errorf(op.CodeInternal, "a database cannot be loaded inside a transaction")
	case c.readOnly:
		return op.Errorf(op.CodeValidation, "the connection to %s is read-only", c.path)
	}
	if _, err := os.Stat(from); err != nil {
		return op.Errorf(op.CodeDatabase, "load a database: %w", err)
	}
	if err := c.settle(); err != nil {
		return err
	}
	var same *Conn // src with the pages of this one
	src, err := other(from, openReadWrite, c.busy)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range []*Conn{src, same} {
			if s != nil {
				_ = s.Close() // it was only read
			}
		}
	}()
	if err := src.Loadable(ctx); err != nil {
		return err
	}
	mine, err := c.number(ctx, "PRAGMA page_size")
	if err != nil {
		return err
	}
	theirs, err := src.number(ctx, "PRAGMA page_size")
	if err != nil {
		return err
	}
	if mine != theirs { // SQLite does not change the page size of a database with a log
		dir, err := os.MkdirTemp(filepath.Dir(from), "weft-load-")
		if err != nil {
			return op.Errorf(op.CodeDatabase, "load a database: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path := filepath.Join(dir, "same.db")
		if _, err := src.Ask(ctx, "PRAGMA page_size = "+strconv.FormatInt(mine, 10)); err != nil {
			return err
		}
		if _, err := src.Ask(ctx, "VACUUM INTO ?", sqlengine.TextValue(path)); err != nil {
			return err
		}
		if same, err = other(path, openReadWrite, c.busy); err != nil {
			return err
		}
	}
	c.use(ctx)
	err = pages(ctx, c, cmp.Or(same, src), math.MaxInt32)
	C.weft_state(c.p)
	return err
}

func (c *Conn) number(ctx context.Context, sql string) (int64, error) {
	rows, err := c.Ask(ctx, sql)
	if err != nil {
		return 0, err
	}
	return rows[0][0].Int(), nil
}

// Loadable refuses a database that [Conn.Load] would not take, because replicas
// could not keep it the same.
func (c *Conn) Loadable(ctx context.Context) error {
	if err := c.checkEncoding(ctx); err != nil {
		return err
	}
	tables, err := c.Ask(ctx, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND wr = 0 AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := c.keysLeft(ctx, t[0].Bytes()); err != nil {
			return err
		}
	}
	return c.sequenceLeft(ctx)
}

// keysLeft refuses a table that has a row with the highest rowid.
func (c *Conn) keysLeft(ctx context.Context, table string) error {
	rows, err := c.Ask(ctx, "SELECT lower(name) FROM pragma_table_xinfo(?)", sqlengine.TextValue(table))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, r := range rows {
		names[r[0].Bytes()] = true
	}
	for _, rowid := range []string{"rowid", "_rowid_", "oid"} {
		if names[rowid] {
			continue
		}
		found, err := c.Ask(ctx, "SELECT 1 FROM "+lite.Quote(table)+" WHERE "+rowid+" = 9223372036854775807")
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return op.Errorf(op.CodeValidation, "table %s of %s: %w", table, c.path, errHighest)
		}
		break
	}
	return nil
}

var errHighest = errors.New("9223372036854775807 cannot be a row's integer key: SQLite would choose the keys of later rows at random, and copies of the database would differ")

// sequenceLeft refuses a table of last keys in which one is used up.
func (c *Conn) sequenceLeft(ctx context.Context) error {
	there, err := c.number(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'")
	if err != nil || there == 0 {
		return err
	}
	rows, err := c.Ask(ctx, "SELECT name FROM sqlite_sequence WHERE seq >= 9223372036854775807 LIMIT 1")
	if err == nil && len(rows) > 0 {
		err = op.Errorf(op.CodeValidation, "sqlite_sequence says that table %s has used up its integer keys: no row could be added to it", rows[0][0].Bytes())
	}
	return err
}

// Environmental reports whether an error tells of where SQLite runs and not of
// what it was asked: the disk, memory, the file, locks, an interruption. Another
// copy may have none.
func Environmental(err error) bool { return lite.OfEnvironment(err) }
