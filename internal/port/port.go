// Package port keeps TCP ports for tests that must know one before anything
// listens on it.
package port

import (
	"testing"
)

// Keep gives a TCP port of 127.0.0.1 that nobody listens on. Until the test ends
// the system hands it to nobody who asks for any port; who names it may listen on
// it. (A port of a listener that was closed may be somebody else's a moment later.)
func Keep(t testing.TB) int {
	t.Helper()
	port, free, err := keep()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	return port
}
