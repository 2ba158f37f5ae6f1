package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weftdb/weft/op"
)

// configure reads an address. Its errors do not show it: there may be a
// password in it.
func (e *Engine) configure(dsn string) (*pgxpool.Config, error) {
	e.name = "the database"
	if strings.TrimSpace(dsn) == "" {
		return nil, op.Errorf(op.CodeDatabase, "the address of the PostgreSQL database is empty; give one such as postgres://user@host/name")
	}
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, op.Errorf(op.CodeDatabase, "the address of the PostgreSQL database cannot be read (%s); give one such as postgres://user@host/name or host=… user=… dbname=…", why(dsn, err))
	}
	e.name = cfg.ConnConfig.Database + " on " + cfg.ConnConfig.Host
	e.size(cfg, dsn)
	params := cfg.ConnConfig.RuntimeParams
	if e.opt.timeout < 0 && params["statement_timeout"] == "" {
		e.opt.timeout = defaultTimeout
	}
	if params["application_name"] == "" {
		params["application_name"] = e.opt.name
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 15 * time.Second
	}
	cfg.ConnConfig.BuildContextWatcherHandler = watch
	cfg.ConnConfig.AfterConnect = e.setUp
	return cfg, nil
}

// size sets the pool's limits: those of the options, of the address, or the
// usual ones.
func (e *Engine) size(cfg *pgxpool.Config, dsn string) {
	switch {
	case e.opt.maxConns > 0:
		cfg.MaxConns = int32(e.opt.maxConns)
	case !strings.Contains(dsn, "pool_max_conns"):
		cfg.MaxConns = int32(defaultConns())
	}
	e.opt.maxConns = int(cfg.MaxConns)
	if e.opt.minConns >= 0 {
		cfg.MinConns = int32(e.opt.minConns)
	}
	cfg.MinConns = min(cfg.MinConns, cfg.MaxConns)
	set := func(to *time.Duration, option time.Duration, key string, usual time.Duration) {
		switch {
		case option >= 0:
			*to = option
		case !strings.Contains(dsn, key):
			*to = usual
		}
	}
	set(&cfg.MaxConnLifetime, e.opt.lifetime, "pool_max_conn_lifetime", defaultLifetime)
	set(&cfg.MaxConnIdleTime, e.opt.idle, "pool_max_conn_idle_time", defaultIdle)
	set(&cfg.MaxConnLifetimeJitter, -1, "pool_max_conn_lifetime_jitter", cfg.MaxConnLifetime/10)
	set(&cfg.PingTimeout, -1, "pool_ping_timeout", 5*time.Second)
}

var secret = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)`)

// why is what is wrong with an address, without the address.
func why(dsn string, err error) string {
	msg := err.Error()
	if i := strings.LastIndex(msg, "`: "); i >= 0 { // it begins with the address
		msg = msg[i+3:]
	}
	msg = secret.ReplaceAllString(msg, "${1}xxxxx")
	if u, perr := url.Parse(dsn); perr == nil && u.User != nil {
		if p, ok := u.User.Password(); ok && p != "" {
			msg = strings.ReplaceAll(msg, p, "xxxxx")
		}
	}
	return msg
}

// setUp prepares a new connection.
func (e *Engine) setUp(ctx context.Context, pg *pgconn.PgConn) error {
	if enc := pg.ParameterStatus("server_encoding"); enc != "UTF8" {
		return op.Errorf(op.CodeDatabase, "%s has the encoding %s and Weft needs UTF8: create the database with ENCODING 'UTF8'", e.name, enc)
	}
	if v := pg.ParameterStatus("server_version"); major(v) > 0 && major(v) < 13 {
		return op.Errorf(op.CodeDatabase, "%s runs PostgreSQL %s; Weft needs 13 or later", e.name, v)
	}
	text := "SET client_encoding = 'UTF8'; SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET standard_conforming_strings = on; " +
		"SET default_transaction_isolation = 'read committed'"
	if e.opt.timeout >= 0 {
		text += "; SET statement_timeout = " + strconv.FormatInt(e.opt.timeout.Milliseconds(), 10)
	}
	if e.opt.readOnly {
		text += "; SET default_transaction_read_only = on"
	}
	_, err := pg.Exec(ctx, text).ReadAll()
	return err
}

