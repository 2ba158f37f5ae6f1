package rqlite

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
)

// node is how rqlite shows one.
type node struct {
	ID        string  `json:"id,omitempty"`
	API       string  `json:"api_addr,omitempty"`
	Addr      string  `json:"addr,omitempty"`
	Voter     bool    `json:"voter"`
	Reachable bool    `json:"reachable"`
	Leader    bool    `json:"leader"`
	Time      float64 `json:"time,omitempty"`
	TimeS     string  `json:"time_s,omitempty"`
	Error     string  `json:"error,omitempty"`
}

// list is every node that a client of the namespace may ask, by ID. This one is
// always among them, for it answers: a client that knew no other would have
// nobody to ask.
func (h *Handler) list(ctx context.Context, c *call) ([]node, error) {
	var (
		known []Node
		err   error
	)
	if h.o.Nodes != nil {
		known, err = h.o.Nodes(ctx, c.namespace)
	} else {
		known, err = members(ctx, c.g)
	}
	if err != nil {
		return nil, err
	}
	here := slices.ContainsFunc(known, func(n Node) bool { return n.Addr == h.o.Self })
	if !here {
		known = append(known, Node{ID: h.o.Self, Addr: h.o.Self, Reachable: true})
	}
	out := make([]node, 0, len(known))
	for _, n := range known {
		self := n.Addr == h.o.Self
		if self {
			n.Reachable = true // at the address that the client has reached it at
			n.API = "http://" + c.r.Host
			if c.r.TLS != nil {
				n.API = "https://" + c.r.Host
			}
		}
		if !self && !n.Voter && !c.p.has("nonvoters") {
			continue
		}
		v := node{ID: n.ID, Addr: n.Addr, Voter: n.Voter, Leader: n.Leader, Reachable: n.Reachable, Error: n.Error}
		switch {
		case !n.Reachable && v.Error == "":
			v.Error = "not reachable"
		case n.API == "":
			// A client must not take it for an address.
			v.Reachable = false
			if v.Error == "" {
				v.Error = "the address of its gateway is not known here"
			}
		default:
			v.API = strings.TrimRight(n.API, "/") + c.base
		}
		if n.Elapsed > 0 {
			v.Time, v.TimeS = n.Elapsed.Seconds(), n.Elapsed.String()
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b node) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func members(ctx context.Context, g door.Group) ([]Node, error) {
	info, err := g.Info(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Node, len(info.Members))
	for i, m := range info.Members {
		out[i] = Node{ID: m.Server, Addr: m.Peer, Voter: m.Voter, Leader: m.Leader, Reachable: m.Lag >= 0}
	}
	return out, nil
}

func (h *Handler) nodes(c *call) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.p.timeout())
	defer cancel()
	list, err := h.list(ctx, c)
	if err != nil {
		http.Error(c, "store nodes: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	if c.p["ver"] == "2" {
		h.json(c, map[string][]node{"nodes": list})
		return
	}
	byID := map[string]node{}
	for _, n := range list {
		byID[n.ID] = n
	}
	h.json(c, byID)
}

func (h *Handler) leader(c *call) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.p.timeout())
	defer cancel()
	list, err := h.list(ctx, c)
	if err != nil {
		http.Error(c, "store nodes: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	for _, n := range list {
		if n.Leader {
			h.json(c, n)
			return
		}
	}
	http.Error(c, "leader not found", http.StatusServiceUnavailable)
}

// readyz says whether the group can be used from here.
func (h *Handler) readyz(c *call) {
	c.Header().Set("Content-Type", "text/plain; charset=utf-8")
	say := func(status int, text string) {
		c.WriteHeader(status)
		_, _ = c.Write([]byte(text)) // the client may be gone
	}
	if c.p.has("noleader") {
		say(http.StatusOK, "[+]node ok")
		return
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), c.p.timeout())
	defer cancel()
	info, err := c.g.Info(ctx)
	switch {
	case err != nil:
		say(http.StatusServiceUnavailable, "[+]node ok\n[+]leader not contactable: "+err.Error())
	case info.Leader == "":
		say(http.StatusServiceUnavailable, "[+]node ok\n[+]leader does not exist")
	case info.Broken != "":
		say(http.StatusServiceUnavailable, "[+]node ok\n[+]leader ok\n[+]store not ready: "+info.Broken)
	default:
		text := "[+]node ok\n[+]leader ok\n[+]store ok"
		if c.p.has("sync") {
			if err := caughtUp(ctx, c.g, info.Commit); err != nil {
				say(http.StatusServiceUnavailable, text+"\n[+]sync "+err.Error())
				return
			}
			text += "\n[+]sync ok"
		}
		say(http.StatusOK, text)
	}
}

