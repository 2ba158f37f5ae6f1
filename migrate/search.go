package migrate

import (
	"fmt"
	"strings"
)

// A table whose model has search fields has a full-text index beside it, made
// of nothing but what SQLite has itself, so that other programs can write the
// table and keep the index right:
//
//   - weft_search_<table>_words, of FTS5. Its rows are numbered documents.
//   - weft_search_<table>_docs: which row of the table, by its key, a document is.
//   - weft_search_<table>_rows, a view: the texts of the documents, for FTS5's own
//     commands rebuild and integrity-check.
//   - three triggers on the table.
//
// The endings differ from those of the tables that FTS5 makes for itself, so no
// two tables have parts of the same name. See DESIGN.md for the reasons.

const searchPrefix = ownPrefix + "search_"

// Search names what belongs to the full-text index of a table.
type Search struct {
	Words    string    // the FTS5 table
	Docs     string    // doc → key columns k0, k1, …
	Rows     string    // the view
	Triggers [3]string // after insert, update and delete
}

// SearchOf gives the names for a table.
func SearchOf(table string) Search {
	p := searchPrefix + table
	return Search{
		Words: p + "_words", Docs: p + "_docs", Rows: p + "_rows",
		Triggers: [3]string{p + "_insert", p + "_update", p + "_delete"},
	}
}

// SearchColumn is the column of the FTS5 table that holds a column's words. It
// is not the name itself, since FTS5 has names of its own.
func SearchColumn(column string) string { return "s_" + column }

// tokenizer cuts texts as package op does. Its separators are the code points
// that unicode61, which knows Unicode 6.1, takes for letters.
func tokenizer() string {
	var b strings.Builder
	for i := len(lateSeparators) - 1; i >= 0; i-- { // in this order SQLite reads them fastest
		for r := lateSeparators[i][1]; r >= lateSeparators[i][0]; r-- {
			b.WriteRune(r)
		}
	}
	return "unicode61 remove_diacritics 0 categories 'L* N* M* Co' separators '" + b.String() + "'"
}

// lateSeparators are emoji, currency signs and invisible signs.
var lateSeparators = [...][2]rune{
	{0x061c, 0x061c},
	{0x2066, 0x2069},
	{0x20ba, 0x20cf},
	{0x20dd, 0x20e4},
	{0x23f4, 0x23ff},
	{0xfe00, 0xfe0f},
	{0x1f321, 0x1f32f},
	{0x1f336, 0x1f336},
	{0x1f37d, 0x1f37f},
	{0x1f394, 0x1f39f},
	{0x1f3c5, 0x1f3c5},
	{0x1f3cb, 0x1f3df},
	{0x1f3f1, 0x1f3ff},
	{0x1f43f, 0x1f43f},
	{0x1f441, 0x1f441},
	{0x1f4f8, 0x1f4f8},
	{0x1f4fd, 0x1f4ff},
	{0x1f53e, 0x1f53f},
	{0x1f544, 0x1f54f},
	{0x1f568, 0x1f5fa},
	{0x1f641, 0x1f644},
	{0x1f650, 0x1f67f},
	{0x1f6c6, 0x1f6ff},
	{0x1f7e0, 0x1f7ff},
	{0x1f900, 0x1faff},
}

// part is one object of an index: its kind and name, and the statement that
// makes it as the catalogue shows it.
type part struct{ kind, name, sql string }

