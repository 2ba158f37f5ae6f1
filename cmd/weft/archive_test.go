package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/node"
)

// A node that archives, and is killed in the middle, is brought back to moments
// after a backup, as a file and in the cluster.
func TestArchive(t *testing.T) {
	p := newProcess(t)
	dir := t.TempDir()
	log, copied := filepath.Join(dir, "log"), filepath.Join(dir, "copy.db")
	p.args = append(p.args, "--set", "backup.archive="+log)
	p.start(t)
	p.shows(t, 1, 0, "")
	ask := func(words ...string) string {
		t.Helper()
		out, err := p.ask(words...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	count := func(words ...string) string {
		t.Helper()
		return strings.TrimSpace(ask(append([]string{"query", "SELECT count(*) AS n FROM t", "--format", "csv", "--cluster", "--consistency", "linearizable"}, words...)...))
	}
	insert := func() { ask("query", "--cluster", "--write", "INSERT INTO t DEFAULT VALUES") }
	ask("query", "--cluster", "--write", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	insert()
	ask("backup", copied)
	insert()
	insert()
	// After what is there and before what comes, by the clock that stamps both.
	then := time.Now().UTC().Format(time.RFC3339Nano)
	insert()
	p.kill()
	p.start(t)
	p.shows(t, 1, 0, "")
	insert()
	file := filepath.Join(dir, "then.db")
	eventually(t, func() string { // what came last is on its way to the archive
		if err := os.RemoveAll(file); err != nil {
			return err.Error()
		}
		out, err := p.ask("restore", copied, "--archive", log, "--output", file)
		if err != nil || !strings.Contains(out, "then.db: "+copied+" and 4 entries after it, up to 2") {
			return fmt.Sprintf("%q, %v", out, err)
		}
		return ""
	})
	for n, words := range map[string][]string{"3": {"--until", then}, "5": nil} {
		file := filepath.Join(dir, n+".db")
		ask(append([]string{"restore", copied, "--archive", log, "--output", file}, words...)...)
		out, err := local("query", file, "SELECT count(*) AS n FROM t", "--format", "csv")
		if err != nil || strings.TrimSpace(out) != "n\n"+n {
			t.Errorf("%v: %q, %v", words, out, err)
		}
	}
	for _, c := range []struct {
		want  string
		words []string
	}{
		{"go with --archive", []string{"--until", then}},
		{"go with --archive", []string{"--output", file}},
		{"is no moment", []string{"--archive", log, "--until", "yesterday"}},
		{"add --yes to go on", []string{"--archive", log}},
		{"exists", []string{"--archive", log, "--output", file}},
		{"before the backup", []string{"--archive", log, "--output", filepath.Join(dir, "no.db"), "--until", "2001-01-01T00:00:00Z"}},
		{"after the last archived entry: a restore is possible from", []string{"--archive", log, "--yes", "--until", "2201-01-01T00:00:00Z"}},
		{"no such file or directory", []string{"--archive", filepath.Join(dir, "absent"), "--yes"}},
		{"is no directory", []string{"--archive", copied, "--yes"}},
		{"there are no archived entries", []string{"--archive", p.dir, "--yes"}},
		{"none of the group ns/other", []string{"--archive", log, "--namespace", "other", "--yes"}},
	} {
		if out, err := p.ask(append([]string{"restore", copied}, c.words...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v", c.words, out, err)
		}
	}
	if out, err := p.ask("restore", filepath.Join(dir, "5.db"), "--archive", log, "--output", filepath.Join(dir, "6.db")); err != nil || !strings.Contains(out, "with no entries after it") {
		t.Errorf("%q, %v", out, err)
	}
	if n := count(); n != "n\n5" {
		t.Errorf("before the restore: %q", n)
	}
	if out := ask("restore", copied, "--archive", log, "--until", then, "--yes"); !strings.Contains(out, "the namespace default has the data of "+copied+" and 2 entries after it, up to 2") {
		t.Error(out)
	}
	if n := count(); n != "n\n3" {
		t.Errorf("after the restore: %q", n)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 6 {
		t.Errorf("there are %q, %v", left, err)
	}
}

// A node that is killed under load again and again has an archive without a gap,
// by which a backup becomes what the cluster has.
func TestArchiveUnderKills(t *testing.T) {
	p := newProcess(t)
	dir := t.TempDir()
	log, copied, made, now := filepath.Join(dir, "log"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "made.db"), filepath.Join(dir, "now.db")
	p.args = append(p.args, "--set", "backup.archive="+log, "--set", "gateway.open_loopback=true")
	p.start(t)
	p.shows(t, 1, 0, "")
	if _, err := p.ask("query", "--cluster", "--write", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask("backup", copied); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		contact, err := node.ReadContact(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		var done atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					res, err := http.Post("http://"+contact.Gateway+"/db/execute", "application/json", strings.NewReader(`["INSERT INTO t (v) VALUES (hex(randomblob(100)))"]`))
					if err != nil {
						return // it is killed
					}
					_, err = io.Copy(io.Discard, res.Body)
					if err = errors.Join(err, res.Body.Close()); err != nil {
						return
					}
					done.Add(1)
				}
			}()
		}
		eventually(t, func() string {
			if n := done.Load(); n < 200 {
				return fmt.Sprintf("%d changes are done", n)
			}
			return ""
		})
		p.kill()
		wg.Wait()
		p.start(t)
		p.shows(t, 1, 0, "")
	}
	http.DefaultClient.CloseIdleConnections()
	if _, err := p.ask("query", "--cluster", "--write", "INSERT INTO t (v) VALUES ('the last')"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask("backup", now); err != nil {
		t.Fatal(err)
	}
	content := func(file string) string {
		out, err := local("query", file, "SELECT id, v FROM t ORDER BY id", "--format", "csv")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := content(now)
	if n := strings.Count(want, "\n"); n < 800 {
		t.Errorf("the cluster has %d rows", n)
	}
	eventually(t, func() string {
		if err := os.RemoveAll(made); err != nil {
			return err.Error()
		}
		if _, err := p.ask("restore", copied, "--archive", log, "--output", made); err != nil {
			t.Fatal(err) // a gap does not close
		}
		if got := content(made); got != want {
			return "the archive does not have all yet"
		}
		return ""
	})
}
