// Package all opens every engine of Weft by its address. It links all of their
// drivers, and the network that clusters are reached over; a program that knows its engines hands them to package open.
package all

import (
	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Schemes are the schemes of all engines.
func Schemes() []open.Scheme {
	return []open.Scheme{sqlite.Scheme, postgres.Scheme, mysql.Scheme, client.Scheme}
}

// URL gives the engine that an address asks for; see [open.URL].
func URL(address string) (op.Engine, error) {
	return open.URL(address, Schemes()...)
}
