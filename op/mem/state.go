package mem

import (
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// state is the content of all tables. Rows are never changed once they are in
// a table: a change puts a new row in place.
type state struct {
	tables map[string]*table
}

// table is the rows of one model in the order of their insertion. A table may
// be changed only by the state that owns it.
type table struct {
	owner *state
	model *schema.Model // its fields are the columns
	rows  [][]any
	last  int64 // the last automatic key
}

// clone returns a state with the same tables that can be changed without
// changing s.
func (s *state) clone() *state {
	c := &state{tables: make(map[string]*table, len(s.tables)+1)}
	for name, t := range s.tables {
		c.tables[name] = t
	}
	return c
}

// rows returns the rows of a model, to be read.
func (s *state) rows(m *schema.Model) [][]any {
	if t := s.tables[m.Table]; t != nil {
		return t.rows
	}
	return nil
}

// table returns the table of a model, to be changed.
func (s *state) table(m *schema.Model) *table {
	t := s.tables[m.Table]
	switch {
	case t == nil:
		t = &table{owner: s, model: m}
		s.tables[m.Table] = t
	case t.owner != s:
		t = &table{owner: s, model: t.model, rows: slices.Clone(t.rows), last: t.last}
		s.tables[m.Table] = t
	}
	return t
}

// related returns the rows that a relation leads to from a row with that key,
// each once. Rows of a join model count where join holds for them.
func (s *state) related(r *schema.Relation, key []any, join op.Cond) ([][]any, error) {
	if r.Kind != schema.ManyToMany {
		return s.having(r.Target, r.To, key), nil
	}
	var links [][]any
	for _, link := range s.having(r.Via, r.ViaFrom, key) {
		ok, err := op.MatchRow(r.Via, link, join, s.related)
		if err != nil {
			return nil, err
		}
		if ok {
			links = append(links, link)
		}
	}
	var out [][]any
	for _, row := range s.rows(r.Target) {
		for _, link := range links {
			if has(row, r.To, pick(link, r.ViaTo)) {
				out = append(out, row)
				break
			}
		}
	}
	return out, nil
}

// having returns the rows whose fields have the values.
func (s *state) having(m *schema.Model, fields []*schema.Field, vals []any) [][]any {
	var out [][]any
	for _, row := range s.rows(m) {
		if has(row, fields, vals) {
			out = append(out, row)
		}
	}
	return out
}

// where returns the rows for which a condition holds.
func (s *state) where(m *schema.Model, c op.Cond) ([][]any, error) {
	var out [][]any
	for _, row := range s.rows(m) {
		ok, err := op.MatchRow(m, row, c, s.related)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, row)
		}
	}
	return out, nil
}

func pick(row []any, fields []*schema.Field) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = row[f.Pos]
	}
	return out
}

// has reports whether the fields of a row have the values of a key. A NULL is
// equal to nothing.
func has(row []any, fields []*schema.Field, key []any) bool {
	for i, f := range fields {
		if key[i] == nil || op.CompareValues(row[f.Pos], key[i]) != 0 {
			return false
		}
	}
	return true
}

// rowSet is a set of rows of tables: of the rows themselves, not of what they
// hold.
type rowSet map[*any]bool

func setOf(rows [][]any) rowSet {
	set := make(rowSet, len(rows))
	for _, row := range rows {
		set[&row[0]] = true
	}
	return set
}

func (s rowSet) has(row []any) bool { return s[&row[0]] }

// own returns a copy that shares no memory with v.
func own(v any) any {
	if b, ok := v.([]byte); ok {
		return append([]byte{}, b...)
	}
	return v
}

func ownRow(row []any) []any {
	out := make([]any, len(row))
	for i, v := range row {
		out[i] = own(v)
	}
	return out
}
