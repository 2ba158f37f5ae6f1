package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry is a registry with the numbers of the Go runtime and the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// metrics serves the registry. A part that fails to tell its numbers does not
// keep back those of the others.
func (g *Gateway) metrics() http.Handler {
	return promhttp.HandlerFor(g.cfg.Registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8, Timeout: 30 * time.Second,
	})
}

// numbers are the gateway's own.
type numbers struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	active   prometheus.Gauge
	panics   atomic.Uint64
	panicked *prometheus.Desc
}

func newNumbers() *numbers {
	return &numbers{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_gateway_requests_total", Help: "HTTP requests that were answered, by endpoint and status.",
		}, []string{"endpoint", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_gateway_request_seconds", Help: "How long HTTP requests took, by endpoint.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"endpoint"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weft_gateway_requests_active", Help: "HTTP requests under way.",
		}),
		panicked: prometheus.NewDesc("weft_gateway_panics_total", "HTTP requests that ended in a panic, answered with status 500.", nil, nil),
	}
}

// begin counts a request; the function counts its end.
func (n *numbers) begin(path string) func(status int, took time.Duration) {
	n.active.Inc()
	end := endpoint(path)
	return func(status int, took time.Duration) {
		n.active.Dec()
		if status == 0 {
			status = http.StatusOK
		}
		n.requests.WithLabelValues(end, strconv.Itoa(status)).Inc()
		n.seconds.WithLabelValues(end).Observe(took.Seconds())
	}
}

// endpoint is a label: of few values, whatever clients ask for.
func endpoint(path string) string {
	_, _, rest, err := namespaceOf(path)
	if err != nil {
		return "other"
	}
	switch rest = strings.TrimRight(rest, "/"); rest {
	case "/healthz", "/readyz", "/metrics", "/status", "/nodes", "/leader",
		"/db/execute", "/db/query", "/db/request", "/db/backup", "/db/load":
		return rest
	}
	return "other"
}

// Describe is for Prometheus.
func (n *numbers) Describe(ch chan<- *prometheus.Desc) {
	n.requests.Describe(ch)
	n.seconds.Describe(ch)
	n.active.Describe(ch)
	ch <- n.panicked
}

// Collect is for Prometheus.
func (n *numbers) Collect(ch chan<- prometheus.Metric) {
	n.requests.Collect(ch)
	n.seconds.Collect(ch)
	n.active.Collect(ch)
	ch <- prometheus.MustNewConstMetric(n.panicked, prometheus.CounterValue, float64(n.panics.Load()))
}
