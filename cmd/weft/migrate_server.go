package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/weftdb/weft/migrate/catalog"
)

// openServer connects to the database behind a URL.
func openServer(ctx context.Context, address string) (*target, error) {
	return openServerWithin(ctx, address, connectTimeout)
}

// openServerWithin gives a server that much time to answer.
func openServerWithin(ctx context.Context, address string, patience time.Duration) (*target, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's error has the URL in it, and with it the password.
		return nil, usagef("the URL %s cannot be read; write it as postgres://user:password@host:5432/name, with %%-escapes for signs such as @ : / in the password", hidden(address))
	}
	t := &target{label: redacted(u)}
	t.secret, _ = u.User.Password()
	if err := t.dial(u); err != nil {
		return nil, t.explain(err)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask := "SELECT version(), ''"
	if t.dialect == catalog.Postgres {
		ask = "SELECT current_setting('server_version'), current_setting('server_encoding')"
	}
	var version, encoding string
	if err := t.db.QueryRowContext(wait, ask).Scan(&version, &encoding); err != nil {
		if ctx.Err() == nil && wait.Err() != nil {
			err = &unreachable{fmt.Errorf("it did not answer within %s", patience)}
		}
		return nil, errors.Join(t.explain(err), t.db.Close())
	}
	t.mariadb = strings.Contains(version, "MariaDB")
	if err := t.serves(version, encoding); err != nil {
		return nil, errors.Join(err, t.db.Close())
	}
	return t, nil
}

// engineOptions are the options of an address that are for the engine: here one
// connection works, as long as it takes.
var engineOptions = []string{
	"readonly", "max_conns", "min_conns", "conn_lifetime", "conn_idle_time", "query_timeout", "lock_timeout", "close_timeout",
}

// dial makes the pool; it does not connect yet.
func (t *target) dial(u *url.URL) error {
	name := strings.TrimPrefix(u.Path, "/")
	query := u.Query()
	if u.Host == "" && !query.Has("host") && !query.Has("socket") || name == "" {
		return usagef("the URL %s names no host or no database; write it as %s://user:password@host/name", t.label, u.Scheme)
	}
	for _, option := range engineOptions {
		query.Del(option)
	}
	if strings.HasPrefix(strings.ToLower(u.Scheme), "postgres") {
		return t.dialPostgres(u, query)
	}
	return t.dialMySQL(u, query, name)
}

func (t *target) dialPostgres(u *url.URL, query url.Values) error {
	t.dialect = catalog.Postgres
	clean := *u
	clean.RawQuery = query.Encode()
	cfg, err := pgx.ParseConfig(clean.String())
	if err != nil {
		return usagef("the URL %s cannot be read: %s", t.label, reasonOf(err))
	}
	// What texts of the catalogue look like must not depend on the server's settings.
	for name, value := range map[string]string{
		"TimeZone": "UTC", "DateStyle": "ISO, YMD", "standard_conforming_strings": "on", "default_transaction_isolation": "read committed",
	} {
		cfg.RuntimeParams[name] = value
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "weft migrate"
	}
	t.db = stdlib.OpenDB(*cfg)
	return nil
}

func (t *target) dialMySQL(u *url.URL, query url.Values, name string) error {
	t.dialect = catalog.MySQL
	socket, timeout := query.Get("socket"), query.Get("connect_timeout")
	query.Del("socket")
	query.Del("connect_timeout")
	if timeout != "" {
		query.Set("timeout", timeout)
	}
	// Parameters are read by the driver itself; the rest of a DSN has no escapes.
	cfg, err := mysql.ParseDSN("/?" + query.Encode())
	if err != nil {
		return usagef("the URL %s cannot be read: %s", t.label, reasonOf(err))
	}
	cfg.Net, cfg.Addr, cfg.DBName, cfg.User, cfg.Passwd = "tcp", u.Host, name, u.User.Username(), t.secret
	switch {
	case socket != "":
		cfg.Net, cfg.Addr = "unix", socket
	case u.Port() == "":
		cfg.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	cfg.MultiStatements = false
	// What texts of the catalogue look like must not depend on the server's settings.
	cfg.Params = map[string]string{
		"time_zone": "'+00:00'", "sql_mode": "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return usagef("the URL %s cannot be read: %s", t.label, reasonOf(err))
	}
	t.db = sql.OpenDB(connector)
	return nil
}

// serves reports what Weft needs of a server: its version and encoding.
func (t *target) serves(version, encoding string) error {
	if t.dialect != catalog.Postgres {
		return nil // the engine says what it needs, by functions of the server
	}
	if n, err := strconv.Atoi(strings.FieldsFunc(version+" ", func(r rune) bool { return r < '0' || r > '9' })[0]); err == nil && n < 13 {
		return fmt.Errorf("%s is PostgreSQL %s; Weft needs version 13 or later", t.label, version)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%s has the encoding %s and Weft needs UTF8; make a database with ENCODING 'UTF8' TEMPLATE template0", t.label, encoding)
	}
	return nil
}

// redacted is a URL without what is secret: the password and all parameters.
func redacted(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	if name := u.User.Username(); name != "" {
		shown.User = url.User(name)
	}
	return shown.String()
}

// hidden is what may be shown of a URL that cannot be taken apart.
func hidden(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	return scheme + "://…"
}

// reasonOf is the last part of a driver's error, which has no URL in it.
func reasonOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	text := err.Error()
	if i := strings.LastIndexByte(text, '`'); i >= 0 {
		text = strings.TrimLeft(text[i+1:], ": ")
	}
	return text
}

