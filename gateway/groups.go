package gateway

import (
	"context"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weftdb/weft/door"
)

// GroupStat is what one group tells when metrics are asked for.
type GroupStat struct {
	Info door.Info
	// Metrics is a struct of numbers: fields of type uint64 are counters. Fields
	// of type []uint64 whose name ends in Latency are histograms: how many
	// operations took at most as long as the bucket's bound and longer than the
	// one before; a number more than there are bounds counts all longer ones. A
	// time.Duration of the same name with Sum behind it is their sum. Nil is none.
	Metrics any
	Buckets []time.Duration
}

// Groups collects the metrics of groups. read is called whenever Prometheus
// asks, with a context that ends after a few seconds.
func Groups(read func(ctx context.Context) []GroupStat) prometheus.Collector {
	return collector(func(ch chan<- prometheus.Metric) {
		ctx, cancel := context.WithTimeout(context.Background(), checkTime)
		defer cancel()
		for _, s := range read(ctx) {
			s.collect(ch)
		}
	})
}

// Counts collects the fields of a struct of numbers, such as the Counters of a
// host or of discovery: uint64 is a counter, int a gauge. The metrics' names are
// prefix and field in snake case, weft_host_streams_served_total.
func Counts(prefix string, read func() any) prometheus.Collector {
	return collector(func(ch chan<- prometheus.Metric) {
		fields(read(), func(name string, v reflect.Value) {
			number(ch, prefix+"_"+snake(name), nil, nil, v)
		})
	})
}

// collector is one whose metrics are found out when they are collected.
type collector func(ch chan<- prometheus.Metric)

// Describe is for Prometheus; nothing is known beforehand.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect is for Prometheus.
func (c collector) Collect(ch chan<- prometheus.Metric) { c(ch) }

func (s *GroupStat) collect(ch chan<- prometheus.Metric) {
	i := &s.Info
	label, group := []string{"group"}, []string{i.Group}
	gauge := func(name, help string, v float64) {
		send(ch, prometheus.NewDesc("weft_group_"+name, help, label, nil), prometheus.GaugeValue, v, group)
	}
	gauge("leader", "1 on the node that leads the group, else 0.", yes(i.State == "leader"))
	gauge("leader_known", "1 when this node knows a leader of the group.", yes(i.Leader != ""))
	gauge("broken", "1 when this node's copy has stopped and waits to be rebuilt.", yes(i.Broken != ""))
	gauge("problem", "1 when something is wrong with this node's copy that it goes on with, such as a disk without room for a snapshot.", yes(i.Problem != ""))
	gauge("term", "Raft term.", float64(i.Term))
	gauge("commit_index", "Raft index up to which entries are committed, as far as this node knows.", float64(i.Commit))
	gauge("applied_index", "Raft index up to which this node has applied entries.", float64(i.Applied))
	lag := uint64(0)
	if i.Commit > i.Applied {
		lag = i.Commit - i.Applied
	}
	gauge("apply_lag", "Committed entries that this node has not applied yet.", float64(lag))
	gauge("sequence", "Entries applied since the group began.", float64(i.Sequence))
	gauge("db_bytes", "Size of the SQLite file.", float64(i.DBSize))
	gauge("wal_bytes", "Size of the SQLite file's log.", float64(i.WALSize))
	gauge("log_bytes", "Size of the Raft log.", float64(i.LogSize))
	voters := 0
	lagOf := prometheus.NewDesc("weft_group_member_lag", "Committed entries that a copy has not applied; -1 when it does not answer this node.", []string{"group", "server"}, nil)
	for _, m := range i.Members {
		if m.Voter {
			voters++
		}
		send(ch, lagOf, prometheus.GaugeValue, float64(m.Lag), []string{i.Group, m.Server})
	}
	gauge("members", "Copies of the group, standbys included.", float64(len(i.Members)))
	gauge("voters", "Copies of the group that vote.", float64(voters))

	fields(s.Metrics, func(name string, v reflect.Value) {
		of, isLatency := strings.CutSuffix(name, "Latency")
		if counts, ok := v.Interface().([]uint64); ok && isLatency {
			s.histogram(ch, "weft_group_"+snake(of)+"_seconds", "How long each took: "+words(of)+".", label, group, counts, field(s.Metrics, name+"Sum"))
			return
		}
		if !strings.HasSuffix(name, "LatencySum") {
			number(ch, "weft_group_"+snake(name), label, group, v)
		}
	})
}

func (s *GroupStat) histogram(ch chan<- prometheus.Metric, name, help string, labels, values []string, counts []uint64, sum reflect.Value) {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range counts {
		total += n
		if i < len(s.Buckets) {
			buckets[s.Buckets[i].Seconds()] = total
		}
	}
	seconds := math.NaN() // what is not known is not made up
	if d, ok := value(sum).(time.Duration); ok {
		seconds = d.Seconds()
	}
	d := prometheus.NewDesc(name, help, labels, nil)
	h, err := prometheus.NewConstHistogram(d, total, seconds, buckets, values...)
	if err != nil {
		h = prometheus.NewInvalidMetric(d, err)
	}
	ch <- h
}

