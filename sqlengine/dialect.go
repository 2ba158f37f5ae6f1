package sqlengine

import "github.com/weftdb/weft/op"

// Dialect is what one database's SQL looks like, as data. JSON places are
// given as a column's expression and a path.
type Dialect struct {
	Name   string
	Quote  func(name string) string // an identifier
	Binary string                   // the collation that sorts by bytes; others get a note in plans

	MaxArgs  int    // arguments a statement may have
	ListArgs int    // longer lists are passed as one JSON argument to ListRows
	ListRows string // a query that gives the elements of a JSON array, "?" for the array
	// ListBlob wraps an element that stands for binary: it was passed in hexadecimal.
	ListBlobs string

	Fold     string // function that lower-cases every rune by Unicode, "weft_fold"
	Contains string // function (text, part) that gives the part's place from 1, or 0
	Length   string // function that counts characters, or bytes where Left and Right do

	// Add is a function (number, number, lowest, highest) that gives the sum and
	// fails when it is not within the range.
	Add string

	Sum     string // aggregate of integers that fails only when the sum itself leaves 64 bits
	SumWide string // the same, that gives such a sum as text

	// Time is a function that makes a time as Weft stores it of what other
	// programs store as one; it fails on anything else. TimePart is a part of a
	// time that is stored so.
	Time     string
	TimePart func(expr string, p op.Part) string

	// JSON places.
	JSONType  func(col string, path []string) string // SQL for "array", "object", "text", "integer", "real", "true", "false", "null" or NULL
	JSONValue func(col string, path []string) string // a scalar as SQL value
	JSONKey   func(col string, path []string) string // an order-preserving key as made by JSONKey
	// JSONHas gives the parts of a test that the array at path has an element;
	// one test a variant of the path.
	JSONHas func(col string, path []string, alias string) []JSONEach

	// Search gives a query for the keys of the rows that a full-text search finds,
	// with one "?" for what SearchText gives. found and docs are free aliases.
	Search func(index *SearchIndex, keys int, found, docs string) string
	// SearchText writes a search in columns of the index, nil for all.
	SearchText func(s op.Search, columns []string) string
	Rank       string // function (words, text, …) that gives op.Search.Relevance

	JSONSet string // function (document, path as JSON array, value as JSON) that gives the new document
}

// JSONEach is one way to visit the elements of a JSON array.
type JSONEach struct {
	Guard string // holds when there is an array
	From  string // the elements as rows
	Type  string // an element's type, as of JSONType
	Value string // a scalar element as SQL value
	Key   string // an element's order-preserving key
}
