package raftgroup

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	closePatience = time.Minute // on a slow machine too all has to close
	code := m.Run()
	if code == 0 {
		// goleak waits for those that are about to end, but less than half a second.
		err := goleak.Find()
		for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); {
			err = goleak.Find()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "goroutines are left behind: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}
