package rqlite_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rqlite/gorqlite"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/op"
)

// useClient does with gorqlite, the client of rqlite's makers, what programs do
// with it.
func useClient(t *testing.T, url string) {
	t.Helper()
	c, err := gorqlite.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if leader, err := c.Leader(); err != nil || leader == "" {
		t.Errorf("leader %q, %v", leader, err)
	}
	if peers, err := c.Peers(); err != nil || len(peers) == 0 {
		t.Errorf("peers %q, %v", peers, err)
	}
	if _, err := c.WriteOne("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE, born DATETIME, height REAL, photo BLOB)"); err != nil {
		t.Fatal(err)
	}
	w, err := c.WriteOneParameterized(gorqlite.ParameterizedStatement{
		Query: "INSERT INTO people(name, born, height) VALUES(?, ?, ?)", Arguments: []any{"Ann <&>", "1990-01-02 03:04:05", 1.75},
	})
	if err != nil || w.LastInsertID != 1 || w.RowsAffected != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	many := make([]gorqlite.ParameterizedStatement, 50)
	for i := range many {
		many[i] = gorqlite.ParameterizedStatement{Query: "INSERT INTO people(name) VALUES(?)", Arguments: []any{strings.Repeat("x", i+1)}}
	}
	if res, err := c.WriteParameterized(many); err != nil || len(res) != 50 {
		t.Errorf("%d results, %v", len(res), err)
	}
	for _, level := range []string{"none", "weak", "linearizable", "strong"} {
		l, _ := gorqlite.ParseConsistencyLevel(level)
		if err := c.SetConsistencyLevel(l); err != nil {
			t.Fatal(err)
		}
		rows, err := c.QueryOneParameterized(gorqlite.ParameterizedStatement{
			Query: "SELECT id, name, born, height, photo FROM people WHERE name = ?", Arguments: []any{"Ann <&>"},
		})
		if err != nil || rows.NumRows() != 1 || !rows.Next() {
			t.Errorf("%s: %d rows, %v", level, rows.NumRows(), err)
			continue
		}
		var (
			id     int64
			name   string
			born   time.Time
			height float64
			photo  gorqlite.NullString
		)
		if err := rows.Scan(&id, &name, &born, &height, &photo); err != nil || id != 1 || name != "Ann <&>" || height != 1.75 || photo.Valid ||
			!born.Equal(time.Date(1990, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s: %d %q %v %v %v, %v", level, id, name, born, height, photo, err)
		}
	}
	// All or nothing, which gorqlite asks for by itself.
	res, err := c.Write([]string{"DELETE FROM people", "INSERT INTO people(id, name) VALUES(1, 'a')", "INSERT INTO people(id, name) VALUES(1, 'b')"})
	if err == nil || !strings.Contains(err.Error(), "UNIQUE constraint failed") || len(res) != 3 {
		t.Errorf("%+v, %v", res, err)
	}
	rows, err := c.QueryOne("SELECT count(*) FROM people")
	var n int64
	if err != nil || !rows.Next() || rows.Scan(&n) != nil || n != 51 {
		t.Errorf("%d rows after a transaction that failed, %v", n, err)
	}
	if _, err := c.QueryOne("DELETE FROM people"); err == nil {
		t.Error("a query deleted rows")
	}
	if _, err := c.QueryOne("SELECT nonsense"); err == nil || !strings.Contains(err.Error(), "no such column: nonsense") {
		t.Error(err)
	}
	both, err := c.Request([]string{"INSERT INTO people(id, name) VALUES(99, 'z')", "SELECT name FROM people WHERE id = 99"})
	if err != nil || len(both) != 2 || both[0].Write == nil || both[0].Write.LastInsertID != 99 || both[1].Query == nil || both[1].Query.NumRows() != 1 {
		t.Errorf("%+v, %v", both, err)
	}
	first, err := c.QueueOne("INSERT INTO people(name) VALUES('queued')")
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.QueueOne("INSERT INTO people(name) VALUES('queued too')")
	if err != nil || second <= first {
		t.Errorf("sequence %d, then %d, %v", first, second, err)
	}
	if rows, err := c.QueryOne("SELECT id FROM people WHERE name LIKE 'queued%'"); err != nil || rows.NumRows() != 2 {
		t.Errorf("%d queued rows, %v", rows.NumRows(), err)
	}
}

func TestGorqlite(t *testing.T) {
	useClient(t, server(t, newSolo(t), rqlite.Options{}).URL)
}

// moveData takes backups in both forms and loads them again.
func moveData(t *testing.T, url string) {
	t.Helper()
	do := func(body string) {
		t.Helper()
		code, got := ask(t, url, "POST", "/db/execute?transaction", body)
		if code != 200 || strings.Contains(got, "error") {
			t.Fatalf("%s: %d %s", body, code, got)
		}
	}
	do(`["CREATE TABLE \"odd name\" (id INTEGER PRIMARY KEY, \"a \"\"b\" TEXT, c BLOB, d REAL, e AS (d*2), f)",
		"CREATE TABLE log (what TEXT)", "CREATE INDEX i ON log(what)", "CREATE VIEW v AS SELECT what FROM log",
		"CREATE TRIGGER tr AFTER INSERT ON \"odd name\" BEGIN INSERT INTO log VALUES('new; row'); INSERT INTO log VALUES(NEW.id); END",
		["INSERT INTO \"odd name\"(\"a \"\"b\",c,d,f) VALUES(?,?,?,?)","it's; -- 'x'\n","X'00ff'",1,9007199254740993],
		["INSERT INTO \"odd name\"(\"a \"\"b\",c,d,f) VALUES(?,?,?,?)",null,null,1e300,2.5]]`)
	const question = `["SELECT * FROM \"odd name\" ORDER BY id","SELECT * FROM v ORDER BY 1","SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'weft%' ORDER BY name","SELECT typeof(d), typeof(f) FROM \"odd name\""]`
	_, want := ask(t, url, "POST", "/db/query", question)
	if strings.Contains(want, "error") {
		t.Fatal(want)
	}
	code, file := ask(t, url, "GET", "/db/backup", "")
	if code != 200 || !strings.HasPrefix(file, "SQLite format 3\x00") {
		t.Fatalf("%d %.100q", code, file)
	}
	code, dump := ask(t, url, "GET", "/db/backup?fmt=sql", "")
	if code != 200 || !strings.HasPrefix(dump, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE") || !strings.HasSuffix(dump, "COMMIT;\n") {
		t.Fatalf("%d %s", code, dump)
	}
	drop := `["DROP VIEW v","DROP TABLE log","DROP TABLE \"odd name\""]`
	do(drop)
	if code, got := ask(t, url, "POST", "/db/load", dump); code != 200 || strings.Contains(got, "error") {
		t.Errorf("load a dump: %d %s", code, got)
	}
	if _, got := ask(t, url, "POST", "/db/query", question); got != want {
		t.Errorf("after a dump was loaded:\n got %s\nwant %s", got, want)
	}
	do(drop)
	do(`["CREATE TABLE not_in_the_backup (a)"]`)
	if code, got := ask(t, url, "POST", "/db/load", file); code != 200 || got != `{"results":[]}` {
		t.Errorf("load a file: %d %s", code, got)
	}
	if _, got := ask(t, url, "POST", "/db/query", question); got != want {
		t.Errorf("after a file was loaded:\n got %s\nwant %s", got, want)
	}
	// A dump that fails changes nothing.
	code, got := ask(t, url, "POST", "/db/load", "DELETE FROM log; INSERT INTO nothere VALUES(1); DELETE FROM v;")
	if code != 200 || !strings.Contains(got, "statement 2 of 3: no such table: nothere; nothing was loaded") {
		t.Errorf("%d %s", code, got)
	}
	if _, got := ask(t, url, "POST", "/db/query", question); got != want {
		t.Errorf("after a dump failed: %s", got)
	}
	if code, got := ask(t, url, "POST", "/db/load", "\x1f\x8b\x08"); code != 400 {
		t.Errorf("%d %s", code, got)
	}
}

func TestBackupAndLoad(t *testing.T) {
	moveData(t, server(t, newSolo(t), rqlite.Options{}).URL)
}

// A file that breaks off on its way in is not loaded, and a backup that breaks
// off on its way out is not taken for whole.
func TestBrokenTransfers(t *testing.T) {
	g := newSolo(t)
	s := server(t, g, rqlite.Options{})
	_, file := ask(t, s.URL, "GET", "/db/backup", "")
	cut := io.MultiReader(strings.NewReader(file[:len(file)/2]), &broken{})
	if res, err := http.Post(s.URL+"/db/load", "application/octet-stream", cut); err == nil {
		res.Body.Close()
		t.Error(res.Status)
	}
	if _, got := ask(t, s.URL, "GET", "/db/query?q=SELECT+1", ""); got != `{"results":[{"columns":["1"],"types":["integer"],"values":[[1]]}]}` {
		t.Error(got)
	}
	half := server(t, &halfway{g}, rqlite.Options{})
	res, err := http.Get(half.URL + "/db/backup")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("half a backup looks whole")
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errors.New("the cable was pulled") }

type halfway struct{ *solo }

func (h *halfway) Backup(_ context.Context, w io.Writer) error {
	w.Write(make([]byte, 1<<20))
	return errors.New("the disk failed")
}

func TestParameters(t *testing.T) {
	g := newSolo(t)
	g.info.Members[0].Voter = false
	s := server(t, g, rqlite.Options{})
	for query, want := range map[string]op.Reading{
		"":                          {},
		"level=none":                {Consistency: op.None},
		"level=NONE&freshness=2s":   {Consistency: op.None, MaxAge: 2 * time.Second},
		"level=weak&freshness=2s":   {},
		"level=strong":              {Consistency: op.Strong},
		"level=linearizable":        {Consistency: op.Linearizable},
		"level=odd":                 {},
		"level=auto":                {Consistency: op.None}, // this copy does not vote
		"redirect&noparse&whatever": {},
	} {
		code, got := ask(t, s.URL, "POST", "/db/query?"+query, `["SELECT 1"]`)
		if code != 200 || g.reading != want {
			t.Errorf("%s: %+v, want %+v (%d %s)", query, g.reading, want, code, got)
		}
	}
	ask(t, s.URL, "POST", "/db/execute", `["SELECT 1"]`, "Idempotency-Key", "abc")
	if g.last.ID != "abc" || g.last.Atomic || g.last.ReadOnly {
		t.Errorf("%+v", g.last)
	}
	if _, got := ask(t, s.URL, "POST", "/db/execute", `["SELECT 1"]`, "Idempotency-Key", strings.Repeat("x", 200)); !strings.Contains(got, "at most 128") {
		t.Error(got)
	}
	ask(t, s.URL, "POST", "/db/execute", `SELECT 7`, "Content-Type", "text/plain")
	if g.last.Statements[0].SQL != "SELECT 7" {
		t.Errorf("%+v", g.last)
	}
	ask(t, s.URL, "POST", "/db/execute?queue&transaction", `["SELECT 1"]`)
	if g.last.Atomic {
		t.Error("rqlite runs what is queued without a transaction")
	}
	if code, got := ask(t, s.URL, "POST", "/db/execute?queue&wait", `[]`); code != 200 || !strings.Contains(got, `{"results":[],"sequence_number":`) {
		t.Error(code, got)
	}
	ask(t, s.URL, "POST", "/db/request?transaction", `["SELECT 1"]`)
	if !g.last.Atomic || g.last.ReadOnly {
		t.Errorf("%+v", g.last)
	}
	ask(t, s.URL, "POST", "/db/query?transaction", `["SELECT 1"]`)
	if !g.last.Atomic || !g.last.ReadOnly {
		t.Errorf("%+v", g.last)
	}
}

// An error of the whole request reaches clients that look at results only.
func TestRequestErrors(t *testing.T) {
	g := newSolo(t)
	s := server(t, g, rqlite.Options{})
	fail := func() { g.fail = op.Errorf(op.CodeTimeout, "no leader within 1s") }
	fail()
	if code, got := ask(t, s.URL, "POST", "/db/query", `["SELECT 1"]`); code != 200 || got != `{"results":[],"error":"no leader within 1s"}` {
		t.Error(code, got)
	}
	fail()
	if code, got := ask(t, s.URL, "POST", "/db/execute", `["SELECT 1"]`); code != 200 || got != `{"results":[{"error":"no leader within 1s"}],"error":"no leader within 1s"}` {
		t.Error(code, got)
	}
	fail()
	if code, got := ask(t, s.URL, "POST", "/db/execute?queue", `["SELECT 1"]`); code != 503 || got != "no leader within 1s\n" {
		t.Error(code, got)
	}
	if _, got := ask(t, s.URL, "POST", "/db/query", `["SELECT 9e999 AS x","SELECT 1"]`); !strings.HasPrefix(got, `{"results":[{"error":"column \"x\" holds an infinite number`) {
		t.Error(got)
	}
	var _ door.Group = g
}

func TestCluster(t *testing.T) {
	g := newSolo(t)
	g.info.Members = append(g.info.Members, door.Member{Server: "peer2.1", Peer: "peer2", Voter: true}, door.Member{Server: "peer3.1", Peer: "peer3"})
	s := server(t, g, rqlite.Options{Self: "peer1", Nodes: func(context.Context, string) ([]rqlite.Node, error) {
		return []rqlite.Node{
			{ID: "peer1.1", Addr: "peer1", Voter: true, Leader: true},
			{ID: "peer2.1", Addr: "peer2", Voter: true, Reachable: true, API: "http://10.0.0.2:8420/"},
			{ID: "peer3.1", Addr: "peer3", Reachable: true, API: "http://10.0.0.3:8420"},
			{ID: "peer4.1", Addr: "peer4", Voter: true, Reachable: true},
		}, nil
	}})
	at := strings.TrimPrefix(s.URL, "http://")
	for path, want := range map[string]string{
		"/nodes": `{"peer1.1":{"id":"peer1.1","api_addr":"http://` + at + `","addr":"peer1","voter":true,"reachable":true,"leader":true},` +
			`"peer2.1":{"id":"peer2.1","api_addr":"http://10.0.0.2:8420","addr":"peer2","voter":true,"reachable":true,"leader":false},` +
			`"peer4.1":{"id":"peer4.1","addr":"peer4","voter":true,"reachable":false,"leader":false,"error":"the address of its gateway is not known here"}}`,
		"/leader":                          `{"id":"peer1.1","api_addr":"http://` + at + `","addr":"peer1","voter":true,"reachable":true,"leader":true}`,
		"/readyz":                          "[+]node ok\n[+]leader ok\n[+]store ok",
		"/readyz?sync":                     "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync ok",
		"/readyz?noleader":                 "[+]node ok",
		"/status?key=store.leader":         `{"addr":"peer1","node_id":"peer1.1"}`,
		"/status?key=store.leader.node_id": `"peer1.1"`,
		"/status?key=store.raft.state":     `"leader"`,
		"/status?key=nothing.here":         `{}`,
	} {
		if code, got := ask(t, s.URL, "GET", path, ""); code != 200 || got != want {
			t.Errorf("%s: %d\n got %s\nwant %s", path, code, got, want)
		}
	}
	if _, got := ask(t, s.URL, "GET", "/nodes?nonvoters&ver=2", ""); !strings.HasPrefix(got, `{"nodes":[{"id":"peer1.1"`) || !strings.Contains(got, `"peer3.1"`) {
		t.Error(got)
	}
	g.info.Problem, g.info.Members[2].Lag = "no room", -1
	for path, want := range map[string]string{
		"/status?key=store.problem": `"no room"`,
		"/status?key=store.nodes": `[{"addr":"peer1","id":"peer1.1","lag":0,"reachable":true,"suffrage":"Voter"},` +
			`{"addr":"peer2","id":"peer2.1","lag":0,"reachable":true,"suffrage":"Voter"},{"addr":"peer3","id":"peer3.1","lag":-1,"reachable":false,"suffrage":"Nonvoter"}]`,
	} {
		if _, got := ask(t, s.URL, "GET", path, ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", path, got, want)
		}
	}
	g.info.Leader = ""
	if code, got := ask(t, s.URL, "GET", "/readyz", ""); code != 503 || got != "[+]node ok\n[+]leader does not exist" {
		t.Error(code, got)
	}
	// A node without a copy, of a group whose members' gateways nobody knows.
	other := server(t, g, rqlite.Options{Self: "peer9"})
	if _, got := ask(t, other.URL, "GET", "/nodes", ""); !strings.Contains(got, `"peer9":{"id":"peer9","api_addr":"http://`) {
		t.Error(got)
	}
}
