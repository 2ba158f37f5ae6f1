package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

// stub is a group that answers every request alike.
type stub struct {
	door.Group
	run  func(ctx context.Context, r door.Request) ([]door.Answer, error)
	info door.Info
}

func (s *stub) Run(ctx context.Context, r door.Request) ([]door.Answer, error) { return s.run(ctx, r) }

func (s *stub) Info(context.Context) (door.Info, error) { return s.info, nil }

func one(context.Context, door.Request) ([]door.Answer, error) {
	return []door.Answer{{Query: true, Columns: []string{"1"}, Types: []string{"integer"}, Rows: [][]any{{int64(1)}}}}, nil
}

// start starts a gateway on loopback, whose groups all are the one given.
func start(t *testing.T, g *stub, change func(*gateway.Config)) (*gateway.Gateway, string) {
	t.Helper()
	if g == nil {
		g = &stub{run: one}
	}
	cfg := gateway.Config{Listen: "127.0.0.1:0", OpenLoopback: true, Group: func(ns string) (door.Group, error) {
		if ns != "default" {
			return nil, op.Errorf(op.CodeNotFound, "there is no namespace %q", ns)
		}
		return g, nil
	}}
	if change != nil {
		change(&cfg)
	}
	gw, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := gw.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		gw.Close(ctx)
	})
	return gw, "http://" + gw.Addr().String()
}

func ask(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		cfg  gateway.Config
		says string
	}{
		{gateway.Config{}, "host:port is needed"},
		{gateway.Config{Listen: "8420"}, "host:port is needed"},
		{gateway.Config{Listen: "127.0.0.1:0", Limits: gateway.Limits{Body: -1}}, "below 0"},
	} {
		if _, err := gateway.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	gw, err := gateway.New(gateway.Config{Listen: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := gw.Start(); err == nil || !strings.Contains(err.Error(), "gateway.listen "+ln.Addr().String()) {
		t.Error(err)
	}
	if err := gw.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	leader := errors.New("no leader is known\nfor 3 s")
	_, url := start(t, nil, func(c *gateway.Config) {
		c.Checks = []gateway.Check{
			{Name: "disk", Run: func(context.Context) error { return nil }},
			{Name: "group default", Leader: true, Run: func(context.Context) error { return leader }},
			{Name: "odd", Run: func(context.Context) error { panic("no") }},
		}
	})
	if code, body := ask(t, "GET", url+"/healthz", ""); code != 200 || body != "ok\n" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", url+"/healthz", "", "Accept", "application/json"); code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Error(code, body)
	}
	code, body := ask(t, "GET", url+"/readyz", "")
	if code != 503 || body != "[+]node ok\n[+]disk ok\n[-]group default no leader is known for 3 s\n[-]odd the check failed: no" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", url+"/readyz?noleader", ""); code != 503 || strings.Contains(body, "group default") {
		t.Error(code, body)
	}
	code, body = ask(t, "GET", url+"/readyz?format=json", "")
	var got struct {
		Status string
		Checks []struct {
			Name, Reason string
			OK           bool
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != 503 || got.Status != "not ready" || len(got.Checks) != 3 ||
		!got.Checks[0].OK || got.Checks[1].OK || got.Checks[1].Reason != leader.Error() {
		t.Error(code, body, err)
	}
	_, ready := start(t, nil, nil)
	if code, body := ask(t, "GET", ready+"/readyz", ""); code != 200 || body != "[+]node ok" {
		t.Error(code, body)
	}
}

func TestWhoMayAsk(t *testing.T) {
	for _, c := range []struct {
		open   bool
		path   string
		header []string
		status int
		says   string
	}{
		{false, "/db/query?q=x", nil, 401, "gateway.open_loopback"},
		{false, "/status", nil, 401, "gateway.open_loopback"},
		{true, "/db/query?q=x", nil, 200, ""},
		{true, "/status", nil, 200, ""},
		{true, "/ns/default/db/query?q=x", nil, 200, ""},
		{true, "/ns/other/db/query?q=x", nil, 401, "open_loopback"},
		{true, "/ns/other/readyz", nil, 401, "open_loopback"},
		{true, "/db/query?q=x", []string{"Host", "localhost:8420"}, 200, ""},
		{true, "/db/query?q=x", []string{"Host", "LOCALHOST"}, 200, ""},
		{true, "/db/query?q=x", []string{"Host", "[::1]:8420"}, 200, ""},
		{true, "/db/query?q=x", []string{"Host", "127.0.0.1"}, 200, ""},
		{true, "/db/query?q=x", []string{"Host", "evil.example"}, 403, "Host header"},
		{true, "/db/query?q=x", []string{"Host", "evil.example:8420"}, 403, "Host header"},
		{true, "/db/query?q=x", []string{"Host", "localhost.evil.example"}, 403, "Host header"},
		{true, "/db/query?q=x", []string{"Host", "127.0.0.1.evil.example"}, 403, "Host header"},
		{true, "/db/query?q=x", []string{"Host", "10.0.0.1"}, 403, "Host header"},
		{true, "/db/query?q=x", []string{"Origin", "http://evil.example"}, 403, "Origin header"},
		{true, "/db/query?q=x", []string{"Origin", "null"}, 403, "Origin header"},
		{true, "/db/query?q=x", []string{"Origin", "http://localhost:3000"}, 403, "Origin header"},
		{true, "/db/query?q=x", []string{"Host", "localhost:1", "Origin", "http://localhost:1"}, 200, ""},
		{true, "/db/query?q=x", []string{"Sec-Fetch-Site", "cross-site"}, 403, "Sec-Fetch-Site"},
		{true, "/db/query?q=x", []string{"Sec-Fetch-Site", "none"}, 200, ""},
		{true, "/db/query?q=x", []string{"X-Forwarded-For", "10.0.0.9"}, 401, "X-Forwarded-For"},
		{true, "/db/query?q=x", []string{"Forwarded", "for=10.0.0.9"}, 401, "Forwarded"},
		{true, "/nothing", nil, 404, "nothing at /nothing"},
		{true, "/ns/", nil, 404, "/ns/{namespace}"},
		{true, "/ns/default", nil, 404, "/ns/{namespace}"},
	} {
		t.Run(fmt.Sprint(c.open, c.path, c.header), func(t *testing.T) {
			_, url := start(t, nil, func(cfg *gateway.Config) { cfg.OpenLoopback = c.open })
			code, body := ask(t, "GET", url+c.path, "", c.header...)
			if code != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %s", code, body)
			}
			if code >= 400 {
				var e struct {
					Error struct{ Code, Message string }
				}
				if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error.Code == "" || e.Error.Message == "" {
					t.Errorf("%s: %v", body, err)
				}
			}
		})
	}
}

// A gateway that listens on all addresses is open to this machine only.
func TestNotOpenBeyondLoopback(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	gw, _ := start(t, nil, func(c *gateway.Config) { c.Listen = "0.0.0.0:0" })
	_, port, _ := net.SplitHostPort(gw.Addr().String())
	tried := 0
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.To4() == nil {
			continue
		}
		tried++
		// Host is what an attacker would send.
		code, body := ask(t, "GET", "http://"+net.JoinHostPort(n.IP.String(), port)+"/db/query?q=x", "", "Host", "localhost")
		if code != 401 || !strings.Contains(body, "is not this node's own machine") {
			t.Error(n, code, body)
		}
	}
	if tried == 0 {
		t.Log("this machine has no address but loopback; TestRemoteAddress has to do")
	}
}

