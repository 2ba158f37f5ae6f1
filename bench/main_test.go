package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every part runs, on little, and what its peers do is the same.
func TestParts(t *testing.T) {
	page, readme := filepath.Join(t.TempDir(), "page.md"), filepath.Join(t.TempDir(), "readme.md")
	if err := os.WriteFile(readme, []byte("a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(bench{rounds: 1, each: time.Millisecond, rows: 2000}, page, readme); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## get by key\n", "## On PostgreSQL\n", "| insert 1,000 at once |", "## On MySQL\n", "## Changes of a table with 2,000 rows\n", "| rename the table |", "## A cluster of three nodes\n", "| get by key, linearizable | 32 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the page:\n%s", want, text)
		}
	}
	if text, err := os.ReadFile(readme); err != nil || strings.Contains(string(text), "old") || !strings.Contains(string(text), "| get by key |") {
		t.Errorf("the table was not put in its place: %v\n%s", err, text)
	}
	if err := run(bench{part: "sqlite"}, page, ""); err == nil {
		t.Error("a page was written from one part")
	}
}
