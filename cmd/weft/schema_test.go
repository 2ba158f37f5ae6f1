package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The examples of weft schema and its commands run as they stand.
func TestSchemaExamples(t *testing.T) {
	models, err := os.ReadFile(filepath.Join("testdata", "shop", "models.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var commands []*cobra.Command
	for _, c := range newRoot().Commands() {
		if c.Name() == "schema" {
			commands = append(commands, c)
			commands = append(commands, c.Commands()...)
		}
	}
	ran := 0
	for _, c := range commands {
		dir := t.TempDir()
		t.Chdir(here)
		if err := makeShop(filepath.Join(dir, "app.db")); err != nil {
			t.Fatal(err)
		}
		if c.Name() != "pull" { // which makes them itself
			if err := os.Mkdir(filepath.Join(dir, "schema"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "schema", "models.yaml"), models, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "models.yaml"), models, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		for line := range strings.Lines(c.Example) {
			args := strings.Fields(line)[1:]
			var out, errOut bytes.Buffer
			if status := run(t.Context(), args, &out, &errOut); status != exitOK || out.Len() == 0 {
				t.Errorf("%s: exit status %d\n%s%s", strings.TrimSpace(line), status, out.String(), errOut.String())
			}
			ran++
		}
	}
	if ran < 10 {
		t.Errorf("only %d examples ran", ran)
	}
}
