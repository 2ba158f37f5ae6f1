package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weftdb/weft/internal/services"
)

// engines are the kinds of databases that scripts run on, each with a function
// that makes one and gives its URL.
var engines = map[string]func(testing.TB) string{
	"sqlite": func(t testing.TB) string {
		path := filepath.Join(t.TempDir(), "app.db")
		makeDatabase(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "DROP TABLE t")
		return "sqlite:" + path
	},
	"postgres": services.Postgres,
	"mysql": func(t testing.TB) string {
		return mysqlURL(t, services.MySQL(t))
	},
}

// mysqlURL is a DSN of the driver as a URL.
func mysqlURL(t testing.TB, dsn string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Net != "tcp" {
		t.Fatalf("a server by %s cannot be named by a URL", cfg.Net)
	}
	u := url.URL{Scheme: "mysql", Host: cfg.Addr, Path: "/" + cfg.DBName, User: url.User(cfg.User)}
	if cfg.Passwd != "" {
		u.User = url.UserPassword(cfg.User, cfg.Passwd)
	}
	return u.String()
}

// The scripts in testdata/server run on SQLite, PostgreSQL and MySQL or MariaDB,
// on a database of their own: $URL, of the kind $ENGINE. Golden files that differ
// are named by $ENGINE.
func TestServerScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "server", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for name, fresh := range engines {
		for _, file := range files {
			t.Run(name+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				address := fresh(t)
				testscript.Run(t, testscript.Params{
					Files: []string{file}, RequireExplicitExec: true, UpdateScripts: *update,
					Condition: func(cond string) (bool, error) { return cond == name, nil },
					Setup: func(env *testscript.Env) error {
						env.Setenv("URL", address)
						env.Setenv("ENGINE", name)
						return nil
					},
					Cmds: map[string]func(*testscript.TestScript, bool, []string){"serversql": serverSQL, "serveruser": serverUser},
				})
			})
		}
	}
}

// serverSQL runs a statement on the database of the script, or those of a file,
// which are separated by lines.
func serverSQL(ts *testscript.TestScript, neg bool, args []string) {
	m := migration{url: ts.Getenv("URL")}
	t, err := m.open(context.Background(), writing)
	ts.Check(err)
	defer t.db.Close()
	list := args
	if len(args) == 1 && strings.HasSuffix(args[0], ".sql") {
		list = strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	}
	for _, q := range list {
		if _, err := t.db.Exec(q); (err != nil) != neg {
			ts.Fatalf("%s: %v", q, err)
		}
	}
}

// serverUser makes a user who may do little, and sets a variable to the URL of
// the database for that user.
func serverUser(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(ts.Getenv("URL"))
	ts.Check(err)
	name := freshName()
	do := func(list ...string) {
		t, err := openServer(context.Background(), ts.Getenv("URL"))
		ts.Check(err)
		defer t.db.Close()
		for _, q := range list {
			_, err := t.db.Exec(strings.ReplaceAll(q, "$USER", name))
			ts.Check(err)
		}
	}
	if ts.Getenv("ENGINE") == "postgres" {
		do("CREATE ROLE $USER LOGIN PASSWORD 'geheim'", "GRANT USAGE, CREATE ON SCHEMA public TO $USER",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $USER")
		ts.Defer(func() { do("DROP OWNED BY $USER CASCADE", "DROP ROLE $USER") })
	} else {
		do("CREATE USER '$USER'@'%' IDENTIFIED BY 'geheim'", "GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON *.* TO '$USER'@'%'")
		ts.Defer(func() { do("DROP USER '$USER'@'%'") })
	}
	ts.Setenv("USER", name)
	u.User = url.UserPassword(name, "geheim")
	ts.Setenv(args[0], u.String())
}

// freshName is a name that nothing has.
func freshName() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "weft_" + hex.EncodeToString(b[:])
}

