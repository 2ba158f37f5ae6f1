package replica

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv is set in processes that tests start of their own program, for what
// could end it, or leaves goroutines.
const childEnv = "WEFT_REPLICA_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}
