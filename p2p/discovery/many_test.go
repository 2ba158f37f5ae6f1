package discovery

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// A cluster of many nodes with the settings that a server has by default, all
// started at once with one bootstrap peer, and the DHT on: everybody gets to know
// everybody, and the connections of each are bounded. With WEFT_LONG, on a machine
// that does nothing else, that takes less than 30 seconds.
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
		for _, n := range all {
			if n.Counters().Members == total-1 {
				joined++
			}
			most = max(most, n.h.Counters().Connections)
		}
		if time.Since(last) > time.Second {
			last = time.Now()
			t.Logf("%6.1fs: %d of %d know all, at most %d connections", time.Since(begin).Seconds(), joined, total, most)
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
	long := os.Getenv("WEFT_LONG")
	if long != "" && took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	// The bootstrap peer held more than its limit while its connections were
	// young. A few above it are on their way to be closed at any time.
	bound := high + high/2
	settle := until(t, "connections are within bounds", func() bool { _, most := count(); return most <= bound })
	sum, now = count()
	t.Logf("within bounds %.1fs later: %.1f connections on average, %d at most", settle.Seconds(), float64(sum)/float64(total), now)

	// With WEFT_LONG it goes on, through renewals and announcements in the DHT.
	if long == "" {
		return
	}
	more, err := time.ParseDuration(long)
	if err != nil {
		more = 30 * time.Second
	}
	var peak, samples, connections int
	for end := time.Now().Add(more); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		sum, now := count()
		peak, connections, samples = max(peak, now), connections+sum, samples+1
		for _, n := range all {
			if c := n.Counters(); c.Members != total-1 {
				t.Fatalf("a node knows %d of %d members after %s", c.Members, total-1, time.Since(begin))
			}
		}
	}
	t.Logf("for %s more: %.1f connections on average, %d at most; %d goroutines", more, float64(connections)/float64(samples*total), peak, runtime.NumGoroutine())
	// A search of the DHT opens some dozens for a moment, however many nodes there are.
	if peak > 3*high || connections > samples*total*high {
		t.Errorf("a node held %d connections", peak)
	}
}
