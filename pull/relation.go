package pull

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// link is a foreign key between two tables that have models.
type link struct {
	key           *catalog.ForeignKey
	child, parent *table
	from, to      []*schema.Field
	onDelete      schema.Action
	onUpdate      schema.Action
	role          string // what the parent is to the child, as the column says
	belongs       *schema.Relation
}

// relations gives the models relations for the foreign keys: both ends of each,
// and the ones through join tables.
func (p *puller) relations() {
	for _, t := range p.tables {
		keys := slices.Clone(t.found.Foreign)
		if p.db.Dialect != catalog.SQLite { // where they come in the order of their names, which somebody may have made up
			place := func(k *catalog.ForeignKey) int {
				return slices.IndexFunc(t.found.Columns, func(c *catalog.Column) bool { return c.Name == k.Columns[0] })
			}
			slices.SortStableFunc(keys, func(a, b *catalog.ForeignKey) int {
				return cmp.Or(cmp.Compare(place(a), place(b)), slices.Compare(a.Columns, b.Columns))
			})
		}
		for _, k := range keys {
			if l := p.link(t, k); l != nil {
				t.links = append(t.links, l)
			}
		}
	}
	for _, t := range p.tables {
		for _, l := range t.links {
			l.belongsTo()
		}
	}
	for _, t := range p.tables {
		if !t.isPureJoin() {
			for _, l := range t.links {
				l.inverse()
			}
		}
	}
	for _, t := range p.tables {
		if a, b := t.join(); a != nil {
			through(a, b)
			through(b, a)
		}
	}
}

func (p *puller) tableOf(name string) *table {
	for _, t := range p.tables {
		if catalog.FoldTable(p.db.Dialect, t.found.Name) == catalog.FoldTable(p.db.Dialect, name) {
			return t
		}
	}
	return nil
}

// link ties a foreign key to the models, or notes why it cannot be.
func (p *puller) link(t *table, k *catalog.ForeignKey) *link {
	l := &link{key: k, child: t, parent: p.tableOf(k.RefTable), onDelete: foundAction(k.OnDelete), onUpdate: foundAction(k.OnUpdate)}
	without := func(format string, args ...any) *link {
		p.note(t.found.Name, k.Columns[0], "no relation to "+k.RefTable+": "+format, args...)
		return nil
	}
	switch {
	case l.parent == nil && p.db.Table(k.RefTable) == nil:
		return without("there is no such table")
	case l.parent == nil:
		return without("that table was left out")
	case len(k.RefColumns) == 0:
		return without("the columns that the foreign key points at do not exist")
	case !l.parent.uniqueOver(k.RefColumns):
		return without("the foreign key points at columns that are neither the key nor unique")
	}
	for i, c := range k.Columns {
		f, to := t.fields[p.fold(c)], l.parent.fields[p.fold(k.RefColumns[i])]
		if f == nil || to == nil {
			return without("a column of the foreign key is in no model")
		}
		if !t.follow(f, to) {
			return without("%s is %s, and %s.%s, which it points at, is %s", c, f.Type, k.RefTable, k.RefColumns[i], to.Type)
		}
		f.Auto = false // a key handed out would point nowhere
		l.from, l.to = append(l.from, f), append(l.to, to)
	}
	for _, o := range t.links {
		if o.parent == l.parent && slices.Equal(o.from, l.from) && slices.Equal(o.to, l.to) {
			return nil // said twice
		}
	}
	for _, a := range []*schema.Action{&l.onDelete, &l.onUpdate} {
		notNull := slices.ContainsFunc(l.from, func(f *schema.Field) bool { return !f.Nullable })
		if *a == schema.SetNull && notNull {
			p.note(t.found.Name, k.Columns[0], "the foreign key sets NULL, which the column cannot be; the model says nothing of it")
			*a = schema.NoAction
		}
	}
	return l
}

// foundAction is an action in the words of models.
func foundAction(s string) schema.Action {
	return schema.Action(strings.ReplaceAll(strings.ToLower(s), "no action", ""))
}

// follow gives a field the type of the one it points at, where its column
// serves that too: x REFERENCES t has no type of its own.
func (t *table) follow(f, to *schema.Field) bool {
	if f == to {
		return false
	}
	if f.Type.Kind() == to.Type.Kind() {
		return true
	}
	like := &schema.Field{Type: to.Type, Size: to.Size, Precision: to.Precision, Scale: to.Scale, DBType: to.DBType, Unsigned: to.Unsigned}
	if !t.p.serves(t.found, t.found.Column(f.Column), like) || f.Default != nil {
		return false
	}
	delete(t.told, t.p.fold(f.Column))
	f.Type, f.Size, f.Precision, f.Scale, f.DBType, f.Unsigned = like.Type, like.Size, like.Precision, like.Scale, like.DBType, like.Unsigned
	return true
}