// caughtUp waits until this node has applied what was committed.
func caughtUp(ctx context.Context, g door.Group, commit uint64) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := g.Info(ctx)
		if err != nil {
			return err
		}
		if info.Applied >= commit {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// tree is a JSON object in the making.
type tree = map[string]any

// status is a part of what rqlite shows: what clients read, and what there is.
func (h *Handler) status(c *call) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.p.timeout())
	defer cancel()
	now := time.Now()
	s := tree{
		"os": tree{"pid": os.Getpid(), "ppid": os.Getppid(), "page_size": os.Getpagesize()},
		"runtime": tree{
			"GOARCH": runtime.GOARCH, "GOOS": runtime.GOOS, "GOMAXPROCS": runtime.GOMAXPROCS(0),
			"num_cpu": runtime.NumCPU(), "num_goroutine": runtime.NumGoroutine(), "version": runtime.Version(),
		},
		"node":  tree{"start_time": h.started, "current_time": now, "uptime": now.Sub(h.started).String()},
		"http":  tree{"bind_addr": h.addr(), "auth": "disabled", "tls": tree{"enabled": c.r.TLS != nil}},
		"store": h.store(ctx, c),
	}
	if h.o.Build != nil {
		s["build"] = h.o.Build
	}
	if ms := h.backup.Load(); ms != 0 {
		s["last_backup_time"] = time.UnixMilli(ms)
	}
	h.json(c, s)
}

func (h *Handler) addr() string {
	if h.o.Addr == nil {
		return ""
	}
	return h.o.Addr()
}

func (h *Handler) store(ctx context.Context, c *call) tree {
	i, err := c.g.Info(ctx)
	if err != nil {
		return tree{"open": false, "error": err.Error()}
	}
	var leader door.Member
	voter, voters := false, 0
	nodes := []tree{}
	for _, m := range i.Members {
		suffrage := "Nonvoter"
		if m.Voter {
			suffrage = "Voter"
			voters++
		}
		if m.Leader || (leader.Server == "" && m.Peer == i.Leader) {
			leader = m
		}
		if m.Server == i.Server {
			voter = m.Voter
		}
		nodes = append(nodes, tree{"id": m.Server, "addr": m.Peer, "suffrage": suffrage, "reachable": m.Lag >= 0, "lag": m.Lag})
	}
	if leader.Peer == "" {
		leader.Peer = i.Leader
	}
	s := tree{
		"open": i.Broken == "", "ready": i.Broken == "" && i.Leader != "",
		"node_id": i.Server, "addr": h.o.Self, "group": i.Group,
		"leader":    map[string]string{"node_id": leader.Server, "addr": leader.Peer},
		"fsm_index": i.Applied, "db_applied_index": i.Applied, "sequence": i.Sequence, "chain": i.Chain,
		"nodes": nodes,
		"raft": tree{
			"state": i.State, "term": i.Term, "commit_index": i.Commit, "applied_index": i.Applied,
			"num_peers": max(voters-1, 0), "voter": voter, "log_size": i.LogSize,
		},
		"sqlite3": tree{"db_size": i.DBSize, "wal_size": i.WALSize},
	}
	if i.Broken != "" {
		s["error"] = i.Broken
	}
	if i.Problem != "" {
		s["problem"] = i.Problem
	}
	return s
}

// json writes a value, or the part of it that the parameter key names.
func (h *Handler) json(c *call, v any) {
	c.Header().Set("Content-Type", jsonType)
	b, err := json.Marshal(v)
	if err == nil && c.p["key"] != "" {
		b, err = part(b, c.p["key"])
	}
	if err == nil && c.p.has("pretty") {
		b, err = json.MarshalIndent(json.RawMessage(b), "", "    ")
	}
	if err != nil {
		http.Error(c, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := c.Write(b); err != nil {
		h.log.Debug("the client did not take its answer", "err", err)
	}
}

// part is what stands at a path of keys with dots between them; {} where there
// is none.
func part(b []byte, path string) ([]byte, error) {
	for _, k := range strings.Split(path, ".") {
		var m map[string]json.RawMessage
		if json.Unmarshal(b, &m) != nil {
			return b, nil // a plain value has no parts
		}
		v, ok := m[k]
		if !ok {
			return []byte("{}"), nil
		}
		b = v
	}
	return b, nil
}
