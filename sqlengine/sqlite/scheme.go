package sqlite

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
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

// addressOptions read the options of an address by name.
var addressOptions = map[string]func(string) (Option, error){
	"readonly":      flag(ReadOnly),
	"immutable":     flag(Immutable),
	"keep_journal":  flag(KeepJournal),
	"full":          flag(Full),
	"busy_timeout":  duration(BusyTimeout),
	"close_timeout": duration(CloseTimeout),
	"readers":       number(Readers),
	"cache_size":    number(CacheSize),
}

func flag(o func() Option) func(string) (Option, error) {
	return func(s string) (Option, error) {
		on, err := strconv.ParseBool(s)
		switch {
		case err != nil:
			return nil, op.Errorf(op.CodeValidation, "%q is neither true nor false", s)
		case on:
			return o(), nil
		}
		return func(*options) {}, nil
	}
}

func duration(o func(time.Duration) Option) func(string) (Option, error) {
	return func(s string) (Option, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return nil, op.Errorf(op.CodeValidation, "%q is no duration, such as 5s or 500ms", s)
		}
		return o(d), nil
	}
}

func number(o func(int) Option) func(string) (Option, error) {
	return func(s string) (Option, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, op.Errorf(op.CodeValidation, "%q is no number above 0", s)
		}
		return o(n), nil
	}
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
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, op.Errorf(op.CodeValidation, "sqlite: the options of the address cannot be read: %w", err)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // so that the same fault is told first each time
	var opts []Option
	for _, name := range names {
		read, ok := addressOptions[name]
		if !ok {
			return nil, op.Errorf(op.CodeValidation, "sqlite: the option %q of the address is unknown; known are %s", name, known())
		}
		if len(values[name]) > 1 {
			return nil, op.Errorf(op.CodeValidation, "sqlite: the option %s of the address is given twice", name)
		}
		o, err := read(values[name][0])
		if err != nil {
			return nil, op.Errorf(op.CodeValidation, "sqlite: the option %s of the address: %w", name, err)
		}
		opts = append(opts, o)
	}
	return Open(path, opts...), nil
}

func known() string {
	list := make([]string, 0, len(addressOptions))
	for name := range addressOptions {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
