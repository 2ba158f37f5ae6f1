package catalog

import (
	"slices"
	"strconv"
	"strings"
)

// sqlite asks the pragmas. Atlas is not asked here: of what it reads of SQLite
// nearly every query has to be put right, it stops at the first thing it does
// not know, and the order of keys, collations, directions and what hands out
// keys it does not tell.
func (i *inspector) sqlite() error {
	sql := map[string]string{} // by folded name
	err := i.each("read the catalogue", "SELECT type, name, tbl_name, sql FROM sqlite_master", nil, func(r []string) {
		sql[Fold(SQLite, r[1])] = r[3]
		if r[0] == "view" {
			i.db.Views = append(i.db.Views, &View{Name: r[1], SQL: r[3]})
		}
	})
	if err != nil {
		return err
	}
	i.db.Schema = "main"
	err = i.each("list the tables", "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' ORDER BY name", nil, func(r []string) {
		if strings.HasPrefix(Fold(SQLite, r[0]), "sqlite_") || !i.wants(r[0]) {
			return
		}
		t := &Table{Name: r[0], Kind: Kind(r[1]), SQL: sql[Fold(SQLite, r[0])]}
		if r[2] == "1" {
			t.Options = "WITHOUT ROWID"
		}
		if r[3] == "1" {
			t.Options = strings.TrimPrefix(t.Options+", STRICT", ", ")
		}
		i.db.Tables = append(i.db.Tables, t)
	})
	if err != nil {
		return err
	}
	_, meta := sql[MetaTable]
	if meta {
		if err := i.made(); err != nil {
			return err
		}
	}
	for _, t := range i.db.Tables {
		if t.Kind != Ordinary {
			continue
		}
		c := parseCreate(t.SQL)
		for _, read := range []func(*Table, *created, map[string]string) error{i.liteColumns, i.liteIndexes, i.liteForeign} {
			if err := read(t, c, sql); err != nil {
				return err
			}
		}
		t.Checks = c.checks
	}
	if err := i.liteComplete(); err != nil {
		return err
	}
	if meta {
		if err := i.noted(); err != nil {
			return err
		}
	}
	for _, v := range i.db.Views {
		v.Uses = usedIn(v, i.db, sql)
	}
	return i.triggers("read the triggers", "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'", nil, func(r []string) string { return r[2] })
}

