package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/node"
)

// What SQL may not do on a cluster is refused with a line that says so, from the
// command line and over HTTP, and the node stays up. All of it at a node of a
// private network that lets nobody in but its own operator.
func TestForbiddenSQL(t *testing.T) {
	p := newProcess(t)
	key := filepath.Join(filepath.Dir(p.dir), "swarm.key")
	if err := os.WriteFile(key, []byte("/key/swarm/psk/1.0.0/\n/base16/\n"+strings.Repeat("0f", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = append(p.args, "--set", "gateway.open_loopback=true", "--set", "network.private_key_file="+key, "--set", "network.allow_peers="+p.id(t))
	p.start(t)
	p.shows(t, 1, 0, "")
	contact, err := node.ReadContact(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	file := filepath.Join(t.TempDir(), "x.db")
	for sql, want := range map[string]string{
		"ATTACH DATABASE '" + file + "' AS x": "ATTACH is not possible",
		"VACUUM INTO '" + file + "'":          "VACUUM is not possible",
		"PRAGMA journal_mode=DELETE":          "PRAGMA journal_mode is not possible",
		"SELECT 1; SELECT 2":                  "more than one statement",
		"BEGIN":                               "a transaction is not opened or ended",
	} {
		out, err := p.ask("query", "--cluster", "--write", sql)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 1 {
			t.Errorf("%s: %s, %v", sql, out, err)
		}
		res, err := http.Post("http://"+contact.Gateway+"/db/execute", "application/json", strings.NewReader(`["`+sql+`"]`))
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.Contains(body.String(), want) {
			t.Errorf("%s: %s, %v", sql, body.String(), err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was made")
	}
	for _, words := range [][]string{{"status"}, {"health"}, {"peers"}, {"cluster"}, {"query", "--cluster", "SELECT 1"}} {
		if _, err := p.ask(words...); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
}
