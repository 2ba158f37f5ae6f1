package discovery

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// many is how many nodes TestManyNodes runs; WEFT_NODES says another number.
const many = 100

// A cluster of many nodes with the settings that a server has by default, all
// started at once with one bootstrap peer, and the DHT on: everybody knows
// everybody in less than 30 seconds, and the connections of each are bounded.
func TestManyNodes(t *testing.T) {
	total := many
	if s := os.Getenv("WEFT_NODES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			t.Fatalf("WEFT_NODES=%q is not a number of nodes", s)
		}
		total = n
	}
	const low, high = 8, 16
	grace := 2 * time.Second
	var all []*node
	begin := time.Now()
	for range total {
		hc, cfg := hostConfig(t.TempDir()), Default()
		hc.Low, hc.High, hc.Grace = low, high, grace
		if len(all) > 0 {
			cfg.Bootstrap = []string{all[0].addr()}
		}
		all = append(all, launch(t, hc, cfg))
	}
	defer stopAll(all)
	started := time.Since(begin)
	most := 0
	joined := 0
	var last time.Time
	until(t, "everybody knows everybody", func() bool {
		joined = 0
		var sum Counters
		for _, n := range all {
			c := n.Counters()
			sum.Members += c.Members
			sum.Dials += c.Dials
			sum.DialsFailed += c.DialsFailed
			sum.Exchanges += c.Exchanges
			sum.Records += c.Records
			sum.Lost += c.Lost
			if c.Members == total-1 {
				joined++
			}
			most = max(most, n.h.Counters().Connections)
		}
		if time.Since(last) > time.Second {
			last = time.Now()
			t.Logf("%6.1fs: %d of %d know all, at most %d connections %+v", time.Since(begin).Seconds(), joined, total, most, sum)
		}
		return joined == total
	})
	took := time.Since(begin)
	count := func() (sum, most int) {
		for _, n := range all {
			c := n.h.Counters().Connections
			sum, most = sum+c, max(most, c)
		}
		return sum, most
	}
	sum, now := count()
	t.Logf("%d nodes started in %.1fs, all joined after %.1fs; connections per node: %.1f on average, %d at most, %d at most ever; %d goroutines",
		total, started.Seconds(), took.Seconds(), float64(sum)/float64(total), now, most, runtime.NumGoroutine())
	if took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	// The bootstrap peer held more than its limit, while they were young.
	settle := until(t, "connections are within bounds", func() bool { _, most := count(); return most <= high+all[0].cfg.MaxConnections })
	sum, now = count()
	t.Logf("within bounds %.1fs later: %.1f connections on average, %d at most", settle.Seconds(), float64(sum)/float64(total), now)
}
