package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Check is one part of the node that /readyz asks.
type Check struct {
	Name string
	// Leader says that the part works only with a leader; it is left out when
	// /readyz is asked with noleader.
	Leader bool
	// Run is nil when all is well, else it says what is not.
	Run func(ctx context.Context) error
}

// checkTime bounds one check; a part that does not answer is not ready.
const checkTime = 5 * time.Second

// checked is what a check gave.
type checked struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds"`
}

// healthz says that the process lives.
func (g *Gateway) healthz(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "ok") // the client may be gone
}

// readyz asks every part and says how each is: as JSON when the client accepts
// it or asks format=json, else as lines of the form that rqlite has.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := g.check(r.Context(), q.Has("noleader"))
	status, word := http.StatusOK, "ready"
	for _, c := range list {
		if !c.OK {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
	}
	if wantsJSON(r) {
		writeJSON(w, status, map[string]any{"status": word, "checks": list})
		return
	}
	var b strings.Builder
	b.WriteString("[+]node ok")
	for _, c := range list {
		if c.OK {
			fmt.Fprintf(&b, "\n[+]%s ok", c.Name)
		} else {
			fmt.Fprintf(&b, "\n[-]%s %s", c.Name, strings.ReplaceAll(c.Reason, "\n", " "))
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}

// check runs the checks side by side.
func (g *Gateway) check(ctx context.Context, noLeader bool) []checked {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var wg sync.WaitGroup
	out := make([]checked, 0, len(g.cfg.Checks))
	for _, c := range g.cfg.Checks {
		if !c.Leader || !noLeader {
			out = append(out, checked{Name: c.Name})
		}
	}
	at := 0
	for _, c := range g.cfg.Checks {
		if c.Leader && noLeader {
			continue
		}
		o := &out[at]
		at++
		wg.Go(func() {
			start := time.Now()
			err := run(ctx, c)
			o.OK, o.Seconds = err == nil, time.Since(start).Seconds()
			if err != nil {
				o.Reason = err.Error()
			}
		})
	}
	wg.Wait()
	return out
}

// run runs a check; one that panics is not ready.
func run(ctx context.Context, c Check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check failed: %v", p)
		}
	}()
	return c.Run(ctx)
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		Fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
