package mem

import (
	"strings"

	"github.com/weftdb/weft/op"
)

// column is the value of a column for a row: its own, or that of the row that
// relations lead to, NULL where there is none.
func (s *state) column(o *op.Op, row []any, name string) (any, error) {
	c, err := op.ColumnOf(o.Model, name)
	if err != nil {
		return nil, err
	}
	if c.Path == "" {
		return c.Part.Of(row[c.Field.Pos]), nil
	}
	steps := op.Steps(o.Model, c.Path)
	names := strings.Split(c.Path, ".")
	for i, r := range steps {
		related, err := s.related(r, pick(row, r.From), op.Cond{})
		if err != nil {
			return nil, err
		}
		row = nil
		for _, next := range related {
			ok, err := op.MatchRow(r.Target, next, joined(o, strings.Join(names[:i+1], ".")), s.related)
			if err != nil {
				return nil, err
			}
			if ok {
				row = next
				break
			}
		}
		if row == nil {
			return nil, nil
		}
	}
	return c.Part.Of(row[c.Field.Pos]), nil
}

// joined is the condition on the rows at the end of a path.
func joined(o *op.Op, path string) op.Cond {
	for _, j := range o.Joins {
		if j.Path == path {
			return j.Filter
		}
	}
	return op.Cond{}
}

// columnsOf are the values of several columns.
func (s *state) columnsOf(o *op.Op, row []any, names []string) ([]any, error) {
	out := make([]any, len(names))
	for i, name := range names {
		var err error
		if out[i], err = s.column(o, row, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}