// searchParts are the objects of the table's index, in the order in which they
// are made. collations are those of the key, "" for BINARY; generated says that
// columns of the table change without being assigned to.
func (t *table) searchParts(collations []string, generated bool) []part {
	s := SearchOf(t.name)
	var keys, docs, oldKey, newKey, newVals, join []string
	for i, name := range t.key {
		k := fmt.Sprintf(`"k%d"`, i)
		decl := k
		if i < len(collations) && collations[i] != "" {
			decl += " COLLATE " + quote(collations[i])
		}
		keys, docs = append(keys, k), append(docs, decl)
		oldKey, newKey = append(oldKey, k+" = old."+quote(name)), append(newKey, k+" = new."+quote(name))
		newVals, join = append(newVals, "new."+quote(name)), append(join, "d."+k+" = t."+quote(name))
	}
	var cols, out, view, oldCols, changed, of []string
	for _, c := range t.search {
		col, s := quote(c.name), quote(SearchColumn(c.name))
		cols, out = append(cols, s), append(out, "t."+col+" AS "+s)
		view, oldCols, of = append(view, s), append(oldCols, "old."+col), append(of, col)
		changed = append(changed, "old."+col+" IS NOT new."+col+" COLLATE BINARY")
	}
	for _, name := range t.key {
		k := quote(name)
		of, changed = append(of, k), append(changed, "old."+k+" IS NOT new."+k+" COLLATE BINARY")
	}
	list := func(ss []string) string { return strings.Join(ss, ", ") }
	and := func(ss []string) string { return strings.Join(ss, " AND ") }
	index, docsTable := quote(s.Words), quote(s.Docs)

	// What was indexed is taken out by its document; each text is indexed as a
	// new document, from the row as it is at that moment.
	remove := "INSERT INTO " + index + " (" + index + ", rowid, " + list(cols) + ") SELECT 'delete', \"doc\", " + list(oldCols) +
		" FROM " + docsTable + " WHERE " + and(oldKey) + ";\n  DELETE FROM " + docsTable + " WHERE " + and(oldKey) + ";\n"
	add := "  DELETE FROM " + docsTable + " WHERE " + and(newKey) + ";\n" +
		"  INSERT INTO " + docsTable + " (" + list(keys) + ") VALUES (" + list(newVals) + ");\n" +
		"  INSERT INTO " + index + " (rowid, " + list(cols) + ") SELECT \"doc\", " + list(view) + " FROM " + quote(s.Rows) + " WHERE \"doc\" = last_insert_rowid();\n"
	event := "UPDATE OF " + list(of)
	if generated {
		event = "UPDATE"
	}
	trigger := func(i int, event, when, body string) part {
		return part{"trigger", s.Triggers[i], "CREATE TRIGGER " + quote(s.Triggers[i]) + " AFTER " + event + " ON " + quote(t.name) + when + " BEGIN\n  " + strings.TrimSpace(body) + "\nEND"}
	}
	return []part{
		{"table", s.Docs, "CREATE TABLE " + docsTable + " (\"doc\" INTEGER PRIMARY KEY AUTOINCREMENT, " + list(docs) + ", UNIQUE (" + list(keys) + "))"},
		{"view", s.Rows, "CREATE VIEW " + quote(s.Rows) + " AS SELECT d.\"doc\" AS \"doc\", " + list(out) + " FROM " + docsTable + " AS d CROSS JOIN " + quote(t.name) + " AS t ON " + and(join)},
		{"table", s.Words, "CREATE VIRTUAL TABLE " + index + " USING fts5(" + list(cols) + ", content=" + quote(s.Rows) +
			", content_rowid='doc', columnsize=0, tokenize=\"" + tokenizer() + "\")"},
		trigger(0, "INSERT", "", add),
		trigger(1, event, " WHEN "+strings.Join(changed, " OR "), remove+add),
		trigger(2, "DELETE", "", remove),
	}
}

// searchFill are the statements that index the rows that are there.
func (t *table) searchFill() []string {
	s := SearchOf(t.name)
	keys := make([]string, len(t.key))
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d"`, i)
	}
	return []string{
		"INSERT INTO " + quote(s.Docs) + " (" + strings.Join(keys, ", ") + ") SELECT " + quoteAll(t.key) + " FROM " + quote(t.name),
		"INSERT INTO " + quote(s.Words) + " (" + quote(s.Words) + ") VALUES ('rebuild')",
	}
}

// addSearch notes the search fields of a table.
func (d *desired) addSearch(t *table) {
	for _, c := range t.columns {
		if c.field.Search {
			t.search = append(t.search, c)
		}
	}
}
