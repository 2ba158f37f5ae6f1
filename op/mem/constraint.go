package mem

import (
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// unique checks that no other row has the key or a unique value of the row at
// a position. But for the key, rows that are marked deleted do not count.
func unique(m *schema.Model, t *table, pos int) error {
	row := t.rows[pos]
	for i, fields := range op.Uniques(m) {
		key := pick(row, fields)
		for j, other := range t.rows {
			if j == pos || !has(other, fields, key) || (i > 0 && (op.Deleted(m, row) || op.Deleted(m, other))) {
				continue
			}
			if i == 0 {
				return exists(m, other)
			}
			return &op.ConflictError{Reason: op.ReasonUnique, Model: m.Name, Fields: names(fields), Index: -1}
		}
	}
	return nil
}

// exists is the conflict with a row that has the key.
func exists(m *schema.Model, row []any) error {
	return &op.ConflictError{
		Reason: op.ReasonExists, Model: m.Name, Fields: names(m.Primary), Deleted: op.Deleted(m, row), Index: -1,
	}
}

func names(fields []*schema.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func foreignKeys(m *schema.Model) []op.ForeignKey {
	if m.Set() == nil {
		return nil
	}
	return op.ForeignKeys(m.Set().Models)
}

// pointsSomewhere checks the foreign keys of one row.
func pointsSomewhere(s *state, m *schema.Model, row []any) error {
	for _, k := range foreignKeys(m) {
		if k.Model.Table != m.Table {
			continue
		}
		key := pick(row, k.Fields)
		if !slices.Contains(key, nil) && len(s.having(k.Target, k.TargetFields, key)) == 0 {
			return &op.ConflictError{Reason: op.ReasonReference, Model: m.Name, Fields: names(k.Fields), Index: -1}
		}
	}
	return nil
}

// carrier carries the end or change of a key to the rows that point at it.
type carrier struct {
	s     *state
	keys  []op.ForeignKey
	model *schema.Model // of the operation, which its errors are about
	// open are keys that are gone though no action takes care of what points
	// at them; at the end nothing may.
	open []openKey
	// set are rows that point elsewhere now; at the end that must exist.
	set []setRow
}

type openKey struct {
	key  op.ForeignKey
	vals []any
}

type setRow struct {
	model *schema.Model
	row   []any
}

// deleted follows rows that are gone from their table.
func (c *carrier) deleted(m *schema.Model, gone [][]any) error {
	for _, k := range c.keys {
		if k.Target.Table != m.Table {
			continue
		}
		for _, row := range gone {
			vals := pick(row, k.TargetFields)
			children := c.s.having(k.Model, k.Fields, vals)
			if len(children) == 0 {
				continue
			}
			switch k.OnDelete {
			case schema.Cascade:
				c.s.table(k.Model).drop(children)
				if err := c.deleted(k.Model, children); err != nil {
					return err
				}
			case schema.SetNull, schema.SetDefault:
				if err := c.point(k, children, nil, k.OnDelete); err != nil {
					return err
				}
			case schema.Restrict:
				return c.stillReferenced()
			default:
				c.open = append(c.open, openKey{k, vals})
			}
		}
	}
	return nil
}

// moved follows a row whose values have changed.
func (c *carrier) moved(m *schema.Model, old, row []any) error {
	for _, k := range c.keys {
		if k.Target.Table != m.Table {
			continue
		}
		before, after := pick(old, k.TargetFields), pick(row, k.TargetFields)
		if has(row, k.TargetFields, before) {
			continue
		}
		children := c.s.having(k.Model, k.Fields, before)
		if len(children) == 0 {
			continue
		}
		switch k.OnUpdate {
		case schema.Cascade, schema.SetNull, schema.SetDefault:
			if err := c.point(k, children, after, k.OnUpdate); err != nil {
				return err
			}
		case schema.Restrict:
			return c.stillReferenced()
		default:
			c.open = append(c.open, openKey{k, before})
		}
	}
	return nil
}

// point makes children point at other values: those given, NULL or defaults.
func (c *carrier) point(k op.ForeignKey, children [][]any, vals []any, a schema.Action) error {
	t := c.s.table(k.Model)
	for _, child := range children {
		row := ownRow(child)
		for i, f := range k.Fields {
			switch {
			case a == schema.Cascade:
				row[f.Pos] = vals[i]
			case a == schema.SetDefault && f.Default != nil:
				row[f.Pos] = own(f.Default.Value)
			default:
				row[f.Pos] = nil
			}
			if row[f.Pos] == nil && !f.Nullable {
				return c.stillReferenced()
			}
		}
		pos := slices.IndexFunc(t.rows, setOf([][]any{child}).has)
		t.rows[pos] = row
		c.set = append(c.set, setRow{k.Model, row})
		if err := unique(k.Model, t, pos); err != nil {
			return err
		}
		if err := c.moved(k.Model, child, row); err != nil {
			return err
		}
	}
	return nil
}

// end checks what no action took care of.
func (c *carrier) end() error {
	for _, o := range c.open {
		gone := len(c.s.having(o.key.Target, o.key.TargetFields, o.vals)) == 0
		if gone && len(c.s.having(o.key.Model, o.key.Fields, o.vals)) > 0 {
			return c.stillReferenced()
		}
	}
	for _, r := range c.set {
		if !slices.ContainsFunc(c.s.rows(r.model), setOf([][]any{r.row}).has) {
			continue
		}
		if pointsSomewhere(c.s, r.model, r.row) != nil {
			return c.stillReferenced()
		}
	}
	return nil
}

func (c *carrier) stillReferenced() error {
	return &op.ConflictError{Reason: op.ReasonReference, Model: c.model.Name, Index: -1}
}

// drop takes rows out of a table.
func (t *table) drop(rows [][]any) {
	t.rows = slices.DeleteFunc(t.rows, setOf(rows).has)
}
