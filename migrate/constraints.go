package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/schema"
)

// checks compares the lists of values of enums. Other checks belong to whoever
// made them.
func (c *tableDiff) checks() error {
	for _, col := range c.t.columns {
		if c.added[col.name] {
			continue
		}
		if c.to.dialect == catalog.SQLite {
			if err := c.liteEnum(col); err != nil {
				return err
			}
			continue
		}
		have, want := enumCheck(c.to.dialect, c.have, col.name), col.check(c.t.name, c.to)
		isEnum := col.field.Type == schema.Enum
		switch {
		case have == nil && want == nil, c.o.Additive, !isEnum && want != nil && have == nil:
		case have == nil:
			if !c.have.Made {
				continue
			}
			if err := c.enumStep(AddCheck, col, want.Name, nil, c.alterTable()+"ADD "+ddl.Check(c.to.dialect, want)); err != nil {
				return err
			}
		case !isEnum:
			if c.have.Made {
				c.step(DropCheck, have.Name, "field "+col.field.Name+" takes any value", ddl.DropConstraint(c.to.dialect, c.t.name, have.Name))
			}
		default:
			vals, _ := enumValues(c.to.dialect, have.Expr, col.name)
			if slices.Equal(vals, col.field.Enum) || sameSet(vals, col.field.Enum) {
				continue
			}
			stmt := c.alterTable() + "DROP CONSTRAINT " + c.quote(have.Name) + ", ADD " + ddl.Check(c.to.dialect, want)
			if err := c.enumStep(AlterColumn, col, col.name, vals, stmt); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameSet(a, b []string) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// enumStep changes the values that a column may have. Rows with others are in
// the way.
func (c *tableDiff) enumStep(k Kind, col *column, name string, was []string, stmts ...string) error {
	reason := "the field has the values " + strings.Join(col.field.Enum, ", ")
	if was != nil {
		reason = "the values were " + strings.Join(was, ", ") + ", the field has " + strings.Join(col.field.Enum, ", ")
	}
	s := c.step(k, name, reason, stmts...)
	return c.enumRows(col, func(why string) {
		s.Destructive = true
		s.refuseUnless(false, AllowNothing, why)
	})
}

// enumRows tells of rows whose value is none of the enum's.
func (c *tableDiff) enumRows(col *column, tell func(why string)) error {
	var vals []string
	for _, v := range col.field.Enum {
		vals = append(vals, catalog.Text(c.to.dialect, v))
	}
	now := c.nowColumn(c.have, col.name)
	text := now
	if c.to.dialect == catalog.Postgres {
		text = "(" + now + ")::text"
	}
	from := " FROM " + c.nowTable(c.have) + " WHERE " + text + " NOT IN (" + strings.Join(vals, ", ") + ")"
	n, err := c.count("SELECT count(*)" + from)
	if err != nil || n == 0 {
		return err
	}
	some, err := c.texts("SELECT DISTINCT " + text + from + " ORDER BY 1 LIMIT 5")
	if err != nil {
		return err
	}
	tell(fmt.Sprintf("%s that the field does not take any more: %s; change these rows first", plural(n, "row has a value", "rows have values"), quoteSome(some)))
	return nil
}

// enumMeta are the statements that keep the values of a table's enums, which
// SQLite has no room for.
func (d *differ) enumMeta(t *table) []string {
	if d.to.dialect != catalog.SQLite {
		return nil
	}
	var out []string
	for _, c := range t.columns {
		if c.field.Type == schema.Enum {
			out = append(out, d.setMeta(enumKey(t.name, c.name), enumText(c.field.Enum)))
		}
	}
	return out
}

// foreign compares foreign keys by what they say; their names do not matter.
func (c *tableDiff) foreign() error {
	same := func(a, b *catalog.ForeignKey) bool {
		fold := func(x, y string) bool { return c.to.fold(x) == c.to.fold(y) }
		return slices.EqualFunc(a.Columns, b.Columns, fold) && c.to.foldTable(a.RefTable) == c.to.foldTable(b.RefTable) && slices.EqualFunc(a.RefColumns, b.RefColumns, fold)
	}
	action := func(s string) string {
		if s == "RESTRICT" && c.to.dialect == catalog.MySQL {
			return ""
		}
		return s
	}
	for _, w := range c.want.Foreign {
		i := slices.IndexFunc(c.have.Foreign, func(h *catalog.ForeignKey) bool { return same(w, h) })
		if i < 0 {
			if err := c.newForeign(w, foreignWords(w)); err != nil {
				return err
			}
			continue
		}
		h := c.have.Foreign[i]
		if same := func(has, wants string) bool {
			return action(has) == action(wants) || !c.have.Made && wants == "" && has == "SET NULL" && c.neverNull(h.Columns)
		}; same(h.OnDelete, w.OnDelete) && same(h.OnUpdate, w.OnUpdate) {
			continue
		}
		words := func(k *catalog.ForeignKey) string {
			return fmt.Sprintf("%q on delete and %q on update", orNone(k.OnDelete), orNone(k.OnUpdate))
		}
		if c.o.Additive {
			c.note("%s: the foreign key (%s) to %s does %s, the model wants %s; AutoMigrate does not change it",
				c.t.name, strings.Join(h.Columns, ", "), h.RefTable, words(h), words(w))
			continue
		}
		reason := fmt.Sprintf("%s does %s, the model wants %s", strings.Join(h.Columns, ", "), words(h), words(w))
		if c.to.dialect == catalog.SQLite {
			c.rebuilding().because("foreign key " + reason)
			continue
		}
		c.step(DropForeignKey, h.Name, reason, ddl.DropForeignKey(c.to.dialect, c.t.name, h.Name))
		c.have.Foreign = slices.Delete(c.have.Foreign, i, i+1)
		if err := c.newForeign(w, foreignWords(w)); err != nil {
			return err
		}
	}
	if c.o.Additive {
		return nil
	}
	for _, h := range slices.Clone(c.have.Foreign) {
		if slices.ContainsFunc(c.want.Foreign, func(w *catalog.ForeignKey) bool { return same(w, h) }) {
			continue
		}
		if !c.have.Made && !c.sayable(h) {
			continue
		}
		if c.to.dialect == catalog.SQLite {
			c.rebuilding().because("no model asks for the foreign key of " + strings.Join(h.Columns, ", ") + " to " + h.RefTable)
			continue
		}
		c.have.Foreign = slices.DeleteFunc(c.have.Foreign, func(k *catalog.ForeignKey) bool { return k == h })
		c.step(DropForeignKey, h.Name, "no model asks for it", ddl.DropForeignKey(c.to.dialect, c.t.name, h.Name))
	}
	return nil
}

// sayable reports whether a model can say a foreign key: the parent has a model,
// the columns have fields of the same kind, and what they point at is unique.
func (c *tableDiff) sayable(h *catalog.ForeignKey) bool {
	parent := tableOf(c.differ.want, h.RefTable)
	if parent == nil || h.Deferrable != "" || len(h.RefColumns) != len(h.Columns) {
		return false
	}
	for i, name := range h.Columns {
		f, to := c.field(name), parent.column(h.RefColumns[i])
		if f == nil || to == nil || f.Type.Kind() != to.field.Type.Kind() {
			return false
		}
	}
	return sameNames(h.RefColumns, parent.key) || slices.ContainsFunc(parent.indexes, func(x *index) bool {
		return x.unique && x.where == "" && sameNames(h.RefColumns, x.columns)
	})
}

// neverNull reports whether one of the columns is NOT NULL: no model can say
// that a foreign key sets it NULL.
func (c *tableDiff) neverNull(columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool {
		col := c.column(c.have, name)
		return col != nil && !col.Null
	})
}

func orNone(s string) string {
	if s == "" {
		return "NO ACTION"
	}
	return s
}

// newForeign adds a foreign key to a table that is there.
func (c *tableDiff) newForeign(k *catalog.ForeignKey, reason string) error {
	if c.o.Additive {
		c.note("%s: the foreign key (%s) to %s is missing; AutoMigrate adds none to a table that exists", c.t.name, strings.Join(k.Columns, ", "), k.RefTable)
		return nil
	}
	if c.to.dialect == catalog.SQLite && c.withColumn(k) {
		return nil
	}
	s := Step{Kind: AddForeignKey, Table: c.t.name, Name: k.Name, Rows: c.rows, Reason: reason}
	null, err := c.orphans(&s, k)
	if err != nil {
		return err
	}
	if c.to.dialect == catalog.SQLite {
		r := c.rebuilding()
		r.because("foreign key " + reason)
		if s.Unsafe != "" {
			r.step.refuseUnless(false, s.Allow, s.Unsafe)
		}
		if null != "" {
			r.after = append(r.after, null)
			r.step.Destructive = true
		}
		return nil
	}
	if null != "" {
		s.SQL = append(s.SQL, null)
		s.Destructive = true
	}
	s.SQL = append(s.SQL, c.alterTable()+"ADD "+ddl.ForeignKey(c.to.dialect, k))
	c.add(s)
	return nil
}

// orphans looks for rows that point at nothing. Where the options allow it the
// result is the statement that has them point at NULL.
func (c *tableDiff) orphans(s *Step, k *catalog.ForeignKey) (string, error) {
	if slices.ContainsFunc(k.Columns, func(col string) bool { return c.added[col] && c.addedNull(col) }) {
		return "", nil // NULL in every row
	}
	p := c.table(k.RefTable)
	test := func(now bool) (where string) {
		table, col := c.quote(c.t.name), c.quote
		if now {
			table, col = c.nowTable(c.have), func(n string) string { return c.nowColumn(c.have, n) }
		}
		var conds, same []string
		for i, name := range k.Columns {
			ref := c.quote(k.RefColumns[i])
			if now && p != nil {
				ref = c.nowColumn(p, k.RefColumns[i])
			}
			left := table + "." + col(name)
			conds = append(conds, left+" IS NOT NULL")
			x, y := "weft_parent."+ref, left
			if now && p != nil && c.mixed(p, k.RefColumns[i], name) {
				x, y = "CAST("+x+" AS char(255))", "CAST("+y+" AS char(255))"
			}
			same = append(same, x+" = "+y)
		}
		if p == nil && now {
			return strings.Join(conds, " AND ")
		}
		parent := c.quote(k.RefTable)
		if now {
			parent = c.nowTable(p)
		} else if c.to.dialect == catalog.MySQL && k.RefTable == c.t.name { // which must not read what it changes
			parent = "(SELECT DISTINCT " + ddl.Quotes(c.to.dialect, k.RefColumns) + " FROM " + parent + ")"
		}
		return strings.Join(conds, " AND ") + " AND NOT EXISTS (SELECT 1 FROM " + parent + " AS weft_parent WHERE " + strings.Join(same, " AND ") + ")"
	}
	if c.rows == 0 {
		return "", nil
	}
	if slices.ContainsFunc(k.Columns, func(col string) bool { return c.added[col] }) {
		s.refuseUnless(false, AllowNothing, fmt.Sprintf("all %d rows would point at a row that need not be there; make the field a pointer (nullable) first", c.rows))
		return "", nil
	}
	where := test(true)
	n, err := c.count("SELECT count(*) FROM " + c.nowTable(c.have) + " WHERE " + where)
	if err != nil || n == 0 {
		return "", err
	}
	var ids, shown []string
	for _, name := range keyOf(c.have) {
		id := c.nowColumn(c.have, name)
		ids, shown = append(ids, id), append(shown, c.shown(id))
	}
	why := plural(n, "row points", "rows point") + " at nothing"
	if len(ids) > 0 {
		some, err := c.texts("SELECT " + strings.Join(shown, ", ") + " FROM " + c.nowTable(c.have) + " WHERE " + where + " ORDER BY " + strings.Join(ids, ", ") + " LIMIT 5")
		if err != nil {
			return "", err
		}
		why += ", such as " + strings.Join(keyOf(c.have), ", ") + " " + strings.Join(some, "; ")
	}
	var set []string
	for _, name := range k.Columns {
		w := c.column(c.want, name)
		if w == nil || !w.Null {
			s.refuseUnless(false, AllowNothing, why+"; the column "+name+" cannot be NULL, so change or delete these rows first")
			return "", nil
		}
		set = append(set, c.quote(name)+" = NULL")
	}
	s.refuseUnless(c.o.OrphansToNull, OrphansToNull, why)
	return "UPDATE " + c.quote(c.t.name) + " SET " + strings.Join(set, ", ") + " WHERE " + test(false), nil
}

func (c *tableDiff) addedNull(col string) bool {
	v, err := c.to.fill(c.field(col))
	return err == nil && v == ""
}

// mixed reports whether two columns are of types that PostgreSQL does not compare.
func (c *tableDiff) mixed(p *catalog.Table, ref, name string) bool {
	a, b := c.column(p, ref), c.column(c.have, name)
	if c.to.dialect != catalog.Postgres || a == nil || b == nil {
		return false
	}
	x, y := c.to.found(a, false), c.to.found(b, false)
	return x.Type.Kind() != y.Type.Kind() || x.Type == schema.UUID != (y.Type == schema.UUID)
}

// around drops and adds again the foreign keys whose columns change.
func (d *differ) around() error {
	for _, o := range d.have.Tables {
		for _, k := range o.Foreign {
			if !d.lost[o.Name+"\x00"+k.Name] || d.to.dialect == catalog.SQLite {
				continue
			}
			if tableOf(d.want, o.Name) == nil && d.to.dialect == catalog.MySQL {
				d.refuse(o.Name, k.Name, "the foreign key points at a column whose type changes, and no model has this table; drop the key, and make it again afterwards")
				continue
			}
			n, err := d.rowsOf(o)
			if err != nil {
				return err
			}
			reason := "a column of it changes"
			d.add(Step{Kind: DropForeignKey, Table: o.Name, Name: k.Name, Rows: n, Reason: reason, SQL: []string{ddl.DropForeignKey(d.to.dialect, o.Name, k.Name)}})
			d.add(Step{
				Kind: AddForeignKey, Table: o.Name, Name: k.Name, Rows: n, Reason: "back again: " + foreignWords(k),
				SQL: []string{"ALTER TABLE " + d.quote(o.Name) + " ADD " + ddl.ForeignKey(d.to.dialect, k)},
			})
		}
	}
	return nil
}
