// Package open gives an engine for an address, for programs that are
// configured from outside: on a command line, in the environment or in a file
// (see [ReadConfig]). It links only the engines that are handed in; package
// open/all knows all of them.
//
//	engine, err := open.URL(os.Getenv("DATABASE_URL"), sqlite.Scheme, postgres.Scheme)
package open

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
)

// Scheme is how an engine is opened from a URL. Packages of engines export
// theirs: sqlite.Scheme.
type Scheme = op.Scheme

// URL gives the engine that an address asks for: "sqlite:app.db", a plain path
// of a file, "postgres://user:password@host:5432/db",
// "mysql://user:password@host:3306/db". Options stand behind a question mark,
// "sqlite:app.db?readers=8"; the packages of the engines list theirs, and an
// unknown one is an error that names it.
//
// Nothing connects before weft.Open. An address that none of the schemes
// takes is an error that names those that exist. No error contains a password.
func URL(address string, schemes ...Scheme) (op.Engine, error) {
	s, err := find(address, schemes)
	if err != nil {
		return nil, err
	}
	return s.Open(address)
}

// find is the scheme of an address.
func find(address string, schemes []Scheme) (*Scheme, error) {
	if len(schemes) == 0 {
		return nil, op.Errorf(op.CodeValidation, "open: no engine is known; hand one in, such as sqlite.Scheme")
	}
	if strings.TrimSpace(address) == "" {
		return nil, op.Errorf(op.CodeValidation, "open: the address is empty; give %s", forms(schemes))
	}
	name, ok := SchemeOf(address)
	if !ok {
		if hint := misread(address); hint != "" {
			return nil, op.Errorf(op.CodeValidation, "open: %s", hint)
		}
		for i := range schemes {
			if schemes[i].Paths {
				return &schemes[i], nil
			}
		}
		return nil, op.Errorf(op.CodeValidation, "open: the address has no scheme; give %s", forms(schemes))
	}
	for i := range schemes {
		if slices.Contains(schemes[i].Names, name) {
			return &schemes[i], nil
		}
	}
	switch {
	case name == "file":
		return nil, op.Errorf(op.CodeValidation, "open: give the path alone, such as app.db, not a URI that begins with file:")
	case strings.Contains(address, "@tcp(") || strings.Contains(address, "@unix("):
		return nil, op.Errorf(op.CodeValidation, "open: %s", misread(address))
	}
	return nil, op.Errorf(op.CodeValidation, "open: the scheme %q is unknown here; known are %s", name, forms(schemes))
}

// SchemeOf is what stands before the colon of an address, in lower case; false
// when nothing does, and the address is a path. One letter is a drive.
func SchemeOf(address string) (string, bool) {
	name, _, ok := strings.Cut(address, ":")
	if !ok || len(name) < 2 {
		return "", false
	}
	for i, r := range strings.ToLower(name) {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+.-", r)) {
			return "", false
		}
	}
	return strings.ToLower(name), true
}

// misread says what an address is that other libraries take and that would be
// a strange path.
func misread(address string) string {
	switch {
	case strings.Contains(address, "@tcp(") || strings.Contains(address, "@unix("):
		return "the address is in the form of go-sql-driver; write it as mysql://user:password@host:3306/database"
	case strings.HasPrefix(address, "//"):
		return "the address begins with two slashes; put its scheme before them, such as postgres:"
	}
	for word := range strings.FieldsSeq(address) {
		switch key, _, _ := strings.Cut(word, "="); {
		case key == word:
		case key == "host", key == "dbname", key == "user", key == "password":
			return "the address is in the form of libpq's keywords; write it as postgres://user:password@host:5432/database"
		}
	}
	return ""
}

// forms lists what addresses look like.
func forms(schemes []Scheme) string {
	var list []string
	for _, s := range schemes {
		list = append(list, s.Form)
	}
	return strings.Join(list, ", ")
}

// Redact is an address without its password, to be shown: "xxxxx" stands where
// the password was. It works on addresses that no engine can read.
func Redact(address string) string {
	head, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if at := authority(rest); at >= 0 {
		if user, _, ok := strings.Cut(rest[:at], ":"); ok {
			rest = user + ":xxxxx" + rest[at:]
		}
	}
	path, query, ok := strings.Cut(rest, "?")
	if ok {
		list := strings.Split(query, "&")
		for i, pair := range list {
			key, _, _ := strings.Cut(pair, "=")
			if strings.Contains(strings.ToLower(key), "password") {
				list[i] = key + "=xxxxx"
			}
		}
		rest = path + "?" + strings.Join(list, "&")
	}
	return head + "://" + rest
}

// authority is where user name and password end behind "://": the index of the
// last "@" before the path, -1 when there is none. A password that should have
// been escaped may have slashes; when only they would hide the "@", the last one
// counts.
func authority(rest string) int {
	host, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		return at
	}
	path, _, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(path, '@'); at >= 0 {
		return at
	}
	return strings.LastIndexByte(rest, '@')
}
