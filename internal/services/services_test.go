package services_test

import (
	"database/sql"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/internal/services"
)

// told is a test that keeps how it ended.
type told struct {
	testing.TB
	failed, skipped string
	cleanups        []func()
}

func (t *told) Fatalf(format string, args ...any) {
	t.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (t *told) Skipf(format string, args ...any) {
	t.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (t *told) Cleanup(fn func()) { t.cleanups = append(t.cleanups, fn) }

// during runs a function as a test of its own would be run, up to its end.
func during(t *testing.T, fn func(testing.TB)) *told {
	in := &told{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(in)
	}()
	<-done
	return in
}

func TestDatabasesComeAndGo(t *testing.T) {
	for _, c := range []struct {
		driver string
		make   func(testing.TB) string
	}{{"pgx", services.Postgres}, {"mysql", services.MySQL}} {
		count := func(dsn string) (int, error) {
			db, err := sql.Open(c.driver, dsn)
			if err != nil {
				return 0, err
			}
			defer db.Close()
			var n int
			return n, db.QueryRow("SELECT 1").Scan(&n)
		}
		var one, other string
		in := during(t, func(t testing.TB) { one, other = c.make(t), c.make(t) })
		if in.failed+in.skipped != "" {
			t.Fatal(in.failed, in.skipped)
		}
		if one == other {
			t.Errorf("%s: two tests share %s", c.driver, one)
		}
		if n, err := count(one); err != nil || n != 1 {
			t.Errorf("%s: %v", one, err)
		}
		for _, fn := range in.cleanups {
			fn()
		}
		if _, err := count(one); err == nil {
			t.Errorf("%s is still there", one)
		}
	}
}

// Without a server a test fails and says what to do, or is skipped when that
// was asked for.
func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEFT_TEST_POSTGRES", "postgres://postgres@"+nobody+"/postgres")
	t.Setenv("WEFT_TEST_MYSQL", "root@tcp("+nobody+")/")
	for _, make := range []func(testing.TB) string{services.Postgres, services.MySQL, services.MySQLURL} {
		use := func(t testing.TB) { make(t) }
		t.Setenv("WEFT_TEST_SKIP_SERVICES", "")
		if in := during(t, use); in.skipped != "" || !strings.Contains(in.failed, "to test on") || !strings.Contains(in.failed, "make test") {
			t.Errorf("it failed with %q, was skipped with %q", in.failed, in.skipped)
		}
		t.Setenv("WEFT_TEST_SKIP_SERVICES", "1")
		if in := during(t, use); in.failed != "" || !strings.HasPrefix(in.skipped, "SKIPPED, because WEFT_TEST_SKIP_SERVICES is 1: no ") {
			t.Errorf("it failed with %q, was skipped with %q", in.failed, in.skipped)
		}
	}
}