// send sends a number. What Prometheus does not take becomes an error of the
// collection, not a panic.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, n float64, labels []string) {
	m, err := prometheus.NewConstMetric(d, kind, n, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}

func number(ch chan<- prometheus.Metric, name string, labels, values []string, v reflect.Value) {
	kind, n := prometheus.GaugeValue, 0.0
	switch x := v.Interface().(type) {
	case uint64:
		name += "_total"
		kind, n = prometheus.CounterValue, float64(x)
	case int:
		n = float64(x)
	case int64:
		n = float64(x)
	case float64:
		n = x
	case bool:
		n = yes(x)
	case time.Duration:
		name += "_seconds"
		n = x.Seconds()
	default:
		return
	}
	help := helps[name]
	if help == "" {
		help = words(strings.TrimPrefix(name, "weft_")) + "."
	}
	send(ch, prometheus.NewDesc(name, help, labels, nil), kind, n, values)
}

// fields calls fn for each exported field of a struct.
func fields(v any, fn func(name string, v reflect.Value)) {
	r := reflect.Indirect(reflect.ValueOf(v))
	if r.Kind() != reflect.Struct {
		return
	}
	for i := range r.NumField() {
		if f := r.Type().Field(i); f.IsExported() {
			fn(f.Name, r.Field(i))
		}
	}
}

func field(v any, name string) reflect.Value {
	if r := reflect.Indirect(reflect.ValueOf(v)); r.Kind() == reflect.Struct {
		return r.FieldByName(name)
	}
	return reflect.Value{}
}

func value(v reflect.Value) any {
	if !v.IsValid() || !v.CanInterface() {
		return nil
	}
	return v.Interface()
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// snake makes streams_served of StreamsServed, and lan of LAN.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(runes[i-1]) || (i+1 < len(runes) && unicode.IsLower(runes[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func words(name string) string {
	return strings.ReplaceAll(snake(strings.TrimSuffix(name, "_total")), "_", " ")
}

// helps say of numbers what their names do not.
var helps = map[string]string{
	"weft_host_peers":                     "Peers that this node is connected to.",
	"weft_host_connections":               "Connections that are open.",
	"weft_host_opened_total":              "Connections opened, from either side.",
	"weft_host_closed_total":              "Connections closed.",
	"weft_host_dials_total":               "Connections made by this node.",
	"weft_host_dials_failed_total":        "Connections that this node could not make.",
	"weft_host_connections_refused_total": "Connections refused, of peers that are not allowed.",
	"weft_host_strangers_total":           "Connections from outside of this network: with another network key, or of no node.",
	"weft_host_streams_opened_total":      "Streams opened by this node.",
	"weft_host_streams_served_total":      "Streams that peers opened and handlers served.",
	"weft_host_streams_active":            "Streams in handlers.",
	"weft_host_streams_refused_total":     "Streams refused, above a limit.",
	"weft_host_malformed_total":           "Messages that could not be read.",
	"weft_host_panics_total":              "Handlers of streams that ended in a panic.",
	"weft_host_banned_total":              "Peers banned for what they sent.",
	"weft_host_bytes_read_total":          "Bytes read from streams, without those of the libraries.",
	"weft_host_bytes_written_total":       "Bytes written to streams, without those of the libraries.",
	"weft_discovery_members":              "Live nodes that this node knows, without itself.",
	"weft_discovery_lost":                 "Nodes that were known and do not answer.",
	"weft_discovery_connected":            "Live nodes that this node is connected to.",
	"weft_discovery_dials_total":          "Nodes dialled.",
	"weft_discovery_dials_failed_total":   "Nodes that could not be dialled.",
	"weft_discovery_exchanges_total":      "Exchanges of records that this node asked for.",
	"weft_discovery_served_total":         "Exchanges of records that this node answered.",
	"weft_discovery_records_total":        "Records that were news.",
	"weft_discovery_rejected_total":       "Records that could not be true.",
	"weft_discovery_rendezvous_total":     "Nodes found through the DHT.",
	"weft_discovery_lan_total":            "Nodes found by mDNS.",
	"weft_group_writes_total":             "Changes that this node took in.",
	"weft_group_reads_total":              "Reads that this node answered.",
	"weft_group_entries_total":            "Entries that this node handed in to the log.",
	"weft_group_conflicts_total":          "Transactions that a concurrent one stood against.",
	"weft_group_forwarded_total":          "Operations led on to the leader.",
	"weft_group_retries_total":            "Operations tried again after a change of leader.",
	"weft_group_duplicates_total":         "Changes that were known by their ID and told the first outcome.",
	"weft_group_archived_total":           "Entries that this node's archive has on the disk.",
	"weft_group_archive_missed_total":     "Entries that were left out of this node's archive.",
	"weft_group_archive_failing":          "1 when the disk of this node's archive takes nothing.",
}
