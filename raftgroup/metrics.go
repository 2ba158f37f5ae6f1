package raftgroup

import (
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/raftgroup/archive"
)

// Metrics are numbers since the group was opened.
type Metrics struct {
	Writes     uint64 // changes that were handed in here and came to an end
	Reads      uint64 // operations and statements that only read
	Entries    uint64 // entries of the log that were proposed here
	Conflicts  uint64 // transactions that met a serialization conflict
	Forwarded  uint64 // what was led on to the leader
	Retries    uint64 // attempts after the leader changed
	Duplicates uint64 // changes that were told their first outcome

	Archived       uint64 // entries that this copy's archive has on the disk
	ArchiveMissed  uint64 // entries that were left out of it
	ArchiveFailing bool   // its disk took nothing at the last attempt
	// Latency counts operations by how long they took, in buckets whose upper
	// bounds are Buckets; the last counts what took longer.
	WriteLatency, ReadLatency []uint64
	// Sums are of the same operations.
	WriteLatencySum, ReadLatencySum time.Duration
}

// Buckets are the upper bounds of the latency histograms.
var Buckets = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
}

const bucketCount = 15

type histogram struct {
	counts [bucketCount + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < bucketCount && d > Buckets[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) read() []uint64 {
	out := make([]uint64, len(h.counts))
	for i := range h.counts {
		out[i] = h.counts[i].Load()
	}
	return out
}

type metrics struct {
	writes, reads, entries, conflicts, forwarded, retries, duplicates atomic.Uint64

	writeTimes, readTimes histogram
}

func (m *metrics) entry(int, time.Duration) { m.entries.Add(1) }

func (m *metrics) wrote(began time.Time) {
	m.writes.Add(1)
	m.writeTimes.add(time.Since(began))
}

func (m *metrics) read(began time.Time) {
	m.reads.Add(1)
	m.readTimes.add(time.Since(began))
}

// Metrics reads all numbers.
func (g *Group) Metrics() Metrics {
	m := &g.metrics
	var a archive.Stats
	if g.archive != nil {
		a = g.archive.Stats()
	}
	return Metrics{
		Archived: a.Written, ArchiveMissed: a.Missed, ArchiveFailing: a.Failing,
		Writes: m.writes.Load(), Reads: m.reads.Load(), Entries: m.entries.Load(), Conflicts: m.conflicts.Load(),
		Forwarded: m.forwarded.Load(), Retries: m.retries.Load(), Duplicates: m.duplicates.Load(),
		WriteLatency: m.writeTimes.read(), ReadLatency: m.readTimes.read(),
		WriteLatencySum: time.Duration(m.writeTimes.sum.Load()), ReadLatencySum: time.Duration(m.readTimes.sum.Load()),
	}
}