func TestLimits(t *testing.T) {
	busy, free := make(chan struct{}), make(chan struct{})
	g := &stub{run: func(ctx context.Context, r door.Request) ([]door.Answer, error) {
		switch r.Statements[0].SQL {
		case "wait":
			busy <- struct{}{}
			<-free
		case "panic":
			panic("a bug")
		case "late panic":
			a := door.Answer{Query: true, Columns: []string{"a"}}
			for range 20000 {
				a.Rows = append(a.Rows, []any{"some text"})
			}
			a.Rows = append(a.Rows, nil) // the group's bug: a row without columns
			return []door.Answer{a}, nil
		}
		return one(ctx, r)
	}}
	_, url := start(t, g, func(c *gateway.Config) {
		c.Limits = gateway.Limits{Body: 100, Requests: 1, Header: 4096}
	})
	if code, body := ask(t, "POST", url+"/db/query", `["`+strings.Repeat("x", 200)+`"]`); code != 413 {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", url+"/db/query?q=panic", ""); code != 500 || body != `{"error":{"code":"INTERNAL_ERROR","message":"an error inside the node; its log says more"}}`+"\n" {
		t.Error(code, body)
	}
	if res, err := http.Get(url + "/db/query?associative&q=late+panic"); err == nil {
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("half an answer looks whole")
		}
		res.Body.Close()
	}
	waiting := make(chan error, 1)
	go func() {
		res, err := http.Get(url + "/db/query?q=wait")
		if err == nil {
			res.Body.Close()
		}
		waiting <- err
	}()
	<-busy
	if code, body := ask(t, "GET", url+"/db/query?q=x", ""); code != 429 || !strings.Contains(body, "RATE_LIMIT_EXCEEDED") {
		t.Error(code, body)
	}
	if code, _ := ask(t, "GET", url+"/healthz", ""); code != 200 {
		t.Error("a busy node is not dead:", code)
	}
	free <- struct{}{}
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		if code, body := ask(t, "GET", url+"/db/query?q=x", ""); code == 200 {
			break
		} else if time.Now().After(end) {
			t.Fatal(code, body)
		}
	}
	addr := strings.TrimPrefix(url, "http://")
	t.Run("long header", func(t *testing.T) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 1<<14))
		// What was not read resets the connection, perhaps before the answer is here.
		if b, err := io.ReadAll(c); err == nil && !strings.Contains(string(b), " 431 ") {
			t.Errorf("%s", b)
		} else if strings.Contains(string(b), " 200 ") {
			t.Errorf("%s", b)
		}
	})
	code, body := ask(t, "GET", url+"/metrics", "")
	for _, want := range []string{
		`weft_gateway_requests_total{endpoint="/db/query",status="413"} 1`,
		"weft_gateway_panics_total 2", "weft_gateway_request_seconds_bucket", "go_goroutines", "process_open_fds",
	} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d: %s is not in the metrics", code, want)
		}
	}
}

