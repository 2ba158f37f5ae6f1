package lite

import (
	"context"
	"strconv"
	"strings"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// search is the query of the keys that a search finds.
func search(x *sqlengine.SearchIndex, keys int, found, docs string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(docs + `."k` + strconv.Itoa(i) + `"`)
	}
	index := Quote(x.Name)
	b.WriteString(" FROM " + index + " AS " + found + " CROSS JOIN " + Quote(x.Docs) + " AS " + docs +
		" ON " + docs + `."doc" = ` + found + ".rowid WHERE " + found + "." + index + " MATCH ?")
	return b.String()
}

// searchText writes a search as FTS5 reads it. Its words have no sign in them
// that means anything there.
func searchText(s op.Search, columns []string) string {
	var b strings.Builder
	if columns != nil {
		b.WriteByte('{')
		for _, c := range columns {
			b.WriteString(Quote(c) + " ")
		}
		b.WriteString("} : (")
	}
	for i, t := range s {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.WriteString(`"` + strings.Join(t.Words, " ") + `"`)
		if t.Prefix {
			b.WriteByte('*')
		}
	}
	if columns != nil {
		b.WriteByte(')')
	}
	return b.String()
}

// searchIndex looks for the full-text index of a table. One that a trigger is
// missing of is not kept right and counts as none.
func searchIndex(ctx context.Context, a Asker, t *sqlengine.Table) (*sqlengine.SearchIndex, error) {
	if op.SearchFields(t.Model, nil) == nil {
		return nil, nil
	}
	names := migrate.SearchOf(t.Model.Table)
	rows, err := a.Ask(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND name IN (?, ?, ?)",
		sqlengine.TextValue(t.Model.Table), sqlengine.TextValue(names.Triggers[0]), sqlengine.TextValue(names.Triggers[1]), sqlengine.TextValue(names.Triggers[2]))
	if err != nil || rows[0][0].Int() != int64(len(names.Triggers)) {
		return nil, err
	}
	if rows, err = a.Ask(ctx, "SELECT name FROM pragma_table_info(?)", sqlengine.TextValue(names.Words)); err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, r := range rows {
		there[r[0].Bytes()] = true
	}
	x := &sqlengine.SearchIndex{Name: names.Words, Docs: names.Docs, Columns: map[string]string{}}
	for _, f := range t.Model.Fields {
		if name := migrate.SearchColumn(f.Column); there[name] {
			x.Columns[f.Column] = name
		}
	}
	x.More = len(there) > len(x.Columns)
	return x, nil
}

// LookAgain has FTS5 forget what the connection remembers of its tables. A query
// does so by itself; PRAGMA integrity_check does not, and takes what others have
// written in the meantime for damage.
func LookAgain(ctx context.Context, a Asker) {
	tables, err := a.Ask(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0 AND sql LIKE '%fts5%'")
	if err != nil {
		return // the pragma itself says what is wrong
	}
	for _, t := range tables {
		_, _ = a.Ask(ctx, "SELECT rowid FROM "+Quote(t[0].Bytes())+" WHERE rowid = 0")
	}
}
