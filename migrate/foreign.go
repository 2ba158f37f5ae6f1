package migrate

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// addForeign makes the foreign keys that a model asks for: those of
// references, on fields and relations, and those of relations that say what a
// delete or an update does. Any other relation is Weft's to follow and puts no
// constraint on the rows.
func (d *desired) addForeign(t *table) {
	for _, f := range t.model.Fields {
		r := f.References
		if r == nil {
			continue
		}
		ref := r.Column
		if ref == "" {
			ref = "id"
			if p := d.tables[fold(r.Table)]; p != nil && len(p.key) == 1 {
				ref = p.key[0]
			}
		}
		d.addForeignKey(t, &foreignKey{
			columns: []string{f.Column}, refTable: r.Table, refColumns: []string{ref},
			onDelete: r.OnDelete, onUpdate: r.OnUpdate,
		})
	}
	for _, r := range t.model.Relations {
		if !r.Enforced() || r.Target == nil {
			continue
		}
		child, parent := t, d.tables[fold(r.Target.Table)]
		cols, refs := columnsOf(r.From), columnsOf(r.To)
		switch r.Kind {
		case schema.BelongsTo:
		case schema.HasOne, schema.HasMany:
			child, parent, cols, refs = parent, child, refs, cols
		default:
			continue
		}
		if child == nil || parent == nil || len(cols) == 0 || len(cols) != len(refs) {
			d.fault("%s.%s: the relation's models are not in this set", t.model.Name, r.Name)
			continue
		}
		d.addForeignKey(child, &foreignKey{columns: cols, refTable: parent.name, refColumns: refs, onDelete: r.OnDelete, onUpdate: r.OnUpdate})
	}
}

func columnsOf(fs []*schema.Field) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Column)
	}
	return out
}

// addForeignKey adds k once: both ends of a relation, and a reference beside
// it, may ask for the same constraint.
func (d *desired) addForeignKey(t *table, k *foreignKey) {
	for _, o := range t.foreign {
		if !slices.Equal(o.columns, k.columns) || fold(o.refTable) != fold(k.refTable) || !slices.Equal(o.refColumns, k.refColumns) {
			continue
		}
		if !merge(&o.onDelete, k.onDelete) || !merge(&o.onUpdate, k.onUpdate) {
			d.fault("%s: the foreign key %s to %s is declared with %q and with %q; say the same on both sides",
				t.model.Name, strings.Join(k.columns, ", "), k.refTable, o.onDelete, k.onDelete)
		}
		return
	}
	k.name = t.name + "_" + strings.Join(k.columns, "_") + "_fkey"
	for _, o := range t.foreign {
		if fold(o.name) == fold(d.to.shorten(k.name)) {
			k.name += "_" + k.refTable
		}
	}
	k.name = d.to.shorten(k.name)
	t.foreign = append(t.foreign, k)
}

// likeParents gives columns of foreign keys the type of what they point at,
// where a server takes no other: a text that points at a uuid on PostgreSQL, and
// a whole number of another size on MySQL. A field of Go is seldom declared as
// what its parent's key is.
func (d *desired) likeParents() {
	if d.to.dialect == catalog.SQLite {
		return
	}
	for changed := true; changed; { // what is pointed at may itself point on
		changed = false
		for _, t := range d.list {
			for _, k := range t.foreign {
				p := d.tables[fold(k.refTable)]
				for i := range k.columns {
					if p == nil || i >= len(k.refColumns) {
						continue
					}
					if c, ref := t.column(k.columns[i]), p.column(k.refColumns[i]); c != nil && ref != nil && d.takesAfter(c.field, ref.field) {
						c.takeAfter(ref)
						changed = true
					}
				}
			}
		}
	}
}

// takesAfter reports whether a field must be stored as the one it points at is.
func (d *desired) takesAfter(f, ref *schema.Field) bool {
	if d.to.dialect == catalog.Postgres {
		return f.Type.Kind() == schema.KindString && f.Type != schema.UUID && ref.Type == schema.UUID
	}
	return f.Type.Kind() == schema.KindInt && ref.Type.Kind() == schema.KindInt && (f.Type != ref.Type || f.Unsigned != ref.Unsigned)
}

// takeAfter makes the column one of the type of another.
func (c *column) takeAfter(ref *column) {
	f := *c.field
	f.Type, f.Size, f.Unsigned = ref.field.Type, ref.field.Size, ref.field.Unsigned
	c.field, c.decl, c.coll = &f, ref.decl, ref.coll
}

// merge takes over an action where there was none; two different ones do not go together.
func merge(have *schema.Action, more schema.Action) bool {
	if *have == schema.NoAction {
		*have = more
	}
	return more == schema.NoAction || *have == more
}

// checkForeign reports what SQLite would only notice at the first write: a
// parent that is not unique, and an action that the column cannot take.
func (d *desired) checkForeign(t *table) {
	for _, k := range t.foreign {
		who := t.model.Name + ": foreign key " + strings.Join(k.columns, ", ") + " to " + k.refTable
		if k.onDelete == schema.SetNull || k.onUpdate == schema.SetNull {
			for _, c := range k.columns {
				if col := t.column(c); col != nil && !col.null {
					d.fault("%s sets %s to NULL, but that column is not nullable", who, c)
				}
			}
		}
		p := d.tables[fold(k.refTable)]
		if p == nil {
			continue // a table of somebody else
		}
		if missing := slices.IndexFunc(k.refColumns, func(c string) bool { return p.column(c) == nil }); missing >= 0 {
			d.fault("%s: there is no column %s", who, k.refColumns[missing])
			continue
		}
		if !p.uniqueOver(k.refColumns) {
			d.fault("%s(%s): the columns pointed to must be its primary key or unique (of all rows, not of live ones only)",
				who, strings.Join(k.refColumns, ", "))
		}
	}
}

// uniqueOver reports whether a foreign key may point at those columns.
func (t *table) uniqueOver(cols []string) bool {
	if sameNames(t.key, cols) {
		return true
	}
	return slices.ContainsFunc(t.indexes, func(x *index) bool {
		return x.unique && x.where == "" && sameNames(x.columns, cols)
	})
}

// sameNames compares two sets of names.
func sameNames(a, b []string) bool {
	norm := func(in []string) []string {
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = fold(s)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(norm(a), norm(b))
}
