//go:build !race

package endure

// raced says that the race detector is on.
const raced = false
