package migrate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
)

// renames finds tables and columns that models know by another name now, makes
// steps of that, and goes on as if they had been done: a rename is never a drop
// and an add. What a name was comes from renamed_from, or from what weft_meta
// recorded of the model or field.
func (d *differ) renames() {
	byModel := map[string]string{} // model → table, as recorded; "" where it is not clear which
	fields := map[string]map[string]string{}
	for key, text := range d.meta {
		table, ok := strings.CutPrefix(key, "names:")
		if !ok || d.table(table) == nil {
			continue
		}
		var n recorded
		if json.Unmarshal([]byte(text), &n) != nil || n.Model == "" {
			continue
		}
		if _, twice := byModel[n.Model]; twice {
			table = ""
		}
		byModel[n.Model], fields[n.Model] = table, n.Fields
	}
	for again := true; again; { // a table may wait for another to leave its name
		again = false
		for _, t := range d.want {
			if d.table(t.name) != nil || d.view(t.name) != nil {
				continue
			}
			why := "renamed_from of " + t.model.Name
			from := d.table(t.model.RenamedFrom)
			if from == nil || t.model.RenamedFrom == "" {
				why, from = "the table of "+t.model.Name, d.table(byModel[t.model.Name])
				if from != nil && !alike(t, fields[t.model.Name]) {
					from = nil // the model of that name of another program
				}
				if from != nil && d.o.Additive && !d.stays(from.Name, t) {
					d.note("%s: %s had the table %s when it was made, which stays; a migration would rename it", t.name, t.model.Name, from.Name)
					from = nil
				}
			}
			if from == nil || from.Kind != catalog.Ordinary || d.stays(from.Name, t) {
				continue
			}
			d.renameTable(t, from, why)
			again = true
		}
	}
	for _, t := range d.want {
		h, old := d.table(t.name), t.model.RenamedFrom
		if h == nil {
			continue
		}
		if o := d.table(old); old != "" && o != nil && o != h && tableOf(d.want, old) == nil {
			d.refuse(t.name, "", "%s says that the table was %s, but both exist; move the rows over and drop one, or take renamed_from away", t.model.Name, old)
		}
		if h.Kind == catalog.Ordinary {
			d.renameColumns(t, h)
		}
	}
}

// alike reports whether most of the fields that were recorded are the model's.
func alike(t *table, fields map[string]string) bool {
	n := 0
	for _, c := range t.columns {
		if _, known := fields[c.field.Name]; known {
			n++
		}
	}
	return 2*n > len(fields)
}

// stays reports whether a table is wanted by a model other than t under the
// name it has.
func (d *differ) stays(name string, t *table) bool {
	o := tableOf(d.want, name)
	if o == nil || o == t {
		return false
	}
	from := d.table(o.model.RenamedFrom)
	return o.model.RenamedFrom == "" || from == nil || d.to.foldTable(from.Name) == d.to.foldTable(name)
}

func (d *differ) renameTable(t *table, h *catalog.Table, why string) {
	old := h.Name
	if d.o.Additive {
		d.refuse(t.name, "", "the table is still named %s (%s); AutoMigrate renames nothing, a migration does", old, why)
	}
	rows, _ := d.rowsOf(h)
	s := Step{
		Kind: RenameTable, Table: t.name, From: old, Name: "", Rows: rows, Reason: why + " was " + old,
		SQL: []string{"ALTER TABLE " + d.quote(old) + " RENAME TO " + d.quote(t.name)},
	}
	d.add(s)
	var keys []string
	for key := range d.meta {
		for _, kind := range []string{"table:", "names:"} {
			if key == kind+old {
				keys = append(keys, d.moveMeta(key, kind+t.name))
			}
		}
		if rest, ok := strings.CutPrefix(key, "enum:"+old+"."); ok {
			keys = append(keys, d.moveMeta(key, "enum:"+t.name+"."+rest))
		}
	}
	slices.Sort(keys)
	d.also(len(d.Steps)-1, keys...)
	d.was.tables[t.name] = old
	h.Name = t.name
	for _, o := range d.have.Tables {
		for _, k := range o.Foreign {
			if d.to.foldTable(k.RefTable) == d.to.foldTable(old) {
				k.RefTable = t.name
			}
		}
	}
}

// moveMeta is the statement that gives a value another key, and does so in
// memory as well.
func (d *differ) moveMeta(from, to string) string {
	d.meta[to] = d.meta[from]
	delete(d.meta, from)
	key := d.quote("key")
	if d.to.dialect == catalog.MySQL { // done again it does nothing
		return "UPDATE IGNORE " + d.quote(metaTable) + " SET " + key + " = " + catalog.Text(d.to.dialect, to) + " WHERE " + key + " = " + catalog.Text(d.to.dialect, from)
	}
	return "UPDATE " + d.quote(metaTable) + " SET " + key + " = " + catalog.Text(d.to.dialect, to) + " WHERE " + key + " = " + catalog.Text(d.to.dialect, from)
}

