package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// ask runs a statement through the engine of an address.
func ask(t *testing.T, address string) error {
	t.Helper()
	e, err := mysql.Scheme.Open(address)
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
	address := services.MySQLURL(t)
	for _, a := range []string{
		address,
		strings.Replace(address, "mysql:", "MariaDB:", 1),
		address + "?max_conns=2&conn_lifetime=1m&conn_idle_time=30s&query_timeout=10s&lock_timeout=2s&connect_timeout=5s&close_timeout=1s",
		address + "?readTimeout=20s&compress=true&tls=false",
	} {
		if err := ask(t, a); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := ask(t, address+"?readonly=true"); err == nil {
		t.Error("a table was made with readonly=true")
	}
}

// A password reaches the server whatever is in it.
func TestSchemePassword(t *testing.T) {
	const password = `p@s:s/w?r#d%&=+$ {x}é"`
	dsn := services.MySQL(t)
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	user := cfg.DBName // unique, as the database is
	for _, s := range []string{
		"CREATE USER " + user + "@'%' IDENTIFIED BY '" + password + "'",
		"GRANT ALL ON " + cfg.DBName + ".* TO " + user + "@'%'",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if _, err := db.Exec("DROP USER " + user + "@'%'"); err != nil {
			t.Error(err)
		}
	}()
	u := url.URL{Scheme: "mysql", Host: cfg.Addr, Path: "/" + cfg.DBName, User: url.UserPassword(user, password)}
	if err := ask(t, u.String()); err != nil {
		t.Error(err)
	}
	u.User = url.UserPassword(user, "tiger")
	if err := ask(t, u.String()); err == nil || strings.Contains(err.Error(), "tiger") {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestSchemeRefuses(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"mysql://u:tiger@h", "names no database"},
		{"mysql://u:tiger@h/", "names no database"},
		{"mysql:d", "cannot be read"},
		{"mysql://u:ti/ger@h/d", "cannot be read"},
		{"mysql://u:5/tiger@h/d", "cannot be read"},
		{"mysql://u:5#tiger@h/d", "cannot be read"},
		{"mysql://u:5?tiger@h/d", "cannot be read"},
		{"mysql://u:%zztiger@h/d", "cannot be read"},
		{"mysql://u:tiger@h:port/d", "cannot be read"},
		{"mysql://u:tiger@h/d?sslmode=require", `the option "sslmode" of the address is unknown; known are allowCleartextPasswords`},
		{"mysql://u:tiger@h/d?max_conns=0", "the option max_conns of the address"},
		{"mysql://u:tiger@h/d?multiStatements=true", `"multiStatements" of the address is unknown`},
		{"mysql://u:tiger@h/d?a=%zz", "the options of the address cannot be read"},
		{"mysql://u:tiger@h/d?tls=strange", "tls of the address cannot be used"},
	} {
		_, err := mysql.Scheme.Open(c.address)
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
