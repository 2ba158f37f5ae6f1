package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/postgres"
)

type item struct {
	ID    string `weft:"primary,type=string"`
	N     int64
	Text  *string         `weft:"type=text"`
	Bin   *[]byte         `weft:"type=binary"`
	Doc   *map[string]any `weft:"type=json"`
	Email *string         `weft:"unique,type=string"`
}

func build(t testing.TB, structs ...any) *schema.Set {
	t.Helper()
	var list []*schema.Model
	for _, s := range structs {
		m, err := schema.FromStruct(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// must runs an operation and gives its rows.
func must(t testing.TB, e op.Engine, o op.Op) (op.Result, [][]any) {
	t.Helper()
	res, rows, err := run(e, o)
	if err != nil {
		t.Fatalf("%s: %v", o.Kind, err)
	}
	return res, rows
}

func run(e op.Engine, o op.Op) (op.Result, [][]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := e.Do(ctx, o)
	if err != nil || res.Rows == nil {
		return res, nil, err
	}
	defer res.Rows.Close()
	var rows [][]any
	for res.Rows.Next() {
		rows = append(rows, append([]any(nil), res.Rows.Row()...))
	}
	return res, rows, res.Rows.Err()
}

func insert(m *schema.Model, from, n int) op.Op {
	o := op.Op{Kind: op.Insert, Model: m}
	for i := range n {
		o.Rows = append(o.Rows, []any{fmt.Sprintf("%06d", from+i), int64(i), nil, nil, nil, nil})
	}
	return o
}

func count(m *schema.Model) op.Op { return op.Op{Kind: op.Count, Model: m} }

func wants(t *testing.T, err error, code op.Code, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s with %q", code, parts)
		return
	}
	if op.CodeOf(err) != code {
		t.Errorf("the error is %s, want %s: %v", op.CodeOf(err), code, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error does not say %q: %v", p, err)
		}
	}
	if strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// with changes one part of an address.
func with(t *testing.T, dsn string, change func(u *url.URL)) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// Whoever cannot connect is told why and what to do, and never shown the
// password.
func TestCannotConnect(t *testing.T) {
	s := newServer(t)
	find := count(build(t, item{}).Models[0])
	const nobody = "127.0.0.1:1" // nobody listens there; a port that was free may be taken meanwhile
	nobodyRole := "weft_nobody_" + strings.TrimPrefix(databaseOf(t, s.url), "weft_test_")
	s.run(t, `CREATE ROLE `+nobodyRole+` LOGIN; CREATE SCHEMA private; CREATE TABLE private.items (id text PRIMARY KEY)`)
	defer s.run(t, `DROP OWNED BY `+nobodyRole+`; DROP ROLE `+nobodyRole)
	s.run(t, `GRANT USAGE ON SCHEMA private TO `+nobodyRole)
	ascii := "weft_ascii_" + strings.TrimPrefix(databaseOf(t, s.url), "weft_test_")
	s.run(t, `CREATE DATABASE `+ascii+` TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'`)
	defer s.run(t, `DROP DATABASE `+ascii)
	refusing := refuses(t)
	for name, c := range map[string]struct {
		dsn   string
		parts []string
	}{
		"empty":        {"", []string{"is empty", "postgres://"}},
		"faulty":       {"postgres://u:sesame@host:port/d", []string{"cannot be read"}},
		"faulty words": {"host=h password=sesame port=x", []string{"cannot be read"}},
		"faulty mode":  {"postgres://u:sesame@h/d?sslmode=perhaps", []string{"cannot be read", "sslmode"}},
		"unreachable":  {with(t, s.url, func(u *url.URL) { u.Host, u.User = nobody, url.UserPassword("u", "sesame") }), []string{"cannot be reached", "refused", "check"}},
		"password":     {with(t, s.url, func(u *url.URL) { u.Host, u.User = refusing, url.UserPassword("u", "sesame") }), []string{"refuses the user", "check user and password"}},
		"no user":      {with(t, s.url, func(u *url.URL) { u.User = url.UserPassword("weft_none", "sesame") }), []string{"refuses the user", "weft_none"}},
		"no database":  {with(t, s.url, func(u *url.URL) { u.Path = "/weft_none" }), []string{"there is no such database", "weft_none"}},
		"encoding":     {with(t, s.url, func(u *url.URL) { u.Path = "/" + ascii }), []string{"SQL_ASCII", "UTF8"}},
		"no schema":    {s.at(t, "none"), []string{"search_path"}},
		"permission":   {with(t, s.at(t, "private"), func(u *url.URL) { u.User = url.User(nobodyRole) }), []string{"may not do that", "permission denied", "GRANT"}},
		"no table":     {s.url, []string{"does not exist", "migrate first"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := postgres.Open(c.dsn)
			_, _, err := run(e, find)
			if name == "permission" {
				_, _, err = run(e, op.Op{Kind: op.SQL, SQL: "SELECT * FROM items", Returning: true})
			}
			wants(t, err, op.CodeDatabase, c.parts...)
			if err := e.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func databaseOf(t *testing.T, dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// refuses is a server that takes no password.
func refuses(t *testing.T) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				b := pgproto3.NewBackend(c, c)
				if _, err := b.ReceiveStartupMessage(); err != nil {
					return
				}
				b.Send(&pgproto3.AuthenticationCleartextPassword{})
				_ = b.Flush()
				if _, err := b.Receive(); err != nil {
					return
				}
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: `password authentication failed for user "u"`})
				_ = b.Flush()
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// proxy is a way to the server that can be cut.
type proxy struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	conns []net.Conn
	gates []*sync.Mutex // of the connections: what clients say goes through
	all   sync.WaitGroup

	waits chan struct{} // something stands before a closed gate
	over  chan struct{} // the server ended a connection
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to, waits: make(chan struct{}, 100), over: make(chan struct{}, 100)}
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", p.to)
			if err != nil {
				c.Close()
				continue
			}
			gate := new(sync.Mutex)
			p.mu.Lock()
			p.conns = append(p.conns, c, s)
			p.gates = append(p.gates, gate)
			p.mu.Unlock()
			p.all.Go(func() {
				_, _ = io.Copy(gated{s, p, gate}, c)
				c.Close()
				s.Close()
			})
			p.all.Go(func() {
				_, _ = io.Copy(c, s)
				c.Close()
				s.Close()
				select {
				case p.over <- struct{}{}:
				default:
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); p.cut(); p.all.Wait() })
	return p
}

// gated is the way to the server.
type gated struct {
	io.Writer
	p    *proxy
	gate *sync.Mutex
}

func (g gated) Write(b []byte) (int, error) {
	if !g.gate.TryLock() {
		g.p.waits <- struct{}{}
		g.gate.Lock()
	}
	defer g.gate.Unlock()
	return g.Writer.Write(b)
}

// hold keeps back what clients say on the connections that there are.
func (p *proxy) hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gates := p.gates
	for _, g := range gates {
		g.Lock()
	}
	return func() {
		for _, g := range gates {
			g.Unlock()
		}
	}
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// A connection that is lost loses nothing that was acknowledged, and the next
// operation has another one.
func TestConnectionLost(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	var host string
	with(t, s.url, func(u *url.URL) { host = u.Host })
	p := newProxy(t, host)
	dsn := with(t, s.at(t, "one"), func(u *url.URL) { u.Host = p.l.Addr().String() })
	e := migrated(t, dsn, set, postgres.MaxConns(4))
	must(t, e, insert(m, 0, 10))

	// while nobody uses it
	p.cut()
	must(t, e, count(m))
	kill := func() {
		s.run(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weft'")
	}
	kill()
	must(t, e, insert(m, 100, 1)) // the server says that it did nothing

	// inside a transaction
	ctx := context.Background()
	for name, end := range map[string]func(){"cut": p.cut, "kill": kill} {
		tx, err := e.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		must(t, tx, insert(m, 200, 1))
		end()
		_, _, err = run(tx, insert(m, 201, 1))
		wants(t, err, op.CodeDatabase)
		_, _, err = run(tx, count(m))
		wants(t, err, op.CodeDatabase, "lost", "nothing of it was kept")
		if name == "cut" {
			wants(t, tx.Commit(ctx), op.CodeDatabase, "rolled back")
		} else if err := tx.Rollback(ctx); err != nil {
			t.Errorf("rollback: %v", err)
		}
		if res, _ := must(t, e, count(m)); res.N != 11 {
			t.Errorf("after a %s there are %d rows, want 11", name, res.N)
		}
	}

	// before a commit
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, insert(m, 300, 1))
	p.cut()
	wants(t, tx.Commit(ctx), op.CodeDatabase, "not known")

	// in the middle of a result
	must(t, e, op.Op{Kind: op.Delete, Model: m})
	big := strings.Repeat("x", 100_000)
	o := insert(m, 0, 300)
	for _, r := range o.Rows {
		r[2] = big
	}
	must(t, e, o)
	res, err := e.Do(ctx, op.Op{Kind: op.Find, Model: m})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Rows.Next() {
		t.Fatal(res.Rows.Err())
	}
	p.cut()
	n := 1
	for res.Rows.Next() {
		n++
	}
	if n < 300 {
		wants(t, res.Rows.Err(), op.CodeDatabase, "lost")
	}
	res.Rows.Close()
	must(t, e, count(m))
}

// A statement whose context ends is given up by the server, and its connection
// serves the next.
func TestCancelled(t *testing.T) {
	s := newServer(t)
	e := connect(t, s.url, postgres.MaxConns(1))
	slow := op.Op{Kind: op.SQL, SQL: "SELECT pg_sleep(60)", Returning: true}
	pid := func() any {
		_, rows := must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT pg_backend_pid()", Returning: true})
		return rows[0][0]
	}
	first := pid()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := e.Do(ctx, slow)
	wants(t, err, op.CodeTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is no end of the context: %v", err)
	}
	if again := pid(); again != first {
		t.Errorf("the connection was changed from %v to %v", first, again)
	}
	s.run(t, `DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active') THEN RAISE 'it still runs'; END IF; END $$`)

	// Inside a transaction the statement alone is undone.
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, op.Op{Kind: op.SQL, SQL: "CREATE TABLE kept (n int)"})
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = tx.Do(ctx, slow)
	wants(t, err, op.CodeTimeout)
	must(t, tx, op.Op{Kind: op.SQL, SQL: "INSERT INTO kept VALUES (1)"})
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}

	limited := connect(t, s.url, postgres.MaxConns(1), postgres.QueryTimeout(50*time.Millisecond))
	_, err = limited.Do(context.Background(), slow)
	wants(t, err, op.CodeTimeout, "QueryTimeout")
}

// The request to give up a statement overtakes it: it comes again.
func TestCancelledBeforeItBegins(t *testing.T) {
	s := newServer(t)
	var host string
	with(t, s.url, func(u *url.URL) { host = u.Host })
	p := newProxy(t, host)
	e := connect(t, with(t, s.url, func(u *url.URL) { u.Host = p.l.Addr().String() }), postgres.MaxConns(1))
	sleep := op.Op{Kind: op.SQL, SQL: "SELECT pg_sleep(?)", Args: []any{0}, Returning: true}
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, op.Op{Kind: op.SQL, SQL: "CREATE TABLE kept (n int)"})
	must(t, tx, sleep) // prepares it
	must(t, tx, sleep)
	sleep.Args = []any{60}
	release := p.hold()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := make(chan error, 1)
	go func() {
		_, err := tx.Do(ctx, sleep)
		got <- err
	}()
	<-p.waits // the statement
	cancel()
	<-p.over // the request
	release()
	wants(t, <-got, op.CodeCancelled)
	must(t, tx, op.Op{Kind: op.SQL, SQL: "INSERT INTO kept VALUES (1)"})
	if err := tx.Commit(context.Background()); err != nil {
		t.Error(err)
	}
}

// Values of any size and form come back as they were, and what is no text is
// refused by name.
func TestValues(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	e := migrated(t, s.at(t, "one"), set)
	long := strings.Repeat("äb😀", 10<<20/7)
	row := []any{"a", int64(1), long, []byte(long), op.JSON(`{"long":"` + long + `"}`), ""}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row, {"b", int64(0), "", []byte{}, op.JSON(`{}`), nil}}})
	_, rows := must(t, e, op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: "id"}}})
	if fmt.Sprint(rows[0]) != fmt.Sprint(row) {
		t.Error("long values came back changed")
	}
	if rows[1][2] != "" || len(rows[1][3].([]byte)) != 0 || rows[1][3] == nil || rows[1][5] != nil {
		t.Errorf("empty values came back as %v", rows[1])
	}
	for _, bad := range []string{"\xff", "a\x00b"} {
		_, _, err := run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"bad", int64(0), bad, nil, nil, nil}}})
		wants(t, err, op.CodeValidation)
		_, _, err = run(e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("text", op.Eq, bad)})
		wants(t, err, op.CodeValidation)
	}
	_, _, err := run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{strings.Repeat("x", 300), int64(0), nil, nil, nil, nil}}})
	wants(t, err, op.CodeValidation)
	if res, _ := must(t, e, count(m)); res.N != 2 {
		t.Errorf("%d rows, want 2", res.N)
	}
	end := op.Op{Kind: op.Find, Model: m, Fields: []string{"id"}, Filter: op.Cmp("text", op.StartsWith, "\U0010ffff")}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"z", int64(0), "\U0010ffffx", nil, nil, nil}, {"d", int64(0), "\ud7ffx", nil, nil, nil}}})
	if _, rows := must(t, e, end); len(rows) != 1 || rows[0][0] != "z" {
		t.Errorf("the last rune begins %v", rows)
	}
	end.Filter = op.Cmp("text", op.StartsWith, "\ud7ff")
	if _, rows := must(t, e, end); len(rows) != 1 || rows[0][0] != "d" {
		t.Errorf("the rune before the surrogates begins %v", rows)
	}
}
