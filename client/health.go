package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
)

// The states of health.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"  // it works, and less could fail than should
	Unhealthy = "unhealthy" // it does not work
)

// Health is how a client is. Status is the worst of the checks.
type Health struct {
	Status string
	Checks map[string]Check // "network", "cluster" and "database"
}

// Check is one part, as it was found just now.
type Check struct {
	Status  string
	Message string
	Took    time.Duration
}

// healthWithin bounds each check.
const healthWithin = 5 * time.Second

// Health looks at each part by using it: a node is pinged, a node is asked for
// the others, the database answers a query that the leader must confirm. It
// fails only when the client is not connected or the context ends.
func (c *Client) Health(ctx context.Context) (Health, error) {
	l, err := c.linked()
	if err != nil {
		return Health{}, err
	}
	h := Health{Status: Healthy, Checks: map[string]Check{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, fn := range map[string]func(context.Context) (string, string){
		"network": l.checkNetwork, "cluster": l.checkCluster, "database": c.checkDatabase,
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ctx, cancel := context.WithTimeout(ctx, healthWithin)
			defer cancel()
			began := time.Now()
			status, text := fn(ctx)
			mu.Lock()
			defer mu.Unlock()
			h.Checks[name] = Check{Status: status, Message: text, Took: time.Since(began)}
			if status == Unhealthy || h.Status == Healthy {
				h.Status = status
			}
		}()
	}
	wg.Wait()
	if ctx.Err() != nil {
		return h, op.FromContext(ctx.Err())
	}
	return h, nil
}

func (l *link) checkNetwork(ctx context.Context) (string, string) {
	peers := l.connected()
	known := len(l.nodes.list())
	var last error
	for _, p := range peers {
		d, err := l.h.Ping(ctx, p)
		if err != nil {
			last = err
			continue
		}
		text := fmt.Sprintf("%d of %d known nodes connected; %s answers in %s", len(peers), known, p, d.Round(time.Microsecond))
		if len(peers) < min(2, known) {
			return Degraded, text
		}
		return Healthy, text
	}
	if last != nil {
		return Unhealthy, fmt.Sprintf("no connected node answers: %v", last)
	}
	return Unhealthy, fmt.Sprintf("none of %d known nodes is connected", known)
}

func (l *link) checkCluster(ctx context.Context) (string, string) {
	var last error
	for _, p := range l.connected() {
		if last = l.learn(ctx, p); last == nil {
			return Healthy, fmt.Sprintf("%s tells of %d nodes", p, len(l.nodes.list()))
		}
	}
	if last == nil {
		return Unhealthy, "there is no node to ask"
	}
	return Degraded, fmt.Sprintf("no connected node tells of the others: %v", last)
}

func (c *Client) checkDatabase(ctx context.Context) (string, string) {
	r, err := c.Database().WithConsistency(op.Linearizable).Query(ctx, "SELECT 1")
	if err == nil && (len(r.Rows) != 1 || len(r.Rows[0]) != 1 || r.Rows[0][0] != int64(1)) {
		err = fmt.Errorf("SELECT 1 gave %v", r.Rows)
	}
	if err != nil {
		return Unhealthy, err.Error()
	}
	return Healthy, fmt.Sprintf("namespace %s answers", c.cfg.Namespace)
}
