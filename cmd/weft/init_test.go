package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository is the root of this module.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// offline runs a command of Go that may not download anything.
func offline(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// unverified lets a new project be tidied where the database of checksums is out
// of reach: tidying looks at the tests of dependencies too, in versions that
// this module may not need.
func unverified(setenv func(name, value string)) { setenv("GONOSUMDB", "*") }

// weftCommand runs the command in this process.
func weftCommand(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, msg strings.Builder
	status = run(t.Context(), args, &out, &msg)
	return status, out.String(), msg.String()
}

// What init makes really builds, runs twice, passes its own tests and is in
// good form; the other commands work on its database.
func TestProjectBuildsAndRuns(t *testing.T) {
	unverified(t.Setenv)
	dir := filepath.Join(t.TempDir(), "notes")
	if status, stdout, stderr := weftCommand(t, "init", dir, "--replace", repository(t)); status != exitOK || stderr != "" || !strings.Contains(stdout, "go run .") {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	const want = " 42 likes  Notes on the engine, by Ada\n  7 likes  On weaving, by Ada\n"
	for range 2 {
		if got := offline(t, dir, "run", "."); got != want {
			t.Errorf("it printed %q", got)
		}
	}
	if got := offline(t, dir, "test", "-v", "./..."); !strings.Contains(got, "--- PASS: TestRun") || !strings.Contains(got, "--- PASS: TestModels") {
		t.Errorf("its tests say\n%s", got)
	}
	// The typed columns are what go generate writes.
	before, err := os.ReadFile(filepath.Join(dir, "models", "post", "post.go"))
	if err != nil {
		t.Fatal(err)
	}
	offline(t, dir, "tool", "weft", "generate", "./models", "--check")
	if err := os.RemoveAll(filepath.Join(dir, "models", "post")); err != nil {
		t.Fatal(err)
	}
	offline(t, dir, "generate", "./...")
	if after, err := os.ReadFile(filepath.Join(dir, "models", "post", "post.go")); err != nil || string(after) != string(before) {
		t.Errorf("go generate writes %s, %v", after, err)
	}
	offline(t, dir, "vet", "./...")
	offline(t, dir, "mod", "tidy", "-diff")
	gofmt := exec.CommandContext(t.Context(), "gofmt", "-l", ".")
	gofmt.Dir = dir
	if out, err := gofmt.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v, %s", err, out)
	}
	status, stdout, stderr := weftCommand(t, "query", filepath.Join(dir, "app.db"), "SELECT title, likes FROM posts ORDER BY likes DESC", "--format", "csv")
	if status != exitOK || stdout != "title,likes\nNotes on the engine,42\nOn weaving,7\nNot yet,0\n" {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	status, stdout, stderr = weftCommand(t, "find", "Post", filepath.Join(dir, "app.db"), "--where", "likes > 10", "--with", "author", "--select", "title,likes", "--format", "json")
	if status != exitOK || !strings.Contains(stdout, `{"title":"Notes on the engine","likes":42,"author":{`) || strings.Count(stdout, "\n") != 3 {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, stderr := weftCommand(t, "doctor", filepath.Join(dir, "app.db")); status != exitOK || strings.Contains(stdout, "warn  indexes") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// goMod is what the go command says of a go.mod file.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Exclude []struct{ Path, Version string }
	Require []struct{ Path, Version string }
	Replace []struct{ New struct{ Path string } }
}

func readMod(t *testing.T, dir string) (m goMod) {
	t.Helper()
	if err := json.Unmarshal([]byte(offline(t, dir, "mod", "edit", "-json")), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// The project needs what this module needs, and names the version it is of.
func TestProjectModule(t *testing.T) {
	ours := readMod(t, repository(t))
	make := func(args ...string) goMod {
		dir := filepath.Join(t.TempDir(), "my-app")
		if status, _, stderr := weftCommand(t, append([]string{"init", dir, "--no-tidy"}, args...)...); status != exitOK {
			t.Fatal(stderr)
		}
		return readMod(t, dir)
	}
	devel := make()
	if devel.Go != ours.Go || !slices.Equal(devel.Exclude, ours.Exclude) {
		t.Errorf("it has go %s and excludes %v, this module %s and %v", devel.Go, devel.Exclude, ours.Go, ours.Exclude)
	}
	if devel.Module.Path != "example.com/my-app" || len(devel.Replace) != 1 || devel.Replace[0].New.Path != repository(t) {
		t.Errorf("a development build makes %+v", devel)
	}

	version = "v1.2.3-rc.1"
	defer func() { version = "" }()
	release := make("--module", "github.com/me/notes")
	if len(release.Replace) != 0 || len(release.Require) != 1 || release.Require[0].Path != weftModule || release.Require[0].Version != version ||
		release.Module.Path != "github.com/me/notes" {
		t.Errorf("a release makes %+v", release)
	}
	if got := make("--replace", repository(t)); len(got.Replace) != 1 {
		t.Errorf("--replace with a release makes %+v", got)
	}
	version = "v0.0.0-20260102030405-0123456789ab+dirty" // of a working copy
	if got := make(); len(got.Replace) != 1 {
		t.Errorf("a working copy makes %+v", got)
	}
}

// Modules that cannot be had leave nothing behind, neither in a new folder nor
// in one that was there.
func TestInitLeavesNothingHalfDone(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw")
	parent := t.TempDir()
	if err := os.MkdirAll(filepath.Join(parent, "there", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"new", "deep/new", "there"} {
		status, stdout, stderr := weftCommand(t, "init", filepath.Join(parent, dir), "--replace", repository(t))
		if status != exitError || stdout != "" || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stderr, "'go mod tidy' failed, and nothing was made: ") || !strings.Contains(stderr, "--no-tidy") {
			t.Errorf("%s: status %d, %q, %q", dir, status, stdout, stderr)
		}
	}
	if got := fileNames(t, parent); !slices.Equal(got, []string{"there"}) {
		t.Errorf("there are %q", got)
	}
	if got := fileNames(t, filepath.Join(parent, "there")); !slices.Equal(got, []string{".git"}) {
		t.Errorf("there are %q", got)
	}

	t.Setenv("PATH", t.TempDir())
	if _, _, stderr := weftCommand(t, "init", filepath.Join(parent, "new"), "--replace", repository(t)); !strings.Contains(stderr, "the go command is not to be found") {
		t.Errorf("without go: %q", stderr)
	}
	if got := fileNames(t, parent); !slices.Equal(got, []string{"there"}) {
		t.Errorf("there are %q", got)
	}
}