// unreachable is the error of a server that does not answer.
type unreachable struct{ err error }

func (e *unreachable) Error() string { return e.err.Error() }
func (e *unreachable) Unwrap() error { return e.err }

// explain says what to do about what a server or a driver says, and takes what
// is secret out of it.
func (t *target) explain(err error) error {
	if err == nil {
		return nil
	}
	text := t.advise(err)
	if text == "" {
		text = bare(err)
	}
	err = &advised{text: text, err: err}
	if len(t.secret) >= 3 && strings.Contains(err.Error(), t.secret) {
		err = &advised{text: strings.ReplaceAll(err.Error(), t.secret, "xxxxx"), err: err}
	}
	return err
}

// advised is an error in other words.
type advised struct {
	text string
	err  error
}

func (e *advised) Error() string { return e.text }
func (e *advised) Unwrap() error { return e.err }

// advise is an error in words that say what to do; "" leaves it as it is.
func (t *target) advise(err error) string {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var usage *usageError
	switch {
	case errors.As(err, &usage), strings.HasPrefix(bare(err), "step "): // which says what to do
		return ""
	case errors.As(err, &pg):
		return t.advisePostgres(pg, err)
	case errors.As(err, &my):
		return t.adviseMySQL(my, err)
	}
	return t.adviseNetwork(err)
}

func (t *target) advisePostgres(e *pgconn.PgError, err error) string {
	switch e.Code {
	case "28P01", "28000":
		return fmt.Sprintf("%s refuses the user or the password (%s); check both in the URL or the configuration", t.label, e.Message)
	case "3D000":
		return fmt.Sprintf("%s: %s; make it first: CREATE DATABASE", t.label, e.Message)
	case "42501", "25006":
		return fmt.Sprintf("%s: %s; have the owner of the database grant that right, or use a user that has it, and run the command again", bare(err), t.label)
	case "53300":
		return fmt.Sprintf("%s has no free connection (%s); try again later", t.label, e.Message)
	case "57P01", "57P02", "57P03":
		return fmt.Sprintf("%s is being shut down or started (%s); %s", t.label, e.Message, t.after())
	case "53100":
		return fmt.Sprintf("%s has no room on its disk (%s); make room; %s", t.label, e.Message, t.after())
	}
	return ""
}

func (t *target) adviseMySQL(e *mysql.MySQLError, err error) string {
	switch e.Number {
	case 1045, 1698, 3118:
		return fmt.Sprintf("%s refuses the user or the password (%s); check both in the URL or the configuration", t.label, e.Message)
	case 1049:
		return fmt.Sprintf("%s: %s; make it first: CREATE DATABASE", t.label, e.Message)
	case 1044, 1142, 1143, 1227, 1290, 1836:
		return fmt.Sprintf("%s: %s; have an administrator grant that right, or use a user that has it, and run the command again", bare(err), t.label)
	case 1040, 1203:
		return fmt.Sprintf("%s has no free connection (%s); try again later", t.label, e.Message)
	case 1053, 1927, 1317:
		return fmt.Sprintf("%s ended the connection (%s); %s", t.label, e.Message, t.after())
	case 1021, 1114:
		return fmt.Sprintf("%s has no room on its disk (%s); make room; %s", t.label, e.Message, t.after())
	}
	return ""
}

// adviseNetwork is about servers that are not there, or not any more.
func (t *target) adviseNetwork(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var far *unreachable
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &cert), errors.As(err, &authority):
		return fmt.Sprintf("%s shows a certificate that cannot be verified; name its authority in the URL (sslrootcert=FILE for PostgreSQL)", t.label)
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %s; check the URL %s", dns.Name, t.label)
	case errors.As(err, &far), errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("the server of %s cannot be reached (%s); check that it runs, and host and port", t.label, reasonOf(err))
	case t.file == nil && t.dialect != catalog.SQLite && isLost(err):
		return fmt.Sprintf("the connection to %s was lost (%s); %s", t.label, reasonOf(err), t.after())
	}
	return ""
}

func isLost(err error) bool {
	var op *net.OpError
	for _, e := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.As(err, &op)
}

// after says what is left behind when the server went away.
func (t *target) after() string {
	if t.dialect == catalog.MySQL {
		return "what was done stays done and is recorded; run the command again, and it goes on where it stopped"
	}
	return "the database is as it was; run the command again"
}

// bare is an error without the words in front that name its package.
func bare(err error) string {
	return strings.TrimPrefix(err.Error(), "migrate: ")
}
