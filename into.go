package weft

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Source is what [Into] and [Pluck] read from: a *[Query], a *[Repository] or a
// *[Grouped].
type Source[T any] interface {
	source(*T) source
}

// What is called through Source only.
var (
	_ = (*Query[struct{}]).source
	_ = (*Repository[struct{}]).source
	_ = (*Grouped[struct{}]).source
)

// source is a query, or one for groups, without its type.
type source struct {
	spec  *spec
	group *grouping
}

func (q *Query[T]) source(*T) source { return source{spec: q.state()} }

func (r *Repository[T]) source(*T) source {
	if r == nil {
		return source{spec: &spec{}}
	}
	return source{spec: r.query.state()}
}

func (g *Grouped[T]) source(*T) source {
	if g == nil {
		return source{spec: &spec{}}
	}
	return source{spec: &g.g.spec, group: &g.g}
}

// Into reads groups, or parts of rows, as values of another type R: a struct,
// a map[string]any, or a single value where there is one column.
//
// The fields of a struct are matched by column name, JSON name or Go name
// whatever the case. Of rows only the fields that R has are loaded, and every
// field of R must be a column of T; of groups every column must have a field,
// and every field a column. Columns are those of [Query.GroupBy]: the field for
// "album.title" is called AlbumTitle, or tagged `weft:"column=album.title"`. A map or a single value takes what Select chose. NULL
// reads as the zero value in a field that cannot hold it, and a [Num] takes any
// number.
func Into[R, T any](ctx context.Context, q Source[T]) ([]R, error) {
	if q == nil {
		return nil, errNoRepository()
	}
	return into[R](ctx, q.source(nil), "")
}

// Pluck reads one column, in the order of the query; Distinct leaves out equal
// values.
//
//	titles, err := weft.Pluck(ctx, books.Where("sold", ">", 10), weft.Col[string]("title"))
//	titles, err := weft.Pluck(ctx, books.Filter(book.Sold.Gt(10)), book.Title)
func Pluck[T, V any](ctx context.Context, q Source[T], c Column[V]) ([]V, error) {
	if q == nil {
		return nil, errNoRepository()
	}
	if c == nil || c.Name() == "" {
		return nil, invalid("Pluck: the column has no name; weft.Col[V](name) makes one")
	}
	src := q.source(nil)
	if src.spec.b != nil {
		if err := c.column(nil).check(src.spec.b.model); err != nil {
			return nil, err
		}
	}
	return into[V](ctx, src, c.Name())
}

