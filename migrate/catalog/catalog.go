// Package catalog says what a SQL database holds: its tables, columns, keys,
// indexes, foreign keys, checks, triggers and views, in the same terms for
// every dialect and in canonical words, so that two databases, or a database
// and a plan, can be compared word by word.
package catalog

import (
	"context"
	"database/sql"
)

// Dialect is a kind of SQL database.
type Dialect string

// The dialects. MySQL stands for MariaDB as well.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
	MySQL    Dialect = "mysql"
)

// Querier is what a catalogue is read through: a *sql.Conn, *sql.Tx or *sql.DB.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Database is what one schema of a database holds, tables in the order of
// their names.
type Database struct {
	Dialect Dialect
	Version string // as the server tells it
	MariaDB bool
	Schema  string // PostgreSQL's current schema, MySQL's database, "main"
	Tables  []*Table
	Views   []*View
	Enums   []*Enum // PostgreSQL's enum types
}

// Table is an ordinary table, or with Kind something like one.
type Table struct {
	Name      string
	Kind      Kind
	Comment   string
	Made      bool // weft_meta says that Weft made it
	Columns   []*Column
	Key       *Key // nil for a table without a primary key
	Indexes   []*Index
	Foreign   []*ForeignKey
	Checks    []*Check
	Triggers  []*Trigger
	Options   string // WITHOUT ROWID, STRICT; ENGINE where it is not InnoDB; PARTITION BY …
	Collation string // MySQL: of the table
	SQL       string // SQLite: the statement that made it
}

// Kind says what a table is.
type Kind string

// The kinds. Only ordinary tables have more than a name.
const (
	Ordinary Kind = "table"
	Virtual  Kind = "virtual"
	Shadow   Kind = "shadow"
	Foreign  Kind = "foreign"
)

// Column is a column. Type, Default and Generated are canonical: what the
// database itself tells of a column that was declared so, cleaned of spellings
// that mean the same.
type Column struct {
	Name      string
	Type      string // "varchar(255)", "numeric(10,2)", "timestamp with time zone"; SQLite: as declared, capitals, single spaces
	Null      bool
	Default   string // SQL; "" for none (and for NULL)
	Auto      bool   // AUTOINCREMENT, AUTO_INCREMENT, identity or serial
	Generated string // expression; "" for none
	Stored    bool   // of a generated one
	Collation string // where it is not the default of the type, table or database
	OnUpdate  string // MySQL: ON UPDATE CURRENT_TIMESTAMP
	Comment   string
	Invisible bool
}

// Key is the primary key.
type Key struct {
	Name    string
	Columns []string
}

// Index is an index beside the primary key's.
type Index struct {
	Name       string
	Unique     bool
	Constraint bool // it stands for a UNIQUE of the table (SQLite: an automatic one)
	Parts      []Part
	Where      string   // condition of a partial index, canonical
	Method     string   // where it is not a B-tree: gin, hash, fulltext, …
	Include    []string // PostgreSQL
	NullsEqual bool     // PostgreSQL's NULLS NOT DISTINCT
}

// Part is one part of an index: a column or an expression.
type Part struct {
	Column     string
	Expr       string
	Desc       bool
	NullsFirst bool // PostgreSQL: not the default of the direction is told by comparing with Desc
	Prefix     int  // MySQL: characters or bytes of the column; 0 is all
	Collation  string
}

// ForeignKey is a foreign key. Actions are in capitals, "" for NO ACTION.
type ForeignKey struct {
	Name       string
	Columns    []string
	RefTable   string
	RefColumns []string
	OnDelete   string
	OnUpdate   string
	Deferrable string // "", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"
}

// Check is a CHECK of a table; Expr is canonical.
type Check struct {
	Name string
	Expr string
}

// Trigger is a trigger with the statement that makes it.
type Trigger struct {
	Name string
	SQL  string
}

// View is a view with the statement that makes it. Uses are the tables and
// views that it reads, as far as they can be told.
type View struct {
	Name         string
	Materialized bool
	SQL          string
	Uses         []string
}

// Enum is an enum type with its values in their order.
type Enum struct {
	Name   string
	Values []string
}
