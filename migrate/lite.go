package migrate

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/schema"
)

// What is SQLite's alone: columns that ALTER TABLE can add and drop, and the
// values of enums, for which a table there has no room.

// liteAdd is a column that is added, by a statement of its own or, where the
// table is made anew anyway, with that.
type liteAdd struct {
	w       *catalog.Column
	reason  string
	foreign *catalog.ForeignKey // goes with the column
	fill    string              // the default that it is added with
	now     string              // what rows get instead
}

// liteDrop is a column that goes.
type liteDrop struct {
	h              *catalog.Column
	reason, unsafe string
}

// addLite adds a column on SQLite, which wants a DEFAULT for a NOT NULL one. It
// stays in the declaration and matters only to programs that write without Weft.
func (c *tableDiff) addLite(f *schema.Field, w *catalog.Column, reason string) error {
	v, err := fill(f)
	if err != nil {
		c.refuse(c.t.name, w.Name, "%v", err)
		return nil
	}
	a := &liteAdd{w: w, reason: reason, fill: v}
	if c.rows > 0 {
		a.now = fillNow(f)
	}
	c.liteAdds = append(c.liteAdds, a)
	return nil
}

// withColumn lets a foreign key go with the column that is added for it, where
// its rows are NULL.
func (c *tableDiff) withColumn(k *catalog.ForeignKey) bool {
	if len(k.Columns) != 1 {
		return false
	}
	for _, a := range c.liteAdds {
		if a.w.Name == k.Columns[0] && a.w.Null && a.fill == "" && a.foreign == nil {
			a.foreign = k
			return true
		}
	}
	return false
}

// dropLite drops a column on SQLite.
func (c *tableDiff) dropLite(h *catalog.Column, reason, unsafe string) {
	c.liteDrops = append(c.liteDrops, &liteDrop{h, reason, unsafe})
	for _, v := range c.differ.have.Views {
		if slices.Contains(v.Uses, c.have.Name) && !strings.HasPrefix(fold(v.Name), searchPrefix) && mentions(v.SQL, h.Name) {
			c.refuse(c.t.name, h.Name, "the column is to be dropped, but the view %s names it; drop or change the view first", v.Name)
		}
	}
	for _, t := range c.have.Triggers {
		if !strings.HasPrefix(fold(t.Name), searchPrefix) && mentions(t.SQL, h.Name) {
			c.refuse(c.t.name, h.Name, "the column is to be dropped, but the trigger %s names it; drop or change the trigger first", t.Name)
		}
	}
	for _, x := range c.have.Indexes {
		if !c.plain(x) && mentions(indexText(x)+exprs(x), h.Name) {
			c.refuse(c.t.name, h.Name, "the column is to be dropped, but the index %s holds it; drop the index first", x.Name)
		}
	}
	held := slices.Contains(keyOf(c.have), h.Name) || strings.Contains(fold(c.have.SQL), "generated") ||
		slices.ContainsFunc(c.have.Checks, func(k *catalog.Check) bool { return mentions(k.Expr, h.Name) }) ||
		slices.ContainsFunc(c.have.Foreign, func(k *catalog.ForeignKey) bool { return slices.Contains(k.Columns, h.Name) }) ||
		slices.ContainsFunc(c.have.Indexes, func(x *catalog.Index) bool {
			return x.Constraint && slices.ContainsFunc(x.Parts, func(p catalog.Part) bool { return p.Column == h.Name })
		})
	if held {
		c.rebuilding()
	}
}

func exprs(x *catalog.Index) string {
	s := ""
	for _, p := range x.Parts {
		s += " " + p.Expr
	}
	return s
}

// mentions reports whether SQL has the name in it.
func mentions(sql, name string) bool {
	return slices.ContainsFunc(catalog.Tokens(catalog.SQLite, sql), func(t string) bool { return fold(unquoteName(t)) == fold(name) })
}

// enumKey is where the values of an enum are kept.
func enumKey(table, column string) string { return "enum:" + table + "." + column }

func enumText(vals []string) string {
	b, err := json.Marshal(vals)
	if err != nil {
		return "[]" // texts can always be written
	}
	return string(b)
}

