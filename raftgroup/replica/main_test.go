package replica

import (
	"os"
	"testing"

	"github.com/weftdb/weft/internal/leak"
)

// childEnv is set in processes that tests start of their own program, for what
// could end it, or leaves goroutines.
const childEnv = "WEFT_REPLICA_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(m.Run())
	}
	leak.VerifyTestMain(m)
}