// into reads a source; only the one column when it is given.
func into[R any](ctx context.Context, src source, only string) ([]R, error) {
	if err := src.spec.ready(); err != nil {
		return nil, err
	}
	sh, err := shapeOf("Into", reflect.TypeFor[R](), only != "")
	if err != nil {
		return nil, err
	}
	out := []R{}
	add := func(row []any) error {
		out = append(out, *new(R))
		return sh.scan(reflect.ValueOf(&out[len(out)-1]), row)
	}
	if src.group != nil {
		err = src.group.into(ctx, sh, only, add)
	} else {
		err = src.spec.into(ctx, sh, only, add)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (g *grouping) into(ctx context.Context, sh *shape, only string, add func([]any) error) error {
	columns, err := g.columns()
	if err != nil {
		return err
	}
	at := -1
	if only != "" {
		if at, err = g.column(columns, only); err != nil {
			return err
		}
		err = sh.take(columns[at : at+1])
	} else if err = sh.take(columns); err == nil {
		err = sh.missing(g.spec.b.model.Name, columns)
	}
	if err != nil {
		return err
	}
	rows, err := g.read(ctx, columns)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if at >= 0 {
			row = row[at : at+1]
		}
		if err := add(row); err != nil {
			return err
		}
	}
	return nil
}

func (s *spec) into(ctx context.Context, sh *shape, only string, add func([]any) error) error {
	m := s.b.model
	q := *s
	if len(q.with) > 0 {
		return invalid("%s: Into and Pluck read fields, not relations; leave With out", m.Name)
	}
	var err error
	if q.fields, err = sh.wanted(m, s.fields, only); err != nil {
		return err
	}
	if err := sh.take(q.fields); err != nil {
		return err
	}
	for i, fb := range sh.binds {
		if f := m.Field(q.fields[i]); f != nil {
			fb.f = secret(f, fb.f)
		}
	}
	o, err := q.find(ctx, 0)
	if err != nil {
		return err
	}
	o.Fields = q.fields // the key and what else an instance needs is not wanted here
	res, err := s.db.do(ctx, o)
	if err != nil {
		return err
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		if err := add(res.Rows.Row()); err != nil {
			return err
		}
	}
	return res.Rows.Err()
}

// shape is how rows become values of a Go type.
type shape struct {
	verb   string // Into or SQL, for errors
	typ    reflect.Type
	holder reflect.Type  // the struct that is filled; nil for a map and for any
	model  *schema.Model // of the holder
	single bool

	columns []string
	binds   []*fieldBind // by column; nil for one that is passed over
}

// shapeOf looks at a Go type; value says that it is the type of one value and
// not of a row.
func shapeOf(verb string, t reflect.Type, value bool) (*shape, error) {
	sh := &shape{verb: verb, typ: t}
	if t == reflect.TypeFor[map[string]any]() && !value {
		return sh, nil
	}
	sh.single = value || t.Kind() != reflect.Struct || t == typeTime || t == typeDecimal || t == typeNum || reflect.PointerTo(t).Implements(typeScanner)
	if t == reflect.TypeFor[any]() {
		return sh, nil
	}
	sh.holder = t
	if sh.single {
		sh.holder = reflect.StructOf([]reflect.StructField{{Name: "V", Type: t, Tag: `weft:"column=v"`}})
	}
	var err error
	if sh.model, err = schema.FromRow(sh.holder); err != nil {
		return nil, invalid("%s: %w", verb, err)
	}
	if sh.single && (len(sh.model.Fields) != 1 || sh.model.Fields[0].GoIndex == nil) {
		return nil, invalid("%s: a %s cannot hold one value", verb, t)
	}
	return sh, nil
}

// wanted are the fields of m to load.
func (sh *shape) wanted(m *schema.Model, selected []string, only string) ([]string, error) {
	names := selected
	switch {
	case only != "":
		names = []string{only}
	case sh.model != nil && !sh.single:
		return sh.matched(m)
	case names == nil && sh.single && len(m.Fields) != 1:
		return nil, invalid("%s: a %s takes one field; choose it with Select, or use Pluck", m.Name, sh.typ)
	case names == nil:
		names = visible(m)
	}
	var out []string
	for _, name := range names {
		c, err := columnOf(m, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, c.Name()) {
			out = append(out, c.Name())
		}
	}
	return out, nil
}

// columnNamed finds a column by its name, or by that without its dots, whatever
// the case: AlbumTitle is album.title.
func columnNamed(m *schema.Model, name string) (op.Column, bool) {
	if c, err := op.ColumnOf(m, name); err == nil {
		return c, true
	}
	if f := fieldFor(m, name); f != nil {
		return op.Column{Field: f}, true
	}
	behind := func(head string) string {
		if head != "" && len(name) > len(head) && strings.EqualFold(name[:len(head)], head) {
			return name[len(head):]
		}
		return ""
	}
	for _, r := range m.Relations {
		rest := behind(r.Name)
		if rest == "" || r.Kind != schema.BelongsTo || r.Target == nil {
			continue
		}
		if far, ok := columnNamed(r.Target, rest); ok {
			c, err := op.ColumnOf(m, r.Name+"."+far.Name())
			return c, err == nil
		}
	}
	for _, f := range m.Fields {
		if rest := behind(f.Name); rest != "" && f.Type.Kind() == schema.KindTime {
			if c, err := op.ColumnOf(m, f.Name+"."+strings.ToLower(rest)); err == nil {
				return c, true
			}
		}
	}
	return op.Column{}, false
}

// matched are the fields of m that the struct has; all that it has and m has
// not are named in the error.
func (sh *shape) matched(m *schema.Model) ([]string, error) {
	var out []string
	bad := &op.ValidationError{Model: m.Name, Index: -1}
	for _, rf := range sh.model.Fields {
		if rf.GoIndex == nil {
			continue
		}
		c, found := op.Column{Field: m.Field(rf.Name)}, m.Field(rf.Name) != nil
		for _, name := range []string{rf.GoName, rf.Name, rf.Column} {
			if !found {
				c, found = columnNamed(m, name)
			}
		}
		switch {
		case !found:
			why := "is not a field; there are " + strings.Join(visible(m), ", ")
			for _, name := range []string{rf.Name, rf.GoName} {
				if count := op.NoColumn(m, name); count != "" {
					why = count
				}
			}
			bad.Add(op.Failure{Field: rf.GoName, Rule: "field", Message: "of " + sh.typ.String() + " " + why})
		case slices.Contains(out, c.Name()):
			bad.Add(op.Failure{Field: rf.GoName, Rule: "field", Message: "is the field " + c.Name() + " a second time"})
		default:
			out = append(out, c.Name())
			off, typ := locate(sh.holder, rf.GoIndex)
			fb := &fieldBind{f: rf, ref: -1, off: off}
			fb.bind(typ)
			sh.binds = append(sh.binds, fb)
		}
	}
	if len(bad.Failures) > 0 {
		return nil, bad
	}
	if len(out) == 0 {
		return nil, invalid("Into: %s has no fields to read into", sh.typ)
	}
	return out, nil
}

// take sets the columns of the rows.
func (sh *shape) take(columns []string) error {
	sh.columns = columns
	if sh.single && len(columns) != 1 {
		return invalid("%s: there are %d columns (%s); a %s takes one", sh.verb, len(columns), strings.Join(columns, ", "), sh.typ)
	}
	if sh.model == nil || sh.binds != nil {
		return nil
	}
	for _, c := range columns {
		f := fieldFor(sh.model, c)
		if f == nil { // AlbumTitle for album.title
			f = fieldFor(sh.model, strings.ReplaceAll(c, ".", ""))
		}
		switch {
		case sh.single:
			f = sh.model.Fields[0]
		case f == nil && !hidden(sh.model, c):
			return invalid("%s: %s has no field for the column %q", sh.verb, sh.typ, c)
		case f == nil:
			sh.binds = append(sh.binds, nil)
			continue
		}
		off, typ := locate(sh.holder, f.GoIndex)
		fb := &fieldBind{f: f, ref: -1, off: off}
		fb.bind(typ)
		sh.binds = append(sh.binds, fb)
	}
	return nil
}

// missing names the fields of the struct that no column fills.
func (sh *shape) missing(model string, columns []string) error {
	if sh.model == nil || sh.single {
		return nil
	}
	bad := &op.ValidationError{Model: model, Index: -1}
	for _, f := range sh.model.Fields {
		if f.GoIndex == nil || slices.ContainsFunc(sh.binds, func(fb *fieldBind) bool { return fb != nil && fb.f == f }) {
			continue
		}
		bad.Add(op.Failure{
			Field: f.GoName, Rule: "field",
			Message: "of " + sh.typ.String() + " is not a column of the groups; there are " + strings.Join(columns, ", "),
		})
	}
	if len(bad.Failures) > 0 {
		return bad
	}
	return nil
}

// scan writes one row into the value that dst points to.
func (sh *shape) scan(dst reflect.Value, row []any) error {
	if sh.model == nil {
		if sh.single {
			v, err := plain(row[0])
			if err == nil && v != nil {
				dst.Elem().Set(reflect.ValueOf(v))
			}
			return err
		}
		m := make(map[string]any, len(row))
		for i, c := range sh.columns {
			v, err := plain(row[i])
			if err != nil {
				return invalid("%s: column %q: %w", sh.verb, c, err)
			}
			m[c] = v
		}
		dst.Elem().Set(reflect.ValueOf(m))
		return nil
	}
	for i, fb := range sh.binds {
		if fb == nil {
			continue
		}
		if err := fb.hold(dst.UnsafePointer(), row[i]); err != nil {
			return invalid("%s: column %q: %w", sh.verb, sh.columns[i], err)
		}
	}
	return nil
}

// hold writes a value of a result into the field of the row at p. A field of
// type any takes it as a map would.
func (fb *fieldBind) hold(p unsafe.Pointer, v any) error {
	if fb.typ != reflect.TypeFor[any]() {
		v, err := fb.fitted(v)
		if err != nil {
			return err
		}
		return fb.set(p, v)
	}
	v, err := plain(v)
	if err == nil && v != nil {
		reflect.NewAt(fb.typ, fb.at(p)).Elem().Set(reflect.ValueOf(v))
	}
	return err
}

// plain is a canonical value as maps hold it: JSON is decoded, bytes are the
// caller's own.
func plain(v any) (any, error) {
	switch x := v.(type) {
	case op.JSON:
		var out any
		err := json.Unmarshal([]byte(x), &out)
		return out, err
	case []byte:
		return bytes.Clone(x), nil
	}
	return v, nil
}

// fitted makes a value of a result fit this field. What has the right kind stays
// as it is: the limits of a model's field (a text's length, a decimal's places)
// are not those of a result. The columns of raw SQL have no declared type to go
// by, so text may stand for what it reads as.
func (fb *fieldBind) fitted(v any) (any, error) {
	kind, inner := fb.f.Type.Kind(), fb
	if fb.kind == bindPointer {
		inner = fb.elem
	}
	if inner.kind == bindNum {
		return v, nil
	}
	switch x := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if kind == schema.KindBool {
			return v, nil
		}
	case int64:
		switch kind {
		case schema.KindInt:
			return v, nil
		case schema.KindBool:
			return x != 0, nil
		case schema.KindDecimal:
			return decimal.NewFromInt(x), nil
		}
	case float64:
		switch kind {
		case schema.KindFloat:
			return v, nil
		case schema.KindDecimal: // a sum of floats carries their noise
			return roundTo(x, fb.f), nil
		}
	case decimal.Decimal:
		switch kind {
		case schema.KindDecimal:
			return v, nil
		case schema.KindFloat:
			return x.InexactFloat64(), nil
		}
	case string:
		switch kind {
		case schema.KindString:
			return v, nil
		case schema.KindDecimal:
			d, err := decimal.NewFromString(strings.TrimSpace(x))
			if err != nil {
				return nil, fmt.Errorf("%q is not a decimal", x)
			}
			return d, nil
		case schema.KindTime:
			v = strings.TrimSpace(x)
		case schema.KindJSON:
			v = op.JSON(x)
		}
	case []byte:
		switch kind {
		case schema.KindBytes:
			return v, nil
		case schema.KindString:
			return string(x), nil
		}
	case op.JSON:
		if kind == schema.KindJSON {
			return v, nil
		}
	case time.Time:
		if kind == schema.KindString {
			return x.Format(time.RFC3339Nano), nil
		}
	}
	if inner.kind == bindOther && kind == schema.KindString {
		return v, nil // a type of the application's own says what it can be made of
	}
	return op.CanonField(fb.f, v)
}

func roundTo(x float64, f *schema.Field) decimal.Decimal {
	_, scale := f.Decimals()
	return decimal.NewFromFloat(x).Round(int32(scale))
}
