package siege

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/internal/siege/cluster"
)

// What the program that is started again inside networks of its own is told.
const (
	insideVariable   = "WEFT_SIEGE_INSIDE"   // "1" there
	binariesVariable = "WEFT_SIEGE_BINARIES" // where weft and rqlited are built
)

// TestMain builds the programs and, where it may, starts the tests again in
// networks of their own.
func TestMain(m *testing.M) {
	if os.Getenv(insideVariable) == "1" {
		if err := cluster.Settle(); err != nil {
			fmt.Fprintln(os.Stderr, "siege:", err)
			os.Exit(1)
		}
		leak.VerifyTestMain(m)
		return
	}
	dir, made, err := binaries()
	if err != nil {
		fmt.Fprintln(os.Stderr, "siege:", err)
		os.Exit(1)
	}
	status := outside(m, dir)
	if made {
		_ = os.RemoveAll(dir)
	}
	os.Exit(status)
}

// outside is the part of TestMain that runs in the network of the machine.
func outside(m *testing.M, dir string) int {
	os.Setenv(binariesVariable, dir)
	why := unable()
	if why == nil {
		status, err := cluster.Inside(insideVariable + "=1")
		if err == nil {
			return status
		}
		why = err
	}
	fmt.Fprintf(os.Stderr, "siege: NOT TESTED: partitions of the network, and full disks: %v\n", why)
	if os.Getenv("CI") != "" && os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, "siege: CI is set and this is root: they must be tested")
		return 1
	}
	return m.Run()
}

// unable says why there can be no networks of their own.
func unable() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: they need root", cluster.ErrNoNamespaces)
	}
	for _, name := range []string{"ip", "iptables"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: they need iproute2 and iptables: %w", cluster.ErrNoNamespaces, err)
		}
	}
	return nil
}

// binaries builds the programs, or takes those that somebody built before.
func binaries() (dir string, made bool, err error) {
	if dir := os.Getenv(binariesVariable); dir != "" {
		return dir, false, nil
	}
	if dir, err = os.MkdirTemp("", "weft-siege-"); err != nil {
		return "", false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err = cluster.BuildWeft(ctx, dir, os.Getenv("WEFT_SIEGE_RACE") == "1"); err == nil {
		_, err = cluster.BuildRqlited(ctx, dir)
	}
	return dir, true, err
}

func built(name string) string { return filepath.Join(os.Getenv(binariesVariable), name) }

// inside reports whether the test may make networks and mounts.
func inside() bool { return os.Getenv(insideVariable) == "1" }

// outsider reports whether a test cannot run, because it needs a network and
// mounts of its own, and says so.
func outsider(t *testing.T) bool {
	t.Helper()
	if !inside() {
		t.Log("NOT TESTED: it needs root, iproute2 and iptables, for a network and mounts of its own")
	}
	return !inside()
}

// random prints the test's seed and gives its source of random numbers.
func random(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WEFT_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		seed = n
	}
	t.Logf("seed %d (WEFT_SEED=%d repeats it)", seed, seed)
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(seed, h.Sum64())), seed
}

// within is a context that ends with the test, or after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, fmt.Errorf("%s did not get this far in %v", t.Name(), d))
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// length is the value of a variable that says how long something runs.
func length(t *testing.T, variable string, otherwise time.Duration) time.Duration {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	must(t, err)
	return d
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}
