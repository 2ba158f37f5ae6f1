package pull

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// indexes gives the model of t the indexes that a model can have.
func (p *puller) indexes(t *table) {
	var later []*catalog.Index
	for _, x := range t.found.Indexes {
		// Names that are made must not meet those that are given.
		if cols, odd := p.db.IndexColumns(t.found, x); p.indexName(x) == migrate.IndexName(t.found.Name, cols, x.Unique) && odd == "" {
			p.index(t, x)
		} else if !p.ofForeignKey(t.found, x) {
			later = append(later, x)
		}
	}
	for _, x := range later {
		p.index(t, x)
	}
	slices.SortStableFunc(t.model.Indexes, func(a, b schema.Index) int {
		return cmp.Or(slices.Compare(a.Fields, b.Fields), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Where, b.Where))
	})
}

// indexName is the name of an index, "" for one that a UNIQUE of SQLite stands
// for.
func (p *puller) indexName(x *catalog.Index) string {
	if p.db.Dialect == catalog.SQLite && x.Constraint {
		return ""
	}
	return x.Name
}

// ofForeignKey reports whether MySQL made the index for a foreign key, as it
// would again.
func (p *puller) ofForeignKey(t *catalog.Table, x *catalog.Index) bool {
	return p.db.Dialect == catalog.MySQL && !x.Unique && slices.ContainsFunc(t.Foreign, func(k *catalog.ForeignKey) bool {
		cols, odd := p.db.IndexColumns(t, x)
		return odd == "" && k.Name == x.Name && slices.Equal(k.Columns, cols)
	})
}

func (p *puller) index(t *table, x *catalog.Index) {
	xName := p.indexName(x)
	columns, odd := p.db.IndexColumns(t.found, x)
	what := "the index " + xName
	if xName == "" {
		what = "a unique constraint"
	}
	stays := func(why string) { p.note(t.found.Name, "", "%s %s, so it stays with the database", what, why) }
	if odd != "" {
		stays(odd)
		return
	}
	var fields []*schema.Field
	for _, c := range columns {
		f := t.fields[p.fold(c)]
		switch {
		case f == nil:
			stays("is on " + c + ", which is in no model")
			return
		case f.Type.Kind() == schema.KindJSON:
			stays("is on " + c + ", which is " + string(f.Type))
			return
		}
		fields = append(fields, f)
	}
	if xName == "" && p.sameColumns(columns, t.found.Key.Columns) {
		return // says what the key says
	}
	name := xName
	if !catalog.Nameable(name) && name != "" {
		p.note(t.found.Name, "", "%s gets another name in the model: %s", what, badName)
		name = ""
	}
	if made := migrate.IndexName(t.found.Name, columns, x.Unique); name == made || name == "" && !p.indexNames[p.fold(made)] {
		p.indexNames[p.fold(made)] = true
		one := fields[0]
		if len(fields) == 1 && x.Where == "" && !one.Unique && !one.Index && !p.sameColumns(columns, t.found.Key.Columns) {
			one.Unique, one.Index = x.Unique, !x.Unique
			return
		}
		name = ""
	} else if name == "" {
		name = p.freeIndexName(made)
	}
	ix := schema.Index{Unique: x.Unique, Name: name, Where: x.Where}
	for _, f := range fields {
		ix.Fields = append(ix.Fields, f.Name)
	}
	t.model.Indexes = append(t.model.Indexes, ix)
}

func (p *puller) freeIndexName(base string) string {
	for k := 2; ; k++ {
		if name := base + "_" + strconv.Itoa(k); !p.indexNames[p.fold(name)] {
			p.indexNames[p.fold(name)] = true
			return name
		}
	}
}

// sameColumns compares two sets of columns.
func (p *puller) sameColumns(a, b []string) bool {
	norm := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = p.fold(s)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(norm(a), norm(b))
}
