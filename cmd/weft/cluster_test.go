package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/lines"
)

// process is a node in a process of its own.
type process struct {
	dir  string
	port int
	args []string
	cmd  *exec.Cmd
	log  *lines.Log
}

// newProcess makes the identity of a node and says how it runs.
func newProcess(t *testing.T, seeds ...string) *process {
	t.Helper()
	port, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: filepath.Join(t.TempDir(), "data"), port: port, log: &lines.Log{}}
	p.args = []string{"node", "--data", p.dir}
	for _, s := range []string{
		fmt.Sprintf("node.listen=/ip4/127.0.0.1/tcp/%d", p.port), "gateway.listen=127.0.0.1:0", "discovery.dht=false",
		"discovery.interval=500ms", "discovery.retry=100ms", "cluster.grace=5s", "discovery.bootstrap_peers=" + strings.Join(seeds, ","),
	} {
		p.args = append(p.args, "--set", s)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of the node in %s:\n%s", p.dir, p.log)
		}
	})
	return p
}

func (p *process) addr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", p.port, p.id(t))
}

func (p *process) id(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("weft", "node", "id", "--data", p.dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.cmd = exec.Command("weft", p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends it as a power failure does.
func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// ask runs a command at the node; what it writes, or why it failed.
func (p *process) ask(words ...string) (string, error) {
	cmd := exec.Command("weft", append(words, "--data", p.dir, "--timeout", "1m")...)
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, bad.String())
	}
	return out.String(), nil
}

// eventually polls a condition, which says what is not yet so.
func eventually(t *testing.T, cond func() string) {
	t.Helper()
	deadline := time.After(5 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		why := cond()
		if why == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not come to be: %s", why)
		}
	}
}

// shows waits until weft cluster shows each group with as many live voters and
// standbys, none of them on a given node.
func (p *process) shows(t *testing.T, voters, standbys int, without string) {
	t.Helper()
	eventually(t, func() string {
		out, err := p.ask("cluster", "--format", "json")
		if err != nil {
			return err.Error()
		}
		var view clusterView
		if err := json.Unmarshal([]byte(out), &view); err != nil {
			return err.Error()
		}
		if len(view.Groups) != 2 {
			return out
		}
		for _, g := range view.Groups {
			v, s := 0, 0
			for _, m := range g.Members {
				switch {
				case m.Peer == without, m.State != "live":
					return out
				case m.Role == "standby":
					s++
				default:
					v++
				}
			}
			if v != voters || s != standbys || g.Problem != "" {
				return out
			}
		}
		return ""
	})
}

// Processes from fresh directories form a cluster; one that is killed is
// replaced; all that are killed come back with what was acknowledged; a group
// whose majority is lost is recovered.
func TestClusterOfProcesses(t *testing.T) {
	begin := time.Now()
	a := newProcess(t)
	b, c := newProcess(t, a.addr(t)), newProcess(t, a.addr(t))
	nodes := []*process{a, b, c}
	started := time.Now()
	for _, p := range nodes {
		p.start(t)
	}
	rows := func(p *process, want string) {
		t.Helper()
		eventually(t, func() string {
			out, err := p.ask("query", "--cluster", "--consistency", "linearizable", "--format", "csv", "SELECT count(*) AS n FROM t")
			if err != nil {
				return err.Error()
			}
			if out != "n\n"+want+"\n" {
				return out
			}
			return ""
		})
	}
	write := func(p *process, sql string) {
		t.Helper()
		if _, err := p.ask("query", "--cluster", "--write", sql); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() string {
		if _, err := c.ask("query", "--cluster", "SELECT 1"); err != nil {
			return err.Error()
		}
		return ""
	})
	t.Logf("three processes from fresh directories answer a query after %.2f s (with their identities %.2f s)", time.Since(started).Seconds(), time.Since(begin).Seconds())
	a.shows(t, 3, 0, "")
	t.Logf("three voters after %.2f s", time.Since(started).Seconds())
	write(b, "CREATE TABLE t (a INTEGER)")
	write(c, "INSERT INTO t VALUES (1)")

	d := newProcess(t, a.addr(t), b.addr(t))
	d.start(t)
	a.shows(t, 3, 1, "")

	gone := b.id(t)
	b.kill()
	killed := time.Now()
	a.shows(t, 3, 0, gone)
	t.Logf("a killed node is replaced after %.2f s, with a grace time of 5 s", time.Since(killed).Seconds())
	write(a, "INSERT INTO t VALUES (2)")
	b.start(t)
	a.shows(t, 3, 1, "")
	rows(b, "2")

	// All at once, and again.
	nodes = append(nodes, d)
	for _, p := range nodes {
		p.kill()
	}
	for _, p := range nodes {
		p.start(t)
	}
	rows(d, "2")
	write(d, "INSERT INTO t VALUES (3)")
	a.shows(t, 3, 1, "")

	// In good order, which ends in time or is an error.
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("stopped by SIGTERM: %v", err)
	}
	c.cmd = nil
	rows(a, "3")
}

// What is left of a group whose majority is lost goes on when an operator says
// so.
func TestRecover(t *testing.T) {
	a := newProcess(t)
	b, c := newProcess(t, a.addr(t)), newProcess(t, a.addr(t))
	for _, p := range []*process{a, b, c} {
		p.start(t)
	}
	a.shows(t, 3, 0, "")
	for _, sql := range []string{"CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)"} {
		if _, err := a.ask("query", "--cluster", "--write", sql); err != nil {
			t.Fatal(err)
		}
	}
	a.kill()
	c.kill()
	for _, group := range []string{"system", "ns/default"} {
		eventually(t, func() string {
			if _, err := b.ask("cluster", "recover", "--group", group, "--yes"); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	eventually(t, func() string {
		out, err := b.ask("query", "--cluster", "--consistency", "linearizable", "--format", "csv", "SELECT a FROM t")
		if err != nil || out != "a\n1\n" {
			return fmt.Sprint(out, err)
		}
		return ""
	})
	// A node that joins makes the group whole again.
	d, e := newProcess(t, b.addr(t)), newProcess(t, b.addr(t))
	d.start(t)
	e.start(t)
	b.shows(t, 3, 0, "")
}

// local runs a command that asks no node; what it writes, or why it failed.
func local(words ...string) (string, error) {
	var out, bad bytes.Buffer
	cmd := exec.Command("weft", words...)
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, bad.String())
	}
	return out.String(), nil
}