// liteEnum notices another list of values by what was kept of it.
func (c *tableDiff) liteEnum(col *column) error {
	if c.o.Additive || !c.have.Made {
		return nil
	}
	key := enumKey(c.t.name, col.name)
	kept, known := c.meta[key]
	if col.field.Type != schema.Enum || c.altered[col.name] != "" {
		return nil
	}
	var was []string
	if known && json.Unmarshal([]byte(kept), &was) == nil && sameSet(was, col.field.Enum) {
		return nil
	}
	if !known { // from before the values were kept, or not an enum then
		was = nil
		why := ""
		if err := c.enumRows(col, func(s string) { why = s }); err != nil || why == "" {
			return err
		}
	}
	return c.enumStep(AlterColumn, col, col.name, was, c.setMeta(key, enumText(col.field.Enum)))
}

// finish makes the steps of SQLite that depend on whether the table is made
// anew.
func (c *tableDiff) finish() error {
	if c.to.dialect != catalog.SQLite {
		return nil
	}
	if c.rebuild != nil {
		return c.finishRebuild()
	}
	for _, a := range c.liteAdds {
		decl := *a.w
		decl.Default = a.fill
		s := c.alterTable() + "ADD COLUMN " + c.quote(a.w.Name) + " " + ddl.Column(c.to.dialect, &decl)
		if a.foreign != nil {
			_, ref, _ := strings.Cut(ddl.ForeignKey(c.to.dialect, a.foreign), ") REFERENCES ")
			s += " CONSTRAINT " + c.quote(a.foreign.Name) + " REFERENCES " + ref
		}
		step := c.step(AddColumn, a.w.Name, a.reason, s)
		if a.now != "" {
			step.SQL = append(step.SQL, "UPDATE "+c.quote(c.t.name)+" SET "+c.quote(a.w.Name)+" = "+a.now)
		}
		step.SQL = append(step.SQL, c.enumKept(a.w.Name)...)
	}
	for _, x := range c.liteDrops {
		s := c.step(DropColumn, x.h.Name, x.reason, c.alterTable()+"DROP COLUMN "+c.quote(x.h.Name))
		s.Destructive = true
		s.refuseUnless(c.o.AllowDrop, AllowDrop, x.unsafe)
	}
	return nil
}

// enumKept is the statement that keeps the values of a column's enum.
func (c *tableDiff) enumKept(column string) []string {
	if w := c.t.column(column); w != nil && w.field.Type == schema.Enum {
		return []string{c.setMeta(enumKey(c.t.name, column), enumText(w.field.Enum))}
	}
	return nil
}

// errRefused ends a comparison that a refusal leaves nothing to say after.
var errRefused = errors.New("refused")

// liteRenamed does the renames of a plan on SQLite, in a savepoint, so that all
// that follows looks at the statements as they read then. undo takes them back.
func (d *differ) liteRenamed() (undo func() error, err error) {
	nothing := func() error { return nil }
	if d.to.dialect != catalog.SQLite {
		return nothing, nil
	}
	if len(d.Steps) == 0 {
		d.objects, err = catalogue(d.ctx, d.conn)
		return nothing, err
	}
	if err := d.exec("SAVEPOINT weft_renamed"); err != nil {
		return nothing, err
	}
	undo = func() error {
		if err := d.exec("ROLLBACK TO weft_renamed"); err != nil {
			return err
		}
		return d.exec("RELEASE weft_renamed")
	}
	for _, s := range d.Steps {
		for _, q := range s.SQL {
			if err := d.exec(q); err != nil {
				d.refuse(s.Table, s.Name, "%s cannot be renamed: %v; drop what it tells of, and make it again afterwards", s.From, err)
				return undo, errRefused
			}
		}
	}
	d.was = names{tables: map[string]string{}, columns: map[string]map[string]string{}}
	clear(d.rows)
	if d.objects, err = catalogue(d.ctx, d.conn); err != nil {
		return undo, err
	}
	d.have, err = catalog.Inspect(d.ctx, d.conn, d.to.dialect, catalog.InspectOptions{})
	return undo, err
}
