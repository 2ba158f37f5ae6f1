package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/schema"
)

// createTable makes a table with its indexes; on servers its foreign keys
// follow when all tables are there.
func (d *differ) createTable(t *table) {
	c := t.catalog(d.to)
	if by := d.taken(t.name); by != "" {
		d.refuse(t.name, "", "the name of the table is taken by %s; give the model another table, or the other another name", by)
		return
	}
	d.add(Step{Kind: CreateTable, Table: t.name, Reason: "model " + t.model.Name + " has no table", SQL: ddl.CreateTable(d.to.dialect, c)})
	// The engine may rely on how Weft stores things in its own tables.
	d.also(len(d.Steps)-1, append([]string{d.setMeta("table:"+t.name, "1")}, d.enumMeta(t)...)...)
	if d.to.dialect != catalog.SQLite {
		for _, k := range c.Foreign {
			d.addForeign(t, k)
		}
	}
	for i, x := range c.Indexes {
		if by := d.taken(x.Name); by != "" && d.o.Additive { // else a step may drop what has the name
			d.refuse(t.name, x.Name, "the name of the index is taken by %s; give it another", by)
			continue
		}
		d.add(Step{Kind: AddIndex, Table: t.name, Name: x.Name, Reason: t.indexes[i].reason, SQL: []string{ddl.CreateIndex(d.to.dialect, t.name, x)}})
	}
}

func (d *differ) addForeign(t *table, k *catalog.ForeignKey) {
	d.add(Step{
		Kind: AddForeignKey, Table: t.name, Name: k.Name, Reason: foreignWords(k),
		SQL: []string{"ALTER TABLE " + d.quote(t.name) + " ADD " + ddl.ForeignKey(d.to.dialect, k)},
	})
}

// foreignWords says what a foreign key points at.
func foreignWords(k *catalog.ForeignKey) string {
	s := strings.Join(k.Columns, ", ") + " points at " + k.RefTable + "(" + strings.Join(k.RefColumns, ", ") + ")"
	if k.OnDelete != "" {
		s += ", on delete " + strings.ToLower(k.OnDelete)
	}
	if k.OnUpdate != "" {
		s += ", on update " + strings.ToLower(k.OnUpdate)
	}
	return s
}

// tableDiff is the comparison of one table. What SQLite's ALTER TABLE cannot do
// is collected in rebuild.
type tableDiff struct {
	*differ
	t       *table
	want    *catalog.Table
	have    *catalog.Table
	rows    int64
	added   map[string]bool   // columns that are not there yet
	altered map[string]string // columns that get another type: the earlier one

	rebuild   *rebuild // SQLite; nil as long as there is no need
	liteAdds  []*liteAdd
	liteDrops []*liteDrop
}

