package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden file anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReport(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), filepath.Join(t.TempDir(), "blog.db"), &out); err != nil {
		t.Fatalf("%v, after printing\n%s", err, out.String())
	}
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("printed\n%s\nwant (go test -update writes it anew)\n%s", out.String(), want)
	}
}

func TestSlug(t *testing.T) {
	for title, want := range map[string]string{
		"Warp & Weft!":  "warp-weft",
		"  Ünï côdé 3 ": "ünï-côdé-3",
		"!?":            "",
	} {
		if got := slug(title); got != want {
			t.Errorf("slug(%q) = %q, want %q", title, got, want)
		}
	}
}
