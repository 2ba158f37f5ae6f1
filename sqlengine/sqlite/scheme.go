package sqlite

import (
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Scheme opens databases by address, for package open: a plain path, or
// "sqlite:" and a path, which may have options behind a question mark, as in
// "sqlite:app.db?readonly=true&readers=8". The path is taken as it stands; two
// slashes before it are allowed. "sqlite::memory:" is a database in memory.
//
// The options are those of [Open]: readonly, immutable, keep_journal and full
// are true or false, busy_timeout and close_timeout durations such as 5s,
// readers a number, cache_size KiB.
var Scheme = op.Scheme{
	Names: []string{"sqlite"},
	Paths: true,
	Form:  "sqlite:app.db",
	Open:  openAddress,
}

var addressOptions = sqlengine.AddressOptions[Option]{
	"readonly":      sqlengine.Flag(ReadOnly),
	"immutable":     sqlengine.Flag(Immutable),
	"keep_journal":  sqlengine.Flag(KeepJournal),
	"full":          sqlengine.Flag(Full),
	"busy_timeout":  sqlengine.Duration(BusyTimeout),
	"close_timeout": sqlengine.Duration(CloseTimeout),
	"readers":       sqlengine.Number(Readers),
	"cache_size":    sqlengine.Number(CacheSize),
}

func openAddress(address string) (op.Engine, error) {
	const prefix = "sqlite:"
	if len(address) < len(prefix) || !strings.EqualFold(address[:len(prefix)], prefix) {
		return Open(address), nil // a path, in which a question mark is one
	}
	path, query, _ := strings.Cut(address[len(prefix):], "?")
	path = strings.TrimPrefix(path, "//")
	if path == "" {
		return nil, op.Errorf(op.CodeValidation, "sqlite: the address has no path; give one, such as sqlite:app.db")
	}
	opts, _, err := addressOptions.Read("sqlite", query)
	if err != nil {
		return nil, err
	}
	return Open(path, opts...), nil
}
