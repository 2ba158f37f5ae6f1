package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weftdb/weft/internal/gomodule"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/p2p/host"
)

var update = flag.Bool("update", false, "write golden files and the reference of the commands")

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"weft": main})
}

// leakChecked fails when goroutines are left after the tests.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int { return leak.Check(l.m.Run()) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup:               withGo,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gomodule": makeModule,
			"freeport": freePort,
			"fetch":    fetch,
			"rows":     countRows,
			"take":     take,
			"shop":     makeShopFiles,
			"litedb":   makeFile,
			"term":     term,
			"peerid":   peerID,
		},
	})
}

// withGo lets scripts use the go command, with what is already built, and without
// a network.
func withGo(env *testscript.Env) error {
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	vars := map[string]string{}
	if err := json.Unmarshal(out, &vars); err != nil {
		return err
	}
	for name, value := range vars {
		env.Setenv(name, value)
	}
	unverified(env.Setenv)
	return nil
}

// makeModule makes a Go module that imports this one.
func makeModule(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(gomodule.Write(ts.MkAbs("."), args[0]))
}

// freePort sets a variable to a port that nobody listens on.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	port, err := freePorts(1)
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprint(port))
}

// makeShopFiles makes app.db, the database that the tests work on, and the YAML
// of its models.
func makeShopFiles(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(makeShop(ts.MkAbs("app.db")))
	models, err := os.ReadFile(filepath.Join("testdata", "shop", "models.yaml"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("models.yaml"), models, 0o600))
}

// makeFile makes a SQLite file from the statements in another one.
func makeFile(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, db.Close()))
}

// take listens on a port until the script ends.
func take(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// term sends SIGTERM to the program in the background.
func term(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

// peerID sets a variable to the ID of the node of a data directory.
func peerID(ts *testscript.TestScript, _ bool, args []string) {
	id, err := host.Identity(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], string(id))
}

// fetch gets a page into a file, waiting for the server to be there.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	url, file := args[0], args[1]
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		res, err := client.Get(url)
		if err == nil {
			f, ferr := os.Create(ts.MkAbs(file))
			ts.Check(ferr)
			_, err = f.ReadFrom(res.Body)
			ts.Check(err)
			ts.Check(f.Close())
			ts.Check(res.Body.Close())
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s does not answer: %v", url, err)
		case <-retry.C:
		}
	}
}

// countRows checks that a list as JSON says it has as many rows as another.
func countRows(ts *testscript.TestScript, _ bool, args []string) {
	total := func(file string) string {
		_, rest, ok := strings.Cut(ts.ReadFile(file), `"total": `)
		if !ok {
			ts.Fatalf("%s has no total", file)
		}
		n, _, _ := strings.Cut(rest, ",")
		return n
	}
	if a, b := total(args[0]), total(args[1]); a != b || a == "0" {
		ts.Fatalf("%s has %s rows, %s has %s", args[0], a, args[1], b)
	}
}

// What libraries say of their own accord is passed on, but for what is nothing.
func TestHush(t *testing.T) {
	var out strings.Builder
	hush(&out, strings.NewReader("[snapshot-store] 2026/01/02 03:04:05 store initialized using /d\n"+
		"[snapshot-store] 2026/01/02 03:04:05 failed to reap\n"+
		"2026-01-02 [ERROR] raft-net: failed to decode incoming command: error=\"transport shutdown\"\n"+
		"2026-01-02 [ERROR] raft-net: failed to accept connection\n"+
		"last"))
	want := "[snapshot-store] 2026/01/02 03:04:05 failed to reap\n2026-01-02 [ERROR] raft-net: failed to accept connection\nlast\n"
	if out.String() != want {
		t.Errorf("%q, not %q", out.String(), want)
	}
}
