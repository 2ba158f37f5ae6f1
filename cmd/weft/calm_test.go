package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/weftdb/weft/internal/lines"
)

// alarming are the lines that would frighten somebody who reads the log.
func alarming(log string) (list string) {
	for l := range strings.Lines(log) {
		if strings.Contains(l, "level=WARN") || strings.Contains(l, "level=ERROR") || strings.Contains(l, "[ERROR]") || strings.Contains(l, "[WARN]") || strings.Contains(l, "snapshot-store") {
			list += l
		}
	}
	return list
}

// calm fails when a cluster says something alarming in the ordinary case: each
// time that it runs. When the machine stands still for a second, nodes miss each
// other, and are right to say so.
func calm(t *testing.T, run func() (said string)) {
	t.Helper()
	for range 3 {
		said := run()
		if said == "" {
			return
		}
		t.Logf("it says: %s", said)
	}
	t.Error("in the ordinary case it is not calm")
}

// All nodes of a cluster that are told to stop at the same time do so, in good
// order, and say nothing that is no trouble.
func TestAllStopAtOnce(t *testing.T) {
	calm(t, func() string { return stopAllAtOnce(t) })
}

func stopAllAtOnce(t *testing.T) (said string) {
	a := newProcess(t)
	b, c := newProcess(t, a.addr(t)), newProcess(t, a.addr(t))
	nodes := []*process{a, b, c}
	a.start(t)
	a.shows(t, 1, 0, "") // before the others: they say when they do not reach it
	b.start(t)
	c.start(t)
	a.shows(t, 3, 0, "")
	if _, err := b.ask("query", "--cluster", "--write", "CREATE TABLE t (a INTEGER)"); err != nil {
		t.Fatal(err)
	}
	for _, p := range nodes {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range nodes {
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
		p.cmd = nil
		said += alarming(p.log.String())
	}
	return said
}

func TestDevNodesAreCalm(t *testing.T) {
	calm(t, func() string { return runDevNodes(t) })
}

func runDevNodes(t *testing.T) (said string) {
	addr := freeAddr(t, 3)
	out, bad := &lines.Log{}, &lines.Log{}
	cmd := exec.Command("weft", "dev", "--nodes", "3", "--data", t.TempDir(), "--listen", addr)
	cmd.Stdout, cmd.Stderr = out, bad
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	eventually(t, func() string {
		if s := out.String(); !strings.Contains(s, "A cluster of 3 nodes runs") {
			return "it has written: " + s + bad.String()
		}
		return ""
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return bad.String()
}
