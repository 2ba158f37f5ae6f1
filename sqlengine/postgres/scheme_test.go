package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// ask runs a statement through the engine of an address.
func ask(t *testing.T, address string) error {
	t.Helper()
	e, err := postgres.Scheme.Open(address)
	if err != nil {
		return err
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = e.Do(context.Background(), op.Op{Kind: op.SQL, SQL: "CREATE TABLE IF NOT EXISTS asked (id INT PRIMARY KEY)"})
	return err
}

func TestSchemeOptions(t *testing.T) {
	address := services.Postgres(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	with := func(query string) string {
		u := *u
		if u.RawQuery != "" {
			query = u.RawQuery + "&" + query
		}
		u.RawQuery = query
		return u.String()
	}
	for _, a := range []string{
		address,
		strings.Replace(address, "postgres:", "PostgreSQL:", 1),
		with("max_conns=2&min_conns=1&conn_lifetime=1m&conn_idle_time=30s&query_timeout=10s&close_timeout=1s"),
		with("connect_timeout=5&application_name=asking&search_path=public"),
	} {
		if err := ask(t, a); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := ask(t, with("readonly=true")); err == nil {
		t.Error("a table was made with readonly=true")
	}
}

// No error tells a password, wherever it stands.
func TestSchemeRefuses(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"postgres:d", "cannot be read"},
		{"postgres://u:ti/ger@h/d", "cannot be read"},
		{"postgres://u:5/tiger@h/d", "cannot be read"},
		{"postgres://u:5#tiger@h/d", "cannot be read"},
		{"postgres://u:5?tiger@h/d", "cannot be read"},
		{"postgres://u:%zztiger@h/d", "cannot be read"},
		{"postgres://u:tiger@h:port/d", "cannot be read"},
		{"postgres://u:tiger@h/d?ssl=require", `the option "ssl" of the address is unknown; known are application_name`},
		{"postgres://u:tiger@h/d?pool_max_conns=3", `"pool_max_conns" of the address is unknown`},
		{"postgres://u:tiger@h/d?max_conns=0", "the option max_conns of the address"},
		{"postgres://u:tiger@h/d?query_timeout=5", `"5" is no duration`},
		{"postgres://u:tiger@h/d?a=%zz", "the options of the address cannot be read"},
		{"postgres://u:tiger@h/d?sslmode=strange", "sslmode"},
		{"postgres://u@h/d?password=tiger&sslmode=strange", "sslmode"},
	} {
		_, err := postgres.Scheme.Open(c.address)
		switch {
		case err == nil:
			t.Errorf("%s: opened", c.address)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v; want %q", c.address, err, c.want)
		case strings.Contains(err.Error(), "tiger"):
			t.Errorf("%s: the password is in the error: %v", c.address, err)
		case !errors.Is(err, op.ErrValidation) && !errors.Is(err, op.ErrDatabase):
			t.Errorf("%s: the code is %s", c.address, op.CodeOf(err))
		}
	}
}
