package mysql

import (
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

const addressForm = "mysql://user:password@host:3306/database"

// Scheme opens databases by address, for package open:
// "mysql://user:password@host:3306/database?tls=true&max_conns=20", for MariaDB
// with "mariadb" as well.
//
// The options are those of [Open]: readonly is true or false, max_conns a
// number, conn_lifetime, conn_idle_time, query_timeout, lock_timeout,
// connect_timeout and close_timeout durations such as 5s; socket is the path of a
// socket in place of host and port. Those of the driver that are about
// connections are taken too: tls, serverPubKey, compress, readTimeout and so on.
var Scheme = op.Scheme{
	Names: []string{"mysql", "mariadb"},
	Form:  addressForm,
	Open:  openAddress,
}

var addressOptions = sqlengine.AddressOptions[Option]{
	"readonly":        sqlengine.Flag(ReadOnly),
	"max_conns":       sqlengine.Number(MaxConns),
	"conn_lifetime":   sqlengine.Duration(ConnLifetime),
	"conn_idle_time":  sqlengine.Duration(ConnIdleTime),
	"query_timeout":   sqlengine.Duration(QueryTimeout),
	"lock_timeout":    sqlengine.Duration(LockTimeout),
	"connect_timeout": sqlengine.Duration(ConnectTimeout),
	"close_timeout":   sqlengine.Duration(CloseTimeout),
}

// driverOptions are those of the driver that are about connections. The
// session is the engine's own.
var driverOptions = []string{
	"socket", "tls", "serverPubKey", "compress", "connectionAttributes", "maxAllowedPacket", "timeout", "readTimeout", "writeTimeout",
	"allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "allowOldPasswords", "rejectReadOnly",
}

func openAddress(address string) (op.Engine, error) {
	if name, rest, ok := strings.Cut(address, "://"); ok { // in any case
		address = strings.ToLower(name) + "://" + rest
	}
	if !isURL(address) {
		return nil, op.Errorf(op.CodeValidation, "mysql: the address cannot be read; write it as %s", addressForm)
	}
	e := Open(address)
	if e.badDSN != nil {
		return nil, e.badDSN
	}
	return e, nil
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "mysql://") || strings.HasPrefix(s, "mariadb://")
}
