package codegen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// importPathOf is the import path of a directory, which need not exist yet.
func importPathOf(ctx context.Context, dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for root := abs; ; root = filepath.Dir(root) {
		file := filepath.Join(root, "go.mod")
		switch _, err := os.Stat(file); {
		case err == nil:
			module, err := modulePath(ctx, file)
			if err != nil {
				return "", err
			}
			rel, err := filepath.Rel(root, abs)
			if err != nil {
				return "", err
			}
			return path.Join(module, filepath.ToSlash(rel)), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case root == filepath.Dir(root):
			return "", fmt.Errorf("%s lies in no Go module, so nothing could import it; make one with go mod init", dir)
		}
	}
}

func modulePath(ctx context.Context, file string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json", file)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errNoGo
		}
		return "", fmt.Errorf("read %s: %s", file, said(errOut.String(), err))
	}
	var mod struct{ Module struct{ Path string } }
	if err := json.Unmarshal(out.Bytes(), &mod); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return mod.Module.Path, nil
}
