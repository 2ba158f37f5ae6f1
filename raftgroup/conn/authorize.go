//go:build cgo

package conn

/*
#include "glue.h"
*/
import "C"

import (
	"maps"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
)

// What SQLite asks leave for.
const (
	actCreateIndex       = 1
	actCreateTable       = 2
	actCreateTempIndex   = 3
	actCreateTempTable   = 4
	actCreateTempTrigger = 5
	actCreateTempView    = 6
	actCreateTrigger     = 7
	actCreateView        = 8
	actDelete            = 9
	actDropIndex         = 10
	actDropTable         = 11
	actDropTempIndex     = 12
	actDropTempTable     = 13
	actDropTempTrigger   = 14
	actDropTempView      = 15
	actDropTrigger       = 16
	actDropView          = 17
	actInsert            = 18
	actPragma            = 19
	actRead              = 20
	actSelect            = 21
	actTransaction       = 22
	actUpdate            = 23
	actAttach            = 24
	actDetach            = 25
	actAlterTable        = 26
	actReindex           = 27
	actAnalyze           = 28
	actCreateVTable      = 29
	actDropVTable        = 30
	actFunction          = 31
	actSavepoint         = 32
	actRecursive         = 33
)

// pragmas are those that read, by whether they take an argument for it.
var pragmas = map[string]bool{
	"table_info": true, "table_xinfo": true, "index_list": true, "index_info": true, "index_xinfo": true,
	"foreign_key_list": true, "foreign_key_check": true, "integrity_check": true, "quick_check": true, "table_list": true,
	"user_version": false, "encoding": false, "page_count": false, "page_size": false, "freelist_count": false,
	"compile_options": false, "function_list": false, "collation_list": false, "database_list": false, "module_list": false,
	"pragma_list": false, "data_version": false, "schema_version": false, "application_id": false,
}

// same are the pragmas that give the same answers, in the same order, on all
// copies.
var same = map[string]bool{
	"table_info": true, "table_xinfo": true, "index_info": true, "index_xinfo": true, "foreign_key_list": true,
	"user_version": true, "encoding": true, "application_id": true,
}

// modules are the virtual tables that may be made.
var modules = map[string]bool{"fts5": true, "fts5vocab": true, "rtree": true, "rtree_i32": true, "geopoly": true}

// denied are functions that nobody else's SQL may call, and why.
var denied = map[string]string{
	"weft_apply":                "it is how the group applies its log",
	"load_extension":            "it runs code of a file",
	"fts3_tokenizer":            "it takes addresses in memory",
	"total_changes":             "it counts since a connection was opened, which differs between copies: use changes()",
	"sqlite_version":            "nodes may run different versions while they are updated: ask the node (weft status)",
	"sqlite_source_id":          "nodes may run different versions while they are updated: ask the node (weft status)",
	"sqlite_compileoption_get":  "nodes may run different versions while they are updated: use PRAGMA compile_options",
	"sqlite_compileoption_used": "nodes may run different versions while they are updated: use PRAGMA compile_options",
	"fts5_source_id":            "nodes may run different versions while they are updated: ask the node (weft status)",
	"sqlite_log":                "it writes to the node's log",
	"sqlite_offset":             "where a row stands in the file differs between copies",
	"readfile":                  "it reads files of the node",
	"writefile":                 "it writes files of the node",
	"edit":                      "it starts programs",
}

//export weftAuthorize
func weftAuthorize(id C.uintptr_t, action C.int, a, b, db, by *C.char) (deny C.int) {
	defer func() {
		if recover() != nil {
			deny = 1
		}
	}()
	c := registered(id)
	if c == nil || c.check == nil {
		return 1
	}
	if err := c.check.allow(int(action), C.GoString(a), C.GoString(b), b != nil, C.GoString(db)); err != nil {
		if c.check.err == nil {
			c.check.err = err
		}
		return 1
	}
	return 0
}

