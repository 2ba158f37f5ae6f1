package migrate

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// metaTable holds what Weft keeps about a database as a whole.
const metaTable = "weft_meta"

// ownPrefix begins the names of all tables that Weft keeps for itself.
const ownPrefix = "weft_"

// A table as the models want it.
type table struct {
	model   *schema.Model
	name    string
	columns []*column
	key     []string
	indexes []*index
	foreign []*foreignKey
	search  []*column // have a full-text index
}

type column struct {
	field *schema.Field
	name  string
	decl  string // as declared in the database
	coll  string // its COLLATE, where it is not the table's
	def   string // its DEFAULT, as SQL; for programs that write without Weft
	null  bool
	auto  bool // INTEGER PRIMARY KEY AUTOINCREMENT
}

type index struct {
	name    string
	columns []string
	unique  bool
	prefix  map[string]int // how much of a long column, on MySQL
	where   string
	live    bool    // holds among live rows
	all     *string // the condition without that for live rows; nil where there is none for them
	reason  string
}

type foreignKey struct {
	name       string
	columns    []string
	refTable   string
	refColumns []string
	onDelete   schema.Action
	onUpdate   schema.Action
}

func (t *table) column(name string) *column {
	for _, c := range t.columns {
		if fold(c.name) == fold(name) {
			return c
		}
	}
	return nil
}

// fold makes names comparable as SQLite compares them: the case of ASCII
// letters does not matter.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// desire makes tables from models. All that the database cannot hold is
// reported at once.
func (to target) desire(set *schema.Set) ([]*table, error) {
	d := &desired{to: to, tables: map[string]*table{}, indexes: map[string]string{}}
	for _, m := range set.Models {
		d.addTable(m)
	}
	for _, t := range d.list {
		d.addIndexes(t)
	}
	for _, t := range d.list {
		d.addSearch(t)
		d.addForeign(t)
	}
	d.likeParents()
	for _, t := range d.list {
		d.checkForeign(t)
		if to.dialect == catalog.MySQL {
			d.fitKeys(t)
		}
	}
	if len(d.faults) > 0 {
		return nil, op.Errorf(op.CodeValidation, "migrate: %s cannot hold these models: %s", to, strings.Join(d.faults, "; "))
	}
	return d.list, nil
}

type desired struct {
	to      target
	list    []*table
	tables  map[string]*table // by folded name
	indexes map[string]string // folded name → table
	faults  []string
}

func (d *desired) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}

func (d *desired) addTable(m *schema.Model) {
	t := &table{model: m, name: m.Table}
	d.checkName(m.Name, "table", m.Table)
	switch other := d.tables[fold(t.name)]; {
	case other != nil:
		d.fault("%s and %s have the same table %s", other.model.Name, m.Name, t.name)
		return
	case fold(t.name) == metaTable:
		d.fault("%s: table %s is Weft's own", m.Name, metaTable)
		return
	case strings.HasPrefix(fold(t.name), searchPrefix):
		d.fault("%s: names of tables that begin with %s are for full-text indexes", m.Name, searchPrefix)
		return
	}
	d.tables[fold(t.name)] = t
	d.list = append(d.list, t)
	for _, f := range m.Fields {
		d.addColumn(t, f)
	}
	for _, f := range m.Primary {
		t.key = append(t.key, f.Column)
	}
	if len(t.key) == 0 {
		d.fault("%s has no primary key", m.Name)
	}
}

func (d *desired) addColumn(t *table, f *schema.Field) {
	who := t.model.Name + "." + f.Name
	d.checkName(who, "column", f.Column)
	if t.column(f.Column) != nil {
		d.fault("%s: table %s has two columns %s (upper and lower case are the same)", who, t.name, f.Column)
		return
	}
	decl, err := d.to.declare(f, false)
	if err != nil {
		d.fault("%s: %v", who, err)
	}
	c := &column{field: f, name: f.Column, decl: decl, coll: d.to.bytewise(f), null: f.Nullable}
	onSQLite := d.to.dialect == catalog.SQLite
	if slices.Contains(t.model.Primary, f) {
		c.null = false
		if onSQLite && len(t.model.Primary) == 1 && f.Type == schema.Integer && !f.Unsigned {
			c.decl = "INTEGER" // the word that makes the key the row's id
		}
	}
	if c.def, err = d.to.standing(f); err != nil {
		d.fault("%s: %v", who, err)
	}
	if f.Auto {
		switch {
		case len(t.model.Primary) != 1 || t.model.Primary[0] != f:
			d.fault("%s: auto needs a field that is the whole primary key", who)
		case f.Type.Kind() != schema.KindInt:
			d.fault("%s: auto needs an integer, not %s", who, f.Type)
		case onSQLite:
			c.auto, c.decl = true, "INTEGER" // no other word hands out keys
		default:
			c.auto, c.def = true, ""
		}
	}
	t.columns = append(t.columns, c)
}