func (d *differ) renameColumns(t *table, h *catalog.Table) {
	var before recorded
	_ = json.Unmarshal([]byte(d.meta["names:"+h.Name]), &before) // without it renamed_from is what there is
	for again := true; again; {
		again = false
		for _, c := range t.columns {
			if d.column(h, c.name) != nil {
				continue
			}
			why := "renamed_from of " + t.model.Name + "." + c.field.Name
			var from *catalog.Column
			if old := c.field.RenamedFrom; old != "" {
				from = d.column(h, old)
			}
			if old := before.Fields[c.field.Name]; from == nil && old != "" {
				why, from = "the column of "+t.model.Name+"."+c.field.Name, d.column(h, old)
			}
			if from == nil || d.columnStays(t, h, from.Name, c) {
				continue
			}
			d.renameColumn(t, h, c, from, why)
			again = true
		}
	}
	for _, c := range t.columns {
		old := c.field.RenamedFrom
		if old != "" && d.to.fold(old) != d.to.fold(c.name) && d.column(h, c.name) != nil && d.column(h, old) != nil && t.column(old) == nil {
			d.refuse(t.name, c.name, "%s.%s says that the column was %s, but both exist; move the values over and drop one, or take renamed_from away", t.model.Name, c.field.Name, old)
		}
	}
}

func (d *differ) columnStays(t *table, h *catalog.Table, name string, c *column) bool {
	o := t.column(name)
	if o == nil || o == c {
		return false
	}
	from := d.column(h, o.field.RenamedFrom)
	return o.field.RenamedFrom == "" || from == nil || d.to.fold(from.Name) == d.to.fold(name)
}

func (d *differ) renameColumn(t *table, h *catalog.Table, c *column, from *catalog.Column, why string) {
	old := from.Name
	if d.o.Additive {
		d.refuse(t.name, c.name, "the column is still named %s (%s); AutoMigrate renames nothing, a migration does", old, why)
	}
	rows, _ := d.rowsOf(h)
	alter := "ALTER TABLE " + d.quote(t.name) + " "
	stmt := alter + "RENAME COLUMN " + d.quote(old) + " TO " + d.quote(c.name)
	if k := enumCheck(d.to.dialect, h, old); k != nil && d.to.dialect == catalog.MySQL {
		// The check names the column and would be in the way.
		now := &catalog.Check{Name: d.to.shorten(t.name + "_" + c.name + "_check"), Expr: swapName(d.to.dialect, k.Expr, old, c.name)}
		stmt = alter + "DROP CONSTRAINT " + d.quote(k.Name) + ", RENAME COLUMN " + d.quote(old) + " TO " + d.quote(c.name) + ", ADD " + ddl.Check(d.to.dialect, now)
		k.Name = now.Name
	}
	d.add(Step{Kind: RenameColumn, Table: t.name, Name: c.name, From: old, Rows: rows, Reason: why + " was " + old, SQL: []string{stmt}})
	if v, is := d.meta["enum:"+t.name+"."+old]; is && v != "" {
		d.also(len(d.Steps)-1, d.moveMeta("enum:"+t.name+"."+old, "enum:"+t.name+"."+c.name))
	}
	if d.was.columns[t.name] == nil {
		d.was.columns[t.name] = map[string]string{}
	}
	d.was.columns[t.name][c.name] = old
	from.Name = c.name
	swap := func(names []string) {
		for i, n := range names {
			if d.to.fold(n) == d.to.fold(old) {
				names[i] = c.name
			}
		}
	}
	if h.Key != nil {
		swap(h.Key.Columns)
	}
	for _, x := range h.Indexes {
		for i := range x.Parts {
			if d.to.fold(x.Parts[i].Column) == d.to.fold(old) {
				x.Parts[i].Column = c.name
			}
		}
		x.Where = swapName(d.to.dialect, x.Where, old, c.name)
	}
	for _, k := range h.Checks {
		k.Expr = swapName(d.to.dialect, k.Expr, old, c.name)
	}
	for _, o := range d.have.Tables {
		for _, k := range o.Foreign {
			if o == h {
				swap(k.Columns)
			}
			if d.to.foldTable(k.RefTable) == d.to.foldTable(h.Name) {
				swap(k.RefColumns)
			}
		}
	}
}
