// Package sqlite is the engine that keeps its data in one SQLite file.
//
// It calls SQLite (modernc.org/sqlite/lib, the C code translated to Go)
// directly and not through database/sql, which saves the boxing of every value
// and the goroutine that the driver starts for every call with a cancellable
// context: here the statement itself looks at its context from time to time.
//
// # Connections
//
// One connection writes; operations that write wait for it in line, and as
// long as their context lasts. Reads run on other connections and, thanks to
// the write-ahead log, neither wait for the writer nor hold it up. A find
// holds its connection until its Rows are closed.
//
// A transaction has the writing connection to itself (BEGIN IMMEDIATE), a
// read-only one a reading connection and with it one snapshot. In a
// transaction several finds may be open at once; before a statement that
// writes, commit and rollback, what is left of them is read into memory, so
// that they give the rows as they were when the find began.
//
// A database in memory has a single connection: everything waits for it, and
// finds outside a transaction read their rows at once.
package sqlite
