package endure

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
)

// heap samples how much memory is in use.
type heap struct {
	before, peak uint64
	resident     int64 // of the process, KiB; 0 where that cannot be known
	peakResident int64
}

func watchHeap() *heap {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss := resident()
	return &heap{before: m.HeapAlloc, peak: m.HeapAlloc, resident: rss, peakResident: rss}
}

func (h *heap) sample() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.peak = max(h.peak, m.HeapAlloc)
	h.peakResident = max(h.peakResident, resident())
}

// resident is the memory of the process, with what SQLite took outside Go.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	n, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	return n
}

// maxGrowth is far below what a million rows would take.
const maxGrowth = 64 << 20

func (h *heap) check(t *testing.T, rows int, took time.Duration) {
	t.Helper()
	grown := h.peak - h.before
	t.Logf("%d rows in %v: heap at most %.1f MB above %.1f MB; process at most %.1f MB above %.1f MB",
		rows, took.Round(time.Millisecond), float64(grown)/(1<<20), float64(h.before)/(1<<20),
		float64(h.peakResident-h.resident)/1024, float64(h.resident)/1024)
	if grown > maxGrowth {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	if h.peakResident-h.resident > 2*maxGrowth>>10 {
		t.Errorf("the process grew by %d MB", (h.peakResident-h.resident)>>10)
	}
}

// A million rows go by in constant memory.
func TestIterMany(t *testing.T) {
	n, parts := 1_000_000, 100_000
	if raced {
		n, parts = 60_000, 10_000
	}
	ctx := t.Context()
	db := open(t, file(t))
	begun := time.Now()
	for _, q := range []string{
		`INSERT INTO groups (id, name) WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i < 1000) SELECT i, 'group ' || i FROM c`,
		`INSERT INTO items (id, group_id, name, price) WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i < ` +
			strconv.Itoa(n) + `) SELECT i, 1 + i % 1000, 'an item of some length, number ' || i, i / 4.0 FROM c`,
		`INSERT INTO parts (id, item_id, name) WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i < ` +
			strconv.Itoa(parts) + `) SELECT i, 1 + i / 2, 'part ' || i FROM c`,
	} {
		_, err := db.Exec(ctx, q)
		must(t, err)
	}
	t.Logf("%d rows made in %v", n, time.Since(begun).Round(time.Millisecond))
	items := weft.Repo[Item](db)

	pass := func(name string, q *weft.Query[Item], want int, look func(p *Item)) {
		t.Run(name, func(t *testing.T) {
			h := watchHeap()
			begun, got := time.Now(), 0
			for p, err := range q.Iter(ctx) {
				must(t, err)
				got++
				look(p)
				if got%10_000 == 1 {
					h.sample()
				}
			}
			h.check(t, got, time.Since(begun))
			equal(t, "rows", got, want)
		})
	}
	var sum int64
	pass("plain", items.Limit(0), n, func(p *Item) { sum += p.ID })
	equal(t, "sum of keys", sum, int64(n)*int64(n+1)/2)
	some := n
	if !isLong() {
		some = n / 5
	}
	with, children := items.Where("id", "<=", some).With("group", "parts"), 0
	pass("with relations", with, some, func(p *Item) {
		if p.Group == nil || p.Group.ID != p.GroupID {
			t.Fatalf("item %d: group %v, want %d", p.ID, p.Group, p.GroupID)
		}
		children += len(p.Parts)
	})
	equal(t, "parts", children, parts)
	pass("sorted by key", items.Where("id", "<=", some).OrderBy("id", weft.Desc), some, func(*Item) {})
	t.Run("in a transaction", func(t *testing.T) {
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			h := watchHeap()
			begun, got := time.Now(), 0
			for _, err := range items.In(tx).Where("id", "<=", some).Iter(ctx) {
				must(t, err)
				if got++; got%10_000 == 1 {
					h.sample()
				}
			}
			h.check(t, got, time.Since(begun))
			equal(t, "rows", got, some)
			return nil
		}))
	})
}
