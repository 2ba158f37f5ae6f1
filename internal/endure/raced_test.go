//go:build race

package endure

// raced says that the race detector is on, which makes each row cost several
// times as much, and twenty times where SQLite (C translated to Go) is watched
// too: the tests of size take fewer rows.
const raced = true
