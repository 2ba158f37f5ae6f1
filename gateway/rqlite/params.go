package rqlite

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// The bounds of how long one request may run.
const (
	defaultTimeout = 30 * time.Second
	longestTimeout = 10 * time.Minute
)

// params are the parameters of a request's URL. Names are matched exactly, of
// a repeated one the first value counts, and unknown ones are ignored, all as
// in rqlite.
type params map[string]string

// readParams reads them; the error's text is for the client.
func readParams(query string) (params, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	p := params{}
	for k, v := range values {
		p[k] = v[0]
	}
	if p.has("freshness_strict") && !p.has("freshness") {
		return nil, fmt.Errorf("freshness_strict requires freshness")
	}
	for _, k := range []string{"timeout", "freshness", "db_timeout", "linearizable_timeout"} {
		if v, ok := p[k]; ok {
			if _, err := time.ParseDuration(v); err != nil {
				return nil, fmt.Errorf("%s is not a valid duration", k)
			}
		}
	}
	for _, k := range []string{"retries", "trailing_logs"} {
		if v, ok := p[k]; ok {
			if _, err := strconv.Atoi(v); err != nil {
				return nil, fmt.Errorf("%s is not a valid integer", k)
			}
		}
	}
	if v, ok := p["q"]; ok && v == "" {
		return nil, fmt.Errorf("query parameter not set")
	}
	return p, nil
}

func (p params) has(name string) bool {
	_, ok := p[name]
	return ok
}

// duration is that of a parameter, 0 when it is not there.
func (p params) duration(name string) time.Duration {
	d, err := time.ParseDuration(p[name])
	if err != nil {
		return 0
	}
	return d
}

// timeout is how long the request may run: the shortest of those given, which
// in rqlite bound its parts.
func (p params) timeout() time.Duration {
	d := defaultTimeout
	if t := p.duration("timeout"); t > 0 {
		d = min(t, longestTimeout)
	}
	if t := p.duration("db_timeout"); t > 0 {
		d = min(d, t)
	}
	if t := p.duration("linearizable_timeout"); t > 0 && p.level() == op.Linearizable {
		d = min(d, t)
	}
	return d
}

// level is the level of consistency. What is no level is weak, as in rqlite.
func (p params) level() op.Consistency {
	c, err := op.ParseConsistency(strings.ToLower(p["level"]))
	if err != nil {
		return op.Weak
	}
	return c
}

// auto reports whether the level depends on what this node is in the group.
func (p params) auto() bool { return strings.EqualFold(p["level"], "auto") }

// reading is how reads are to be answered. standby says that this node's copy
// does not vote.
func (p params) reading(standby bool) op.Reading {
	r := op.Reading{Consistency: p.level()}
	if p.auto() && standby {
		r.Consistency = op.None
	}
	if r.Consistency == op.None {
		r.MaxAge = max(p.duration("freshness"), 0)
	}
	return r
}
