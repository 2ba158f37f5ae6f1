package main

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// shape says how a row with its relations becomes a row of columns.
type shape struct {
	m      *schema.Model
	with   []op.With
	nested bool // related rows are values in a column of their own; else one row becomes columns
	names  bool // several rows become their names; else they are nested

	only []*schema.Field // the fields asked for; nil is all that may be seen
}

// columns are the names of the columns.
func (s shape) columns() []string {
	var out []string
	for _, f := range s.fields() {
		out = append(out, f.Name)
	}
	for _, w := range s.with {
		r := s.m.Relation(w.Relation)
		if s.nested || r.Many() {
			out = append(out, r.Name)
			continue
		}
		for _, c := range s.of(r, w).columns() {
			out = append(out, r.Name+"."+c)
		}
	}
	return out
}

// fields are those shown: as declared for programs, in the order of a list for
// people.
func (s shape) fields() []*schema.Field {
	switch {
	case s.only != nil:
		return s.only
	case s.nested:
		return visible(s.m)
	}
	return columnsOf(s.m)
}

// of is the shape of the rows of a relation.
func (s shape) of(r *schema.Relation, w op.With) shape {
	return shape{m: r.Target, with: w.With, nested: s.nested, names: s.names}
}

// row makes the values of the columns. A nil record is a row that is not there.
func (s shape) row(rec *record) []any {
	var out []any
	for _, f := range s.fields() {
		if rec == nil {
			out = append(out, nil)
		} else {
			out = append(out, s.value(f, rec.vals[f.Pos]))
		}
	}
	for _, w := range s.with {
		r := s.m.Relation(w.Relation)
		var rows []record
		if rec != nil {
			rows = rec.rows(w)
		}
		switch {
		case r.Many() && s.names && rec != nil:
			names := make([]string, len(rows))
			for i, row := range rows {
				names[i] = row.name()
			}
			out = append(out, strings.Join(names, ", "))
		case r.Many() && rec != nil:
			list := make([]jsonObject, len(rows))
			for i, row := range rows {
				list[i] = row.nested(w.With)
			}
			out = append(out, list)
		case s.nested && len(rows) > 0:
			out = append(out, rows[0].nested(w.With))
		case s.nested || r.Many():
			out = append(out, nil)
		case len(rows) > 0:
			out = append(out, s.of(r, w).row(&rows[0])...)
		default:
			out = append(out, s.of(r, w).row(nil)...)
		}
	}
	return out
}

// number is a decimal with all decimals of its field.
type number string

func (s shape) value(f *schema.Field, v any) any {
	if s.nested {
		return jsonValue(f, v)
	}
	switch x := v.(type) {
	case decimal.Decimal:
		return number(decimalText(f, x))
	case time.Time:
		if f.Type == schema.Date {
			return x.Format(time.DateOnly)
		}
	}
	return v
}

// rows are the rows of a relation that was loaded.
func (r record) rows(w op.With) []record {
	rel := r.related[w.Relation]
	if rel == nil {
		return nil
	}
	out := make([]record, len(rel.Rows))
	for i, row := range rel.Rows {
		out[i] = read(rel.Model, w.With, row)
	}
	return out
}

// nested is the row for programs, with the rows of its relations in it.
func (r record) nested(with []op.With) jsonObject {
	out := r.json()
	for _, w := range with {
		rows := r.rows(w)
		rel := r.m.Relation(w.Relation)
		switch {
		case rel.Many():
			list := make([]jsonObject, len(rows))
			for i, row := range rows {
				list[i] = row.nested(w.With)
			}
			out = append(out, jsonMember{rel.Name, list})
		case len(rows) > 0:
			out = append(out, jsonMember{rel.Name, rows[0].nested(w.With)})
		default:
			out = append(out, jsonMember{rel.Name, nil})
		}
	}
	return out
}

// shapedRows are the rows of a find in a shape.
type shapedRows struct {
	op.Rows
	shape shape
}

// Row is the row that Next went to.
func (r *shapedRows) Row() []any {
	rec := read(r.shape.m, r.shape.with, r.Rows.Row())
	return r.shape.row(&rec)
}