// uniqueOver reports whether the columns are those of one row at most.
func (t *table) uniqueOver(columns []string) bool {
	return t.p.sameColumns(t.found.Key.Columns, columns) || slices.ContainsFunc(t.found.Indexes, func(x *catalog.Index) bool {
		cols, odd := t.p.db.IndexColumns(t.found, x)
		return x.Unique && x.Where == "" && odd == "" && t.p.sameColumns(cols, columns)
	})
}

func fieldNames(fields []*schema.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// keyNames are the fields pointed at, nil where they are the key as it stands.
func (l *link) keyNames() []string {
	var key []*schema.Field
	for _, f := range l.parent.model.Fields {
		if f.Primary {
			key = append(key, f)
		}
	}
	if slices.Equal(key, l.to) {
		return nil
	}
	return fieldNames(l.to)
}

// belongsTo adds the relation on the side of the foreign key.
func (l *link) belongsTo() {
	t, target := l.child, nameOf(l.parent.model)
	var candidates []string
	if len(l.from) == 1 {
		f := l.from[0].Name
		l.role = stem(f, l.to[0].Name)
		if l.child == l.parent && selfNames[f] != "" {
			l.role = selfNames[f]
		}
		if l.role != f {
			candidates = append(candidates, l.role)
		}
		if singular(f) == target || f == l.to[0].Name { // says nothing of the part it plays
			candidates = append(candidates, target)
		}
		if f != target {
			candidates = append(candidates, f+upperFirst(target))
		}
	} else {
		l.role = target
		by := ""
		for _, f := range l.from {
			by += upperFirst(f.Name)
		}
		candidates = append(candidates, target, target+"By"+by)
	}
	candidates = append(candidates, target+"Row")
	l.belongs = &schema.Relation{
		Name: t.names.take(candidates...), Kind: schema.BelongsTo, Model: l.parent.model.Name,
		FK: fieldNames(l.from), LK: l.keyNames(), OnDelete: l.onDelete, OnUpdate: l.onUpdate,
	}
	l.belongs.References = !l.belongs.Enforced()
	t.model.Relations = append(t.model.Relations, l.belongs)
}

// inverse adds the relation on the side that is pointed at.
func (l *link) inverse() {
	child := nameOf(l.child.model)
	kind, base := schema.HasMany, pluralName(child)
	if l.child.uniqueOver(l.key.Columns) {
		kind, base = schema.HasOne, child
	}
	several := 0
	for _, o := range l.child.links {
		if o.parent == l.parent {
			several++
		}
	}
	var candidates []string
	switch {
	case l.child == l.parent && inverses[l.role] != "" && kind == schema.HasMany:
		candidates = append(candidates, inverses[l.role])
	case l.child != l.parent && (several == 1 || l.role == nameOf(l.parent.model)):
		candidates = append(candidates, base)
	}
	candidates = append(candidates, l.role+upperFirst(base), l.belongs.Name+upperFirst(base), base+"Rows")
	l.parent.model.Relations = append(l.parent.model.Relations, &schema.Relation{
		Name: l.parent.names.take(candidates...), Kind: kind, Model: l.child.model.Name,
		FK: fieldNames(l.from), LK: l.keyNames(),
	})
}

// join returns the two links of a table whose key is two foreign keys, each to
// the key of its table; nil for other tables.
func (t *table) join() (a, b *link) {
	var in []*link
	for _, l := range t.links {
		if !slices.ContainsFunc(l.from, func(f *schema.Field) bool { return !f.Primary }) {
			in = append(in, l)
		}
	}
	if len(in) != 2 || len(in[0].from)+len(in[1].from) != len(t.found.Key.Columns) {
		return nil, nil
	}
	for _, l := range in {
		if l.keyNames() != nil || slices.ContainsFunc(l.from, func(f *schema.Field) bool { return l != in[0] && slices.Contains(in[0].from, f) }) {
			return nil, nil
		}
	}
	return in[0], in[1]
}

// isPureJoin reports whether the table joins two others and holds nothing else.
func (t *table) isPureJoin() bool {
	a, _ := t.join()
	return a != nil && len(t.found.Columns) == len(t.found.Key.Columns)
}

// through adds the many-to-many relation from the table of one link to that of
// the other.
func through(from, to *link) {
	name, full := pluralName(to.role), pluralName(to.belongs.Name)
	from.parent.model.Relations = append(from.parent.model.Relations, &schema.Relation{
		Name: from.parent.names.take(name, full, name+"Via"+to.child.model.Name), Kind: schema.ManyToMany,
		Model: to.parent.model.Name, Through: to.child.model.Name,
		FK: slices.Concat(fieldNames(from.from), fieldNames(to.from)),
	})
}