func major(version string) int {
	v, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(v)
	return n
}

// look learns about the server what statements depend on, and checks that this
// version of Weft knows the database's format.
func (e *Engine) look(ctx context.Context, pg *pgconn.PgConn) error {
	rows, err := ask(ctx, pg, `SELECT (SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu')::text, current_schema(), to_regclass(quote_ident(current_schema()) || '.weft_meta') IS NOT NULL`)
	if err != nil {
		return err
	}
	e.icu.Store(rows[0][0] != "0")
	if rows[0][1] == "" {
		return op.Errorf(op.CodeDatabase, "%s: no schema of the search_path exists or may be used: create one, or set search_path in the address", e.name)
	}
	if rows[0][2] != "t" {
		return nil
	}
	if rows, err = ask(ctx, pg, "SELECT value FROM weft_meta WHERE key = 'format'"); err != nil || len(rows) == 0 {
		return err
	}
	n, err := strconv.Atoi(rows[0][0])
	switch {
	case err != nil:
		return op.Errorf(op.CodeDatabase, "%s: the format %q of the database cannot be read", e.name, rows[0][0])
	case n > format:
		return op.Errorf(op.CodeDatabase, "%s was written by a newer version of Weft (format %d, this one knows up to %d): update this program", e.name, n, format)
	}
	return nil
}

// format is the newest format that this version can use.
const format = 1

// ask runs a statement that is needed once and gives its rows as text, NULL as
// the empty one.
func ask(ctx context.Context, pg *pgconn.PgConn, text string, args ...string) ([][]string, error) {
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	res := pg.ExecParams(ctx, text, params, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, res.Err
	}
	out := make([][]string, len(res.Rows))
	for i, row := range res.Rows {
		for _, v := range row {
			out[i] = append(out[i], string(v))
		}
	}
	return out, nil
}

// get waits for a connection as long as ctx lasts.
func (e *Engine) get(ctx context.Context) (*conn, error) {
	if e.closed.Load() {
		return nil, op.ErrClosed()
	}
	p, err := e.pool.Acquire(ctx)
	if err != nil {
		if e.closed.Load() {
			return nil, op.ErrClosed()
		}
		return nil, e.explain(ctx, err)
	}
	c := &conn{e: e, p: p, pg: p.Conn().PgConn()}
	c.stmts = statements(c.pg)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		p.Release()
		return nil, op.ErrClosed()
	}
	e.held[c] = struct{}{}
	return c, nil
}

// stream reports whether a result may hold the connection. As many are left to
// others, so that nobody waits for himself.
func (e *Engine) stream(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.streams >= e.opt.maxConns/2 {
		return false
	}
	e.streams++
	c.streaming = true
	return true
}

// Release gives the connection back. One that is in the middle of something is
// closed.
func (c *conn) Release() {
	if c.p == nil {
		return
	}
	p, e := c.p, c.e
	c.p = nil
	if (c.pg.IsBusy() || c.pg.TxStatus() != 'I') && !c.pg.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = c.pg.Close(ctx)
		cancel()
	}
	p.Release()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.held, c)
	if c.streaming {
		e.streams--
	}
	if e.closed.Load() && len(e.held) == 0 {
		select {
		case <-e.empty:
		default:
			close(e.empty)
		}
	}
}

// attempts is how often an operation is run that meets concurrent ones.
const attempts = 50

// passing reports whether an operation that failed so has done nothing and may
// be run again.
func passing(err error, reads bool) bool {
	switch code(err) {
	case "40001", "40P01", "57P01", "57P02":
		return true
	case "":
		var lost *lostError
		return reads && errors.As(err, &lost)
	}
	return stalePlan(err)
}

// again runs fn again while the server could not serialize it with others, or
// ended the connection first: then nothing of it has been kept. A read is also
// run again when the connection was lost.
func (e *Engine) again(ctx context.Context, reads bool, fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if err == nil || try == attempts {
			return err
		}
		if !passing(err, reads) {
			return err
		}
		pause := time.NewTimer(rand.N(time.Duration(min(try, 8)) * 2 * time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return op.FromContext(ctx.Err())
		}
	}
}