func (i *inspector) liteColumns(t *Table, made *created, _ map[string]string) error {
	byPlace := map[string]string{}
	err := i.each("read the columns of "+t.Name,
		`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, []any{t.Name}, func(r []string) {
			c := &Column{Name: r[0], Type: CanonType(SQLite, r[1]), Null: r[2] != "1"}
			c.Default = CanonDefault(SQLite, c.Type, r[3])
			if m := made.columns[Fold(SQLite, c.Name)]; m != nil {
				c.Auto, c.Generated = m.auto, m.generated
				if m.collation != "BINARY" {
					c.Collation = m.collation
				}
			}
			if r[5] > "1" {
				c.Stored = r[5] == "3"
				if c.Generated == "" {
					c.Generated = "?" // it is one, whatever the statement looks like
				}
			}
			t.Columns = append(t.Columns, c)
			if r[4] != "0" {
				byPlace[r[4]] = r[0]
			}
		})
	if err != nil || len(byPlace) == 0 {
		return err
	}
	t.Key = &Key{Name: made.key}
	for range byPlace {
		t.Key.Columns = append(t.Key.Columns, byPlace[strconv.Itoa(len(t.Key.Columns)+1)])
	}
	return nil
}

func (i *inspector) liteIndexes(t *Table, _ *created, sql map[string]string) error {
	ownKey := false // the key has an index, so it is not the row's number
	err := i.each("list the indexes of "+t.Name, `SELECT name, "unique", origin FROM pragma_index_list(?) ORDER BY seq DESC`, []any{t.Name}, func(r []string) {
		if r[2] == "pk" {
			ownKey = true
			return
		}
		t.Indexes = append(t.Indexes, &Index{Name: r[0], Unique: r[1] == "1", Constraint: r[2] == "u", Where: predicate(sql[Fold(SQLite, r[0])])})
	})
	if err != nil {
		return err
	}
	if k := t.Key; k != nil && len(k.Columns) == 1 && !ownKey && !strings.Contains(t.Options, "WITHOUT ROWID") {
		if c := t.Column(k.Columns[0]); c.Type == "INTEGER" {
			c.RowID = true
		}
	}
	for _, x := range t.Indexes {
		parts := indexed(sql[Fold(SQLite, x.Name)])
		err := i.each("read the index "+x.Name,
			`SELECT cid, name, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno`, []any{x.Name}, func(r []string) {
				p := Part{Column: r[1], Desc: r[2] == "1"}
				switch {
				case r[0] == "-1":
					p.Expr = "rowid"
				case r[0] == "-2":
					if n := len(x.Parts); n < len(parts) {
						p.Expr = partExpr(parts[n])
					}
				default:
					own := "BINARY"
					if c := t.Column(p.Column); c != nil && c.Collation != "" {
						own = c.Collation
					}
					if !strings.EqualFold(r[3], own) {
						p.Collation = r[3]
					}
				}
				x.Parts = append(x.Parts, p)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// partExpr is the expression of a part of an index, without its direction.
func partExpr(toks []string) string {
	if last := strings.ToUpper(toks[len(toks)-1]); last == "ASC" || last == "DESC" {
		toks = toks[:len(toks)-1]
	}
	return joined(bare(toks))
}

func (i *inspector) liteForeign(t *Table, made *created, _ map[string]string) error {
	last := ""
	err := i.each("read the foreign keys of "+t.Name,
		`SELECT id, "table", "from", "to", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq`, []any{t.Name}, func(r []string) {
			if r[0] != last || len(t.Foreign) == 0 {
				last = r[0]
				t.Foreign = append(t.Foreign, &ForeignKey{RefTable: r[1], OnDelete: noAction(r[4]), OnUpdate: noAction(r[5])})
			}
			k := t.Foreign[len(t.Foreign)-1]
			k.Columns = append(k.Columns, r[2])
			if r[3] != "" {
				k.RefColumns = append(k.RefColumns, r[3])
			}
		})
	if len(made.foreign) == len(t.Foreign) {
		for n, k := range t.Foreign {
			k.Name, k.Deferrable = made.foreign[n].name, made.foreign[n].deferrable
		}
	}
	return err
}

func noAction(s string) string {
	if s == "NO ACTION" {
		return ""
	}
	return s
}

// liteComplete spells the names that foreign keys point at as their tables do
// and fills in the keys that the declarations did not name. RefColumns are
// empty where the parent, or one of them, does not exist.
func (i *inspector) liteComplete() error {
	for _, t := range i.db.Tables {
		for _, k := range t.Foreign {
			p := i.db.Table(k.RefTable)
			if p == nil { // perhaps not asked for
				p = &Table{Name: k.RefTable}
				if err := i.liteColumns(p, &created{}, nil); err != nil {
					return err
				}
			}
			k.RefTable = p.Name
			if len(k.RefColumns) == 0 && p.Key != nil {
				k.RefColumns = slices.Clone(p.Key.Columns)
			}
			for n, name := range k.RefColumns {
				at := slices.IndexFunc(p.Columns, func(c *Column) bool { return Fold(SQLite, c.Name) == Fold(SQLite, name) })
				if at < 0 {
					k.RefColumns = nil
					break
				}
				k.RefColumns[n] = p.Columns[at].Name
			}
			if len(k.RefColumns) != len(k.Columns) {
				k.RefColumns = nil
			}
		}
	}
	return nil
}

// usedIn are the tables and views whose names a view's statement has.
func usedIn(v *View, d *Database, sql map[string]string) []string {
	var out []string
	for _, tok := range Tokens(SQLite, v.SQL) {
		name := Fold(SQLite, unquoted(tok))
		if name == "select" && unquoted(tok) == tok {
			continue
		}
		if _, known := sql[name]; !known || name == Fold(SQLite, v.Name) {
			continue
		}
		if t := d.Table(name); t != nil {
			out = append(out, t.Name)
			continue
		}
		for _, o := range d.Views {
			if Fold(SQLite, o.Name) == name {
				out = append(out, o.Name)
			}
		}
	}
	return out
}
