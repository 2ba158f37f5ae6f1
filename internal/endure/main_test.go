package endure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// childEnv names what this binary does when a test has started it again.
const childEnv = "WEFT_ENDURE_CHILD"

// children are the programs that a test can start.
var children = map[string]func(args []string) error{
	"load":    loadChild,
	"traffic": trafficChild,
	"lock":    lockChild,
	"migrate": migrateChild,
	"rotate":  rotateChild,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leak.VerifyTestMain(m)
}

// child is this binary started again.
type child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs strings.Builder
}

// start starts one of the children. It is killed when the test ends before it.
func start(t *testing.T, name string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := &child{cmd: exec.Command(exe, args...)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+name)
	c.cmd.Stderr = &c.errs
	c.in, err = c.cmd.StdinPipe()
	must(t, err)
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	c.out = bufio.NewReader(out)
	must(t, c.cmd.Start())
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	return c
}

// line reads one line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		_ = c.cmd.Wait()
		t.Fatalf("the child ended early: %v\n%s", err, c.errs.String())
	}
	return strings.TrimSuffix(s, "\n")
}

// end tells the child to end, by closing its input, and waits for it.
func (c *child) end(t *testing.T) {
	t.Helper()
	_ = c.in.Close()
	_, _ = io.Copy(io.Discard, c.out)
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("the child failed: %v\n%s", err, c.errs.String())
	}
}

// long is the value of WEFT_LONG as a duration, short without it.
func long(short time.Duration) time.Duration {
	v := os.Getenv("WEFT_LONG")
	if v == "" {
		return short
	}
	if d, err := time.ParseDuration(v); err == nil {
		return d
	}
	return max(30*time.Second, short)
}

func isLong() bool { return os.Getenv("WEFT_LONG") != "" }

// random prints the test's seed and gives its source of random numbers.
func random(t *testing.T) *rand.Rand {
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
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// file is a path for a database of this test.
func file(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "test.db")
}

func allModels() weft.Option {
	return weft.Models(Tally{}, Account{}, Entry{}, Word{}, Group{}, Item{}, Part{}, Hooked{})
}

// open opens a database with all models, migrated, and closes it in the end.
func open(t *testing.T, path string, opts ...sqlite.Option) *weft.DB {
	t.Helper()
	db, err := weft.Open(sqlite.Open(path, opts...), allModels(), weft.AutoMigrate())
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// sound checks that SQLite finds nothing wrong with the file.
func sound(t *testing.T, db *weft.DB) {
	t.Helper()
	for _, q := range []string{"PRAGMA integrity_check", "PRAGMA foreign_key_check"} {
		rows, err := weft.SQL[map[string]any](context.Background(), db, q)
		must(t, err)
		if q == "PRAGMA integrity_check" && len(rows) == 1 && rows[0]["integrity_check"] == "ok" {
			continue
		}
		if len(rows) > 0 {
			t.Fatalf("%s: %v", q, rows)
		}
	}
	for _, table := range []string{"entries", "words"} {
		index := "weft_search_" + table + "_words"
		n, err := weft.SQL[int64](context.Background(), db, "SELECT count(*) FROM sqlite_schema WHERE name = ?", index)
		must(t, err)
		if n[0] == 0 {
			continue
		}
		if _, err := db.Exec(context.Background(), "INSERT INTO "+index+" ("+index+", rank) VALUES ('integrity-check', 1)"); err != nil {
			t.Fatalf("the full-text index of %s does not fit its rows: %v", table, err)
		}
	}
}

// hung is how long nothing here takes, however slow the machine is.
const hung = 2 * time.Minute

// within fails the test when fn takes longer than d, with all goroutines.
func within[V any](t *testing.T, d time.Duration, what string, fn func() V) V {
	t.Helper()
	done := make(chan V, 1)
	begun := time.Now()
	go func() { done <- fn() }()
	select {
	case v := <-done:
		t.Logf("%s took %v", what, time.Since(begun).Round(time.Millisecond))
		return v
	case <-time.After(d):
		panic(fmt.Sprintf("%s: %s did not end within %v", t.Name(), what, d))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, weft.CodeOf(err))
	}
}

// fails checks the code of an error and what it says.
// nil is any.
func fails(t testing.TB, err, code error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %v", code)
	}
	if code != nil && !errors.Is(err, code) {
		t.Fatalf("the error is %q (%s); want %v", err, weft.CodeOf(err), code)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error %q does not say %q", err, p)
		}
	}
}

func equal[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