// Servers that are not there, passwords that are wrong: what to do is told,
// and nothing that is secret.
func TestServerAddressesRefused(t *testing.T) {
	closed := freeAddr(t, 1)
	at := map[string]string{}
	for name, fresh := range engines {
		u, err := url.Parse(fresh(t))
		if err != nil {
			t.Fatal(err)
		}
		at[name] = u.Host
	}
	myUser := mysqlUser(t)
	for _, c := range []struct{ url, want string }{
		{"postgres://me:geheim@" + closed + "/app", "the server of postgres://me@" + closed + "/app cannot be reached"},
		{"mysql://me:geheim@" + closed + "/app", "the server of mysql://me@" + closed + "/app cannot be reached"},
		{"postgres://me:geheim@no-such-host.invalid/app", "there is no host no-such-host.invalid; check the URL postgres://me@no-such-host.invalid/app"},
		{"postgres://me:ge:h%zzeim@h/app", "the URL postgres://… cannot be read"},
		{"postgres://me:geheim@h:1/app?sslmode=geheimer", "the URL postgres://me@h:1/app cannot be read: "},
		{"mysql://me:geheim@h:1/app?timeout=geheimer", "the URL mysql://me@h:1/app cannot be read: "},
		{"mysql://me:geheim@h:1", "names no host or no database; write it as mysql://user:password@host/name"},
		{"postgres:///app", "names no host or no database"},
		{"postgres://postgres:geheim@" + at["postgres"] + "/weft_no_such", "database \"weft_no_such\" does not exist; make it first"},
		{"postgres://weft_no_such:geheim@" + at["postgres"] + "/postgres", "refuses the user or the password"},
		{"mysql://" + myUser + ":geheim@" + at["mysql"] + "/mysql", "refuses the user or the password"},
	} {
		for _, command := range []string{"plan", "apply", "pull"} {
			var out, errOut bytes.Buffer
			args := []string{"migrate", command, "--url", c.url}
			if command != "pull" {
				args = append(args, "--schema", filepath.Join("testdata", "shop", "models.yaml"))
			}
			status := run(t.Context(), args, &out, &errOut)
			if status == exitOK || out.Len() > 0 || !strings.Contains(errOut.String(), c.want) || strings.Contains(errOut.String(), "eim") ||
				strings.Count(errOut.String(), "\n") != 1 {
				t.Errorf("%s %s: status %d, %q, %q, want %q", command, c.url, status, out.String(), errOut.String(), c.want)
			}
		}
	}
}

// mysqlUser makes a user with another password than the tests give.
func mysqlUser(t *testing.T) string {
	t.Helper()
	name := freshName()
	db, err := sql.Open("mysql", services.MySQL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(fmt.Sprintf("DROP USER '%s'@'%%'", name)); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec(fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY 'another'", name)); err != nil {
		t.Fatal(err)
	}
	return name
}

// A database that cannot hold what Weft writes is refused, and options that are
// the engine's are no fault of an address.
func TestServersThatServe(t *testing.T) {
	address := services.Postgres(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := freshName()
	admin, err := openServer(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.db.Close() })
	if _, err := admin.db.Exec("CREATE DATABASE " + name + " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	other := *u
	other.Path = "/" + name
	if _, err := openServer(t.Context(), other.String()); err == nil || !strings.Contains(err.Error(), "has the encoding SQL_ASCII and Weft needs UTF8") {
		t.Errorf("%v", err)
	}
	for _, with := range []struct{ url, query string }{
		{address, "max_conns=3&query_timeout=5s&readonly=false"}, {engines["mysql"](t), "max_conns=3&lock_timeout=2s&connect_timeout=5s"},
	} {
		u, err := url.Parse(with.url)
		if err != nil {
			t.Fatal(err)
		}
		query, err := url.ParseQuery(with.query + "&" + u.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = query.Encode()
		s, err := openServer(t.Context(), u.String())
		if err != nil {
			t.Error(err)
			continue
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// A server that accepts and says nothing is given up.
func TestServerThatIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = openServerWithin(t.Context(), "postgres://me@"+l.Addr().String()+"/app", 200*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "cannot be reached (it did not answer within 200ms)") {
		t.Error(err)
	}
}
