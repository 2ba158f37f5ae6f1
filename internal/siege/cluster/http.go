//go:build unix

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Stmt is SQL followed by its arguments.
type Stmt []any

// Result is what one statement gave.
type Result struct {
	Columns      []string `json:"columns"`
	Types        []string `json:"types"`
	Values       [][]any  `json:"values"` // numbers are json.Number
	LastInsertID int64    `json:"last_insert_id"`
	RowsAffected int64    `json:"rows_affected"`
	Error        string   `json:"error"`
}

// Int is the whole number in the first column of the first row.
func (r Result) Int() (int64, error) {
	if len(r.Values) == 0 || len(r.Values[0]) == 0 {
		return 0, errors.New("no row")
	}
	return Int(r.Values[0][0])
}

// Int reads a value that is a whole number.
func Int(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v (%T) is no number", v, v)
	}
	return n.Int64()
}

// Refusal is an answer that is no result: a status, or an error for the whole
// request.
type Refusal struct {
	Status int
	Text   string
}

func (r *Refusal) Error() string { return fmt.Sprintf("HTTP %d: %s", r.Status, r.Text) }

// StatementError is the error of one statement. In a transaction it means that
// none of them is applied.
type StatementError struct{ Text string }

func (e *StatementError) Error() string { return e.Text }

// Nothing reports whether an error of a change means that it was certainly not
// applied and never will be. Whatever is not known for sure is not that.
func Nothing(err error) bool {
	var refusal *Refusal
	var statement *StatementError
	var dial *net.OpError
	switch {
	case err == nil:
		return false
	case errors.As(err, &statement):
		return !strings.Contains(statement.Text, "OUTCOME") && !strings.Contains(statement.Text, "outcome")
	case errors.As(err, &refusal):
		return refusal.Status == http.StatusServiceUnavailable && strings.TrimSpace(refusal.Text) == "leader not found"
	case errors.As(err, &dial):
		return dial.Op == "dial"
	}
	return false
}

// newClient is a client to one node. Sockets are opened in the node's own
// network, so that no partition between nodes concerns it.
func newClient(network Network, i int) *http.Client {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 256, MaxIdleConns: 512, DisableCompression: true,
		DialContext: func(ctx context.Context, kind, address string) (conn net.Conn, err error) {
			err = network.Enter(i, func() error {
				conn, err = dialer.DialContext(ctx, kind, address)
				return err
			})
			return conn, err
		},
	}}
}

// URL is the address of something on the node's HTTP interface.
func (n *Node) URL(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", n.HTTP, path) }

// Get fetches something that is no statement.
func (n *Node) Get(ctx context.Context, path string) ([]byte, error) {
	return n.send(ctx, http.MethodGet, path, nil)
}

// Post sends something that is no statement.
func (n *Node) Post(ctx context.Context, path string, body []byte) ([]byte, error) {
	return n.send(ctx, http.MethodPost, path, body)
}

func (n *Node) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, n.URL(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key, _ := ctx.Value(keyKey{}).(string); key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &Refusal{resp.StatusCode, strings.TrimSpace(string(data))}
	}
	return data, nil
}

type keyKey struct{}

// WithKey returns a context whose requests carry an identity: however often one
// is sent, Weft applies it once.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyKey{}, key)
}

type timeoutKey struct{}

// WithTimeout returns a context whose statements are to be answered by the node
// within a time.
func WithTimeout(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, timeoutKey{}, d)
}

// Execute runs statements that change something; with atomic all or none.
func (n *Node) Execute(ctx context.Context, atomic bool, list ...Stmt) ([]Result, error) {
	q := url.Values{}
	if atomic {
		q.Set("transaction", "")
	}
	return n.run(ctx, "/db/execute", q, list)
}

// Query reads at a level.
func (n *Node) Query(ctx context.Context, level string, list ...Stmt) ([]Result, error) {
	return n.run(ctx, "/db/query", url.Values{"level": {level}}, list)
}

// Request runs statements of both kinds as one transaction.
func (n *Node) Request(ctx context.Context, list ...Stmt) ([]Result, error) {
	return n.run(ctx, "/db/request", url.Values{"transaction": {""}, "level": {"strong"}}, list)
}

func (n *Node) run(ctx context.Context, path string, q url.Values, list []Stmt) ([]Result, error) {
	if d, ok := ctx.Value(timeoutKey{}).(time.Duration); ok {
		q.Set("timeout", d.String())
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	data, err := n.send(ctx, http.MethodPost, path+"?"+q.Encode(), body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []Result `json:"results"`
		Error   string   `json:"error"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer %.200q: %w", data, err)
	}
	if answer.Error != "" {
		return nil, &Refusal{http.StatusOK, answer.Error}
	}
	for _, r := range answer.Results {
		if r.Error != "" {
			return answer.Results, &StatementError{r.Error}
		}
	}
	if len(answer.Results) != len(list) {
		return nil, fmt.Errorf("%d results for %d statements: %.200s", len(answer.Results), len(list), data)
	}
	return answer.Results, nil
}

// Status is what a node says of its copy, as far as it is needed here.
type Status struct {
	Store struct {
		Leader struct {
			ID   string `json:"node_id"`
			Addr string `json:"addr"`
		} `json:"leader"`
		ID    string `json:"node_id"` // of this node's copy
		Addr  string `json:"addr"`    // of this node: of Weft its peer ID, with which the IDs of its copies begin
		Nodes []struct {
			ID       string `json:"id"`
			Suffrage string `json:"suffrage"`
		} `json:"nodes"`
		Raft struct {
			State string `json:"state"`
		} `json:"raft"`
		Sequence int64  `json:"sequence"` // of Weft
		Chain    string `json:"chain"`
		Error    string `json:"error"`
	} `json:"store"`
}

// Status asks for it.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var s Status
	data, err := n.Get(ctx, "/status")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// whole is an error unless so many copies vote, the node's own among them.
func (s Status) whole(nodes int) error {
	voters, own := 0, false
	for _, n := range s.Store.Nodes {
		if n.Suffrage == "Voter" || n.Suffrage == "voter" {
			voters++
			own = own || n.ID == s.Store.ID
		}
	}
	switch {
	case s.Store.Error != "":
		return errors.New(s.Store.Error)
	case !own || strings.HasPrefix(s.Store.Addr, "12D3") && !strings.HasPrefix(s.Store.ID, s.Store.Addr):
		return fmt.Errorf("the node's own copy (%q) does not vote", s.Store.ID)
	case voters < nodes:
		return fmt.Errorf("%d of %d nodes vote", voters, nodes)
	}
	return nil
}
