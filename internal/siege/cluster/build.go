//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
)

// BuildWeft builds the command weft of this repository into dir.
func BuildWeft(ctx context.Context, dir string, race bool) (string, error) {
	flags := []string{}
	if race {
		flags = append(flags, "-race")
	}
	return build(ctx, ".", filepath.Join(dir, "weft"), append(flags, "./cmd/weft")...)
}

// BuildRqlited builds rqlited into dir, in the version that the module of the
// benchmarks requires.
func BuildRqlited(ctx context.Context, dir string) (string, error) {
	return build(ctx, "bench", filepath.Join(dir, "rqlited"), "github.com/rqlite/rqlite/v8/cmd/rqlited")
}

func build(ctx context.Context, module, out string, args ...string) (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("this repository is not to be found")
	}
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", out}, args...)...)
	cmd.Dir = filepath.Join(root, module)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", filepath.Base(out), err, said)
	}
	return out, nil
}
