package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's "pgx"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
)

// poolSize is how many connections each peer may have on a server.
const poolSize = 8

// database makes a database on a server and gives its address; drop removes it.
type database struct {
	address string
	drop    func() error
}

func setting(name, otherwise string) string {
	if s := os.Getenv(name); s != "" {
		return s
	}
	return otherwise
}

func postgresDatabase() (*database, error) {
	base := setting(services.PostgresVariable, services.UsualPostgres)
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", services.PostgresVariable)
	}
	name, drop, err := fresh("pgx", base, " WITH (FORCE)")
	u.Path = "/" + name
	return &database{u.String(), drop}, err
}

func mysqlDatabase() (*database, error) {
	base := setting(services.MySQLVariable, services.UsualMySQL)
	cfg, err := mysql.ParseDSN(base)
	if err != nil {
		return nil, fmt.Errorf("%s is no DSN", services.MySQLVariable)
	}
	name, drop, err := fresh("mysql", base, "")
	cfg.DBName = name
	return &database{cfg.FormatDSN(), drop}, err
}

func fresh(driver, dsn, force string) (name string, drop func() error, err error) {
	var b [6]byte
	_, _ = rand.Read(b[:])
	name = "weft_bench_" + hex.EncodeToString(b[:])
	if err := statement(driver, dsn, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	return name, func() error { return statement(driver, dsn, "DROP DATABASE "+name+force) }, nil
}

func statement(driver, dsn, text string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = db.ExecContext(ctx, text)
	return err
}

// serverColumns are those of posts there.
const serverColumns = "id, created_at, updated_at, _version, title, writer_id, likes, public"

// tables lets Weft make the tables of the code written by hand, so that both
// work on the same types and indexes.
func tables(e weft.Engine) error {
	db, err := weft.Open(e, weft.Models(Post{}, Writer{}), weft.AutoMigrate())
	if err != nil {
		return err
	}
	return db.Close()
}
