package weft

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Exec runs one SQL statement and returns the number of rows it changed. ?
// stands for an argument on every engine. It joins the transaction of ctx.
// Validation, hooks and versions do not apply to it.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	o, err := rawSQL(sql, args)
	if err != nil {
		return 0, err
	}
	res, err := db.do(ctx, o)
	if err != nil {
		return 0, err
	}
	return res.N, drain(res, nil)
}

// SQL runs one SQL query and returns its rows as R: a struct, whose fields are
// matched with the columns by column name, JSON name or Go name whatever the
// case; a map[string]any; or a single value for a query of one column. A column
// without a field is an error.
func SQL[R any](ctx context.Context, db *DB, sql string, args ...any) ([]R, error) {
	o, err := rawSQL(sql, args)
	if err != nil {
		return nil, err
	}
	o.Returning = true
	res, err := db.do(ctx, o)
	if err != nil {
		return nil, err
	}
	out := []R{}
	if res.Rows == nil {
		return out, nil
	}
	defer res.Rows.Close()
	scan, err := scannerOf(reflect.TypeFor[R](), res.Columns)
	if err != nil {
		return nil, err
	}
	for res.Rows.Next() {
		out = append(out, *new(R))
		if err := scan(reflect.ValueOf(&out[len(out)-1]), res.Rows.Row()); err != nil {
			return nil, err
		}
	}
	return out, res.Rows.Err()
}

func rawSQL(sql string, args []any) (*op.Op, error) {
	o := &op.Op{Kind: op.SQL, SQL: sql, Args: make([]any, len(args))}
	for i, a := range args {
		v, err := op.Canon(a)
		if err != nil {
			return nil, invalid("SQL: argument %d: %w", i+1, err)
		}
		o.Args[i] = v
	}
	return o, nil
}

type rowScanner func(dst reflect.Value, row []any) error

// scannerOf finds out how rows with these columns become values of t.
func scannerOf(t reflect.Type, columns []string) (rowScanner, error) {
	if t == reflect.TypeFor[map[string]any]() {
		return func(dst reflect.Value, row []any) error {
			m := make(map[string]any, len(row))
			for i, c := range columns {
				m[c] = row[i]
			}
			dst.Elem().Set(reflect.ValueOf(m))
			return nil
		}, nil
	}
	single := t.Kind() != reflect.Struct || t == typeTime || t == typeDecimal || reflect.PointerTo(t).Implements(typeScanner)
	holder := t
	if single {
		if len(columns) != 1 {
			return nil, invalid("SQL: the query has %d columns (%s); a %s takes one", len(columns), strings.Join(columns, ", "), t)
		}
		holder = reflect.StructOf([]reflect.StructField{{Name: "V", Type: t, Tag: `weft:"column=v"`}})
	}
	m, err := schema.FromRow(holder)
	if err != nil {
		return nil, invalid("SQL: %w", err)
	}
	binds := make([]*fieldBind, len(columns))
	for i, c := range columns {
		var f *schema.Field
		if single {
			if len(m.Fields) == 0 {
				return nil, invalid("SQL: a %s cannot hold a column", t)
			}
			f = m.Fields[0]
		} else {
			if f = fieldFor(m, c); f == nil {
				if hidden(m, c) {
					continue
				}
				return nil, invalid("SQL: %s has no field for the column %q", t, c)
			}
		}
		fb := &fieldBind{f: f, ref: -1}
		off, typ := locate(holder, f.GoIndex)
		fb.off = off
		fb.bind(typ)
		binds[i] = fb
	}
	return func(dst reflect.Value, row []any) error {
		for i, fb := range binds {
			if fb == nil {
				continue
			}
			v, err := fb.fromSQL(row[i])
			if err == nil {
				err = fb.set(dst.UnsafePointer(), v)
			}
			if err != nil {
				return invalid("SQL: column %q: %w", columns[i], err)
			}
		}
		return nil
	}, nil
}

func fieldFor(m *schema.Model, column string) *schema.Field {
	for _, f := range m.Fields {
		if f.GoIndex != nil && (strings.EqualFold(f.Column, column) || strings.EqualFold(f.Name, column) || strings.EqualFold(f.GoName, column)) {
			return f
		}
	}
	return nil
}

// hidden reports whether the column is one that a model keeps without a Go field:
// SELECT * gives it too.
func hidden(m *schema.Model, column string) bool {
	return slices.ContainsFunc(m.Fields, func(f *schema.Field) bool {
		return f.GoIndex == nil && strings.EqualFold(f.Column, column)
	})
}

// fromSQL makes what a query gave canonical for the field: a query's columns
// have no declared type to go by.
func (fb *fieldBind) fromSQL(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		if fb.f.Type.Kind() == schema.KindString {
			return string(x), nil
		}
	case string:
		switch fb.f.Type.Kind() {
		case schema.KindString: // limits of length are for writing
			return x, nil
		case schema.KindDecimal:
			d, err := decimal.NewFromString(strings.TrimSpace(x))
			if err != nil {
				return nil, fmt.Errorf("%q is not a decimal", x)
			}
			return d, nil
		case schema.KindTime:
			return op.CanonField(fb.f, strings.TrimSpace(x))
		case schema.KindJSON:
			return op.CanonField(fb.f, op.JSON(x))
		}
	case time.Time:
		if fb.f.Type.Kind() == schema.KindString {
			return x.Format(time.RFC3339Nano), nil
		}
	case float64:
		if fb.f.Type.Kind() == schema.KindDecimal { // a sum of floats carries their noise
			return roundTo(x, fb.f), nil
		}
	case int64:
		switch fb.f.Type.Kind() {
		case schema.KindBool:
			return x != 0, nil
		case schema.KindDecimal:
			return decimal.NewFromInt(x), nil
		}
	}
	return op.CanonField(fb.f, v)
}

func roundTo(x float64, f *schema.Field) decimal.Decimal {
	_, scale := f.Decimals()
	return decimal.NewFromFloat(x).Round(int32(scale))
}
