package raftgroup

import (
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
)

func TestMain(m *testing.M) {
	closePatience = time.Minute // on a slow machine too all has to close
	leak.VerifyTestMain(m)
}
