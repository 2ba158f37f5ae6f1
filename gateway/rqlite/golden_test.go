package rqlite_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/gateway/rqlite"
)

// golden are requests in order, with the answers that rqlited v8.36.0 gives. A
// group does not tell the last rowid of the connection with statements that made
// none.
var golden = []struct{ method, path, body, want string }{
	{"POST", "/db/execute", `["CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, ok BOOLEAN, at DATETIME, data BLOB, r REAL)"]`, `{"results":[{}]}`},
	{"POST", "/db/execute", `["INSERT INTO foo(name,age) VALUES('fiona',20)"]`, `{"results":[{"last_insert_id":1,"rows_affected":1}]}`},
	{"POST", "/db/execute", `[["INSERT INTO foo(name,age) VALUES(?,?)","sinead & <co>",21]]`, `{"results":[{"last_insert_id":2,"rows_affected":1}]}`},
	{"POST", "/db/execute", `[["INSERT INTO foo(name,age,ok) VALUES(:n,:a,:o)",{"n":"declan","a":9007199254740993,"o":true}]]`, `{"results":[{"last_insert_id":3,"rows_affected":1}]}`},
	{"POST", "/db/execute", `[["INSERT INTO foo(data,r,at) VALUES(?,?,?)","X'00ff'",1.50,"2024-05-06 07:08:09"],["INSERT INTO foo(data) VALUES(?)",[1,2,3]]]`, `{"results":[{"last_insert_id":4,"rows_affected":1},{"last_insert_id":5,"rows_affected":1}]}`},
	{"GET", "/db/query?q=SELECT%20id,name%20FROM%20foo%20WHERE%20id%3C3%20ORDER%20BY%20id", ``, `{"results":[{"columns":["id","name"],"types":["integer","text"],"values":[[1,"fiona"],[2,"sinead \u0026 \u003cco\u003e"]]}]}`},
	{"POST", "/db/query", `["SELECT age,ok,data FROM foo WHERE id=3"]`, `{"results":[{"columns":["age","ok","data"],"types":["integer","boolean","blob"],"values":[[9007199254740993,true,null]]}]}`},
	{"POST", "/db/query", `["SELECT data,r,at FROM foo WHERE id=4"]`, `{"results":[{"columns":["data","r","at"],"types":["blob","real","datetime"],"values":[["AP8=",1.5,"2024-05-06T07:08:09Z"]]}]}`},
	{"POST", "/db/query?blob_array", `["SELECT data FROM foo WHERE id=5"]`, `{"results":[{"columns":["data"],"types":["blob"],"values":[[[1,2,3]]]}]}`},
	{"POST", "/db/query?associative", `["SELECT name,id FROM foo WHERE id=1","SELECT id FROM foo WHERE id=99"]`, `{"results":[{"types":{"id":"integer","name":"text"},"rows":[{"id":1,"name":"fiona"}]},{"types":{"id":"integer"},"rows":[]}]}`},
	{"POST", "/db/query", `["SELECT * FROM nothere"]`, `{"results":[{"error":"no such table: nothere"}]}`},
	{"POST", "/db/query?associative", `["SELECT * FROM nothere"]`, `{"results":[{"rows":[],"error":"no such table: nothere"}]}`},
	{"POST", "/db/query", `["SELECT COUNT(*), 1.0, 'x', NULL, 1e300, 1e-9"]`, `{"results":[{"columns":["COUNT(*)","1.0","'x'","NULL","1e300","1e-9"],"types":["integer","real","text","","real","real"],"values":[[1,1,"x",null,1e+300,1e-9]]}]}`},
	{"POST", "/db/query", `["SELECT id FROM foo WHERE id=99"]`, `{"results":[{"columns":["id"],"types":["integer"]}]}`},
	{"POST", "/db/query", `["","SELECT 1"]`, `{"results":[{"columns":["1"],"types":["integer"],"values":[[1]]}]}`},
	{"GET", "/db/query", ``, `{"results":[]}`},
	{"POST", "/db/execute", `["INSERT INTO foo(id) VALUES(1)"]`, `{"results":[{"error":"UNIQUE constraint failed: foo.id"}]}`},
	{"POST", "/db/execute?transaction", `["INSERT INTO foo(id) VALUES(50)","INSERT INTO foo(id) VALUES(1)","INSERT INTO foo(id) VALUES(51)"]`, `{"results":[{"last_insert_id":50,"rows_affected":1},{"error":"UNIQUE constraint failed: foo.id"}]}`},
	{"POST", "/db/query", `["SELECT COUNT(*) AS n FROM foo WHERE id>=50"]`, `{"results":[{"columns":["n"],"types":["integer"],"values":[[0]]}]}`},
	{"POST", "/db/execute", `["INSERT INTO foo(id) VALUES(60)","INSERT INTO foo(id) VALUES(1)","INSERT INTO foo(id) VALUES(61)"]`, `{"results":[{"last_insert_id":60,"rows_affected":1},{"error":"UNIQUE constraint failed: foo.id"},{"last_insert_id":61,"rows_affected":1}]}`},
	{"POST", "/db/execute", `["INSERT INTO foo(id,name) VALUES(70,'x') RETURNING id, name"]`, `{"results":[{"columns":["id","name"],"types":["integer","text"],"values":[[70,"x"]]}]}`},
	{"POST", "/db/request", `["INSERT INTO foo(id,name) VALUES(71,'y')","SELECT name FROM foo WHERE id=71"]`, `{"results":[{"last_insert_id":71,"rows_affected":1},{"columns":["name"],"types":["text"],"values":[["y"]]}]}`},
	{"POST", "/db/request?associative", `["INSERT INTO foo(id,name) VALUES(72,'y')","SELECT name FROM foo WHERE id=72"]`, `{"results":[{"last_insert_id":72,"rows_affected":1,"rows":null},{"types":{"name":"text"},"rows":[{"name":"y"}]}]}`},
	{"POST", "/db/execute?pretty", `["DELETE FROM foo WHERE id>=60"]`, "{\n    \"results\": [\n        {\n            \"last_insert_id\": 72,\n            \"rows_affected\": 5\n        }\n    ]\n}"},
}

