// Package pull makes models of a database that exists: names in the style of
// Go, types that read what the columns hold, keys, indexes, and relations for
// the foreign keys.
//
// The models fit the database as it is: a migration has nothing to do. What a
// model cannot say (views, tables without a key, indexes on expressions) stays
// with the database, and a note tells of it.
package pull

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// Result is what was made of a database.
type Result struct {
	Set *schema.Set
	// Notes tell what was left out, or is read as something else than it is
	// declared as, in the order of the tables.
	Notes []Note
}

// Note is something that a model does not say. Column may be empty.
type Note struct{ Table, Column, Message string }

func (n Note) String() string {
	if n.Column != "" {
		return n.Table + "." + n.Column + ": " + n.Message
	}
	return n.Table + ": " + n.Message
}

// shown is a name as messages have it.
func shown(name string) string {
	if catalog.Nameable(name) {
		return name
	}
	return strconv.Quote(name)
}

// Models makes a model of every table that can have one. The same database
// gives the same models, in the order of the tables' names. The error tells why
// no models can be made at all.
func Models(db *catalog.Database) (*Result, error) {
	p := &puller{db: db, modelNames: names{}, indexNames: map[string]bool{}, lower: map[string]string{}}
	for _, t := range db.Tables {
		p.indexNames[p.fold(t.Name)] = true // an index cannot have the name of a table
		for _, x := range t.Indexes {
			if p.indexName(x) != "" {
				p.indexNames[p.fold(x.Name)] = true
			}
		}
	}
	for _, v := range db.Views {
		p.indexNames[p.fold(v.Name)] = true
		p.note(v.Name, "", "left out: a view has no key by which a row is found again; write a model for it by hand, with a field tagged primary")
	}
	for _, t := range db.Tables {
		p.table(t)
	}
	if len(p.tables) == 0 {
		return nil, p.nothing()
	}
	p.name()
	for _, t := range p.tables {
		p.indexes(t)
	}
	p.relations()
	for _, t := range p.tables {
		for _, c := range t.found.Columns {
			if why := t.told[p.fold(c.Name)]; why != "" {
				p.note(t.found.Name, c.Name, "%s", why)
			}
		}
	}
	set, err := p.build()
	if err != nil {
		return nil, err
	}
	return &Result{Set: set, Notes: p.sorted()}, nil
}

// puller makes the models of one database.
type puller struct {
	db         *catalog.Database
	tables     []*table
	modelNames names
	indexNames map[string]bool   // folded, of the whole database
	lower      map[string]string // tables by their names in small letters
	notes      []Note
}

// table is a table that gets a model.
type table struct {
	p      *puller
	found  *catalog.Table
	model  *schema.Model
	fields map[string]*schema.Field // by folded column
	told   map[string]string        // by folded column: what its type loses
	names  names                    // of fields and relations
	links  []*link
}

func (p *puller) note(table, column, format string, args ...any) {
	p.notes = append(p.notes, Note{shown(table), column, fmt.Sprintf(format, args...)})
}

func (p *puller) sorted() []Note {
	slices.SortStableFunc(p.notes, func(a, b Note) int { return strings.Compare(a.Table, b.Table) })
	return p.notes
}

// nothing is the error for a database without a table that can have a model.
func (p *puller) nothing() error {
	if len(p.notes) == 0 {
		return fmt.Errorf("the database has no tables")
	}
	var all []string
	for _, n := range p.sorted() {
		all = append(all, n.String())
	}
	return fmt.Errorf("the database has no table that a model can be made of: %s", strings.Join(all, "; "))
}

// fold makes names comparable as the database compares them.
func (p *puller) fold(s string) string { return catalog.Fold(p.db.Dialect, s) }

const badName = "its name is longer than 128 bytes or has control characters"

const badCase = "its name differs from that of %s in upper and lower case only, which models do not tell apart"

