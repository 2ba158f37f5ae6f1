package services

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's "pgx"
)

// The variables that say where the servers are.
const (
	PostgresVariable = "WEFT_TEST_POSTGRES"
	MySQLVariable    = "WEFT_TEST_MYSQL"
	RedisVariable    = "WEFT_TEST_REDIS"
)

// The servers that a machine has when nobody says otherwise: a URL, a DSN as
// go-sql-driver reads it, a URL.
const (
	UsualPostgres = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	UsualMySQL    = "root@tcp(127.0.0.1:3306)/"
	UsualRedis    = "redis://127.0.0.1:6379/0"
)

// TryPostgres says whether tests can work on a server: they make databases.
func TryPostgres(ctx context.Context, address string) (version string, err error) {
	return try(ctx, "pgx", address, "SHOW server_version")
}

// TryMySQL says whether tests can work on a server: they make databases.
func TryMySQL(ctx context.Context, dsn string) (version string, err error) {
	return try(ctx, "mysql", dsn, "SELECT version()")
}

func try(ctx context.Context, driver, dsn, ask string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, ask).Scan(&version); err != nil {
		return "", err
	}
	var b [6]byte
	_, _ = rand.Read(b[:])
	name := "weft_test_" + hex.EncodeToString(b[:])
	for _, statement := range []string{"CREATE DATABASE " + name, "DROP DATABASE " + name} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	return version, nil
}

// TryRedis says whether a server answers, by its own protocol.
func TryRedis(ctx context.Context, address string) (version string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" || u.Port() == "" {
		return "", fmt.Errorf("%s is not a URL such as %s", RedisVariable, UsualRedis)
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if password, ok := u.User.Password(); ok {
		fmt.Fprintf(conn, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(password), password)
	}
	fmt.Fprint(conn, "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if said := lines.Text(); strings.HasPrefix(said, "-") {
			return "", fmt.Errorf("%s", said[1:])
		}
		if version, ok := strings.CutPrefix(lines.Text(), "redis_version:"); ok {
			return version, nil
		}
	}
	return "", fmt.Errorf("%s answers, but not as Redis does", u.Host)
}
