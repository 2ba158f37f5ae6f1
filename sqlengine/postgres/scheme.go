package postgres

import "github.com/weftdb/weft/op"

// Scheme opens databases by address, for package open: the URLs that [Open]
// takes. Options of the pool are those of pgx, as in
// "postgres://user@host/name?pool_max_conns=20".
var Scheme = op.Scheme{
	Names: []string{"postgres", "postgresql"},
	Form:  "postgres://user:password@host:5432/name",
	Open: func(address string) (op.Engine, error) {
		e := Open(address)
		return e, e.faulty
	},
}
