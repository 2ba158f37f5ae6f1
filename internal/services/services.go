// Package services finds the database servers that tests work on: those that
// WEFT_TEST_POSTGRES, WEFT_TEST_MYSQL and WEFT_TEST_REDIS name, or those on
// their usual ports of this machine. Command run in it starts private ones where
// there are none; the targets of the Makefile run tests through it.
//
// WEFT_TEST_SKIP_SERVICES=1 makes tests skip for which there is no server. They
// fail otherwise.
package services

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Postgres makes a database of its own for the test and gives its URL. It is
// dropped when the test ends. Text in it sorts as the server likes it, so that
// tests notice where Weft relies on that.
func Postgres(t testing.TB) string {
	t.Helper()
	base := setting(PostgresVariable, UsualPostgres)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is not a URL such as %s", PostgresVariable, UsualPostgres)
	}
	u.Path = "/" + fresh(t, "PostgreSQL", PostgresVariable, "pgx", base, `DROP DATABASE IF EXISTS %s WITH (FORCE)`)
	return u.String()
}

// MySQL makes a database of its own for the test and gives its DSN, as
// go-sql-driver reads it. It is dropped when the test ends.
func MySQL(t testing.TB) string { return mysqlConfig(t).FormatDSN() }

// MySQLURL is [MySQL] with the database's URL.
func MySQLURL(t testing.TB) string {
	cfg := mysqlConfig(t)
	u := url.URL{Scheme: "mysql", Host: cfg.Addr, Path: "/" + cfg.DBName, User: url.User(cfg.User)}
	if cfg.Passwd != "" {
		u.User = url.UserPassword(cfg.User, cfg.Passwd)
	}
	return u.String()
}

func mysqlConfig(t testing.TB) *mysql.Config {
	t.Helper()
	base := setting(MySQLVariable, UsualMySQL)
	cfg, err := mysql.ParseDSN(base)
	if err != nil {
		t.Fatalf("%s is not a DSN such as %s", MySQLVariable, UsualMySQL)
	}
	cfg.DBName = fresh(t, "MariaDB or MySQL", MySQLVariable, "mysql", base, `DROP DATABASE IF EXISTS %s`)
	return cfg
}

func setting(name, otherwise string) string {
	if s := os.Getenv(name); s != "" && s != "private" {
		return s
	}
	return otherwise
}

// fresh makes a database and has the test drop it.
func fresh(t testing.TB, what, variable, driver, dsn, drop string) string {
	t.Helper()
	var b [6]byte
	_, _ = rand.Read(b[:])
	name := "weft_test_" + hex.EncodeToString(b[:])
	if err := execute(driver, dsn, "CREATE DATABASE "+name); err != nil {
		if os.Getenv("WEFT_TEST_SKIP_SERVICES") == "1" {
			t.Skipf("SKIPPED, because WEFT_TEST_SKIP_SERVICES is 1: no %s to test on: %v", what, err)
		}
		t.Fatalf("no %s to test on: %v\nset %s to the address of one, or run the tests by make test, which starts one", what, err, variable)
	}
	t.Cleanup(func() {
		if err := execute(driver, dsn, fmt.Sprintf(drop, name)); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	return name
}

// execute runs one statement on a connection of its own.
func execute(driver, dsn, statement string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}
