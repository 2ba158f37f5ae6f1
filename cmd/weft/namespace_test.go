package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/node"
)

// Namespaces do not see each other's tables, whatever their names are.
func TestNamespaces(t *testing.T) {
	p := newProcess(t)
	p.args = append(p.args, "--set", "gateway.open_loopback=true")
	p.start(t)
	p.shows(t, 1, 0, "")
	names := []string{"default", "shop", "SHOP", "a~b", "a%2Fb", "..", "."}
	for _, name := range names {
		if _, err := p.ask("namespace", "create", name); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() string {
			if _, err := p.ask("query", "--cluster", "--namespace", name, "--write", "CREATE TABLE IF NOT EXISTS t (a TEXT)"); err != nil {
				return err.Error()
			}
			return ""
		})
		if _, err := p.ask("query", "--cluster", "--namespace", name, "--write", "INSERT INTO t VALUES ('"+name+"')"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		out, err := p.ask("query", "--cluster", "--namespace", name, "--consistency", "linearizable", "--format", "csv", "SELECT a FROM t")
		if err != nil || out != "a\n"+name+"\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	out, err := p.ask("namespace", "list")
	for _, name := range names {
		if err != nil || !strings.Contains(out, "\n"+name+" ") {
			t.Errorf("%s is not listed: %s, %v", name, out, err)
		}
	}
	dirs, err := os.ReadDir(filepath.Join(p.dir, "groups"))
	if err != nil || len(dirs) != len(names)+1 { // and the system group
		t.Errorf("%v, %v", dirs, err)
	}
	for _, bad := range []string{"", strings.Repeat("x", 65), "a\nb", "\xff", "a/b", "../../x", "a b", "a\u00a0b"} {
		if out, err := p.ask("namespace", "create", bad); err == nil || !strings.Contains(err.Error(), "1 to 64 bytes") {
			t.Errorf("%q: %s, %v", bad, out, err)
		}
	}
	// Over HTTP the namespace default is open to this machine, and no other.
	contact, err := node.ReadContact(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]string{
		"": `[["default"]]`, "/ns/default": `[["default"]]`, "/ns/shop": "UNAUTHORIZED", "/ns/a%2Fb": "NOT_FOUND", "/ns/..%2Fx": "NOT_FOUND",
	} {
		res, err := http.Get("http://" + contact.Gateway + path + "/db/query?q=SELECT%20a%20FROM%20t")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, %v", path, res.StatusCode, body, err)
		}
	}
	if _, err := p.ask("query", "--cluster", "--namespace", "other", "SELECT 1"); err == nil || !strings.Contains(err.Error(), "no group") {
		t.Error(err)
	}
}