// The times are those of a gateway that nobody else asks: on a machine that stands
// still for a moment every client stalls.
func TestClientsThatStall(t *testing.T) {
	gw, _ := start(t, nil, func(c *gateway.Config) {
		c.Limits = gateway.Limits{HeaderTime: 200 * time.Millisecond, StallTime: 200 * time.Millisecond}
	})
	for name, sent := range map[string]string{
		"header": "GET /healthz HT",
		"body":   "POST /db/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n[",
		"unread": "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n[",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", gw.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, sent)
			c.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || (err != nil && isTimeout(err)) {
				t.Error("a client that stalls is kept:", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// One connection serves requests with and without pauses: no deadline of one
// request reaches the next, and none ends a request that takes long.
func TestDeadlinesEnd(t *testing.T) {
	g := &stub{run: func(ctx context.Context, r door.Request) ([]door.Answer, error) {
		if r.Statements[0].SQL == "slow" {
			select {
			case <-time.After(2500 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return one(ctx, r)
	}}
	gw, _ := start(t, g, func(c *gateway.Config) { c.Limits.StallTime = 2 * time.Second })
	c, err := net.Dial("tcp", gw.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for _, sent := range []string{
		"POST /db/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n[\"slow\"]",
		"GET /db/query?q=slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /db/query HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		fmt.Fprint(c, sent)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", sent, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || strings.Contains(string(body), "error") {
			t.Errorf("%q: %d %s %v", sent, res.StatusCode, body, err)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	gw, url := start(t, nil, func(c *gateway.Config) {
		c.Limits = gateway.Limits{Connections: 4, HeaderTime: 300 * time.Millisecond, IdleTime: 300 * time.Millisecond}
	})
	for range 8 { // none says anything
		c, err := net.Dial("tcp", gw.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	// They are closed in time, and then it is our turn. On a slow machine we may be
	// taken for one that says nothing, too.
	for end := time.Now().Add(time.Minute); ; {
		res, err := http.Get(url + "/healthz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Error(res.Status)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestCloseWaits(t *testing.T) {
	begun := make(chan struct{}, 2)
	g := &stub{run: func(ctx context.Context, r door.Request) ([]door.Answer, error) {
		begun <- struct{}{}
		select {
		case <-time.After(200 * time.Millisecond):
			return one(ctx, r)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	gw, url := start(t, g, nil)
	done := make(chan int, 1)
	go func() {
		res, err := http.Get(url + "/db/query?q=x")
		if err != nil {
			done <- 0
			return
		}
		res.Body.Close()
		done <- res.StatusCode
	}()
	<-begun
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := gw.Close(ctx); err != nil {
		t.Error(err)
	}
	if code := <-done; code != 200 {
		t.Error("the request under way was answered with", code)
	}
	if err := gw.Close(ctx); err != nil {
		t.Error("closing again:", err)
	}
}

func TestCloseEndsRequests(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	g := &stub{run: func(ctx context.Context, r door.Request) ([]door.Answer, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}}
	gw, url := start(t, g, nil)
	go func() {
		if res, err := http.Get(url + "/db/query?q=x"); err == nil {
			res.Body.Close()
		}
	}()
	<-begun
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := gw.Close(ctx); err == nil || !strings.Contains(err.Error(), "broken off") {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Close came back before the request had ended")
	}
}
