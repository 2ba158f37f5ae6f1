package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway"
)

type hostCounters struct {
	Peers         int
	StreamsServed uint64
	LAN           uint64
	skipped       int
}

type groupMetrics struct {
	Writes          uint64
	WriteLatency    []uint64
	WriteLatencySum time.Duration
	ReadLatency     []uint64
	Name            string // no number
}

func TestCollectors(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(gateway.Counts("weft_host", func() any { return hostCounters{3, 7, 1, 0} }))
	r.MustRegister(gateway.Groups(func(context.Context) []gateway.GroupStat {
		return []gateway.GroupStat{
			{
				Info: door.Info{
					Group: "ns/default", State: "leader", Leader: "p", Term: 4, Commit: 12, Applied: 10, DBSize: 4096, Problem: "no room",
					Members: []door.Member{{Server: "p.1", Voter: true}, {Server: "q.1", Lag: 5}},
				},
				Metrics: &groupMetrics{Writes: 9, WriteLatency: []uint64{4, 3, 2}, WriteLatencySum: 1500 * time.Millisecond, ReadLatency: []uint64{1}},
				Buckets: []time.Duration{time.Millisecond, time.Second},
			},
			{Info: door.Info{Group: "ns/\xff"}}, // one bad part
		}
	}))
	_, url := start(t, nil, func(c *gateway.Config) { c.Registry = r })
	code, body := ask(t, "GET", url+"/metrics", "")
	for _, want := range []string{
		"# HELP weft_host_peers Peers that this node is connected to.\n# TYPE weft_host_peers gauge\nweft_host_peers 3\n",
		"# TYPE weft_host_streams_served_total counter\nweft_host_streams_served_total 7\n",
		"\nweft_host_lan_total 1\n",
		`weft_group_leader{group="ns/default"} 1`,
		`weft_group_term{group="ns/default"} 4`,
		`weft_group_apply_lag{group="ns/default"} 2`,
		`weft_group_problem{group="ns/default"} 1`,
		`weft_group_db_bytes{group="ns/default"} 4096`,
		`weft_group_voters{group="ns/default"} 1`,
		`weft_group_member_lag{group="ns/default",server="q.1"} 5`,
		`weft_group_writes_total{group="ns/default"} 9`,
		`weft_group_write_seconds_bucket{group="ns/default",le="0.001"} 4`,
		`weft_group_write_seconds_bucket{group="ns/default",le="1"} 7`,
		`weft_group_write_seconds_bucket{group="ns/default",le="+Inf"} 9`,
		`weft_group_write_seconds_sum{group="ns/default"} 1.5`,
		`weft_group_read_seconds_count{group="ns/default"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in the metrics (%d)", want, code)
		}
	}
	if t.Failed() {
		t.Log(body)
	}
}
