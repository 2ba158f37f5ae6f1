package mysql

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/op"
)

// config reads a DSN as go-sql-driver writes it, or a URL
// mysql://user:password@host:port/database?parameters with the same parameters.
func config(dsn string, opt *options) (*driver.Config, error) {
	if u, isURL, err := fromURL(dsn); err != nil {
		return nil, err
	} else if isURL {
		dsn = u
	}
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		return nil, op.Errorf(op.CodeDatabase, "the address of the MySQL server cannot be read (%s): write user:password@tcp(host:3306)/database or mysql://user:password@host:3306/database",
			hidden(err.Error(), dsn))
	}
	if cfg.DBName == "" {
		return nil, op.Errorf(op.CodeDatabase, "the address of the MySQL server names no database: write it behind the slash, user:password@tcp(%s)/database", cfg.Addr)
	}
	cfg.ClientFoundRows = true
	cfg.ParseTime = false
	cfg.Loc = time.UTC
	cfg.MultiStatements = false
	cfg.InterpolateParams = false
	cfg.ColumnsWithAlias = false
	cfg.CheckConnLiveness = true
	cfg.Logger = &driver.NopLogger{}
	cfg.Collation = "" // connections are set up by setUp
	if cfg.Timeout == 0 {
		cfg.Timeout = opt.dial
	}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var c net.Conn
		var err error
		if dial != nil {
			c, err = dial(ctx, network, addr)
		} else {
			c, err = new(net.Dialer).DialContext(ctx, network, addr)
		}
		if d, ok := ctx.Value(dialed{}).(*net.Conn); ok {
			*d = c
		}
		return c, err
	}
	return cfg, nil
}

// dialed is the key of the place in a context where the network connection is
// noted: only on it can a call of the driver be cut off from outside.
type dialed struct{}

// fromURL turns a URL into a DSN.
func fromURL(s string) (dsn string, ok bool, err error) {
	scheme, _, found := strings.Cut(s, "://")
	if !found || (scheme != "mysql" && scheme != "mariadb") {
		return "", false, nil
	}
	u, err := url.Parse(s)
	if err != nil { // its message would show the password
		return "", false, op.Errorf(op.CodeDatabase, "the URL of the MySQL server cannot be read: write mysql://user:password@host:3306/database, with special signs in percent notation (%%40 for @)")
	}
	cfg := driver.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	cfg.Net, cfg.Addr = "tcp", u.Host
	q := u.Query()
	if socket := q.Get("socket"); socket != "" {
		cfg.Net, cfg.Addr = "unix", socket
		q.Del("socket")
	} else {
		host, port := u.Hostname(), u.Port()
		if host == "" {
			host = "127.0.0.1"
		}
		if port == "" {
			port = "3306"
		}
		cfg.Addr = net.JoinHostPort(host, port)
	}
	dsn = cfg.FormatDSN()
	if len(q) > 0 {
		sign := "?"
		if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
			sign = "&"
		}
		dsn += sign + q.Encode()
	}
	return dsn, true, nil
}

// hidden takes the user and password of a DSN out of a message.
func hidden(msg, dsn string) string {
	if at := strings.LastIndexByte(dsn, '@'); at > 0 {
		msg = strings.ReplaceAll(msg, dsn, "…"+dsn[at:])
		msg = strings.ReplaceAll(msg, dsn[:at], "…")
		if _, pw, ok := strings.Cut(dsn[:at], ":"); ok && pw != "" {
			msg = strings.ReplaceAll(msg, pw, "…")
		}
	}
	return msg
}
