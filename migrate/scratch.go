package migrate

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
)

// What hand rules cannot tell the database is asked: the column or condition is
// made in a table of no account, and read back from there.

// sameInDatabase reports whether two types are the same to the database though
// they are written otherwise.
func (c *tableDiff) sameInDatabase(w, h *catalog.Column) bool {
	got := c.scratch(&catalog.Column{Name: "c", Type: w.Type, Null: true}, "")
	return got != nil && got.Type == h.Type
}

// sameDefault is sameInDatabase for defaults.
func (c *tableDiff) sameDefault(w, h *catalog.Column) bool {
	if w.Default == "" || h.Default == "" {
		return false
	}
	got := c.scratch(&catalog.Column{Name: "c", Type: w.Type, Null: true, Default: w.Default}, "")
	return got != nil && (got.Default == h.Default || sameWords(c.to.dialect, got.Default, h.Default))
}

// scratch makes a table of one column and reads the column back; nil where
// the database does not make it, which then is told when the step is run.
func (c *tableDiff) scratch(col *catalog.Column, _ string) *catalog.Column {
	name := scratchName()
	create := "(" + c.quote(col.Name) + " " + col.Type
	if col.Default != "" {
		create += " DEFAULT " + col.Default
	}
	create += ")"
	switch c.to.dialect {
	case catalog.Postgres:
		var got *catalog.Column
		_ = c.inSavepoint(func() error {
			if err := c.exec("CREATE TEMP TABLE " + c.quote(name) + " " + create); err != nil {
				return err
			}
			rows, err := c.texts2("SELECT format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = 'pg_temp." + name + "'::regclass AND a.attnum = 1")
			if err != nil || len(rows) != 1 {
				return err
			}
			typ := catalog.CanonType(c.to.dialect, rows[0][0])
			got = &catalog.Column{Name: col.Name, Type: typ, Default: catalog.CanonDefault(c.to.dialect, typ, rows[0][1])}
			return nil
		})
		return got
	case catalog.MySQL:
		if err := c.exec("CREATE TABLE " + c.quote(name) + " " + create + " DEFAULT CHARSET=utf8mb4 COLLATE=" + c.to.collation()); err != nil {
			return nil
		}
		defer func() { _ = c.exec("DROP TABLE " + c.quote(name)) }()
		db, err := catalog.Inspect(c.ctx, c.conn, c.to.dialect, catalog.InspectOptions{Tables: []string{name}})
		if err != nil || len(db.Tables) != 1 || len(db.Tables[0].Columns) != 1 {
			return nil
		}
		return db.Tables[0].Columns[0]
	}
	return nil
}

// sameWhere has PostgreSQL say a condition in its own words.
func (c *tableDiff) sameWhere(have string, w *catalog.Index) bool {
	if c.to.dialect != catalog.Postgres {
		return false
	}
	same, name := false, scratchName()
	_ = c.inSavepoint(func() error {
		if err := c.exec("CREATE TEMP TABLE " + c.quote(name) + " AS SELECT * FROM " + c.nowTable(c.have) + " WHERE false"); err != nil {
			return err
		}
		if err := c.exec("CREATE INDEX " + c.quote(name+"_i") + " ON " + c.quote(name) + " ((1)) WHERE " + w.Where); err != nil {
			return err
		}
		rows, err := c.texts2("SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = 'pg_temp." + name + "_i'::regclass")
		if err == nil && len(rows) == 1 {
			same = catalog.SameExpr(c.to.dialect, catalog.CanonExpr(c.to.dialect, rows[0][0]), have)
		}
		return err
	})
	return same
}

// inSavepoint runs fn and undoes what it did.
func (d *differ) inSavepoint(fn func() error) error {
	if err := d.exec("SAVEPOINT weft_scratch"); err != nil {
		return err
	}
	err := fn()
	if rerr := d.exec("ROLLBACK TO SAVEPOINT weft_scratch"); rerr != nil {
		return rerr
	}
	return err
}

func scratchName() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower("weft_scratch_" + hex.EncodeToString(b[:]))
}