// refused are requests that are not run.
var refused = []struct {
	method, path, body string
	status             int
	want               string
}{
	{"POST", "/db/execute", ``, 400, "invalid JSON body\n"},
	{"POST", "/db/execute", `[`, 400, "invalid JSON body\n"},
	{"POST", "/db/execute", `["x"`, 400, "invalid JSON body\n"},
	{"POST", "/db/execute", `[]`, 400, "no statements\n"},
	{"POST", "/db/execute", `{"a":1}`, 400, "invalid request\n"},
	{"POST", "/db/execute", `"x"`, 400, "invalid request\n"},
	{"POST", "/db/execute", `[[]]`, 400, "invalid request\n"},
	{"POST", "/db/execute", `[[1]]`, 400, "invalid request\n"},
	{"POST", "/db/execute", `[["x",{"a":{"b":1}}]]`, 400, "unsupported type map[string]interface {}\n"},
	{"POST", "/db/execute", `[["x",["a"]]]`, 400, "unsupported type string\n"},
	{"POST", "/db/execute", `[["x",[256]]]`, 400, "unsupported type 256\n"},
	{"POST", "/db/execute", `[["x",1e999]]`, 400, "invalid number 1e999\n"},
	{"GET", "/db/query?q=", ``, 400, "query parameter not set\n"},
	{"GET", "/db/query?q=SELECT+1&timeout=soon", ``, 400, "timeout is not a valid duration\n"},
	{"GET", "/db/query?q=SELECT+1&freshness_strict", ``, 400, "freshness_strict requires freshness\n"},
	{"GET", "/db/execute", ``, 405, ""},
	{"PUT", "/db/query", ``, 405, ""},
	{"POST", "/status", ``, 405, ""},
}

func TestGolden(t *testing.T) {
	play(t, server(t, newSolo(t), rqlite.Options{}).URL)
}

// TestGoldenIsRqlite plays the same on rqlited itself, the program that
// WEFT_RQLITED names. It is for whoever adds to the list.
func TestGoldenIsRqlite(t *testing.T) {
	program := os.Getenv("WEFT_RQLITED")
	if program == "" {
		t.Log("WEFT_RQLITED names no rqlited: nothing was compared")
		return
	}
	play(t, startRqlited(t, program))
}

func play(t *testing.T, url string) {
	for _, c := range golden {
		status, got := ask(t, url, c.method, c.path, c.body)
		if strings.Contains(c.body, "DELETE") {
			got = strings.Replace(got, "{\n            \"rows_affected\"", "{\n            \"last_insert_id\": 72,\n            \"rows_affected\"", 1)
		}
		if status != 200 || got != c.want {
			t.Errorf("%s %s %s\n got %d %s\nwant 200 %s", c.method, c.path, c.body, status, got, c.want)
		}
	}
	for _, c := range refused {
		status, got := ask(t, url, c.method, c.path, c.body)
		if status != c.status || got != c.want {
			t.Errorf("%s %s %s\n got %d %q\nwant %d %q", c.method, c.path, c.body, status, got, c.status, c.want)
		}
	}
}

func startRqlited(t *testing.T, program string) string {
	var addr [2]string
	for i := range addr {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr[i] = l.Addr().String()
		l.Close()
	}
	cmd := exec.Command(program, "-http-addr", addr[0], "-raft-addr", addr[1], t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url := "http://" + addr[0]
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if res, err := http.Get(url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return url
			}
		}
	}
	t.Fatal("rqlited did not start")
	return ""
}

func TestTimings(t *testing.T) {
	s := server(t, newSolo(t), rqlite.Options{})
	_, got := ask(t, s.URL, "GET", "/db/query?q=SELECT+1&timings", "")
	if strings.Count(got, `"time":`) != 2 {
		t.Error(got)
	}
}
