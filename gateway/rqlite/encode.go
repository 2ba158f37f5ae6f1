package rqlite

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weftdb/weft/door"
)

// form is what the parameters say about the form of an answer.
type form struct {
	query       bool // of /db/query: rows, whatever the statement was
	associative bool
	blobArray   bool
	timings     bool
}

// response is what stands around the results.
type response struct {
	answers  []door.Answer
	err      error
	elapsed  time.Duration
	sequence int64
}

// encoder writes the JSON of rqlite, piece by piece. The first error of the
// writer is kept.
type encoder struct {
	w   io.Writer
	b   []byte
	err error
}

const pieceSize = 32 << 10

func (e *encoder) piece() {
	if len(e.b) >= pieceSize {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil && len(e.b) > 0 {
		_, e.err = e.w.Write(e.b)
	}
	e.b = e.b[:0]
}

// response writes a whole answer.
func (e *encoder) response(r response, f form) error {
	e.str(`{"results":[`)
	for i := range r.answers {
		if i > 0 {
			e.str(",")
		}
		e.answer(&r.answers[i], f)
	}
	e.str("]")
	if r.err != nil {
		e.str(`,"error":`)
		e.text(message(r.err))
	}
	if f.timings {
		e.seconds(true, r.elapsed)
	}
	if r.sequence != 0 {
		e.str(`,"sequence_number":`)
		e.b = strconv.AppendInt(e.b, r.sequence, 10)
	}
	e.str("}")
	e.flush()
	return e.err
}

func (e *encoder) str(s string) { e.b = append(e.b, s...) }

// object is an object being written: key puts the comma where one is needed.
type object struct {
	e    *encoder
	more bool
}

func (o *object) key(k string) {
	if o.more {
		o.e.str(",")
	}
	o.more = true
	o.e.str(k)
}

func (e *encoder) seconds(comma bool, d time.Duration) {
	if d <= 0 {
		return
	}
	if comma {
		e.str(",")
	}
	e.str(`"time":`)
	e.b = appendFloat(e.b, d.Seconds())
}

func (e *encoder) answer(a *door.Answer, f form) {
	o := object{e: e}
	rows := f.query || a.Query
	e.str("{")
	switch {
	case a.Err != nil:
		if f.associative && rows {
			o.key(`"rows":[]`)
		}
		o.key(`"error":`)
		e.text(message(a.Err))
	case !rows:
		if a.LastID != 0 {
			o.key(`"last_insert_id":`)
			e.b = strconv.AppendInt(e.b, a.LastID, 10)
		}
		if a.Changed != 0 {
			o.key(`"rows_affected":`)
			e.b = strconv.AppendInt(e.b, a.Changed, 10)
		}
	case f.associative:
		e.associative(&o, a, f)
	default:
		e.table(&o, a, f)
	}
	if a.Err == nil && f.timings && a.Elapsed > 0 {
		o.key("")
		e.seconds(false, a.Elapsed)
	}
	if a.Err == nil && !rows && f.associative {
		o.key(`"rows":null`)
	}
	e.str("}")
}

func (e *encoder) table(o *object, a *door.Answer, f form) {
	if len(a.Columns) == 0 {
		return
	}
	types := columnTypes(a)
	o.key(`"columns":`)
	e.texts(a.Columns)
	o.key(`"types":`)
	e.texts(types)
	if len(a.Rows) == 0 {
		return
	}
	o.key(`"values":[`)
	for i, row := range a.Rows {
		if i > 0 {
			e.str(",")
		}
		e.str("[")
		for j, v := range row {
			if j > 0 {
				e.str(",")
			}
			e.value(v, types[min(j, len(types)-1)], f)
		}
		e.str("]")
		e.piece()
	}
	e.str("]")
}

// associative writes rows as objects. Names are in order, and of columns with
// one name the last counts, for that is what a map of Go gives.
func (e *encoder) associative(o *object, a *door.Answer, f form) {
	types := columnTypes(a)
	last := map[string]int{}
	for i, c := range a.Columns {
		last[c] = i
	}
	type column struct {
		name string // with quotes, and the colon
		at   int
	}
	names := make([]string, 0, len(last))
	for n := range last {
		names = append(names, n)
	}
	slices.Sort(names)
	columns := make([]column, len(names))
	for i, n := range names {
		columns[i] = column{string(append(appendText(nil, n), ':')), last[n]}
	}
	if len(columns) > 0 {
		o.key(`"types":{`)
		for i, c := range columns {
			if i > 0 {
				e.str(",")
			}
			e.str(c.name)
			e.text(types[c.at])
		}
		e.str("}")
	}
	o.key(`"rows":[`)
	for i, row := range a.Rows {
		if i > 0 {
			e.str(",")
		}
		e.str("{")
		for j, c := range columns {
			if j > 0 {
				e.str(",")
			}
			e.str(c.name)
			e.value(row[c.at], types[c.at], f)
		}
		e.str("}")
		e.piece()
	}
	e.str("]")
}

// columnTypes are the types of the columns. Where none is known it is what the
// first row holds.
func columnTypes(a *door.Answer) []string {
	types := make([]string, len(a.Columns))
	copy(types, a.Types)
	for i, t := range types {
		types[i] = strings.ToLower(t)
		if t != "" || len(a.Rows) == 0 || i >= len(a.Rows[0]) {
			continue
		}
		switch a.Rows[0][i].(type) {
		case int64:
			types[i] = "integer"
		case float64:
			types[i] = "real"
		case []byte:
			types[i] = "blob"
		case string:
			types[i] = "text"
		}
	}
	return types
}

// value writes a value as rqlite does for a column of the type: its SQLite
// driver reads integers of boolean columns as true and false, and what stands
// in columns of times as a time.
func (e *encoder) value(v any, typ string, f form) {
	switch x := v.(type) {
	case nil:
		e.str("null")
	case int64:
		switch {
		case typ == "boolean":
			e.b = strconv.AppendBool(e.b, x > 0)
		case isTime(typ):
			e.text(timeOf(x).Format(time.RFC3339Nano))
		default:
			e.b = strconv.AppendInt(e.b, x, 10)
		}
	case float64:
		e.b = appendFloat(e.b, x)
	case string:
		if isTime(typ) {
			if t, ok := parseTime(x); ok {
				x = t.Format(time.RFC3339Nano)
			}
		}
		e.text(x)
	case []byte:
		e.blob(x, typ, f)
	case bool:
		e.b = strconv.AppendBool(e.b, x)
	default:
		e.text(fmt.Sprint(x))
	}
}

func (e *encoder) blob(x []byte, typ string, f form) {
	switch {
	case isText(typ) && utf8.Valid(x):
		e.text(string(x))
	case f.blobArray:
		e.str("[")
		for i, c := range x {
			if i > 0 {
				e.str(",")
			}
			e.b = strconv.AppendUint(e.b, uint64(c), 10)
		}
		e.str("]")
	default:
		e.str(`"`)
		e.b = base64.StdEncoding.AppendEncode(e.b, x)
		e.str(`"`)
	}
}

func (e *encoder) text(s string) { e.b = appendText(e.b, s) }

func (e *encoder) texts(list []string) {
	e.str("[")
	for i, s := range list {
		if i > 0 {
			e.str(",")
		}
		e.text(s)
	}
	e.str("]")
}

func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			j, err := json.Marshal(s)
			if err != nil { // a string always has a form
				return append(b, `""`...)
			}
			return append(b, j...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendFloat writes a number as encoding/json does. Infinities have no form in
// JSON and are refused before; see finite.
func appendFloat(b []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(b, "null"...)
	}
	format, abs := byte('f'), math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 is e-9
		b = b[:n-1]
	}
	return b
}

// finite makes an error of an answer with a number that JSON has no form for.
func finite(a *door.Answer) {
	for _, row := range a.Rows {
		for i, v := range row {
			if f, ok := v.(float64); ok && math.IsInf(f, 0) {
				*a = door.Answer{Query: true, Err: fmt.Errorf("column %q holds an infinite number, which JSON has no form for: select it as text", a.Columns[i])}
				return
			}
		}
	}
}

func isTime(typ string) bool { return typ == "datetime" || typ == "timestamp" || typ == "date" }

// isText reports whether rqlite takes a column for text.
func isText(typ string) bool {
	for _, prefix := range []string{"varchar", "varying character", "nchar", "native character", "nvarchar", "clob"} {
		if strings.HasPrefix(typ, prefix) {
			return true
		}
	}
	return typ == "text" || typ == "json"
}

// timeOf reads an integer in a column of times: seconds since 1970, or
// milliseconds when it is too large for them.
func timeOf(n int64) time.Time {
	if n > 1e12 || n < -1e12 {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

var timeLayouts = []string{
	"2006-01-02 15:04:05.999999999-07:00",
	"2006-01-02T15:04:05.999999999-07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	"2006-01-02",
}

func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSuffix(s, "Z")
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
