package sqlengine

import (
	"context"

	"github.com/weftdb/weft/op"
)

// Arg gives a value to a statement and returns how it is written there. Who
// writes SQL calls it once for each place, in the order of the places.
type Arg func(v Value) string

// Dialect is what one database's SQL looks like: words, and functions that
// write expressions. Expressions are given as SQL that stands where any
// expression may. A function that takes an [Arg] calls it alike for all
// operations of one shape, whether what it returns is used or not.
type Dialect struct {
	Name   string
	Quote  func(name string) string // an identifier
	Binary string                   // the collation that sorts by bytes; others get a note in plans

	Numbered bool // arguments are written $1, $2, … and not ?
	Typed    bool // a column holds values of its type only, whoever made the table
	Aborts   bool // a failed statement ends the transaction up to the last savepoint
	Locks    bool // finds can lock their rows
	// LockWords writes the lock of a find, where it is not that of PostgreSQL.
	LockWords func(l op.Lock) string
	LastKey   bool // Session.Exec gives the last key that was handed out
	AnyKey    bool // ON CONFLICT … DO UPDATE needs no columns

	// Bare says that writes give no rows back and cannot read the table that they
	// change, and that a DELETE names the rows' alias.
	Bare     bool
	MaxBytes int  // that the values of one INSERT of many rows should not exceed; 0 is any number
	OneByOne bool // keys that are handed out to the rows of one statement do not follow each other

	NoLimit    string // what stands before OFFSET alone, " LIMIT -1"
	NullsFirst string // behind a sort key that may be NULL, so that NULL is smallest; "" where it is
	NullsLast  string // the same behind DESC
	Tuples     string // what stands before a list of tuples behind IN, "VALUES "
	// Differs writes that two expressions differ, where NULL is like NULL; nil
	// stands for IS DISTINCT FROM.
	Differs func(a, b string) string

	MaxArgs  int // arguments a statement may have
	ListArgs int // longer lists are passed as one argument
	// ListIn writes a test of a list that is passed as one argument, made by
	// ListArg. Without ListAll columns of floats and of unknown types have lists
	// of any length with one argument a value.
	ListIn  func(c *Column, expr string, not bool, arg string) string
	ListArg func(c *Column, list []Value) (Value, error)
	ListAll bool

	// Tests of text: that it has a part, in any case (the argument has been
	// through op.Fold); that it begins or ends with a part, which is not empty.
	// Prefix is not needed where a range of the column serves.
	Like   func(expr string, part string, arg Arg) string
	Prefix func(expr string, part string, arg Arg) string
	Suffix func(expr string, part string, arg Arg) string

	// Add writes the sum of a column, NULL as 0, and a number; it fails where
	// that leaves the limits of the column.
	Add func(c *Column, expr string, v Value, arg Arg) string
	// Agg writes a sum, minimum or maximum. A sum of integers fails only when
	// the sum itself leaves 64 bits. Sums of decimals may come as text.
	Agg func(c *Column, f op.AggFunc, expr string) string

	// Time makes a time as Weft stores it of what other programs store as one in
	// a loose column; it fails on anything else. TimePart is a part of a time.
	Time     func(expr string) string
	TimePart func(expr string, p op.Part) string

	JSON JSONDialect
	// JSONPath, where it is not nil, refuses a path that cannot be read by.
	JSONPath func(path []string) error
	// JSONSet is a function (document, path as JSON array, value as JSON) that
	// gives the new document. Without it documents are read, changed and written.
	JSONSet string

	// Search gives a query for the keys of the rows that a full-text search finds,
	// with one "?" for what SearchText gives. found and docs are free aliases.
	Search func(index *SearchIndex, keys int, found, docs string) string
	// SearchText writes a search in columns of the index, nil for all.
	SearchText func(s op.Search, columns []string) string
	Rank       string // function (words, text, …) that gives op.Search.Relevance

	// KeepKeys, where it is not nil, is called after rows with given values of
	// the key that the database hands out were inserted, the highest of them
	// high, so that it hands out other ones.
	KeepKeys func(ctx context.Context, s Session, t *Table, high int64) error
}

// JSONDialect writes expressions on places in JSON columns. An expression is
// that of a column; without a path the place is the whole document.
type JSONDialect interface {
	// Null writes that the place is not there, or null.
	Null(c *Column, expr string, path []string) string
	// Text writes the text at the place, NULL where there is something else.
	Text(c *Column, expr string, path []string) string
	// Compare writes that the value at the place is of the type of v (a text, a
	// bool or a number) and that comparing it by sign holds.
	Compare(c *Column, expr string, path []string, sign string, v any, arg Arg) string
	// Has writes that an array is at the place and has v, a scalar that is not
	// nil, as an element. alias is free.
	Has(c *Column, expr string, path []string, alias string, v any, arg Arg) string
	// Key writes an expression that sorts as the values at the place do: NULL,
	// false, true, numbers by value, text by bytes, arrays and objects by text.
	Key(c *Column, expr string, path []string) string
}
