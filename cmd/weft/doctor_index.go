package main

import (
	"slices"
	"strings"
)

// tableInfo is what matters of a table for its indexes.
type tableInfo struct {
	name    string
	made    bool     // by Weft
	columns []string // in order
	rowid   string   // the column that is the rowid; empty where there is none
	indexes []indexInfo
	keys    []foreignKey
}

type indexInfo struct {
	name    string
	unique  bool
	made    bool // by CREATE INDEX, not by a constraint
	partial bool
	columns []string // "" for an expression; " desc" and a collation behind
	plain   []string // the columns alone
}

type foreignKey struct {
	columns []string
	parent  string
}

// tables reads the tables of the database with their indexes.
func (in *inspection) tables() (list []*tableInfo, err error) {
	names, err := in.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
	if err != nil {
		return nil, err
	}
	made := map[string]bool{}
	if rows, err := in.rows("SELECT substr(key, 7) FROM weft_meta WHERE key LIKE 'table:%'"); err == nil { // else none is
		for _, r := range rows {
			made[r[0]] = true
		}
	}
	for _, n := range names {
		t := &tableInfo{name: n[0], made: made[n[0]]}
		if err := in.table(t); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func (in *inspection) table(t *tableInfo) error {
	cols, err := in.rows("SELECT name, type, pk FROM pragma_table_xinfo(?)", t.name)
	if err != nil {
		return err
	}
	keys := 0
	for _, c := range cols {
		t.columns = append(t.columns, c[0])
		if c[2] != "0" {
			keys++
			if t.rowid = ""; keys == 1 && strings.EqualFold(c[1], "INTEGER") {
				t.rowid = c[0]
			}
		}
	}
	indexes, err := in.rows("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?)", t.name)
	if err != nil {
		return err
	}
	for _, x := range indexes {
		i := indexInfo{name: x[0], unique: x[1] == "1", made: x[2] == "c", partial: x[3] == "1"}
		if x[2] == "pk" {
			t.rowid = "" // a rowid has no index
		}
		parts, err := in.rows("SELECT name, \"desc\", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno", x[0])
		if err != nil {
			return err
		}
		for _, p := range parts {
			i.plain = append(i.plain, p[0])
			if p[0] != "" {
				p[0] += " " + p[1] + " " + p[2]
			}
			i.columns = append(i.columns, p[0])
		}
		t.indexes = append(t.indexes, i)
	}
	slices.SortFunc(t.indexes, func(a, b indexInfo) int { return strings.Compare(a.name, b.name) })
	fks, err := in.rows("SELECT id, \"from\", \"table\" FROM pragma_foreign_key_list(?) ORDER BY id, seq", t.name)
	if err != nil {
		return err
	}
	for i, k := range fks {
		if i == 0 || fks[i-1][0] != k[0] {
			t.keys = append(t.keys, foreignKey{parent: k[2]})
		}
		last := &t.keys[len(t.keys)-1]
		last.columns = append(last.columns, k[1])
	}
	return nil
}

// serves reports whether rows can be found by these columns without reading
// the table.
func (t *tableInfo) serves(columns []string) bool {
	if len(columns) == 1 && strings.EqualFold(columns[0], t.rowid) {
		return true
	}
	return slices.ContainsFunc(t.indexes, func(x indexInfo) bool {
		if x.partial || len(x.plain) < len(columns) {
			return false
		}
		for _, c := range columns {
			if !containsFold(x.plain[:len(columns)], c) {
				return false
			}
		}
		return true
	})
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}

// covered finds an index that makes x needless: one that begins with the same
// columns. Of two that are alike the later one goes.
func (t *tableInfo) covered(x indexInfo) *indexInfo {
	if !x.made || x.partial || slices.Contains(x.columns, "") {
		return nil
	}
	for i := range t.indexes {
		y := &t.indexes[i]
		if y.name == x.name || y.partial || len(y.columns) < len(x.columns) || !slices.EqualFunc(y.columns[:len(x.columns)], x.columns, strings.EqualFold) {
			continue
		}
		alike := len(y.columns) == len(x.columns)
		switch {
		case x.unique && (!alike || !y.unique): // it holds a rule
		case alike && y.unique == x.unique && y.made && y.name > x.name: // the other one goes
		default:
			return y
		}
	}
	return nil
}

// create is how an index is made, in SQL and, for a table of Weft's, in the
// model.
func (t *tableInfo) create(columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quoteName(c)
	}
	// The name is the one that Weft would give it.
	hint := "CREATE INDEX " + quoteName(t.name+"_"+strings.Join(columns, "_")+"_idx") + " ON " + quoteName(t.name) + " (" + strings.Join(quoted, ", ") + ")"
	switch {
	case t.made && len(columns) == 1:
		hint += "\nor in the model: weft:\"index\" on the field of " + columns[0] + ", and weft.AutoMigrate makes it"
	case t.made:
		hint += "\nor in the model: Indexes in its Options, and weft.AutoMigrate makes it"
	}
	return hint
}

func (in *inspection) indexes() {
	const name = "indexes"
	tables, err := in.tables()
	if err != nil {
		in.broken(name, err)
		return
	}
	before := len(in.r.Checks)
	for _, t := range tables {
		for _, k := range t.keys {
			if !t.serves(k.columns) {
				in.r.warn(name, t.create(k.columns), "the foreign key %s.%s has no index: following it from %s, and deleting there, reads all of %s",
					t.name, strings.Join(k.columns, ", "), k.parent, t.name)
			}
		}
		for _, x := range t.indexes {
			if y := t.covered(x); y != nil {
				in.r.warn(name, "DROP INDEX "+quoteName(x.name), "the index %s on %s does what %s does too, and every write pays for both", x.name, t.name, y.name)
			}
		}
	}
	if len(in.r.Checks) == before {
		in.r.ok(name, "every foreign key has one, and none is there twice")
	}
}
