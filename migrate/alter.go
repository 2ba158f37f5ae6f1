package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/schema"
)

// columnDiff is what differs in one column.
type columnDiff struct {
	typ, null, def, coll, comment, auto bool
}

// alterColumn compares a column that is there with what the model wants.
func (c *tableDiff) alterColumn(w, h *catalog.Column) error {
	f := c.field(w.Name)
	if f == nil {
		return nil // weft_live: nothing but Weft makes a column of that name
	}
	if h.Generated != "" {
		return nil // the database's own affair; what it yields is checked when it is read
	}
	diff := c.differences(w, h, f)
	if diff == (columnDiff{}) {
		return nil
	}
	who := c.t.model.Name + "." + f.Name
	if c.o.Additive {
		switch {
		case diff.typ:
			c.refuse(c.t.name, w.Name, "the column is %s, field %s (%s) needs %s", orUntyped(h.Type), who, f.Type, w.Type)
		case diff.null && w.Null:
			c.refuse(c.t.name, w.Name, "the column is NOT NULL, field %s can be NULL", who)
		case diff.null:
			c.refuse(c.t.name, w.Name, "the column can be NULL, field %s cannot; make it a pointer (nullable)", who)
		case diff.auto && w.Auto:
			c.refuse(c.t.name, w.Name, "the database does not hand out keys for the column, field %s is auto; it must not be auto here", who)
		}
		return nil
	}
	if diff.typ {
		c.altered[w.Name] = h.Type
	}
	s := Step{Kind: AlterColumn, Table: c.t.name, Name: w.Name, Rows: c.rows, Reason: diff.words(w, h)}
	expr, err := c.values(&s, diff, w, h, f)
	if err != nil {
		return err
	}
	switch c.to.dialect {
	case catalog.SQLite:
		c.rebuilding().alter(w, h, s, expr)
		return nil
	case catalog.Postgres:
		s.SQL = append(s.SQL, c.alterPostgres(diff, w, h, expr)...)
	default:
		s.SQL = append(s.SQL, c.modify(diff, w, h))
	}
	c.add(s)
	if diff.typ {
		c.loosen(w.Name)
	}
	return nil
}

// differences compares in canonical words. A column that was made elsewhere
// may be declared otherwise as long as it serves.
func (c *tableDiff) differences(w, h *catalog.Column, f *schema.Field) columnDiff {
	d, made := c.to.dialect, c.have.Made
	var diff columnDiff
	want := catalog.CanonType(d, w.Type)
	switch {
	case want == h.Type, d == catalog.SQLite && typeName(want) == typeName(h.Type):
	case (!made || f.Type == schema.Specific && d != catalog.SQLite) && c.serves(h, f):
	case c.o.Additive && d == catalog.SQLite && c.serves(h, f):
	default:
		diff.typ = !c.sameInDatabase(w, h)
	}
	inKey := slices.Contains(c.t.key, w.Name)
	diff.null = w.Null != h.Null && !(inKey && !w.Null)
	if d == catalog.SQLite && w.Auto != h.Auto {
		diff.auto = made || w.Auto && !h.RowID
	} else if d != catalog.SQLite {
		diff.auto = w.Auto != h.Auto && (made || w.Auto)
	}
	if c.o.Additive {
		return diff
	}
	wd := catalog.CanonDefault(d, want, w.Default)
	switch {
	case h.Auto || w.Auto:
	case wd == h.Default, sameWords(d, wd, h.Default):
	case !made && (w.Default == "" || h.SameDefault(d, f)):
	case d == catalog.SQLite && (w.Default == "" || f.Default != nil && f.Default.Now) && c.isFill(f, h):
	default:
		diff.def = !c.sameDefault(w, h)
	}
	diff.coll = made && w.Collation != h.Collation && d != catalog.SQLite && (c.isText(w) || d == catalog.Postgres) && f.Type != schema.Specific
	diff.comment = d != catalog.SQLite && w.Comment != h.Comment && (made || w.Comment != "")
	return diff
}

// isFill reports whether a default only stands there because SQLite wanted one
// when the column was added, and takes no present time then.
func (c *tableDiff) isFill(f *schema.Field, h *catalog.Column) bool {
	v, err := fill(f)
	return err == nil && catalog.CanonDefault(c.to.dialect, h.Type, v) == h.Default
}

func (x columnDiff) words(w, h *catalog.Column) string {
	var out []string
	if x.typ {
		out = append(out, fmt.Sprintf("the type is %s, the model wants %s", orUntyped(h.Type), w.Type))
	}
	if x.null && w.Null {
		out = append(out, "the column is NOT NULL, the field can be NULL")
	} else if x.null {
		out = append(out, "the column can be NULL, the field cannot")
	}
	none := func(s string) string {
		if s == "" {
			return "none"
		}
		return s
	}
	if x.def {
		out = append(out, fmt.Sprintf("the default is %s, the model's is %s", none(h.Default), none(w.Default)))
	}
	if x.coll {
		out = append(out, fmt.Sprintf("the collation is %s, texts sort by bytes with %s", none(h.Collation), none(w.Collation)))
	}
	if x.auto {
		out = append(out, map[bool]string{true: "the database is to hand out keys", false: "the database hands out keys that the model does not ask for"}[w.Auto])
	}
	if x.comment {
		out = append(out, "the comment is another one")
	}
	return strings.Join(out, "; ")
}

