//go:build cgo

package conn

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Info is what a statement is, found by preparing it.
//
// Reads and Writes are what SQLite's authorizer reports: with the tables behind
// views, those that triggers read and change, those that foreign keys carry a
// change on to (CASCADE, SET NULL, SET DEFAULT), and those that are looked up to
// check a foreign key. It does not report the names of views, that REPLACE
// deletes the rows it replaces, and the tables in which FTS5 and R-trees keep an
// index: those are in it by the name of the virtual table. The reads of a
// statement that changes the schema are not complete. The slices are shared and
// must not be changed.
type Info struct {
	ReadOnly bool     // it changes nothing
	Columns  []string // names, of a statement that gives rows
	Decls    []string // declared types of the columns, "" where there is none
	Params   []string // names of the parameters without their sign, "" for ? and ?NNN; in order
	Reads    []string // tables that it reads
	Writes   []string // tables that it changes, also by triggers
	Schema   bool     // it changes the schema
	// Local says that its answers tell of this copy and may be others on another:
	// sizes, plans, the order of lists. Such a statement changes nothing, and is
	// refused on a connection that is borrowed. What it told a transaction cannot
	// be checked on other copies.
	Local bool
}

// check is what is found out about a statement while SQLite prepares it.
type check struct {
	info Info
	ours bool   // the statement itself asks for no pragma
	err  error  // the first refusal
	risk string // what gives other answers on another copy
}

func forbidden(format string, args ...any) error { return op.Errorf(op.CodeForbidden, format, args...) }

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// words refuses by its first words what a statement must not be. What is let
// through here SQLite's authorizer sees in full, but for what ALTER TABLE calls
// a table, what a table's foreign keys point at, and what is in a view or
// trigger.
func words(sql string) error {
	first, rest := lite.Word(sql)
	if first == "EXPLAIN" {
		if first, rest = lite.Word(rest); first == "QUERY" {
			_, rest = lite.Word(rest)
			first, rest = lite.Word(rest)
		}
	}
	switch first {
	case "SELECT", "VALUES", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "PRAGMA", "REINDEX", "ANALYZE", "DROP":
		return nil
	case "CREATE", "ALTER":
		if strings.Contains(strings.ToLower(rest), groupPrefix) {
			return forbidden("tables that begin with %s are the group's own: choose another name", groupPrefix)
		}
		return nil
	case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return errTransaction(first)
	case "ATTACH", "DETACH":
		return errAttach(first)
	case "VACUUM":
		return forbidden("VACUUM is not possible here: every copy is a file of its own, and a copy of the whole comes from a backup (weft backup)")
	case "":
		if lite.Skip(sql) == "" {
			return op.Errorf(op.CodeValidation, "the statement is empty")
		}
	}
	return op.Errorf(op.CodeValidation, "%q is not the beginning of a statement: it is SELECT, VALUES, WITH, INSERT, REPLACE, UPDATE, DELETE, CREATE, ALTER, DROP, REINDEX, ANALYZE, EXPLAIN or a PRAGMA that reads", short(lite.Skip(sql)))
}

func errTransaction(what string) error {
	return op.Errorf(op.CodeValidation, "%s: a transaction is not opened or ended by a statement of its own here: use a transaction of the API (db.Tx, Begin of database/sql, or an atomic list of statements)", what)
}

func errAttach(what string) error {
	return forbidden("%s is not possible here: a group is one file; use a connection to the other namespace", what)
}

// groupPrefix begins the names of tables that belong to the group.
const groupPrefix = "weft_group_"

func isGroups(table string) bool {
	return len(table) >= len(groupPrefix) && strings.EqualFold(table[:len(groupPrefix)], groupPrefix)
}

func add(list *[]string, name string) {
	if name != "" && !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}