// allow looks at one thing that a statement does, and notes it.
func (k *check) allow(action int, a, b string, hasB bool, db string) error {
	switch action {
	case actSelect, actRecursive:
		return nil
	case actRead:
		return k.read(a, b)
	case actInsert, actUpdate, actDelete:
		return k.write(a, db)
	case actFunction:
		name := strings.ToLower(b)
		if why, ok := denied[name]; ok {
			return forbidden("the function %s is not for SQL of others: %s", name, why)
		}
		return nil
	case actPragma:
		return k.pragma(a, b, hasB)
	case actTransaction, actSavepoint:
		return errTransaction(a)
	case actAttach:
		return errAttach("ATTACH")
	case actDetach:
		return errAttach("DETACH")
	case actCreateTempIndex, actCreateTempTable, actCreateTempTrigger, actCreateTempView,
		actDropTempIndex, actDropTempTable, actDropTempTrigger, actDropTempView:
		return errTemp()
	case actCreateVTable:
		if !modules[strings.ToLower(b)] {
			return forbidden("virtual tables of %s cannot be made here: fts5, fts5vocab, rtree, rtree_i32 and geopoly can", b)
		}
		return k.schema(a, db)
	case actCreateTable, actCreateView, actDropTable, actDropView, actDropVTable:
		return k.schema(a, db)
	case actCreateIndex, actDropIndex, actCreateTrigger, actDropTrigger:
		return k.schema(b, db)
	case actAlterTable:
		return k.schema(b, a)
	case actReindex, actAnalyze:
		return nil
	}
	return forbidden("the statement does something that this version does not know (SQLite's action %d)", action)
}

func errTemp() error {
	return op.Errorf(op.CodeValidation, "temporary tables, views, indexes and triggers live on one connection of one node and would be lost: make a common table, or use WITH")
}

func errOwn(table string) error {
	return forbidden("%s is the group's own table: it cannot be changed", table)
}

func (k *check) schema(table, db string) error {
	if strings.EqualFold(db, "temp") {
		return errTemp()
	}
	if isGroups(table) {
		return errOwn(table)
	}
	k.info.Schema = true
	add(&k.info.Writes, table)
	return nil
}

// isCatalog reports whether a table is SQLite's list of what there is.
func isCatalog(table string) bool {
	switch strings.ToLower(table) {
	case "sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema":
		return true
	}
	return false
}

func (k *check) write(table, db string) error {
	switch {
	case isCatalog(table): // by CREATE and its like; SQLite refuses it to others
		return nil
	case strings.EqualFold(db, "temp"):
		return errTemp()
	case isGroups(table):
		return errOwn(table)
	}
	add(&k.info.Writes, table)
	return nil
}

// read looks at a table, which may be a function that gives rows.
func (k *check) read(table, column string) error {
	low := strings.ToLower(table)
	switch low {
	case "json_each", "json_tree", "":
		return nil
	case "dbstat", "sqlite_dbpage", "sqlite_stmt", "sqlite_dbdata", "sqlite_dbptr", "bytecode", "tables_used", "fts3tokenize":
		return forbidden("%s shows how a node keeps its file, which differs between copies: it cannot be read here", low)
	}
	if name, ok := strings.CutPrefix(low, "pragma_"); ok {
		if _, known := pragmas[name]; known {
			if !same[name] {
				k.risk = table
			}
			return nil
		}
		// The authorizer cannot tell a pragma from a table of that name.
		return forbidden("%s cannot be read here: the pragmas that can are %s", table, pragmaList())
	}
	if isCatalog(table) {
		switch {
		case k.info.Schema: // SQLite's own work
			return nil
		case strings.EqualFold(column, "rootpage"):
			k.risk = "sqlite_schema.rootpage"
		}
	}
	add(&k.info.Reads, table)
	return nil
}

func (k *check) pragma(name, arg string, hasArg bool) error {
	low := strings.ToLower(name)
	takes, known := pragmas[low]
	switch {
	case low == "data_version" && k.ours: // FTS5 asks for it by itself; pragma_data_version is a table that is read
		return nil
	case !known:
		return forbidden("PRAGMA %s is not possible here: it would change one connection of one node, or its file; the pragmas that read are %s", low, pragmaList())
	case hasArg && !takes:
		return forbidden("PRAGMA %s can be read here and not set (%s): what a group's file is like is the group's", low, short(arg))
	}
	if !same[low] {
		k.risk = "PRAGMA " + low
	}
	return nil
}

// pragmaList names the pragmas that read.
func pragmaList() string {
	return strings.Join(slices.Sorted(maps.Keys(pragmas)), ", ")
}
