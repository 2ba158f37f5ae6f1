// Package endure holds tests that try to break Weft on real files: many
// writers and readers at once, processes that are killed while they write,
// files that are damaged, locked or full, and more rows than memory should
// hold. They go through the typed API only, as an application does.
//
// Random choices come from a seed that each test prints; WEFT_SEED repeats
// one. WEFT_LONG makes the tests of load longer: its value is a duration for
// the test of traffic, such as 30s.
package endure
