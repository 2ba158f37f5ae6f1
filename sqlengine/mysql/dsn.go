package mysql

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// config reads a DSN as go-sql-driver writes it, or a URL
// mysql://user:password@host:port/database?options.
func config(dsn string, opt *options) (*driver.Config, error) {
	var cfg *driver.Config
	var err error
	if isURL(dsn) {
		cfg, err = fromURL(dsn, opt)
	} else if cfg, err = driver.ParseDSN(dsn); err != nil { // its message may show the password
		err = op.Errorf(op.CodeValidation, "mysql: the address of the server cannot be read: write it as %s, or as user:password@tcp(host:3306)/database", addressForm)
	}
	if err != nil {
		return nil, err
	}
	if cfg.DBName == "" {
		return nil, op.Errorf(op.CodeValidation, "mysql: the address names no database: write it behind the host, %s", addressForm)
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

// fromURL reads a URL. Its options are noted in opt.
func fromURL(address string, opt *options) (*driver.Config, error) {
	u, err := sqlengine.Address("mysql", addressForm, address)
	if err != nil {
		return nil, err
	}
	opts, rest, err := addressOptions.Read("mysql", u.RawQuery, driverOptions...)
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		o(opt)
	}
	cfg := driver.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(cmp.Or(u.Hostname(), "127.0.0.1"), cmp.Or(u.Port(), "3306"))
	if socket := rest.Get("socket"); socket != "" {
		cfg.Net, cfg.Addr = "unix", socket
		rest.Del("socket")
	}
	if len(rest) == 0 {
		return cfg, nil
	}
	dsn := cfg.FormatDSN()
	sign := "?"
	if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
		sign = "&"
	}
	if cfg, err = driver.ParseDSN(dsn + sign + rest.Encode()); err != nil {
		return nil, op.Errorf(op.CodeValidation, "mysql: the options %s of the address cannot be used: see those of github.com/go-sql-driver/mysql", strings.Join(slices.Sorted(maps.Keys(rest)), ", "))
	}
	return cfg, nil
}
