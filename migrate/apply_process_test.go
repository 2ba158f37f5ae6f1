package migrate_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/lock"
)

// Children are this test's own program, run again with these variables.
const (
	childPlace  = "WEFT_TEST_APPLY_PLACE" // dialect, driver and DSN
	childStop   = "WEFT_TEST_APPLY_STOP"  // "step moment": says so there, and goes on after a line
	childTables = 10                      // what manySteps makes there
)

// applyChild is the main function of a child.
func applyChild(where string) int {
	if err := childApplies(where, os.Getenv(childStop)); err != nil {
		fmt.Println("failed", strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Println("done")
	return 0
}

// childApplies plans, says "planned", waits for a line and applies.
func childApplies(where, stop string) error {
	parts := strings.SplitN(where, " ", 3)
	db, err := sql.Open(parts[1], parts[2])
	if err != nil {
		return err
	}
	defer db.Close()
	set := manySteps(new(testing.T), childTables)
	// Nothing waits for the end of a lease: none ends before hear gives up.
	m := migrate.New(db, catalog.Dialect(parts[0]), set, migrate.Options{LockWait: time.Hour, LockTTL: time.Hour})
	p, err := m.Plan(context.Background())
	if err != nil {
		return err
	}
	if len(p.Steps) < 20 {
		return fmt.Errorf("%d steps", len(p.Steps))
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("planned")
	in.Scan()
	m.SetHook(func(step, statement int, at string) error {
		if stop == fmt.Sprintf("%d %s", step, at) {
			stop = "" // once
			fmt.Println("stopped")
			in.Scan()
		}
		return nil
	})
	return m.Apply(context.Background(), p)
}

// process is a child.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func (p place) start(t *testing.T, stop string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childPlace+"="+string(p.dialect)+" "+p.driver+" "+p.dsn, childStop+"="+stop)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &process{t: t, cmd: cmd, in: in, out: bufio.NewScanner(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return c
}

// hear waits for the child's next line.
func (c *process) hear(want string) string {
	c.t.Helper()
	timer := time.AfterFunc(2*time.Minute, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	if !c.out.Scan() {
		c.t.Fatalf("the child ended before it said %q", want)
	}
	line := c.out.Text()
	if !strings.HasPrefix(line, want) {
		c.t.Fatalf("the child says %q, not %q", line, want)
	}
	return line
}

func (c *process) tell() { _, _ = io.WriteString(c.in, "\n") }

func (c *process) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// once checks that the plan was carried out once and entirely.
func (p place) once(t *testing.T, runs int) {
	t.Helper()
	set := manySteps(t, childTables)
	if n := len(p.auto(t, set).Steps); n != 0 {
		t.Errorf("%d steps are left", n)
	}
	status, err := p.migrator(set, migrate.Options{}).Status(t.Context())
	if err != nil || status.Unfinished != nil || len(status.Runs) != runs {
		t.Fatalf("%+v, %v", status, err)
	}
	for _, r := range status.Runs {
		for _, s := range r.Steps {
			if s.State != journal.Done || s.Done != s.Statements {
				t.Errorf("%+v", s)
			}
		}
	}
	other := newPlace(t, p.dialect)
	other.auto(t, set)
	if got, want := p.dump(t), other.dump(t); got != want {
		t.Errorf("the database is\n%s\nwant\n%s", got, want)
	}
}

// Five processes apply the same steps at the same time: each is done once.
func TestFiveProcesses(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		var all []*process
		for range 5 {
			c := p.start(t, "")
			c.hear("planned")
			all = append(all, c)
		}
		for _, c := range all {
			c.tell()
		}
		for _, c := range all {
			c.hear("done")
		}
		p.once(t, 1)
	})
}

// One of five is killed in the middle: another one finishes, nothing is done
// twice, and nobody waits until the lease ends.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		moments := []string{"7 after"}
		if p.dialect == catalog.MySQL {
			moments = []string{"7 before", "7 after", "7 saved"}
		}
		for _, moment := range moments {
			p.clean(t)
			victim := p.start(t, moment)
			victim.hear("planned")
			var all []*process
			for range 4 {
				c := p.start(t, "")
				c.hear("planned")
				all = append(all, c)
			}
			victim.tell()
			victim.hear("stopped")
			for _, c := range all {
				c.tell()
			}
			h, err := lock.Look(t.Context(), p.db, p.dialect, lock.Migrations)
			if err != nil || h == nil || !strings.HasSuffix(h.Owner, fmt.Sprint(":", victim.cmd.Process.Pid)) {
				t.Fatalf("%v, %v", h, err)
			}
			victim.signal(syscall.SIGKILL)
			for _, c := range all {
				c.hear("done")
			}
			p.once(t, 1)
		}
	})
}

// A process is stopped past the end of its lease and goes on when others have
// done its work: it does no harm.
func TestStoppedPastItsLease(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		moments := []string{"7 after"}
		if p.dialect == catalog.MySQL {
			moments = []string{"7 before", "7 after", "7 saved"}
		}
		for _, moment := range moments {
			p.clean(t)
			victim := p.start(t, moment)
			victim.hear("planned")
			victim.tell()
			victim.hear("stopped")
			victim.signal(syscall.SIGSTOP)
			set := manySteps(t, childTables)
			if p.dialect == catalog.SQLite {
				// Its transaction holds the file, whatever the lease says.
				_, err := p.migrator(set, migrate.Options{LockWait: 200 * time.Millisecond}).Auto(t.Context())
				var held *lock.HeldError
				if !errors.As(err, &held) || !strings.Contains(err.Error(), fmt.Sprint(victim.cmd.Process.Pid)) {
					t.Fatalf("%v", err)
				}
				victim.signal(syscall.SIGCONT)
				victim.tell()
				victim.hear("done")
				p.once(t, 1)
				continue
			}
			p.exec(t, "UPDATE weft_lock SET expires_at = 1")
			if _, err := p.migrator(set, migrate.Options{}).Auto(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := p.dump(t)
			victim.signal(syscall.SIGCONT)
			victim.tell()
			victim.hear("failed")
			if after := p.dump(t); after != before {
				t.Errorf("it did harm:\n%s\nwas\n%s", after, before)
			}
			if h, err := lock.Look(t.Context(), p.db, p.dialect, lock.Migrations); h != nil || err != nil {
				t.Errorf("%v, %v", h, err)
			}
			p.once(t, 1)
		}
	})
}
