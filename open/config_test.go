package open_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestConnections(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("WEFT_TEST_FOLDER", dir)
	path := filepath.Join(dir, open.ConfigFile)
	if err := os.WriteFile(path, []byte(`# two databases
connections:
  analytics: sqlite:${WEFT_TEST_FOLDER}/analytics.db?readers=1
  default: ${WEFT_TEST_FOLDER}/app.db
  away: postgres://app:${WEFT_TEST_UNSET}@h/d
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := open.ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Names(); !slices.Equal(got, []string{"default", "analytics", "away"}) {
		t.Errorf("the names are %q", got)
	}
	for name, folder := range map[string]string{"": "schema", "default": "schema", "analytics": filepath.Join("schema", "analytics")} {
		if got, err := c.SchemaDir(name); err != nil || got != folder {
			t.Errorf("the models of %q are in %s, %v", name, got, err)
		}
	}
	// Several are open at once, and each keeps its own rows.
	ctx := context.Background()
	for n, name := range []string{"", "analytics"} {
		e, err := c.Open(name, sqlite.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		db, err := weft.Open(e, weft.Models(Note{}), weft.AutoMigrate())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for range n + 1 {
			if err := weft.Repo[Note](db).Create(ctx, &Note{}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := weft.Repo[Note](db).Count(ctx); err != nil || got != int64(n+1) {
			t.Errorf("%q has %d rows, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"away":  "connections.away: the variable WEFT_TEST_UNSET is not set",
		"audit": `there is no connection "audit"; there are default, analytics, away`,
	} {
		if _, err := c.Open(name, sqlite.Scheme); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	if _, err := open.ReadConfig(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Secrets keep their characters whatever they are.
func TestConfigSecrets(t *testing.T) {
	t.Setenv("WEFT_TEST_SECRET", "p@s:s/w?r#d%&=+$ {x}")
	t.Setenv("WEFT_TEST_WHOLE", "postgres://u:p%40@h/d")
	c, err := open.ParseConfig([]byte(`
connections:
  default: postgres://app:${WEFT_TEST_SECRET}@h/d?opt=1
  file: sqlite:${WEFT_TEST_SECRET}
  whole: ${WEFT_TEST_WHOLE}
  dollar: sqlite:$app.db
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"default": "postgres://app:p%40s%3As%2Fw%3Fr%23d%25%26%3D%2B%24%20%7Bx%7D@h/d?opt=1",
		"file":    "sqlite:p@s:s/w?r#d%&=+$ {x}",
		"whole":   "postgres://u:p%40@h/d",
		"dollar":  "sqlite:$app.db",
	} {
		if got, err := c.URL(name); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "connections is empty; give at least default: sqlite:app.db"},
		{"connections:\n", "connections is empty"},
		{"connection:\n  default: app.db\n", `line 1: the key "connection" is unknown; known are schema and connections`},
		{"schema: [a]\n", "line 1: schema is text, such as schema"},
		{"- a\n", "line 1: a configuration has keys with values"},
		{"connections: [a]\n", "line 1: connections has keys with values"},
		{"connections:\n  default:\n    url: tiger\n", "line 3: connections.default is text, such as sqlite:app.db"},
		{"connections:\n  default: 5\n", "line 2: connections.default is text"},
		{"connections:\n  default: ''\n", "line 2: connections.default is text"},
		{"connections:\n  default: a.db\n  default: b.db\n", `line 3: "default" is given twice`},
		{"connections:\n  ../up: a.db\n", `the connection "../up": a name has up to 63`},
		{"connections:\n  Default: a.db\n", `the connection "Default"`},
		{"connections:\n  default: postgres://u:${PASS WORD}@h/d\n", "connections.default: a reference to a variable is ${NAME}"},
		{"connections:\n  default: postgres://u:${PASS\n", "connections.default: a reference to a variable is ${NAME}"},
		{"connections: {default: a.db}\n---\n{}\n", "more than one document"},
		{"a: b: c\n", "mapping values are not allowed"},
	} {
		_, err := open.ParseConfig([]byte(c.text))
		if err == nil {
			t.Errorf("%q was read", c.text)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.text, err, c.want)
		}
		if strings.Contains(err.Error(), "tiger") {
			t.Errorf("%q: the address is in the error: %v", c.text, err)
		}
		if !errors.Is(err, op.ErrValidation) {
			t.Errorf("%q: the code is %s", c.text, op.CodeOf(err))
		}
	}
	c := open.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Schema = ""
	if err := c.Validate(); err == nil {
		t.Error("an empty folder was taken")
	}
	none := open.Config{Schema: "schema", Connections: map[string]string{"a": "a.db"}}
	if _, err := none.URL(""); err == nil || !strings.Contains(err.Error(), "there is no connection named default; name one of a") {
		t.Errorf("without a default: %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{"connections: {default: a.db}", "schema: x\nconnections:\n  a: b", "a: &x [*x]", "? [a]\n: b", "<<: {a: b}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := open.ParseConfig(data)
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", c, err)
		}
		if c != nil {
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
