package sqlite

import (
	"math"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// stmt is a prepared statement.
type stmt struct {
	lite.Use
	c     *conn
	p     uintptr
	cols  int
	args  int
	arena uintptr // holds the texts of the arguments while it runs
	room  int
	reads bool // it changes nothing in the database
}

// maxStmts is how many prepared statements a connection keeps.
const maxStmts = 256

// keptArena is how much argument memory an idle statement may keep.
const keptArena = 64 << 10

// prepare gives a statement that is free for use.
func (c *conn) prepare(text *sqlengine.Statement) (*stmt, error) {
	if s, ok := c.stmts.Take(text); ok {
		return s, nil
	}
	s, _, err := c.compile(text.SQL, lib.SQLITE_PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts.Put(text, s, maxStmts)
	return s, nil
}

// compile prepares the first statement of text and gives what follows it. The
// statement is nil when there is none but comments.
func (c *conn) compile(text string, flags uint32) (s *stmt, rest string, err error) {
	z, err := libc.CString(text)
	if err != nil {
		return nil, "", err
	}
	defer libc.Xfree(c.tls, z)
	pp := libc.Xmalloc(c.tls, types.Size_t(2*ptrSize))
	if pp == 0 {
		return nil, "", errMemory
	}
	defer libc.Xfree(c.tls, pp)
	if rc := lib.Xsqlite3_prepare_v3(c.tls, c.db, z, int32(len(text)+1), flags, pp, pp+ptrSize); rc != lib.SQLITE_OK {
		return nil, "", c.fail(rc)
	}
	p, tail := *(*uintptr)(pointer(pp)), *(*uintptr)(pointer(pp + ptrSize))
	if tail > z {
		rest = text[min(int(tail-z), len(text)):]
	}
	if p == 0 {
		return nil, rest, nil
	}
	return &stmt{
		c: c, p: p,
		reads: lib.Xsqlite3_stmt_readonly(c.tls, p) != 0,
		cols:  int(lib.Xsqlite3_column_count(c.tls, p)),
		args:  int(lib.Xsqlite3_bind_parameter_count(c.tls, p)),
	}, rest, nil
}

// bind sets all arguments. Texts are copied into the statement's own memory,
// where they stay until it ends.
func (s *stmt) bind(args []sqlengine.Value) error {
	if len(args) != s.args {
		return &lite.Error{Code: lib.SQLITE_RANGE, Message: "wrong number of arguments"}
	}
	size := 0
	for i := range args {
		size += len(args[i].Bytes())
	}
	if size+1 > s.room {
		s.free()
		room := max(256, size+1)
		if s.arena = libc.Xmalloc(s.c.tls, types.Size_t(room)); s.arena == 0 {
			return errMemory
		}
		s.room = room
	}
	at := s.arena
	for i := range args {
		var rc int32
		n := int32(i + 1)
		switch v := &args[i]; v.Kind {
		case sqlengine.Int:
			rc = lib.Xsqlite3_bind_int64(s.c.tls, s.p, n, v.Int())
		case sqlengine.Float:
			rc = lib.Xsqlite3_bind_double(s.c.tls, s.p, n, v.Float())
		case sqlengine.Text, sqlengine.Blob:
			text := v.Bytes()
			if len(text) > math.MaxInt32 {
				return &lite.Error{Code: lib.SQLITE_TOOBIG, Message: "string or blob too big"}
			}
			copy(view(at, len(text)), text)
			if v.Kind == sqlengine.Text {
				rc = lib.Xsqlite3_bind_text(s.c.tls, s.p, n, at, int32(len(text)), lib.SQLITE_STATIC)
			} else {
				rc = lib.Xsqlite3_bind_blob(s.c.tls, s.p, n, at, int32(len(text)), lib.SQLITE_STATIC)
			}
			at += uintptr(len(text))
		default:
			rc = lib.Xsqlite3_bind_null(s.c.tls, s.p, n)
		}
		if rc != lib.SQLITE_OK {
			return s.c.fail(rc)
		}
	}
	return nil
}

// step goes to the next row; false is the end.
func (s *stmt) step() (bool, error) {
	switch rc := lib.Xsqlite3_step(s.c.tls, s.p); rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.fail(rc)
	}
}

// release ends the statement and makes it free for the next use. The error is
// that of its last step, already reported, unless a write was cut short.
func (s *stmt) release() {
	lib.Xsqlite3_reset(s.c.tls, s.p)
	s.Free()
	switch {
	case !s.Kept():
		s.Finalize()
	case s.room > keptArena:
		lib.Xsqlite3_clear_bindings(s.c.tls, s.p)
		s.free()
	}
}

func (s *stmt) free() {
	if s.arena != 0 {
		libc.Xfree(s.c.tls, s.arena)
		s.arena, s.room = 0, 0
	}
}

// Finalize frees the statement.
func (s *stmt) Finalize() {
	if s.p != 0 {
		lib.Xsqlite3_finalize(s.c.tls, s.p)
		s.p = 0
	}
	s.free()
}

func (s *stmt) name(col int) string {
	return libc.GoString(lib.Xsqlite3_column_name(s.c.tls, s.p, int32(col)))
}

// decl is the declared type of the column that a result column is, if it is one.
func (s *stmt) decl(col int) string {
	return libc.GoString(lib.Xsqlite3_column_decltype(s.c.tls, s.p, int32(col)))
}
