// Package lite is what every SQLite has in common, whoever links it: its
// dialect, the functions that Weft adds to it, what its errors mean, what a
// database holds and how statements would run. It links no SQLite.
package lite
