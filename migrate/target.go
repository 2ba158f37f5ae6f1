package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"github.com/weftdb/weft/migrate/catalog"
)

// target is the kind of database that tables are made for.
type target struct {
	dialect catalog.Dialect
	maria   bool // MariaDB where the dialect is MySQL
}

// String is the name for people.
func (to target) String() string {
	switch {
	case to.dialect == catalog.Postgres:
		return "PostgreSQL"
	case to.maria:
		return "MariaDB"
	case to.dialect == catalog.MySQL:
		return "MySQL"
	}
	return "SQLite"
}

// fold makes names of columns and indexes comparable as the database compares
// them.
func (to target) fold(s string) string {
	if to.dialect == catalog.Postgres {
		return s
	}
	return fold(s)
}

// foldTable is fold for names of tables, which are files to MySQL.
func (to target) foldTable(s string) string {
	return catalog.FoldTable(to.dialect, s)
}

// tooLong says how long a name may be where this one is too long, and is empty
// for one that fits.
func (to target) tooLong(name string) string {
	switch {
	case to.dialect == catalog.Postgres && len(name) > 63:
		return "63 bytes"
	case to.dialect == catalog.MySQL && utf8.RuneCountInString(name) > 64:
		return "64 characters"
	}
	return ""
}

// shorten cuts a name that nobody chose to what the database takes. A hash of
// all of it keeps two of them apart.
func (to target) shorten(name string) string {
	if to.tooLong(name) == "" {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "_" + hex.EncodeToString(sum[:4])
	keep := 63 - len(end)
	if to.dialect == catalog.MySQL {
		runes := []rune(name)
		return string(runes[:64-len(end)]) + end
	}
	for !utf8.RuneStart(name[keep]) {
		keep--
	}
	return name[:keep] + end
}

// collation sorts text by its bytes on MySQL, without taking spaces at the end
// for nothing.
func (to target) collation() string {
	if to.maria {
		return "utf8mb4_nopad_bin"
	}
	return "utf8mb4_0900_bin"
}
