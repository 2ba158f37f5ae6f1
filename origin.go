package weft

import (
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// origin is where the typed columns of a condition, an order or a relation come
// from. Names that are given as strings have none.
type origin struct {
	col  ref // one of the columns; the others at this level are of the same model
	rels []relOrigin
}

// relOrigin is the origin of what is said of related rows.
type relOrigin struct {
	relation string // or a path of several
	origin
}

// join adds what another part at the same level comes from.
func (o *origin) join(p origin) error {
	o.rels = append(o.rels[:len(o.rels):len(o.rels)], p.rels...)
	switch {
	case o.col.model == "":
		o.col = p.col
	case p.col.model != "" && p.col.model != o.col.model:
		return invalid("%s is a column of %s and %s one of %s; a condition is about the rows of one model, and weft.Has about related rows",
			o.col.name, o.col.model, p.col.name, p.col.model)
	}
	return nil
}

// check reports columns that are not those of rows of m.
func (o origin) check(m *schema.Model) error {
	if err := o.col.check(m); err != nil {
		return err
	}
	for _, r := range o.rels {
		target := follow(m, r.relation)
		if target == nil {
			continue // reported with the relation
		}
		if err := r.check(target); err != nil {
			return err
		}
	}
	return nil
}

func (r ref) check(m *schema.Model) error {
	if r.model == "" || r.model == m.Name {
		return nil
	}
	return op.Invalid(m.Name, r.name, "model", "is a column of %s, and these are rows of %s", r.model, m.Name)
}

// follow goes along a path of relations, or to what a count counts; nil where one does not exist.
func follow(m *schema.Model, path string) *schema.Model {
	for name := range strings.SplitSeq(path, ".") {
		r := m.Relation(name)
		if c := m.Count(name); r == nil && c != nil {
			r = m.Relation(c.Relation)
		}
		if r == nil {
			return nil
		}
		m = r.Target
	}
	return m
}
