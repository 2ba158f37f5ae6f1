package migrate

import (
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/weftdb/weft/schema"
)

// atlas is the table in the terms of the diff. Types are taken literally.
// Database defaults are left out on both sides: values come from the layer
// above, and a default that stands in the database is nobody's fault.
func (t *table) atlas() *atlas.Table {
	out := atlas.NewTable(t.name)
	for _, c := range t.columns {
		out.AddColumns(&atlas.Column{Name: c.name, Type: &atlas.ColumnType{
			Type: &sqlite.UserDefinedType{T: typeName(c.decl)}, Raw: typeName(c.decl), Null: c.null,
		}})
	}
	parts := func(cols []string) (ps []*atlas.IndexPart) {
		for i, name := range cols {
			c, _ := out.Column(name)
			ps = append(ps, &atlas.IndexPart{SeqNo: i + 1, C: c})
		}
		return ps
	}
	out.PrimaryKey = &atlas.Index{Unique: true, Table: out, Parts: parts(t.key)}
	for _, x := range t.indexes {
		ax := &atlas.Index{Name: x.name, Unique: x.unique, Table: out, Parts: parts(x.columns)}
		if x.where != "" {
			ax.Attrs = append(ax.Attrs, &sqlite.IndexPredicate{P: canonPredicate(x.where)})
		}
		out.Indexes = append(out.Indexes, ax)
	}
	for _, k := range t.foreign {
		fk := &atlas.ForeignKey{
			Symbol: k.name, Table: out, RefTable: atlas.NewTable(k.refTable),
			OnDelete: action(k.onDelete), OnUpdate: action(k.onUpdate),
		}
		for _, name := range k.columns {
			c, _ := out.Column(name)
			fk.Columns = append(fk.Columns, c)
		}
		for _, name := range k.refColumns {
			fk.RefColumns = append(fk.RefColumns, atlas.NewColumn(name))
		}
		out.ForeignKeys = append(out.ForeignKeys, fk)
	}
	return out
}

func action(a schema.Action) atlas.ReferenceOption {
	return atlas.ReferenceOption(strings.ToUpper(string(a)))
}

// normalise makes the found table say the same in the same words: types that
// serve the field count as equal, and so do indexes that differ in name only.
func (p *planner) normalise(have *atlas.Table, want *table) {
	withoutRowID := slices.ContainsFunc(have.Attrs, func(a atlas.Attr) bool { _, ok := a.(*sqlite.WithoutRowID); return ok })
	have.Attrs = nil // WITHOUT ROWID and the like are the table's own affair
	for _, c := range have.Columns {
		typ := typeName(strings.TrimPrefix(c.Type.Raw, typeMark))
		w := want.column(c.Name)
		switch {
		case w == nil && !c.Type.Null && c.Default == nil:
			p.note("%s.%s is in no model, NOT NULL and without a default: inserts will fail", want.name, c.Name)
		case w != nil && w.auto && (typ != "INTEGER" || withoutRowID):
			p.differs(want.name, c.Name, "the database hands out keys only for a column declared INTEGER of a table with rowids; field %s.%s must not be auto here",
				want.model.Name, w.field.Name)
		}
		c.Default, c.Attrs = nil, nil
		if w != nil {
			if fits(typ, w.field) {
				typ = typeName(w.decl)
			}
			if slices.Contains(want.key, c.Name) {
				c.Type.Null = false // the key of a table made elsewhere may lack NOT NULL
			}
		}
		c.Type.Raw, c.Type.Type = typ, &sqlite.UserDefinedType{T: typ}
	}
	if pk := have.PrimaryKey; pk != nil {
		// Atlas gives the columns in table order; the order within the key is no
		// difference that matters.
		slices.SortStableFunc(pk.Parts, func(a, b *atlas.IndexPart) int {
			return slices.Index(want.key, a.C.Name) - slices.Index(want.key, b.C.Name)
		})
		for i, part := range pk.Parts {
			part.SeqNo = i + 1
		}
	}
	for _, x := range have.Indexes {
		x.Attrs = nil
		if w := predicate(p.have.objects[fold(x.Name)].sql); w != "" {
			x.Attrs = append(x.Attrs, &sqlite.IndexPredicate{P: canonPredicate(w)})
		}
	}
	for _, w := range want.indexes {
		if slices.ContainsFunc(have.Indexes, func(x *atlas.Index) bool { return fold(x.Name) == fold(w.name) }) {
			for _, x := range have.Indexes {
				if fold(x.Name) == fold(w.name) {
					x.Name = w.name
				}
			}
			continue
		}
		for _, x := range have.Indexes {
			if serves(x, w) && !slices.ContainsFunc(want.indexes, func(o *index) bool { return o.name == x.Name }) {
				x.Name, x.Unique = w.name, w.unique
				break
			}
		}
	}
}

// serves reports whether an index does what w is wanted for. A unique one also
// serves where a plain one is wanted.
func serves(x *atlas.Index, w *index) bool {
	if len(x.Parts) != len(w.columns) || w.unique && !x.Unique {
		return false
	}
	for i, part := range x.Parts {
		if part.C == nil || part.Desc || part.C.Name != w.columns[i] {
			return false
		}
	}
	where := ""
	for _, a := range x.Attrs {
		if pr, ok := a.(*sqlite.IndexPredicate); ok {
			where = pr.P
		}
	}
	return where == canonPredicate(w.where)
}
