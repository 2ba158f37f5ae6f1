package sqlite

import (
	"errors"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// functions registers the functions that statements use. None of them stands
// in a schema, so other programs can open the file.
func (c *conn) functions() error {
	for _, f := range lite.Functions {
		ours, ok := calls[f.Name]
		if !ok {
			return errors.New("sqlite: the function " + f.Name + " is missing")
		}
		name, err := libc.CString(f.Name)
		if err != nil {
			return err
		}
		rc := lib.Xsqlite3_create_function(c.tls, c.db, name, int32(f.Args), lib.SQLITE_UTF8|lib.SQLITE_DETERMINISTIC, 0, ours.call, ours.step, ours.final)
		libc.Xfree(c.tls, name)
		if rc != lib.SQLITE_OK {
			return c.fail(rc)
		}
	}
	return nil
}

// calls are the functions as SQLite calls them. They make no values and so do
// not go by way of lite.Function.
var calls = map[string]struct{ call, step, final uintptr }{
	"weft_fold":     {call: callback(fnFold)},
	"weft_add":      {call: callback(fnAdd)},
	"weft_key":      {call: callback(fnKey)},
	"weft_json_set": {call: callback(fnJSONSet)},
	"weft_time":     {call: callback(fnTime)},
	"weft_rank":     {call: callback(fnRank)},
	"weft_sum":      {step: callback(sumStep), final: callback(sumFinal)},
	"weft_sum_wide": {step: callback(sumStep), final: callback(sumFinalWide)},
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

func (f call) textOr(s string, err error) {
	if err != nil {
		f.fail(err.Error())
		return
	}
	f.text(s)
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
	f.textOr(lite.Time(v))
}

// fnFold lower-cases text rune by rune. What is no text stays as it is.
func fnFold(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if f.kind(0) == lib.SQLITE_NULL {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	if folded, changed := lite.Fold(f.view(0)); changed {
		f.text(folded)
		return
	}
	lib.Xsqlite3_result_value(tls, ctx, f.arg(0))
}

// fnAdd adds two numbers and fails where the sum leaves the range, which
// SQLite would pass over or answer with a float.
func fnAdd(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if f.kind(0) == lib.SQLITE_INTEGER && f.kind(1) == lib.SQLITE_INTEGER {
		n := func(i int) int64 { return lib.Xsqlite3_value_int64(tls, f.arg(i)) }
		sum, ok := lite.Add(n(0), n(1), n(2), n(3))
		if !ok {
			f.fail(lite.Overflow)
			return
		}
		lib.Xsqlite3_result_int64(tls, ctx, sum)
		return
	}
	sum, ok := lite.AddFloat(lib.Xsqlite3_value_double(tls, f.arg(0)), lib.Xsqlite3_value_double(tls, f.arg(1)))
	if !ok {
		f.fail(lite.Overflow)
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
	key := lite.Key(string(f.view(0)))
	if key == nil {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	f.blob(key)
}

// fnJSONSet sets a place in a document: document, path as JSON array, value.
func fnJSONSet(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	f.textOr(lite.JSONSet(string(f.view(0)), string(f.view(1)), string(f.view(2))))
}

// fnRank is the relevance of texts for a search: words, text, ….
func fnRank(tls *libc.TLS, ctx uintptr, argc int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if argc == 0 || f.kind(0) == lib.SQLITE_NULL {
		lib.Xsqlite3_result_int64(tls, ctx, 0)
		return
	}
	texts := make([]string, argc-1)
	for i := range texts {
		texts[i] = string(f.view(i + 1))
	}
	n, err := lite.Rank(string(f.view(0)), texts)
	if err != nil {
		f.fail(err.Error())
		return
	}
	lib.Xsqlite3_result_int64(tls, ctx, n)
}

// state is a sum in memory of SQLite, nil when there is none left.
func state(tls *libc.TLS, ctx uintptr) *lite.Sum {
	return (*lite.Sum)(pointer(lib.Xsqlite3_aggregate_context(tls, ctx, int32(unsafe.Sizeof(lite.Sum{})))))
}

func sumStep(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	if s := state(tls, ctx); s != nil && f.kind(0) != lib.SQLITE_NULL {
		s.Step(lib.Xsqlite3_value_int64(tls, f.arg(0)))
	}
}

func sumFinal(tls *libc.TLS, ctx uintptr) {
	s := state(tls, ctx)
	if s == nil || !s.Some() {
		lib.Xsqlite3_result_null(tls, ctx)
		return
	}
	n, ok := s.Int()
	if !ok {
		call{tls: tls, ctx: ctx}.fail(lite.Overflow)
		return
	}
	lib.Xsqlite3_result_int64(tls, ctx, n)
}

func sumFinalWide(tls *libc.TLS, ctx uintptr) {
	s := state(tls, ctx)
	if s != nil && s.Some() {
		if _, ok := s.Int(); !ok {
			call{tls: tls, ctx: ctx}.text(s.Text())
			return
		}
	}
	sumFinal(tls, ctx)
}