// table makes the model of one table with its fields, or notes why not.
func (p *puller) table(found *catalog.Table) {
	leave := func(format string, args ...any) { p.note(found.Name, "", "left out: "+format, args...) }
	switch found.Kind {
	case catalog.Ordinary:
	case catalog.Virtual:
		leave("a virtual table is made by its module, not by a model")
		return
	case catalog.Foreign:
		leave("its rows are on another server; write a model for it by hand, with a field tagged primary")
		return
	default:
		return // told with what it belongs to, or no table at all
	}
	switch {
	case found.Key == nil || len(found.Key.Columns) == 0:
		leave("it has no primary key, by which rows are found again; add one, and pull again")
		return
	case !catalog.Nameable(found.Name):
		leave(badName)
		return
	}
	if other := p.lower[catalog.Fold(catalog.SQLite, found.Name)]; other != "" {
		leave(badCase, shown(other))
		return
	}
	p.lower[catalog.Fold(catalog.SQLite, found.Name)] = found.Name
	t := &table{p: p, found: found, model: &schema.Model{Table: found.Name, Comment: found.Comment}, fields: map[string]*schema.Field{}, told: map[string]string{}, names: names{}}
	for _, c := range found.Columns {
		if p.db.Dialect == catalog.MySQL && c.Name == catalog.LiveColumn && c.Generated != "" {
			continue // Weft's own, for an index
		}
		why := p.field(t, c)
		if why == "" {
			continue
		}
		if slices.Contains(found.Key.Columns, c.Name) {
			leave("its key has the column %s, which no model can have: %s", shown(c.Name), why)
			return
		}
		p.note(found.Name, shown(c.Name), "left out: %s", why)
	}
	t.versioned()
	p.tables = append(p.tables, t)
}

// name gives the models their names.
func (p *puller) name() {
	order := slices.Clone(p.tables)
	slices.SortStableFunc(order, func(a, b *table) int { return rank(a.found.Name) - rank(b.found.Name) })
	for _, t := range order {
		t.model.Name = p.modelNames.take(modelNames(t.found.Name)...)
	}
}

// field adds the field for a column, or returns why there can be none.
func (p *puller) field(t *table, c *catalog.Column) (why string) {
	if !catalog.Nameable(c.Name) {
		return badName
	}
	for _, o := range t.model.Fields {
		if catalog.Fold(catalog.SQLite, o.Column) == catalog.Fold(catalog.SQLite, c.Name) {
			return fmt.Sprintf(badCase, shown(o.Column))
		}
	}
	f := &schema.Field{Column: c.Name, Nullable: c.Null, ReadOnly: c.Generated != "", Comment: c.Comment}
	told := p.describe(t.found, c, f)
	if f.Type == "" {
		return "it " + told
	}
	if slices.Contains(t.found.Key.Columns, c.Name) {
		f.Primary, f.Nullable, f.Auto = true, false, p.auto(t.found, c, f)
		if whole := (&schema.Field{Type: schema.BigInteger}); f.Type == schema.Float && p.serves(t.found, c, whole) {
			f.Type, f.Unsigned, told = whole.Type, false, "" // a number that is a key counts
		}
		if k := f.Type.Kind(); k == schema.KindFloat || k == schema.KindJSON {
			return fmt.Sprintf("a key cannot be %s", f.Type)
		}
	}
	t.told[p.fold(c.Name)] = told
	if !f.Auto && !f.ReadOnly {
		var lost string
		if f.Default, lost = c.DefaultFor(p.db.Dialect, f); lost != "" {
			p.note(t.found.Name, c.Name, "%s", lost)
		}
	}
	if c.Auto && !f.Auto && p.db.Dialect != catalog.SQLite {
		p.note(t.found.Name, c.Name, "is counted by the database, which is left to programs that write without the models")
	}
	f.Name = t.names.take(fieldName(c.Name))
	t.fields[p.fold(c.Name)] = f
	t.model.Fields = append(t.model.Fields, f)
	return ""
}

// versioned gives the fields of weft.Model their part again, where the table
// has its row version.
func (t *table) versioned() {
	v := t.fields["_version"]
	if v == nil || v.Type != schema.BigInteger || v.Nullable || v.Primary {
		return
	}
	v.Name, v.Role, v.Hidden, v.Default = "_version", schema.RoleVersion, true, nil
	for column, role := range map[string]schema.Role{"created_at": schema.RoleCreated, "updated_at": schema.RoleUpdated} {
		if f := t.fields[column]; f != nil && f.Type == schema.DateTime && !f.Nullable && !f.Primary {
			f.Role, f.Default = role, nil
		}
	}
}

// build makes the set. Tables are rows: what only looks like another kind of
// store is not.
func (p *puller) build() (*schema.Set, error) {
	models := make([]*schema.Model, len(p.tables))
	for i, t := range p.tables {
		models[i] = t.model
	}
	set, err := schema.Build(models...)
	if err != nil {
		return nil, fmt.Errorf("the models do not go together, which is a fault of this program: %w", err)
	}
	again := false
	for _, m := range set.Models {
		if m.Kind != schema.DocStore {
			m.Kind, m.KindReason = schema.DocStore, ""
			again = true
		}
	}
	if !again {
		return set, nil
	}
	return schema.Build(models...)
}