func (d *differ) compare(t *table, h *catalog.Table) error {
	rows, err := d.rowsOf(h)
	if err != nil {
		return err
	}
	c := &tableDiff{differ: d, t: t, want: t.catalog(d.to), have: h, rows: rows, added: map[string]bool{}, altered: map[string]string{}}
	if d.to.dialect == catalog.MySQL && !h.Made {
		for _, col := range c.want.Columns { // the table's own collation may be another
			if h.Collation != c.want.Collation && col.Collation == "" && c.isText(col) {
				col.Collation = c.want.Collation
			}
		}
	}
	for _, part := range []func() error{c.columns, c.key, c.checks, c.foreign, c.indexes, c.comment, c.finish} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (c *tableDiff) isText(col *catalog.Column) bool {
	return strings.HasPrefix(col.Type, "varchar") || strings.HasPrefix(col.Type, "char") || strings.HasSuffix(col.Type, "text")
}

// alterTable is the beginning of a statement.
func (c *tableDiff) alterTable() string { return "ALTER TABLE " + c.quote(c.t.name) + " " }

func (c *tableDiff) step(k Kind, name, reason string, stmts ...string) *Step {
	c.add(Step{Kind: k, Table: c.t.name, Name: name, Reason: reason, SQL: stmts, Rows: c.rows})
	return &c.Steps[len(c.Steps)-1]
}

func (c *tableDiff) columns() error {
	for _, w := range c.want.Columns {
		h := c.column(c.have, w.Name)
		if h == nil {
			if err := c.addColumn(w); err != nil {
				return err
			}
			continue
		}
		if err := c.alterColumn(w, h); err != nil {
			return err
		}
	}
	if c.o.Additive {
		for _, h := range c.have.Columns {
			if c.column(c.want, h.Name) == nil && !h.Null && h.Default == "" && h.Generated == "" && !h.Auto {
				c.note("%s.%s is in no model, NOT NULL and without a default: inserts will fail", c.t.name, h.Name)
			}
		}
		return nil
	}
	goes := slices.Clone(c.have.Columns)
	slices.SortStableFunc(goes, func(a, b *catalog.Column) int { // what is generated goes before what it is generated from
		return cmp.Compare(b2i(a.Generated == ""), b2i(b.Generated == ""))
	})
	for _, h := range goes {
		if c.column(c.want, h.Name) == nil {
			if err := c.dropColumn(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// field is the field of a column, nil for one that Weft keeps for itself.
func (c *tableDiff) field(name string) *schema.Field {
	if w := c.t.column(name); w != nil {
		return w.field
	}
	return nil
}

// addColumn adds a column to a table that is there. Rows get the model's
// default, or the zero value where the column cannot be NULL.
func (c *tableDiff) addColumn(w *catalog.Column) error {
	c.added[w.Name] = true
	f := c.field(w.Name)
	if f == nil { // weft_live
		c.step(AddColumn, w.Name, "uniques of "+c.t.model.Name+" hold among live rows", c.alterTable()+"ADD COLUMN "+c.quote(w.Name)+" "+ddl.Column(c.to.dialect, w))
		return nil
	}
	reason := "field " + f.Name + " of " + c.t.model.Name + " has no column"
	if slices.Contains(c.t.key, w.Name) {
		c.refuse(c.t.name, w.Name, "%s, and it is part of the primary key; rows that are there have no value for it", reason)
		return nil
	}
	if c.to.dialect == catalog.SQLite {
		return c.addLite(f, w, reason)
	}
	fill, err := c.to.fill(f)
	if err != nil {
		c.refuse(c.t.name, w.Name, "%v", err)
		return nil
	}
	col := *w
	if !w.Null || w.Default != "" {
		col.Default = fill
	}
	if w.Default != "" && c.to.fillsNow(f) {
		col.Default = w.Default
	}
	stmts := []string{c.alterTable() + "ADD COLUMN " + c.quote(w.Name) + " " + ddl.Column(c.to.dialect, &col)}
	if k := c.checkOf(w.Name); k != nil {
		stmts[0] += ", ADD " + ddl.Check(c.to.dialect, k)
	}
	if col.Default != w.Default {
		stmts = append(stmts, c.alterTable()+"ALTER COLUMN "+c.quote(w.Name)+" DROP DEFAULT")
	}
	if c.to.dialect == catalog.Postgres && w.Comment != "" {
		stmts = append(stmts, ddl.ColumnComment(c.t.name, w.Name, w.Comment))
	}
	c.step(AddColumn, w.Name, reason, stmts...)
	return nil
}

// checkOf is the check that goes with a column, nil for none.
func (c *tableDiff) checkOf(column string) *catalog.Check {
	if w := c.t.column(column); w != nil {
		return w.check(c.t.name, c.to)
	}
	return nil
}

// dropColumn drops what no field has.
func (c *tableDiff) dropColumn(h *catalog.Column) error {
	if h.Name == catalog.LiveColumn && c.to.dialect == catalog.MySQL {
		c.step(DropColumn, h.Name, "no unique of "+c.t.model.Name+" holds among live rows", c.alterTable()+"DROP COLUMN "+c.quote(h.Name))
		return nil
	}
	if h.Generated != "" && !c.have.Made {
		return nil // no model can say what it is
	}
	if slices.Contains(keyOf(c.have), h.Name) {
		return nil // told as a difference of the key
	}
	if !c.have.Made && (!catalog.Nameable(h.Name) || checkSpecific(h.Type) != nil && h.Type != "") {
		c.note("%s.%q can be in no model; it is left as it is", c.t.name, h.Name)
		return nil
	}
	for _, w := range c.want.Columns {
		if !c.have.Made && fold(w.Name) == fold(h.Name) {
			c.note("%s.%s differs from %s in upper and lower case only, which models do not tell apart; it is left as it is", c.t.name, h.Name, w.Name)
			return nil
		}
	}
	n, err := c.count("SELECT count(" + c.nowColumn(c.have, h.Name) + ") FROM " + c.nowTable(c.have))
	if err != nil {
		return err
	}
	reason := "no field of " + c.t.model.Name + " has the column"
	unsafe := "the column is not empty: " + plural(n, "row has a value", "rows have values") + " in it"
	if n == 0 {
		unsafe = "the column goes, though no row has a value in it"
	}
	if c.to.dialect == catalog.SQLite {
		c.dropLite(h, reason, unsafe)
		return nil
	}
	s := c.step(DropColumn, h.Name, reason, c.alterTable()+"DROP COLUMN "+c.quote(h.Name))
	s.Destructive = true
	s.refuseUnless(c.o.AllowDrop, AllowDrop, unsafe)
	return nil
}

func keyOf(h *catalog.Table) []string {
	if h.Key == nil {
		return nil
	}
	return h.Key.Columns
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// refuseUnless marks a step as unsafe where it is not allowed.
func (s *Step) refuseUnless(allowed bool, a Allow, why string) {
	if allowed {
		return
	}
	if s.Unsafe != "" {
		s.Unsafe += "; " + why
		if s.Allow != a && a == AllowNothing {
			s.Allow = a
		}
		return
	}
	s.Unsafe, s.Allow = why, a
}

// key compares the primary keys.
func (c *tableDiff) key() error {
	have := keyOf(c.have)
	same := slices.EqualFunc(have, c.t.key, func(a, b string) bool { return c.to.fold(a) == c.to.fold(b) })
	if !c.have.Made || c.o.Additive {
		same = sameNames(have, c.t.key) // the order within it is the table's own affair
	}
	if same {
		return nil
	}
	reason := fmt.Sprintf("the primary key is (%s), the model's is (%s)", strings.Join(have, ", "), strings.Join(c.t.key, ", "))
	if len(have) == 0 {
		reason = fmt.Sprintf("the table has no primary key, the model's is (%s)", strings.Join(c.t.key, ", "))
	}
	if slices.ContainsFunc(c.t.key, func(k string) bool { return c.added[k] }) {
		return nil // told already
	}
	if c.o.Additive {
		c.refuse(c.t.name, "", "%s", reason)
		return nil
	}
	why, err := c.duplicates(c.t.key, "")
	if err != nil {
		return err
	}
	if c.to.dialect == catalog.SQLite {
		r := c.rebuilding()
		r.because(reason)
		if why != "" {
			r.step.refuseUnless(false, AllowNothing, why)
		}
		return nil
	}
	var alter []string
	if len(have) > 0 {
		drop := "DROP PRIMARY KEY"
		if c.to.dialect == catalog.Postgres {
			drop = "DROP CONSTRAINT " + c.quote(c.have.Key.Name)
		}
		alter = append(alter, drop)
	}
	alter = append(alter, "ADD PRIMARY KEY ("+ddl.Quotes(c.to.dialect, c.t.key)+")")
	s := c.step(ReplaceKey, "", reason, c.alterTable()+strings.Join(alter, ", "))
	if why != "" {
		s.refuseUnless(false, AllowNothing, why)
	}
	for _, o := range c.differ.have.Tables { // keys that lean on it
		for _, k := range o.Foreign {
			if c.to.foldTable(k.RefTable) == c.to.foldTable(c.have.Name) && sameNames(k.RefColumns, have) {
				c.lost[o.Name+"\x00"+k.Name] = true
			}
		}
	}
	return nil
}

// duplicates says how many values are in several rows, "" where none is. Rows
// with a NULL are never equal to others.
func (c *tableDiff) duplicates(columns []string, where string) (string, error) {
	var group, conds []string
	for _, name := range columns {
		f := c.field(name)
		if c.added[name] {
			if v, err := c.to.fill(f); err != nil || v == "" {
				return "", nil // NULL in every row
			}
			continue
		}
		col := c.nowColumn(c.have, name)
		group, conds = append(group, col), append(conds, col+" IS NOT NULL")
	}
	if where != "" {
		conds = append(conds, "("+where+")")
	}
	if len(group) == 0 {
		if c.rows > 1 {
			return fmt.Sprintf("(%s) is to be unique, but all %d rows would have the same value; make it a pointer (nullable) first", strings.Join(columns, ", "), c.rows), nil
		}
		return "", nil
	}
	q := " FROM " + c.nowTable(c.have) + " WHERE " + strings.Join(conds, " AND ") + " GROUP BY " + strings.Join(group, ", ") + " HAVING count(*) > 1"
	n, err := c.count("SELECT count(*) FROM (SELECT 1 AS one" + q + ") AS twice")
	if err != nil || n == 0 {
		return "", err
	}
	var shown []string
	for _, g := range group {
		shown = append(shown, c.shown(g))
	}
	some, err := c.texts("SELECT " + strings.Join(shown, ", ") + q + " ORDER BY " + strings.Join(group, ", ") + " LIMIT 5")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(%s) is to be unique, but %s, such as %s", strings.Join(columns, ", "), plural(n, "value is in several rows", "values are in several rows"), quoteSome(some)), nil
}

// quoteSome lists values for people, long ones cut.
func quoteSome(vals []string) string {
	out := make([]string, len(vals))
	for i, v := range vals {
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		out[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(out, ", ")
}

// comment compares the comments of tables.
func (c *tableDiff) comment() error {
	if c.to.dialect == catalog.SQLite || c.o.Additive || c.want.Comment == c.have.Comment || !c.have.Made && c.want.Comment == "" {
		return nil
	}
	c.step(AlterColumn, "", "the comment of the table is another one", ddl.TableComment(c.to.dialect, c.t.name, c.want.Comment))
	return nil
}
