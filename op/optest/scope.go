package optest

import (
	"context"
	"flag"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// scope is a testing.TB whose cleanup can be run before the test ends, so that
// hundreds of databases are not open at the same time.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Context is the test's, but for the cancelling before cleanups.
func (s *scope) Context() context.Context { return s.TB.Context() }

// TempDir goes with the scope.
func (s *scope) TempDir() string {
	dir, err := os.MkdirTemp("", "optest")
	if err != nil {
		s.Fatalf("make a folder: %v", err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *scope) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

// check is rapid.Check with a number of programs and a seed of its own.
func check(t *testing.T, programs int, seed uint64, prop func(*rapid.T)) {
	if testing.Short() {
		programs *= 5 // rapid divides
	}
	if seed == 0 {
		seed = 1
	}
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(programs), "rapid.seed": strconv.FormatUint(seed, 10), "rapid.nofailfile": "true"} {
		fl := flag.Lookup(name)
		old := fl.Value.String()
		if err := fl.Value.Set(value); err != nil {
			t.Fatalf("set flag %s: %v", name, err)
		}
		defer func() { _ = fl.Value.Set(old) }()
	}
	rapid.Check(quiet{t}, prop)
}

// quiet keeps rapid from logging every check.
type quiet struct{ *testing.T }

func (quiet) Logf(string, ...any) {}
