package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// catalog is the table in the terms of a catalogue.
func (t *table) catalog(to target) *catalog.Table {
	out := &catalog.Table{Name: t.name, Kind: catalog.Ordinary, Key: &catalog.Key{Columns: t.key}}
	if to.dialect != catalog.SQLite {
		out.Comment = t.model.Comment
	}
	if to.dialect == catalog.MySQL {
		out.Collation = to.collation()
	}
	for _, c := range t.columns {
		col := &catalog.Column{Name: c.name, Type: c.decl, Null: c.null, Default: c.def, Auto: c.auto, Collation: c.coll}
		if to.dialect != catalog.SQLite {
			col.Comment = c.field.Comment
		}
		out.Columns = append(out.Columns, col)
		if k := c.check(t.name, to); k != nil {
			out.Checks = append(out.Checks, k)
		}
	}
	if to.dialect == catalog.MySQL && slices.ContainsFunc(t.indexes, func(x *index) bool { return x.live }) {
		out.Columns = append(out.Columns, &catalog.Column{
			Name: catalog.LiveColumn, Type: "tinyint(1)", Null: true, Invisible: true,
			Generated: "if(" + catalog.Quote(to.dialect, t.model.DeletedF.Column) + " is null,1,NULL)",
		})
	}
	for _, x := range t.indexes {
		out.Indexes = append(out.Indexes, x.catalog(t, to))
	}
	for _, k := range t.foreign {
		out.Foreign = append(out.Foreign, &catalog.ForeignKey{
			Name: k.name, Columns: k.columns, RefTable: k.refTable, RefColumns: k.refColumns,
			OnDelete: strings.ToUpper(string(k.onDelete)), OnUpdate: strings.ToUpper(string(k.onUpdate)),
		})
	}
	return out
}

func (x *index) catalog(t *table, to target) *catalog.Index {
	out := &catalog.Index{Name: x.name, Unique: x.unique, Where: x.where}
	for _, name := range x.columns {
		p := catalog.Part{Column: name, Prefix: x.prefix[name]}
		if c := t.column(name); to.dialect == catalog.Postgres && c != nil && c.null {
			p.NullsFirst = true // where NULL stands in an order
		}
		out.Parts = append(out.Parts, p)
	}
	if to.dialect == catalog.MySQL && x.live {
		out.Where = ""
		out.Parts = append(out.Parts, catalog.Part{Column: catalog.LiveColumn})
	}
	return out
}

// check is the CHECK that goes with a column of a server: values of an enum,
// and on MySQL texts that are JSON.
func (c *column) check(table string, to target) *catalog.Check {
	if to.dialect == catalog.SQLite {
		return nil
	}
	col := catalog.Quote(to.dialect, c.name)
	switch {
	case c.field.Type == schema.Enum:
		var vals []string
		for _, v := range c.field.Enum {
			vals = append(vals, catalog.Text(to.dialect, v))
		}
		return &catalog.Check{Name: to.shorten(table + "_" + c.name + "_check"), Expr: fmt.Sprintf("%s IN (%s)", col, strings.Join(vals, ", "))}
	case c.field.Type.Kind() == schema.KindJSON && to.dialect == catalog.MySQL && !to.maria:
		return &catalog.Check{Name: to.shorten(table + "_" + c.name + "_json"), Expr: "json_valid(" + col + ")"}
	}
	return nil
}

// What InnoDB takes into a key.
const (
	keyBytes   = 3072 // of all parts of an index
	rowBytes   = 65535
	textPrefix = 191 // characters of a long text, which also fit older row formats
	bytePrefix = 255
)

// fitKeys makes the columns of MySQL's keys and indexes such that an index can
// hold them, or says why none can.
func (d *desired) fitKeys(t *table) {
	for _, c := range t.columns {
		in := func(names []string) bool { return slices.Contains(names, c.name) }
		keyed := in(t.key) || slices.ContainsFunc(t.indexes, func(x *index) bool { return in(x.columns) }) ||
			slices.ContainsFunc(t.foreign, func(k *foreignKey) bool { return in(k.columns) })
		if decl, err := d.to.declare(c.field, keyed); err == nil {
			c.decl = decl
		}
	}
	row := 0
	for _, c := range t.columns {
		row += max(keySize(c.decl), 8) + 3
	}
	if row > rowBytes {
		d.fault("%s: its rows have up to %d bytes, and %s takes %d, of which long texts (size -1, or more than %d) need 12 each; make some of the texts long", t.model.Name, row, d.to, rowBytes, maxVarchar)
	}
	d.fitKey(t, "the primary key", t.key, nil)
	for _, k := range t.foreign {
		d.fitKey(t, "foreign key "+k.name, k.columns, nil)
	}
	for _, x := range t.indexes {
		if x.unique {
			d.fitKey(t, "unique index "+x.name, x.columns, nil)
		} else {
			d.fitKey(t, "index "+x.name, x.columns, x)
		}
	}
}

// fitKey checks one key. Where x is given, an index that need not be unique,
// long parts are cut.
func (d *desired) fitKey(t *table, what string, columns []string, x *index) {
	total := 0
	cut := func(c *column, over int) (n int) {
		n = keySize(c.decl)
		if x == nil || n >= 0 && n <= over {
			return n
		}
		n, chars := 4*textPrefix, textPrefix
		if strings.Contains(c.decl, "blob") || strings.Contains(c.decl, "binary") {
			n, chars = bytePrefix, bytePrefix
		}
		if x.prefix == nil {
			x.prefix = map[string]int{}
		}
		x.prefix[c.name] = chars
		return n
	}
	for _, over := range []int{keyBytes, 4 * textPrefix} {
		total = 0
		for _, name := range columns {
			c := t.column(name)
			if c == nil {
				return
			}
			n := cut(c, over)
			if n < 0 {
				d.fault("%s: %s holds %s, which is %s: %s cannot look at all of it; give the field a size", t.model.Name, what, name, c.decl, d.to)
				return
			}
			total += n
		}
		if total <= keyBytes || x == nil {
			break
		}
	}
	if total > keyBytes {
		d.fault("%s: %s has %d bytes, and keys on %s have at most %d; give its fields smaller sizes", t.model.Name, what, total, d.to, keyBytes)
	}
}

// keySize is how many bytes of an index a column takes; -1 for one without an
// end.
func keySize(decl string) int {
	word, rest, _ := strings.Cut(decl, "(")
	n := 8
	if args := numbers(strings.TrimSuffix(rest, ")")); len(args) > 0 {
		n = args[0]
	}
	switch word {
	case "varchar", "char":
		return 4 * n
	case "varbinary", "binary":
		return n
	case "longtext", "longblob", "text", "mediumtext", "tinytext", "blob", "mediumblob", "tinyblob", "json":
		return -1
	case "decimal":
		return n/2 + 1
	}
	return 8
}
