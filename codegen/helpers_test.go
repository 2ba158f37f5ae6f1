package codegen_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares a text with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (go test -update writes it); got\n%s", path, got)
	}
}

// goTool runs the go command in the module with further files that exist only
// for it, by path inside this directory.
func goTool(t *testing.T, files map[string]string, args ...string) (stdout string, err error) {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for name, text := range files {
		real := filepath.Join(dir, strings.ReplaceAll(name, "/", "__"))
		if err := os.WriteFile(real, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, name)] = real
	}
	overlay := filepath.Join(dir, "overlay.json")
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return command("", "go", append([]string{args[0], "-overlay", overlay}, args[1:]...)...)
}

// command runs a program; its error has what it wrote to stderr.
func command(dir, name string, args ...string) (stdout string, err error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), err
}

func parse(t *testing.T, file string, text []byte) *schema.Set {
	t.Helper()
	list, err := schema.ParseYAML(file, text)
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func yamlOf(t *testing.T, set *schema.Set) string {
	t.Helper()
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}
