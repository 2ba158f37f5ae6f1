package weft

import (
	"context"
	"reflect"
	"slices"
	"strings"

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
	sh, err := shapeOf("SQL", reflect.TypeFor[R](), false)
	if err == nil {
		err = sh.take(res.Columns)
	}
	if err != nil {
		return nil, err
	}
	for res.Rows.Next() {
		out = append(out, *new(R))
		if err := sh.scan(reflect.ValueOf(&out[len(out)-1]), res.Rows.Row()); err != nil {
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
