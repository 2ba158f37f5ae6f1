package weft

import "github.com/weftdb/weft/op"

// Match is full-text search in the named fields, or in all search fields of the
// model (tag weft:"search"): it holds for rows in which every word occurs as a
// whole word, each in any of the fields.
//
//	weft.Match("red shoes")          // both words
//	weft.Match("sho*", "title")      // words that begin with sho
//	weft.Match(`"red shoes" -- 42`)  // a phrase and a word
//
// Words are runs of letters, digits and combining marks, whatever their case. An
// asterisk right behind a word makes it the beginning of one; words between
// double quotes must stand side by side in one field. Nothing else has a
// meaning, so whatever somebody typed can be handed over as it is. A text
// without words matches no row; more than 100 different words are a
// VALIDATION_ERROR.
//
// It works wherever a condition does, also for related rows inside [Has]. NULL
// has no words. An engine, or a table, without full-text index gives
// [ErrUnsupported].
func Match(words string, fields ...string) Cond {
	return Cond{c: op.Cond{Kind: op.Match, Value: words, Fields: append([]string(nil), fields...)}}
}

// ByRank is the sort key that puts rows first which fit the query's [Match]
// best: its words occur more often, or in shorter texts. What a row is worth
// depends on that row alone and is the same on every engine. A query without
// Match, or with Match inside Not or Has only, is an error. There are no cursors in
// this order: go through pages with Limit and Offset.
func ByRank() SortKey { return SortKey{Dir: Desc, rank: true} }
