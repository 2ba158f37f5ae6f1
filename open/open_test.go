package open_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/open/all"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type Note struct {
	weft.Model
	Text string
}

// pg stands for an engine with URLs, and tells what it was asked for.
func pg(got *string) open.Scheme {
	return open.Scheme{
		Names: []string{"postgres", "postgresql"}, Form: "postgres://user@host:5432/database",
		Open: func(address string) (op.Engine, error) { *got = address; return sqlite.Open(":memory:"), nil },
	}
}

func TestURL(t *testing.T) {
	dir := t.TempDir()
	for _, address := range []string{
		filepath.Join(dir, "plain.db"),
		"sqlite:" + filepath.Join(dir, "scheme.db"),
		"sqlite://" + filepath.Join(dir, "slashes.db"),
		"SQLite:" + filepath.Join(dir, "case.db"),
		"sqlite:" + filepath.Join(dir, "options.db") + "?readers=2&full=true&busy_timeout=250ms&cache_size=1024&close_timeout=1s&keep_journal=false",
		filepath.Join(dir, "what?.db"),
		"sqlite::memory:",
		":memory:",
	} {
		e, err := all.URL(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		db, err := weft.Open(e, weft.Models(Note{}), weft.AutoMigrate())
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if err := weft.Repo[Note](db).Create(context.Background(), &Note{Text: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(found) != 6 {
		t.Errorf("the files are %q, %v", found, err)
	}
	e, err := all.URL("sqlite:" + filepath.Join(dir, "plain.db") + "?readonly=1")
	if err != nil {
		t.Fatal(err)
	}
	db, err := weft.Open(e, weft.Models(Note{}))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := weft.Repo[Note](db).Create(context.Background(), &Note{}); err == nil {
		t.Error("a row was written with readonly=1")
	}
}

func TestURLPicks(t *testing.T) {
	var got string
	for _, address := range []string{"postgres://u:p@h/d", "PostgreSQL://u@h/d?x=y"} {
		if _, err := open.URL(address, sqlite.Scheme, pg(&got)); err != nil || got != address {
			t.Errorf("%s: opened %q, %v", address, got, err)
		}
	}
}

func TestURLRefuses(t *testing.T) {
	var got string
	both := []open.Scheme{sqlite.Scheme, pg(&got)}
	for _, c := range []struct {
		address string
		schemes []open.Scheme
		want    string // in the error
	}{
		{"app.db", nil, "hand one in"},
		{"", both, "the address is empty; give sqlite:app.db, postgres://user@host:5432/database"},
		{"  ", both, "the address is empty"},
		{"oracle://scott:tiger@h/d", both, `the scheme "oracle" is unknown here; known are sqlite:app.db, postgres://`},
		{"mysql://root:tiger@h/d", []open.Scheme{sqlite.Scheme}, `"mysql" is unknown here; known are sqlite:app.db`},
		{"app.db", both[1:], "the address has no scheme; give postgres://"},
		{"file:app.db?mode=ro", both, "give the path alone"},
		{"root:tiger@tcp(127.0.0.1:3306)/d", both, "write it as mysql://"},
		{"root@tcp(127.0.0.1:3306)/d", both, "write it as mysql://"},
		{"host=h user=u password=tiger dbname=d", both, "write it as postgres://"},
		{"//u:tiger@h/d", both, "put its scheme before them"},
		{"sqlite:", both, "has no path"},
		{"sqlite:?full=true", both, "has no path"},
		{"sqlite:a.db?mode=ro", both, `the option "mode" of the address is unknown; known are busy_timeout, cache_size`},
		{"sqlite:a.db?readers=many", both, `the option readers of the address: "many" is no number`},
		{"sqlite:a.db?readers=0", both, `"0" is no number above 0`},
		{"sqlite:a.db?full=perhaps", both, `"perhaps" is neither true nor false`},
		{"sqlite:a.db?busy_timeout=5", both, `"5" is no duration`},
		{"sqlite:a.db?readers=1&readers=2", both, "is given twice"},
		{"sqlite:a.db?readers=%zz", both, "cannot be read"},
	} {
		_, err := open.URL(c.address, c.schemes...)
		if err == nil {
			t.Errorf("%s: opened", c.address)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.address, err, c.want)
		}
		if strings.Contains(err.Error(), "tiger") {
			t.Errorf("%s: the password is in the error: %v", c.address, err)
		}
		if !errors.Is(err, op.ErrValidation) {
			t.Errorf("%s: the code is %s", c.address, op.CodeOf(err))
		}
	}
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"app.db":                                   "app.db",
		"sqlite:app.db":                            "sqlite:app.db",
		"postgres://h/d":                           "postgres://h/d",
		"postgres://u@h/d":                         "postgres://u@h/d",
		"postgres://u:tiger@h:5432/d":              "postgres://u:xxxxx@h:5432/d",
		"postgres://u:ti@ger@h/d":                  "postgres://u:xxxxx@h/d",
		"postgres://u:ti/ger@h/d":                  "postgres://u:xxxxx@h/d",
		"postgres://u:ti?ger@h/d":                  "postgres://u:xxxxx@h/d",
		"postgres://u:%zz@h/d":                     "postgres://u:xxxxx@h/d",
		"postgres://h/d?password=tiger":            "postgres://h/d?password=xxxxx",
		"postgres://h/d?a=b&sslpassword=tiger&c=d": "postgres://h/d?a=b&sslpassword=xxxxx&c=d",
		"mysql://u:@h/d":                           "mysql://u:xxxxx@h/d",
	} {
		if got := open.Redact(address); got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}

func TestAllNames(t *testing.T) {
	var names []string
	for _, s := range all.Schemes() {
		if s.Form == "" || s.Open == nil {
			t.Errorf("the scheme of %q is not complete", s.Names)
		}
		if name, ok := open.SchemeOf(s.Form); !ok || !slices.Contains(s.Names, name) {
			t.Errorf("the form %q is not one of %q", s.Form, s.Names)
		}
		names = append(names, s.Names...)
	}
	slices.Sort(names)
	if n := len(names); len(slices.Compact(names)) != n {
		t.Errorf("a name stands for two engines: %q", names)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"app.db", "sqlite:a.db?readers=2", "sqlite:%zz?%zz", "a:b:c", "postgres://u:p@h/d", "::", "u@tcp(h)/d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		e, err := all.URL(address)
		if (e == nil) == (err == nil) {
			t.Fatalf("%q: engine %v, error %v", address, e, err)
		}
		shown := open.Redact(address)
		if open.Redact(shown) != shown {
			t.Fatalf("%q is shown as %q, that as %q", address, shown, open.Redact(shown))
		}
	})
}
