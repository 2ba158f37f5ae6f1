// Package gomodule makes Go modules for tests: programs of users, who import
// Weft, without a network.
package gomodule

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Write makes dir the root of a module with that path, which can import Weft
// from this repository and whatever Weft itself requires.
func Write(dir, path string) error {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return errors.New("this repository is not to be found")
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(here)))
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return fmt.Errorf("make a module: %w", err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return fmt.Errorf("make a module: %w", err)
	}
	text := strings.Replace(string(mod), "module github.com/weftdb/weft", "module "+path, 1) +
		"\nrequire github.com/weftdb/weft v0.0.0\n\nreplace github.com/weftdb/weft => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o666); err != nil {
		return fmt.Errorf("make a module: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o666); err != nil {
		return fmt.Errorf("make a module: %w", err)
	}
	return nil
}
