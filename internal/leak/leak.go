// Package leak looks for goroutines that are left after the tests of a package.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is for goroutines that are ending. goleak alone waits half a second for
// them, which a machine that does other things as well may take for a few steps.
const patience = 20 * time.Second

// Find is that of goleak, and more patient.
func Find(options ...goleak.Option) error {
	err := goleak.Find(options...)
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); {
		err = goleak.Find(options...) // it pauses by itself
	}
	return err
}

// Check is the status with which tests end that ended with code.
func Check(code int, options ...goleak.Option) int {
	if code != 0 {
		return code
	}
	if err := Find(options...); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left after the tests:", err)
		return 1
	}
	return 0
}

// VerifyTestMain is that of goleak, and more patient.
func VerifyTestMain(m *testing.M, options ...goleak.Option) {
	os.Exit(Check(m.Run(), options...))
}

// VerifyNone is that of goleak, and more patient.
func VerifyNone(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := Find(options...); err != nil {
		t.Error(err)
	}
}