func (d *desired) checkName(who, what, name string) {
	switch {
	case name == "":
		d.fault("%s: the name of its %s is empty", who, what)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		d.fault("%s: the name of its %s %q is not valid UTF-8 without NUL", who, what, name)
	case d.to.tooLong(name) != "":
		d.fault("%s: the name of its %s %s is too long; names on %s have at most %s", who, what, name, d.to, d.to.tooLong(name))
	case d.to.dialect == catalog.SQLite && what != "column" && strings.HasPrefix(fold(name), "sqlite_"):
		d.fault("%s: names of a %s that begin with sqlite_ belong to SQLite: %s", who, what, name)
	}
}

const amongLive = " among live rows"

// addIndexes makes the indexes that fields and options ask for. Uniqueness of
// a model with soft delete holds among live rows.
func (d *desired) addIndexes(t *table) {
	for _, c := range t.columns {
		f, cols := c.field, []string{c.name}
		switch {
		case slices.Equal(cols, t.key): // the key is unique and indexed
		case f.Unique:
			d.addIndex(t, &index{columns: cols, unique: true, reason: "field " + f.Name + " is unique"})
		case f.Index, f.IndexGlobal:
			d.addIndex(t, &index{columns: cols, reason: "field " + f.Name + " is indexed"})
		}
	}
	for _, x := range t.model.Indexes {
		var cols, names []string
		for _, name := range x.Fields {
			f := fieldOf(t.model, name)
			if f == nil {
				d.fault("%s: index on unknown field %s", t.model.Name, name)
				continue
			}
			cols, names = append(cols, f.Column), append(names, f.Name)
		}
		if len(cols) != len(x.Fields) || len(cols) == 0 {
			continue
		}
		reason := "index on " + strings.Join(names, ", ")
		if x.Unique {
			reason = "unique " + reason
		}
		d.addIndex(t, &index{name: x.Name, columns: cols, unique: x.Unique, where: strings.TrimSpace(x.Where), reason: reason})
	}
}

func fieldOf(m *schema.Model, name string) *schema.Field {
	for _, f := range m.Fields {
		if f.Name == name || f.GoName == name && name != "" {
			return f
		}
	}
	return nil
}

// IndexName is the name of an index for which no model gives one.
func IndexName(table string, columns []string, unique bool) string {
	end := "_idx"
	if unique {
		end = "_key"
	}
	return table + "_" + strings.Join(columns, "_") + end
}

func (d *desired) addIndex(t *table, x *index) {
	if x.name == "" {
		x.name = d.to.shorten(IndexName(t.name, x.columns, x.unique))
	}
	if d.to.dialect == catalog.MySQL && x.where != "" {
		if x.unique {
			d.fault("%s: index %s is unique where %s, and %s has no such indexes; leave the condition out or the uniqueness", t.model.Name, x.name, x.where, d.to)
			return
		}
		x.where = "" // an index of all rows finds them too
	}
	if del := t.model.DeletedF; del != nil && x.unique {
		x.live = true
		live, all := catalog.Quote(d.to.dialect, del.Column)+" IS NULL", x.where
		if all != "" {
			live = "(" + all + ") AND " + live
		}
		x.where, x.all = live, &all
		x.reason += amongLive
	}
	for _, y := range t.indexes {
		if fold(y.name) == fold(x.name) && y.unique == x.unique && slices.Equal(y.columns, x.columns) && samePredicate(x.where, y.where) {
			return
		}
	}
	d.checkName(t.model.Name, "index", x.name)
	inTable := "" // where the names of indexes must be unique
	if d.to.dialect == catalog.MySQL {
		inTable = t.name + "\x00"
	}
	if other, taken := d.indexes[inTable+fold(x.name)]; taken {
		d.fault("%s: index %s exists twice in the models (the other is on %s); give one another name", t.model.Name, x.name, other)
		return
	}
	if d.tables[fold(x.name)] != nil && inTable == "" {
		d.fault("%s: index %s has the name of a table; give it another", t.model.Name, x.name)
		return
	}
	d.indexes[inTable+fold(x.name)] = t.name
	t.indexes = append(t.indexes, x)
}
