package sqlite

import (
	"math"
	"strconv"
	"strings"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// What begins a message of a function of ours.
const (
	overflow = "weft: out of range"
	refused  = "weft: refused: "
)

// functions registers the functions that statements use. None of them stands
// in a schema, so other programs can open the file.
func (c *conn) functions() error {
	for _, f := range []struct {
		name  string
		args  int32
		fn    uintptr
		final uintptr // of an aggregate
	}{
		{"weft_fold", 1, callback(fnFold), 0},
		{"weft_add", 4, callback(fnAdd), 0},
		{"weft_key", 1, callback(fnKey), 0},
		{"weft_json_set", 3, callback(fnJSONSet), 0},
		{"weft_time", 1, callback(fnTime), 0},
		{"weft_rank", -1, callback(fnRank), 0},
		{"weft_sum", 1, callback(sumStep), callback(sumFinal)},
		{"weft_sum_wide", 1, callback(sumStep), callback(sumFinalWide)},
	} {
		name, err := libc.CString(f.name)
		if err != nil {
			return err
		}
		fn, step, final := f.fn, uintptr(0), f.final
		if final != 0 {
			fn, step = 0, f.fn
		}
		rc := lib.Xsqlite3_create_function(c.tls, c.db, name, f.args, lib.SQLITE_UTF8|lib.SQLITE_DETERMINISTIC, 0, fn, step, final)
		libc.Xfree(c.tls, name)
		if rc != lib.SQLITE_OK {
			return c.fail(rc)
		}
	}
	return nil
}

// call is one call of a function by SQLite.
type call struct {
	tls  *libc.TLS
	ctx  uintptr
	argv uintptr
}

func (f call) arg(i int) uintptr { return *(*uintptr)(pointer(f.argv + uintptr(i)*ptrSize)) }

func (f call) kind(i int) int32 { return lib.Xsqlite3_value_type(f.tls, f.arg(i)) }

// view is a text or blob argument while the call lasts.
func (f call) view(i int) []byte {
	p := lib.Xsqlite3_value_text(f.tls, f.arg(i))
	return view(p, int(lib.Xsqlite3_value_bytes(f.tls, f.arg(i))))
}

func (f call) text(s string) {
	n := len(s)
	p := libc.Xmalloc(f.tls, types.Size_t(n+1))
	if p == 0 {
		f.fail(errMemory.Error())
		return
	}
	copy(view(p, n), s)
	lib.Xsqlite3_result_text(f.tls, f.ctx, p, int32(n), lib.SQLITE_TRANSIENT)
	libc.Xfree(f.tls, p)
}

func (f call) blob(b []byte) {
	n := len(b)
	p := libc.Xmalloc(f.tls, types.Size_t(n+1))
	if p == 0 {
		f.fail(errMemory.Error())
		return
	}
	copy(view(p, n), b)
	lib.Xsqlite3_result_blob(f.tls, f.ctx, p, int32(n), lib.SQLITE_TRANSIENT)
	libc.Xfree(f.tls, p)
}

func (f call) fail(msg string) {
	z, err := libc.CString(msg)
	if err != nil {
		return
	}
	lib.Xsqlite3_result_error(f.tls, f.ctx, z, int32(len(msg)))
	libc.Xfree(f.tls, z)
}

// fnTime makes a time as Weft stores it of what other programs store as one.
func fnTime(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	var v sqlengine.Value
	switch f.kind(0) {
	case lib.SQLITE_NULL:
		lib.Xsqlite3_result_null(tls, ctx)
		return
	case lib.SQLITE_INTEGER:
		v = sqlengine.IntValue(lib.Xsqlite3_value_int64(tls, f.arg(0)))
	default:
		v = sqlengine.TextValue(string(f.view(0)))
	}
	text, ok := sqlengine.FoundTime(v)
	if !ok {
		f.fail("a column of times holds " + strconv.Quote(string(f.view(0))) + ", which is no time")
		return
	}
	f.text(text)
}

// fnFold lower-cases text rune by rune. What is no text stays as it is.
func fnFold(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if f.kind(0) == lib.SQLITE_NULL {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	b := f.view(0)
	for _, c := range b {
		if c >= 0x80 || (c >= 'A' && c <= 'Z') {
			f.text(op.Fold(string(b)))
			return
		}
	}
	lib.Xsqlite3_result_value(tls, ctx, f.arg(0))
}

// fnAdd adds two numbers and fails where the sum leaves the range, which
// SQLite would pass over or answer with a float.
func fnAdd(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if f.kind(0) == lib.SQLITE_INTEGER && f.kind(1) == lib.SQLITE_INTEGER {
		a, b := lib.Xsqlite3_value_int64(tls, f.arg(0)), lib.Xsqlite3_value_int64(tls, f.arg(1))
		sum := a + b
		if (a^sum)&(b^sum) < 0 || sum < lib.Xsqlite3_value_int64(tls, f.arg(2)) || sum > lib.Xsqlite3_value_int64(tls, f.arg(3)) {
			f.fail(overflow)
			return
		}
		lib.Xsqlite3_result_int64(tls, ctx, sum)
		return
	}
	sum := lib.Xsqlite3_value_double(tls, f.arg(0)) + lib.Xsqlite3_value_double(tls, f.arg(1))
	if math.IsInf(sum, 0) || math.IsNaN(sum) {
		f.fail(overflow)
		return
	}
	lib.Xsqlite3_result_double(tls, ctx, sum)
}

// fnKey makes the sort key of JSON text.
func fnKey(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if f.kind(0) == lib.SQLITE_NULL {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	key := sqlengine.JSONKey(nil, string(f.view(0)))
	if key == nil {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	f.blob(key)
}

func (f call) path() ([]string, error) { return sqlengine.ParsePath(string(f.view(1))) }

// fnJSONSet sets a place in a document: document, path as JSON array, value.
func fnJSONSet(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	path, err := f.path()
	if err == nil {
		var out op.JSON
		if out, err = op.SetJSONPath(op.JSON(f.view(0)), path, op.JSON(f.view(2))); err == nil {
			f.text(string(out))
			return
		}
	}
	f.fail(refused + message(err))
}

func message(err error) string { return strings.TrimSpace(err.Error()) }
