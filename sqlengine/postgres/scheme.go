package postgres

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

const addressForm = "postgres://user:password@host:5432/database"

// Scheme opens databases by address, for package open:
// "postgres://user:password@host:5432/database?sslmode=require&max_conns=20".
//
// The options are those of [Open]: readonly is true or false, max_conns and
// min_conns are numbers, conn_lifetime, conn_idle_time, query_timeout and
// close_timeout durations such as 5s. Those of the driver are taken too, such as
// sslmode, sslrootcert, connect_timeout, search_path and application_name.
var Scheme = op.Scheme{
	Names: []string{"postgres", "postgresql"},
	Form:  addressForm,
	Open:  openAddress,
}

var addressOptions = sqlengine.AddressOptions[Option]{
	"readonly":       sqlengine.Flag(ReadOnly),
	"max_conns":      sqlengine.Number(MaxConns),
	"min_conns":      sqlengine.Number(MinConns),
	"conn_lifetime":  sqlengine.Duration(ConnLifetime),
	"conn_idle_time": sqlengine.Duration(ConnIdleTime),
	"query_timeout":  sqlengine.Duration(QueryTimeout),
	"close_timeout":  sqlengine.Duration(CloseTimeout),
}

// driverOptions are those of the driver that make sense here.
var driverOptions = []string{
	"host", "port", "user", "password", "passfile", "service", "servicefile", "dbname", "database", // where the rest of the URL cannot say it
	"sslmode", "sslcert", "sslkey", "sslrootcert", "sslpassword", "sslnegotiation", "sslsni", "channel_binding", "krbspn", "krbsrvname",
	"connect_timeout", "target_session_attrs", "application_name", "search_path", "options", "min_protocol_version", "max_protocol_version",
}

func openAddress(address string) (op.Engine, error) {
	u, err := sqlengine.Address("postgres", addressForm, address)
	if err != nil {
		return nil, err
	}
	opts, rest, err := addressOptions.Read("postgres", u.RawQuery, driverOptions...)
	if err != nil {
		return nil, err
	}
	u.RawQuery = rest.Encode()
	e := Open(u.String(), opts...)
	if e.faulty != nil {
		return nil, e.faulty
	}
	return e, nil
}
