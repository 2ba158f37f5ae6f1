//go:build race

package endure

// raced says that the race detector is on, which makes SQLite (C translated to
// Go) some twenty times slower: the tests of size take fewer rows.
const raced = true
