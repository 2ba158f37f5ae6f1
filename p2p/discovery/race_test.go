//go:build race

package discovery

// many is how many nodes TestManyNodes runs; the race detector makes each of
// them some ten times as heavy.
const many = 25
