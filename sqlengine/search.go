package sqlengine

import (
	"github.com/weftdb/weft/op"
)

// SearchIndex is the full-text index of a table as it is in the database.
type SearchIndex struct {
	Name    string            // as it stands in the catalogue
	Docs    string            // the table that says which row a document is
	Columns map[string]string // column of the table → column of the index
	More    bool              // the index has columns that the model does not search
}

// search writes that a row's key is among those that the index finds.
func (b *builder) search(sc *scope, c *op.Cond) {
	s, fields := b.terms(sc, c)
	switch {
	case b.err != nil:
		return
	case len(s) == 0:
		b.w("FALSE")
		return
	}
	index := sc.t.Search
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = index.Columns[f.Field.Column]
	}
	if len(columns) == len(index.Columns) && !index.More {
		columns = nil
	}
	key := sc.t.Model.Primary
	tuple := func(each func(i int)) {
		if len(key) > 1 {
			b.w("(")
		}
		for i := range key {
			if i > 0 {
				b.w(", ")
			}
			each(i)
		}
		if len(key) > 1 {
			b.w(")")
		}
	}
	tuple(func(i int) { b.fieldCol(sc, key[i]) })
	found, docs := b.alias(), b.alias()
	if b.text {
		b.w(" IN (")
		b.w(b.d.Search(index, len(key), found, docs))
		b.w(")")
	}
	b.args = append(b.args, TextValue(b.d.SearchText(s, columns)))
}

// terms reads a search and checks that the table's index has its fields.
func (b *builder) terms(sc *scope, c *op.Cond) (op.Search, []*Column) {
	m := sc.t.Model
	words, ok := c.Value.(string)
	if b.d.Search == nil || !ok {
		b.fail(op.Errorf(op.CodeUnsupported, "%s cannot search %s for a %T", b.d.Name, m.Name, c.Value))
		return nil, nil
	}
	s, err := op.ParseSearch(words)
	b.fail(err)
	var fields []*Column
	for _, f := range op.SearchFields(m, c.Fields) {
		fields = append(fields, sc.t.Cols[f.Pos])
	}
	switch {
	case b.err != nil:
	case len(fields) == 0:
		b.fail(op.Errorf(op.CodeValidation, `%s has no search fields: tag a text field with weft:"search"`, m.Name))
	case sc.t.Search == nil:
		b.fail(op.Errorf(op.CodeUnsupported, "the table %s of model %s has no full-text index: migrate (weft.AutoMigrate()) to make it", m.Table, m.Name))
	default:
		for _, f := range fields {
			if _, there := sc.t.Search.Columns[f.Field.Column]; !there {
				b.fail(op.Errorf(op.CodeUnsupported, "the full-text index of %s does not have %s.%s: migrate (weft.AutoMigrate()) to make it again",
					m.Table, m.Name, f.Field.Name))
			}
		}
	}
	return s, fields
}

// ranked are the searches that an operation's order by rank goes by.
func ranked(o *op.Op) []op.Cond {
	for i := range o.Sort {
		if o.Sort[i].Rank {
			return op.Ranked(&o.Filter)
		}
	}
	return nil
}

// rank writes the sum of the relevance of a row for the searches of a filter.
func (b *builder) rank(sc *scope) {
	list := sc.ranked
	if len(list) == 0 || b.d.Rank == "" {
		b.fail(op.Errorf(op.CodeValidation, "%s is sorted by rank and nothing is searched for", sc.t.Model.Name))
		return
	}
	b.w("(")
	for i := range list {
		c := &list[i]
		if i > 0 {
			b.w(" + ")
		}
		_, fields := b.terms(sc, c)
		if b.err != nil {
			return
		}
		b.w(b.d.Rank)
		b.w("(")
		b.arg(TextValue(c.Value.(string)))
		for _, f := range fields {
			b.w(", ")
			b.w(sc.alias)
			b.w(f.Name)
		}
		b.w(")")
	}
	b.w(")")
}

// kSearch notes what of a search SQL depends on.
func (b *builder) kSearch(c *op.Cond) {
	b.kTexts(c.Fields)
	words, _ := c.Value.(string)
	s, err := op.ParseSearch(words)
	b.kBool(err == nil && len(s) == 0)
}
