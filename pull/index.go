package pull

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

// indexes gives the model of t the indexes that a model can have.
func (p *puller) indexes(t *table) {
	for _, x := range t.found.Indexes {
		// Names that are made must not meet those that are given.
		if x.Name == migrate.IndexName(t.found.Name, x.Columns, x.Unique) && x.Odd == "" {
			p.index(t, x)
		}
	}
	for _, x := range t.found.Indexes {
		if x.Name != migrate.IndexName(t.found.Name, x.Columns, x.Unique) || x.Odd != "" {
			p.index(t, x)
		}
	}
	slices.SortStableFunc(t.model.Indexes, func(a, b schema.Index) int {
		return cmp.Or(slices.Compare(a.Fields, b.Fields), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Where, b.Where))
	})
}

func (p *puller) index(t *table, x *migrate.FoundIndex) {
	what := "the index " + x.Name
	if x.Name == "" {
		what = "a unique constraint"
	}
	stays := func(why string) { p.note(t.found.Name, "", "%s %s, so it stays with the database", what, why) }
	if x.Odd != "" {
		stays(x.Odd)
		return
	}
	var fields []*schema.Field
	for _, c := range x.Columns {
		f := t.fields[fold(c)]
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
	if x.Name == "" && sameColumns(x.Columns, t.found.Key) {
		return // says what the key says
	}
	name := x.Name
	if !usable(name) && name != "" {
		p.note(t.found.Name, "", "%s gets another name in the model: %s", what, badName)
		name = ""
	}
	if made := migrate.IndexName(t.found.Name, x.Columns, x.Unique); name == made || name == "" && !p.indexNames[fold(made)] {
		p.indexNames[fold(made)] = true
		one := fields[0]
		if len(fields) == 1 && x.Where == "" && !one.Unique && !one.Index && !sameColumns(x.Columns, t.found.Key) {
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
		if name := base + "_" + strconv.Itoa(k); !p.indexNames[fold(name)] {
			p.indexNames[fold(name)] = true
			return name
		}
	}
}

// sameColumns compares two sets of columns.
func sameColumns(a, b []string) bool {
	norm := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = fold(s)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(norm(a), norm(b))
}