// values looks at the rows: which do not fit. What must be done to them before
// the column changes goes into the step; the result is the value as one of the
// new type.
func (c *tableDiff) values(s *Step, diff columnDiff, w, h *catalog.Column, f *schema.Field) (string, error) {
	now, col := c.nowColumn(c.have, w.Name), c.quote(w.Name)
	expr := ""
	if diff.typ {
		from := c.to.found(h, c.have.Made)
		test, do := c.to.convert(now, &from, f), c.to.convert(col, &from, f)
		expr = do.expr
		if test.no {
			c.refuse(c.t.name, w.Name, "values of %s cannot become %s; add another column, fill it and drop this one", orUntyped(h.Type), w.Type)
			return expr, nil
		}
		if err := c.narrowing(s, test, do, w, h, &expr); err != nil {
			return "", err
		}
		if do.first != "" && c.rows > 0 {
			s.SQL = append(s.SQL, "UPDATE "+c.quote(c.t.name)+" SET "+col+" = "+do.first+" WHERE "+col+" IS NOT NULL")
		}
	}
	if diff.null && !w.Null {
		n, err := c.count("SELECT count(*) FROM " + c.nowTable(c.have) + " WHERE " + now + " IS NULL")
		if err != nil || n == 0 {
			return expr, err
		}
		fill, err := c.to.fill(f)
		if err != nil {
			c.refuse(c.t.name, w.Name, "%s NULL and cannot be: %v", plural(n, "row is", "rows are"), err)
			return expr, nil
		}
		s.Destructive = true
		s.refuseUnless(c.o.AllowDataLoss, AllowDataLoss, fmt.Sprintf("%s NULL and would become %s", plural(n, "row is", "rows are"), fill))
		if c.to.dialect == catalog.SQLite {
			if expr == "" {
				expr = col
			}
			expr = "coalesce(" + expr + ", " + fill + ")"
		} else if !diff.typ {
			s.SQL = append(s.SQL, "UPDATE "+c.quote(c.t.name)+" SET "+col+" = "+strings.Trim(fill, " ")+" WHERE "+col+" IS NULL")
		} else if c.to.dialect == catalog.Postgres {
			expr = "coalesce(" + expr + ", " + fill + ")"
		} else {
			s.SQL = append(s.SQL, "UPDATE "+c.quote(c.t.name)+" SET "+col+" = "+fill+" WHERE "+col+" IS NULL")
		}
	}
	return expr, nil
}

// narrowing counts the values that do not fit and says what becomes of them.
func (c *tableDiff) narrowing(s *Step, test, do conv, w, h *catalog.Column, expr *string) error {
	if c.rows == 0 || !test.narrow && test.bad == "" && !test.try {
		return nil
	}
	table, now, col := c.nowTable(c.have), c.nowColumn(c.have, w.Name), c.quote(w.Name)
	some, err := c.count("SELECT count(" + now + ") FROM " + table)
	if err != nil || some == 0 {
		return err
	}
	if test.try && c.to.dialect == catalog.Postgres {
		if err := c.attempt("SELECT count(" + test.expr + ") FROM " + table); err != nil {
			s.refuseUnless(false, AllowNothing, fmt.Sprintf("not all of %d values can become %s: %v", some, w.Type, err))
			return nil
		}
	}
	var n int64
	if test.bad != "" {
		if n, err = c.count("SELECT count(*) FROM " + table + " WHERE " + now + " IS NOT NULL AND (" + test.bad + ")"); err != nil {
			return err
		}
	}
	if !test.narrow && n == 0 {
		return nil
	}
	s.Destructive = true
	why := fmt.Sprintf("%s holds less than %s: %d of %s would not fit", w.Type, orUntyped(h.Type), n, plural(some, "value", "values"))
	if n == 0 {
		s.refuseUnless(c.o.AllowDataLoss, AllowDataLoss, why)
		return nil
	}
	examples, err := c.texts("SELECT " + c.shown(now) + " FROM " + table + " WHERE " + now + " IS NOT NULL AND (" + test.bad + ") ORDER BY " + now + " LIMIT 3")
	if err != nil {
		return err
	}
	why += ", such as " + quoteSome(examples)
	cut := do.cut
	switch {
	case cut == "" && w.Null:
		cut = "NULL"
		why += "; they would become NULL"
	case cut == "":
		s.refuseUnless(false, AllowNothing, why+", and the column cannot be NULL; change these rows first")
		return nil
	default:
		why += "; they would be cut"
	}
	s.refuseUnless(c.o.AllowDataLoss, AllowDataLoss, why)
	if c.to.dialect == catalog.MySQL {
		s.SQL = append(s.SQL, "UPDATE "+c.quote(c.t.name)+" SET "+col+" = "+cut+" WHERE "+do.bad)
		return nil
	}
	if c.to.dialect == catalog.Postgres && cut != "NULL" {
		cut = "(" + cut + ")::" + w.Type
	}
	*expr = "CASE WHEN " + do.bad + " THEN " + cut + " ELSE " + *expr + " END"
	return nil
}

