package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/internal/gomodule"
)

// everyCommand calls fn for the root and all commands below it.
func everyCommand(fn func(c *cobra.Command)) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		fn(c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

func TestEveryCommandIsDescribed(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
		if c.HasParent() && c.Long == "" && c.HasFlags() {
			t.Errorf("%s has flags and no text", c.CommandPath())
		}
	})
}

// What cannot be understood is exit status 2 and one line that says where to
// find help, for every command.
func TestEveryCommandRefusesWhatItDoesNotUnderstand(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		words := strings.Fields(c.CommandPath())[1:]
		calls := map[string][]string{"an unknown flag": append(words[:len(words):len(words)], "--no-such-flag")}
		if strings.Contains(c.Use, "<") {
			calls["no arguments"] = words
		}
		if c.HasParent() && !strings.Contains(c.Use, "…") {
			calls["too many arguments"] = append(words[:len(words):len(words)], "no-such-1", "no-such-2", "no-such-3", "no-such-4")
		}
		for what, args := range calls {
			status, stdout, stderr := weftCommand(t, args...)
			want := exitUsage
			if c.Annotations[usageStatus] != "" {
				want = exitError
			}
			if status != want || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "; try 'weft") {
				t.Errorf("%s with %s: status %d, %q, %q", c.CommandPath(), what, status, stdout, stderr)
			}
		}
	})
}

// prepared makes a folder in which the examples of a command can be run.
func prepared(t *testing.T, c *cobra.Command) string {
	t.Helper()
	dir := t.TempDir()
	if err := makeShop(filepath.Join(dir, "app.db")); err != nil {
		t.Fatal(err)
	}
	models, err := os.ReadFile(filepath.Join("testdata", "shop", "models.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"models.yaml": string(models),
		"node.yaml":   "node: {listen: [/ip4/127.0.0.1/tcp/0]}\ngateway: {listen: \"127.0.0.1:0\"}\n",
		"query.sql":   "SELECT title FROM books WHERE sold > 0;\n",
		"app.log":     `time=2026-01-02T03:04:06Z level=WARN msg="slow call" op="find Book" duration=1.5s sql="SELECT id FROM books WHERE title = ?"` + "\n",
	}
	if !strings.HasSuffix(c.CommandPath(), " pull") { // which makes it
		files["schema/models.yaml"] = string(models)
	}
	if c.CommandPath() == "weft generate" { // which needs models in Go, and a module to import them from
		files["main.go"] = "package main\n\nimport \"github.com/weftdb/weft\"\n\ntype Note struct{ weft.Model }\n\nfunc main() {}\n"
		if err := gomodule.Write(dir, "example.com/shop"); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every line of every example really runs, in a shell as a user types it.
func TestEveryExampleRuns(t *testing.T) {
	unverified(t.Setenv)
	everyCommand(func(c *cobra.Command) {
		t.Run(c.CommandPath(), func(t *testing.T) {
			dir := prepared(t, c)
			if c.Flags().Lookup("network-key") != nil && c.Name() != "query" || c.Name() == "namespace" {
				runCluster(t, dir)
			}
			for line := range strings.Lines(c.Example) {
				line = strings.TrimSpace(line)
				if !strings.HasPrefix(line, "weft") {
					t.Errorf("%q is no call of weft", line)
					continue
				}
				if strings.HasPrefix(line, "weft dev") {
					runServer(t, dir, line)
					continue
				}
				if strings.HasPrefix(line, "weft node -") {
					runUntil(t, dir, strings.ReplaceAll(line, "/tmp/", t.TempDir()+"/"), "and ready")
					continue
				}
				if strings.HasPrefix(line, "weft cluster recover") { // of a group that is well
					out, err := inShell(t.Context(), dir, line).CombinedOutput()
					if err == nil || !strings.Contains(string(out), "needs no recovery") {
						t.Errorf("%s: %v, %s", line, err, out)
					}
					continue
				}
				if strings.Contains(line, " --archive ") { // of a file that is no backup of a group; TestArchive has one
					out, err := inShell(t.Context(), dir, line).CombinedOutput()
					if err == nil || !strings.Contains(string(out), "does not say where in the log of a group it stands") {
						t.Errorf("%s: %v, %s", line, err, out)
					}
					continue
				}
				// Standard input is there only where the line says so.
				out, err := inShell(t.Context(), dir, line).Output()
				if err != nil {
					t.Errorf("%s: %v", line, err)
				}
				if len(out) == 0 && !strings.Contains(line, ">") {
					t.Errorf("%s prints nothing", line)
				}
			}
		})
	})
}

func inShell(ctx context.Context, dir, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = dir
	return cmd
}

var listensOn = regexp.MustCompile(` --listen \S+`)

// runServer runs a line that serves until it is stopped, on a port that is free
// here.
func runServer(t *testing.T, dir, line string) {
	t.Helper()
	addr := freeAddr(t, 3) // what it is for the nodes of a cluster
	command, _, _ := strings.Cut(line, "#")
	command = strings.ReplaceAll(listensOn.ReplaceAllString(command, ""), "/tmp/", t.TempDir()+"/")
	cmd := inShell(t.Context(), dir, "exec "+command+" --listen "+addr)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := healthy("http://" + addr + "/healthz"); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out.String())
	}
}

// runCluster runs a cluster in a folder's data until the test ends. Its leaders
// stay when the machine stands still.
func runCluster(t *testing.T, dir string) {
	t.Helper()
	stop := runTo(t, dir, "env WEFT_RAFT_HEARTBEAT=10s WEFT_RAFT_LEASE=10s weft dev --nodes 3 --data data --listen 127.0.0.1:0", "ready after")
	t.Cleanup(stop)
}

// runUntil runs a line until it writes some words, and stops it.
func runUntil(t *testing.T, dir, line, words string) {
	t.Helper()
	runTo(t, dir, line, words)()
}

// runTo starts a line and returns when it has written some words. stop ends it
// by SIGTERM, which must be in good order.
func runTo(t *testing.T, dir, line, words string) (stop func()) {
	t.Helper()
	cmd := inShell(context.Background(), dir, "exec "+line)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	found := false
	for !found && lines.Scan() {
		found = strings.Contains(lines.Text(), words)
	}
	late.Stop()
	if !found {
		t.Errorf("%s does not write %q\n%s", line, words, log.String())
	}
	return func() {
		late.Reset(2 * time.Minute)
		defer late.Stop()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, log.String())
		}
	}
}

