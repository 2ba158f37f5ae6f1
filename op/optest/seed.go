package optest

import (
	"flag"
	"sync"
	"time"
)

var (
	seedFlag = flag.Int64("optest.seed", 0, "optest: seed of random operations; 0 is one from the time")
	opsFlag  = flag.Int("optest.ops", 0, "optest: number of random operations; 0 is what the test says")
)

var timeSeed = sync.OnceValue(func() int64 { return time.Now().UnixNano() & 0x7fffffffffff })

// Seed is the seed of everything random in this run: that of -optest.seed, or
// one made from the time. It is never 0.
func Seed() int64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return timeSeed() | 1
}