// attempt runs a query that may fail, and leaves the transaction as it was.
func (d *differ) attempt(query string) error {
	if err := d.exec("SAVEPOINT weft_attempt"); err != nil {
		return err
	}
	_, err := d.texts(query)
	if rerr := d.exec("ROLLBACK TO SAVEPOINT weft_attempt"); rerr != nil {
		return rerr
	}
	return err
}

func (d *differ) exec(stmt string) error {
	if _, err := d.conn.ExecContext(d.ctx, stmt); err != nil {
		return fail(err, stmt)
	}
	return nil
}

// alterPostgres are the statements that change a column there, in an order in
// which each may be done.
func (c *tableDiff) alterPostgres(diff columnDiff, w, h *catalog.Column, expr string) []string {
	var parts, after []string
	col := "ALTER COLUMN " + c.quote(w.Name) + " "
	if diff.auto && !w.Auto {
		if h.Serial == "" || h.Serial == "ALWAYS" {
			parts = append(parts, col+"DROP IDENTITY")
		} else {
			parts = append(parts, col+"DROP DEFAULT")
		}
	}
	if diff.typ || diff.coll {
		if h.Default != "" { // may not be one of the new type
			parts = append(parts, col+"DROP DEFAULT")
			diff.def = true
		}
		s := col + "TYPE " + w.Type
		if w.Collation != "" {
			s += " COLLATE " + catalog.Quote(catalog.Postgres, w.Collation)
		}
		if expr != "" && diff.typ {
			s += " USING " + expr
		}
		parts = append(parts, s)
		if h.Auto && w.Auto && h.Serial != "" && h.Serial != "ALWAYS" && slices.Contains([]string{"integer", "bigint", "smallint"}, w.Type) {
			after = append(after, "ALTER SEQUENCE "+h.Serial+" AS "+w.Type)
		}
	}
	if diff.null {
		parts = append(parts, col+map[bool]string{true: "DROP", false: "SET"}[w.Null]+" NOT NULL")
	}
	if diff.def && w.Default != "" {
		parts = append(parts, col+"SET DEFAULT "+w.Default)
	} else if diff.def && h.Default != "" && !diff.typ && !diff.coll {
		parts = append(parts, col+"DROP DEFAULT")
	}
	if diff.auto && w.Auto {
		parts = append(parts, col+"ADD GENERATED BY DEFAULT AS IDENTITY")
		table, name := catalog.Text(catalog.Postgres, c.quote(c.t.name)), catalog.Text(catalog.Postgres, w.Name)
		after = append(after, fmt.Sprintf("SELECT setval(pg_get_serial_sequence(%s, %s), coalesce((SELECT max(%s) FROM %s), 0) + 1, false)", table, name, c.quote(w.Name), c.quote(c.t.name)))
	}
	var out []string
	if len(parts) > 0 {
		out = append(out, c.alterTable()+strings.Join(parts, ", "))
	}
	if diff.comment {
		after = append(after, ddl.ColumnComment(c.t.name, w.Name, w.Comment))
	}
	out = append(out, after...)
	if diff.typ || diff.coll {
		return c.aroundViews(out)
	}
	return out
}

// modify is MySQL's statement that changes a column. It says the column anew,
// so what is not to change is said as it is.
func (c *tableDiff) modify(diff columnDiff, w, h *catalog.Column) string {
	col := *h
	if diff.typ {
		col.Type = w.Type
	}
	if diff.typ || diff.coll {
		col.Collation = w.Collation
	}
	if diff.null {
		col.Null = w.Null
	}
	if diff.def || diff.typ && c.have.Made {
		col.Default = w.Default
	}
	if diff.comment {
		col.Comment = w.Comment
	}
	if diff.auto {
		col.Auto = w.Auto
	}
	if slices.Contains(c.t.key, w.Name) {
		col.Null = false
	}
	return c.alterTable() + "MODIFY " + c.quote(w.Name) + " " + ddl.Column(c.to.dialect, &col)
}

// loosen has the foreign keys of a column, and those that point at it, dropped
// before it changes and added again afterwards.
func (c *tableDiff) loosen(column string) {
	for _, o := range c.differ.have.Tables {
		for _, k := range o.Foreign {
			if o == c.have && slices.Contains(k.Columns, column) ||
				c.to.foldTable(k.RefTable) == c.to.foldTable(c.have.Name) && slices.Contains(k.RefColumns, column) {
				c.lost[o.Name+"\x00"+k.Name] = true
			}
		}
	}
}

// shown is a column as text, for people. PostgreSQL's drivers keep the types of
// what they have asked before.
func (d *differ) shown(column string) string {
	if d.to.dialect == catalog.Postgres {
		return column + "::text"
	}
	return column
}
