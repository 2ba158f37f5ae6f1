package sqlengine

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// AddressOptions read the options of an address (what stands behind its
// question mark) by name; O is an engine's Option.
type AddressOptions[O any] map[string]func(value string) (O, error)

// Flag is an option that is true or false; false leaves it out.
func Flag[O ~func(*T), T any](o func() O) func(string) (O, error) {
	return func(s string) (O, error) {
		on, err := strconv.ParseBool(s)
		switch {
		case err != nil:
			return nil, op.Errorf(op.CodeValidation, "%q is neither true nor false", s)
		case on:
			return o(), nil
		}
		return func(*T) {}, nil
	}
}

// Duration is an option that is a time, such as 500ms.
func Duration[O any](o func(time.Duration) O) func(string) (O, error) {
	return func(s string) (none O, err error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return none, op.Errorf(op.CodeValidation, "%q is no duration, such as 5s or 500ms", s)
		}
		return o(d), nil
	}
}

// Number is an option that is a number above 0.
func Number[O any](o func(int) O) func(string) (O, error) {
	return func(s string) (none O, err error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return none, op.Errorf(op.CodeValidation, "%q is no number above 0", s)
		}
		return o(n), nil
	}
}

// Read gives the options of a query. Those that are the driver's, whose names
// are given, come back as they are; any other is an error that names it.
func (a AddressOptions[O]) Read(engine, query string, driver ...string) (opts []O, rest url.Values, err error) {
	values, err := url.ParseQuery(query)
	if err != nil { // its message has a part of the query, which may hold a password
		return nil, nil, op.Errorf(op.CodeValidation, "%s: the options of the address cannot be read: write name=value&name=value, with special characters as %%26", engine)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // so that the same fault is told first each time
	rest = url.Values{}
	for _, name := range names {
		read, ok := a[name]
		switch {
		case len(values[name]) > 1:
			return nil, nil, op.Errorf(op.CodeValidation, "%s: the option %s of the address is given twice", engine, name)
		case ok:
			o, err := read(values[name][0])
			if err != nil {
				return nil, nil, op.Errorf(op.CodeValidation, "%s: the option %s of the address: %w", engine, name, err)
			}
			opts = append(opts, o)
		case slices.Contains(driver, name):
			rest.Set(name, values.Get(name))
		default:
			return nil, nil, op.Errorf(op.CodeValidation, "%s: the option %q of the address is unknown; known are %s", engine, name, a.known(driver))
		}
	}
	return opts, rest, nil
}

func (a AddressOptions[O]) known(driver []string) string {
	list := slices.Clone(driver)
	for name := range a {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// Address reads the URL of a server. The error has nothing of the URL in it: a
// password whose special characters are not escaped may be anywhere.
func Address(engine, form, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || !strings.Contains(address, "://") || u.Fragment != "" || strings.Contains(u.EscapedPath(), "@") ||
		u.User == nil && strings.Contains(u.RawQuery, "@") {
		return nil, op.Errorf(op.CodeValidation, "%s: the address cannot be read; write it as %s, with the special characters of user name, password and database escaped, such as %%40 for @ and %%2F for /", engine, form)
	}
	return u, nil
}