// healthy polls a page until it says that all is well.
func healthy(url string) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		var why error
		res, err := client.Get(url)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if strings.Contains(string(body), `"status": "ok"`) || string(body) == "ok\n" {
				return nil
			}
			why = fmt.Errorf("it says %q, %w", body, err)
		} else {
			why = err
		}
		select {
		case <-deadline:
			return fmt.Errorf("it does not become well: %w", why)
		case <-retry.C:
		}
	}
}

// A script for each shell is there, and bash and sh take theirs.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, stdout, stderr := weftCommand(t, "completion", shell)
		if status != exitOK || stderr != "" || !strings.Contains(stdout, "weft") || !strings.Contains(stdout, "__complete") {
			t.Errorf("%s: status %d, %.100q, %q", shell, status, stdout, stderr)
		}
		if shell == "bash" {
			cmd := exec.CommandContext(t.Context(), "bash", "-n")
			cmd.Stdin = strings.NewReader(stdout)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("bash: %v, %s", err, out)
			}
		}
	}
	// What the scripts ask the program.
	for words, want := range map[string]string{
		"qu":                     "query\t",
		"schema pu":              "pull\t",
		"query --for":            "--format\t",
		"find Book app.db --whe": "--where\t",
		"completion z":           "zsh\n",
	} {
		status, stdout, _ := weftCommand(t, append([]string{"__complete"}, strings.Fields(words)...)...)
		if status != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("%q completes to %q, want %q", words, stdout, want)
		}
	}
}

// Every command has scripts with good and with bad input.
func TestEveryCommandHasScripts(t *testing.T) {
	list, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var good, bad []string
	for _, file := range list {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "exec weft"):
				good = append(good, line)
			case strings.HasPrefix(line, "! exec weft"), strings.HasPrefix(line, "exec sh") && strings.Contains(line, "test $? = "):
				bad = append(bad, line)
			}
		}
	}
	has := func(list []string, path string) bool {
		for _, line := range list {
			if strings.Contains(line+" ", path+" ") || strings.Contains(line, path+";") {
				return true
			}
		}
		return false
	}
	everyCommand(func(c *cobra.Command) {
		if !has(good, c.CommandPath()) || !has(bad, c.CommandPath()) {
			t.Errorf("no script has %s with good and with bad input", c.CommandPath())
		}
	})
}
