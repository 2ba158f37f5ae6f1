package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/open/all"
)

// target is the database that a migration works on.
type target struct {
	label   string // for people, without secrets
	dialect catalog.Dialect
	db      *sql.DB

	mariadb bool // of the dialect MySQL

	file   *database // of SQLite
	absent bool      // the SQLite file is not there yet
	secret string    // the password, which no message may hold
	tmp    string    // folder of what stands for a file that is not there
}

// access is what a command does to the database.
type access int

const (
	reading  access = iota // a SQLite file must be there, and is opened for reading only
	looking                // one that is not there counts as empty; nothing is changed
	checking               // must be there; nothing is changed
	writing                // must be there
	making                 // is made when it is not there
)

// connectTimeout is how long a server may take to answer at first.
const connectTimeout = 10 * time.Second

// open opens the database that the flags name.
func (m *migration) open(ctx context.Context, a access) (*target, error) {
	address, err := m.address()
	if err != nil {
		return nil, err
	}
	if _, server := serverScheme(address); server {
		return openServer(ctx, address)
	}
	scheme, _ := open.SchemeOf(address)
	if !exists(strings.TrimPrefix(address[len(scheme):], ":")) {
		// What is no address, such as a DSN of a driver, is told as everywhere.
		e, err := all.URL(address)
		if err == nil {
			err = e.Close()
		}
		if err != nil {
			return nil, usagef("%s", strings.TrimPrefix(err.Error(), "open: "))
		}
		if scheme == "sqlite" { // options are for the engine; migrations need none of them
			address, _, _ = strings.Cut(address, "?")
		}
	}
	return openFile(address, a)
}

// openFile opens a SQLite file.
func openFile(arg string, a access) (*target, error) {
	path, err := databasePath(arg)
	if err != nil {
		return nil, err
	}
	t := &target{label: path, dialect: catalog.SQLite}
	if !exists(path) && (a == looking || a == making) {
		t.absent = true
		if a == looking {
			return t, t.standIn()
		}
		if dir := filepath.Dir(path); !exists(dir) {
			return nil, fmt.Errorf("%s cannot be made: there is no folder %s", path, dir)
		}
		if t.db, err = sqlitePool(path, "mode=rwc"); err != nil {
			return nil, err
		}
		return t, nil
	}
	if t.file, err = findDatabase(arg); err != nil {
		return nil, err
	}
	if a == reading || (a == looking || a == checking) && !canWrite(t.file.file) {
		t.db, err = t.file.pool()
		return t, err
	}
	t.file.frozen = false
	t.db, err = sqlitePool(t.file.file, "mode=rw")
	return t, err
}

// canWrite reports whether a file may be written. A plan changes nothing, but
// what renames would lead to it tries in a transaction, which it takes back.
func canWrite(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	return err == nil && f.Close() == nil
}

// standIn opens an empty database in place of a file that is not there.
func (t *target) standIn() (err error) {
	if t.tmp, err = os.MkdirTemp("", "weft-migrate-"); err != nil {
		return err
	}
	if t.db, err = sqlitePool(filepath.Join(t.tmp, "empty.db"), "mode=rwc"); err != nil {
		return errors.Join(err, os.RemoveAll(t.tmp))
	}
	return nil
}

// sqlitePool opens a file as migrations want it.
func sqlitePool(path, mode string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") { // a drive
		slashed = "/" + slashed
	}
	dsn := "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + mode + "&_pragma=busy_timeout(30000)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", path, err)
	}
	return db, nil
}

// close ends the connections. What was read as a file that nobody changes is
// asked for here whether that was so.
func (t *target) close() error {
	err := t.db.Close()
	if t.tmp != "" {
		err = errors.Join(err, os.RemoveAll(t.tmp))
	}
	if err == nil && t.file != nil {
		err = t.file.moved()
	}
	return err
}
