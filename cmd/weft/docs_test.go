package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The reference in docs/cli.md is what the commands say of themselves.
func TestReference(t *testing.T) {
	const begin, end = "<!-- commands:begin -->\n", "<!-- commands:end -->"
	file := filepath.Join(repository(t), "docs", "cli.md")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s … %s", file, begin, end)
	}
	var ref strings.Builder
	everyCommand(func(c *cobra.Command) {
		var help bytes.Buffer
		c.SetOut(&help)
		c.InitDefaultHelpFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		ref.WriteString("\n### " + c.CommandPath() + "\n\n```text\n" + strings.TrimSpace(help.String()) + "\n```\n")
	})
	want := ref.String() + "\n"
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the commands say (go test ./cmd/weft -run TestReference -update writes it)", file)
	}
	if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What docs/cli.md shows of a session is what happens: after a line with a
// command comes what it writes, where … stands for lines that are left out.
func TestDocumentedSessions(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(repository(t), "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := prepared(t, newRoot())
	log := `time=2026-01-02T03:04:05Z level=WARN msg="slow call" op="find Book" duration=1.5s sql="SELECT t0.\"id\" FROM \"books\" AS t0 WHERE t0.\"title\" = ?"` + "\n" +
		`{"msg":"slow call","op":"find Book","duration":2000000000,"sql":"SELECT t0.\"id\" FROM \"books\" AS t0 WHERE t0.\"title\" = ?"}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "app.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	sessions := 0
	for block := range strings.SplitSeq(string(data), "\n\n") {
		lines := strings.Split(block, "\n")
		command, ok := strings.CutPrefix(lines[0], "    $ ")
		if !ok {
			continue
		}
		sessions++
		out, err := inShell(t.Context(), dir, command).Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		got := strings.Split(string(out), "\n")
		skip := false
		for _, want := range lines[1:] {
			want = strings.TrimPrefix(want, "    ")
			if want == "…" {
				skip = true
				continue
			}
			for skip && len(got) > 0 && got[0] != want {
				got = got[1:]
			}
			if skip = false; len(got) == 0 || got[0] != want {
				t.Errorf("%s does not write %q", command, want)
				break
			}
			got = got[1:]
		}
	}
	if sessions < 2 {
		t.Errorf("only %d sessions were found", sessions)
	}
}
