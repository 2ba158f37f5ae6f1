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

// VerifyTestMain is that of goleak, and more patient.
func VerifyTestMain(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		err := goleak.Find(options...)
		for end := time.Now().Add(patience); err != nil && time.Now().Before(end); {
			err = goleak.Find(options...) // it pauses by itself
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}
