package schema_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write golden files")

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// read reads models from structs.
func read(t *testing.T, structs ...any) []*schema.Model {
	t.Helper()
	var out []*schema.Model
	for _, v := range structs {
		m, err := schema.FromStruct(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func build(t *testing.T, structs ...any) *schema.Set {
	t.Helper()
	set, err := schema.Build(read(t, structs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// faults asserts that err is a *Faults and returns its text.
func faults(t *testing.T, err error) string {
	t.Helper()
	var f *schema.Faults
	if !errors.As(err, &f) || len(f.List) == 0 {
		t.Fatalf("not a list of faults: %v", err)
	}
	return f.Error()
}

// has asserts that a text contains each part.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}

// golden compares a text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it); got\n%s\nwant\n%s", path, got, want)
	}
}
