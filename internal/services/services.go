// Package services finds the database servers that tests work on: PostgreSQL
// and MariaDB or MySQL, taken from WEFT_TEST_POSTGRES and WEFT_TEST_MYSQL, or
// from their default ports on this machine.
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
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's "pgx"
)

// The servers that a machine has when nobody says otherwise.
const (
	defaultPostgres = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	defaultMySQL    = "root@tcp(127.0.0.1:3306)/"
)

// Postgres makes a database of its own for the test and gives its URL. It is
// dropped when the test ends. Text in it sorts as the server likes it, so that
// tests notice where Weft relies on that.
func Postgres(t testing.TB) string {
	t.Helper()
	base := setting("WEFT_TEST_POSTGRES", defaultPostgres)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("WEFT_TEST_POSTGRES: %v", err)
	}
	name := fresh(t, "pgx", base, `DROP DATABASE IF EXISTS %s WITH (FORCE)`)
	u.Path = "/" + name
	return u.String()
}

// MySQL makes a database of its own for the test and gives its DSN, as
// go-sql-driver reads it. It is dropped when the test ends.
func MySQL(t testing.TB) string {
	t.Helper()
	base := setting("WEFT_TEST_MYSQL", defaultMySQL)
	cfg, err := mysql.ParseDSN(base)
	if err != nil {
		t.Fatalf("WEFT_TEST_MYSQL: %v", err)
	}
	cfg.DBName = fresh(t, "mysql", base, `DROP DATABASE IF EXISTS %s`)
	return cfg.FormatDSN()
}

func setting(name, otherwise string) string {
	if s := os.Getenv(name); s != "" {
		return s
	}
	return otherwise
}

// fresh makes a database and has the test drop it.
func fresh(t testing.TB, driver, dsn, drop string) string {
	t.Helper()
	var b [6]byte
	_, _ = rand.Read(b[:])
	name := "weft_test_" + hex.EncodeToString(b[:])
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("no %s server to test on: %v", driver, err)
	}
	t.Cleanup(func() {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		if _, err := db.Exec(fmt.Sprintf(drop, name)); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	return name
}
