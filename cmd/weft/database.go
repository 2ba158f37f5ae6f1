package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// database is the SQLite file that a command works on. It exists: a command
// never makes one because of a mistyped name.
type database struct {
	path string // as it was given, without a scheme
	file string // absolute, links followed: the -wal lies beside this one

	// frozen is true for a file with a write-ahead log that no program has open.
	// Reading it the usual way would leave an empty log beside it, and fail in a
	// folder that cannot be written, so it is read as a file that nobody changes.
	// Whether that was true is known afterwards, from moved.
	frozen bool
	before fs.FileInfo
}

// schemed is an argument with a scheme; one letter is a drive.
var schemed = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):(.*)$`)

// databasePath takes the database argument of a command apart: a path, or
// sqlite:path.
func databasePath(arg string) (string, error) {
	path := arg
	if m := schemed.FindStringSubmatch(arg); m != nil {
		scheme, rest := strings.ToLower(m[1]), m[2]
		switch {
		case scheme == "sqlite":
			path = strings.TrimPrefix(rest, "//")
		case exists(arg): // a file with a colon in its name
		case scheme == "file":
			return "", usagef("give the path of the database alone, such as app.db, not the URI %q", open.Redact(arg))
		default:
			return "", usagef("this version reads SQLite files and cannot open %q; give a path, such as app.db or sqlite:app.db", open.Redact(arg))
		}
	}
	switch {
	case path == "":
		return "", usagef("the database argument is empty; give the path of a SQLite file, such as app.db or sqlite:app.db")
	case path == ":memory:":
		return "", usagef("a database in memory belongs to the program that made it; give the path of a SQLite file, such as app.db")
	case strings.ContainsRune(path, 0):
		return "", usagef("%q cannot be the name of a file", path)
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// findDatabase finds the file that a command is given, and refuses what is no
// SQLite database.
func findDatabase(arg string) (*database, error) {
	path, err := databasePath(arg)
	if err != nil {
		return nil, err
	}
	d := &database{path: path}
	head, err := d.header()
	if err != nil {
		return nil, err
	}
	if len(head) > 0 && !bytes.HasPrefix(head, []byte(sqliteMagic)) {
		return nil, fmt.Errorf("%s is no SQLite database, or it is encrypted: it does not begin as one does", path)
	}
	d.frozen = d.mayFreeze(head)
	return d, nil
}

// What every SQLite file begins with, and how long its header is.
const (
	sqliteMagic = "SQLite format 3\x00"
	headerSize  = 100
)

// header finds the file and reads its first bytes; none are there in a
// database without a table.
func (d *database) header() ([]byte, error) {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no database %s; check the path (nothing was created)", d.path)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", d.path, cause(err))
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; give the path of a SQLite file in it", d.path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file; give the path of a SQLite file", d.path)
	}
	d.before = info
	if d.file, err = filepath.Abs(d.path); err == nil {
		d.file, err = filepath.EvalSymlinks(d.file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", d.path, cause(err))
	}
	f, err := os.Open(d.file)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w); check who may read it", d.path, cause(err))
	}
	defer f.Close()
	head := make([]byte, headerSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s cannot be read: %w", d.path, cause(err))
	}
	return head[:n], nil
}

// walHeader reports whether a header says that the file has a write-ahead log.
func walHeader(head []byte) bool { return len(head) == headerSize && (head[18] == 2 || head[19] == 2) }

// mayFreeze looks for programs that have the file open. Those that have a
// write-ahead log keep its two files beside the database.
func (d *database) mayFreeze(head []byte) bool {
	if !walHeader(head) {
		return false
	}
	wal, err := os.Stat(d.file + "-wal")
	if err == nil {
		return wal.Size() == 0 && !exists(d.file+"-shm")
	}
	return errors.Is(err, fs.ErrNotExist)
}

// engine is the file for reading only.
func (d *database) engine() *sqlite.Engine {
	if d.frozen {
		return sqlite.Open(d.path, sqlite.Immutable())
	}
	return sqlite.Open(d.path, sqlite.ReadOnly())
}

// writable is the file for reading and writing. Its journal mode stays as it is.
func (d *database) writable() *sqlite.Engine { return sqlite.Open(d.path, sqlite.KeepJournal()) }

// pool is the file for reading only, for what works on database/sql.
func (d *database) pool() (*sql.DB, error) {
	path := filepath.ToSlash(d.file)
	if !strings.HasPrefix(path, "/") { // a drive
		path = "/" + path
	}
	mode := "mode=ro"
	if d.frozen {
		mode += "&immutable=1"
	}
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: path}).EscapedPath()+"?"+mode+"&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", d.path, err)
	}
	return db, nil
}

// connected calls fn with a connection for reading only.
func (d *database) connected(ctx context.Context, fn func(*sql.Conn) error) (err error) {
	db, err := d.pool()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%s cannot be opened: %w", d.path, err)
	}
	err = errors.Join(fn(conn), conn.Close())
	if err != nil {
		return err
	}
	return d.moved()
}

// moved is an error when somebody opened the database for writing while it was
// read as a file that nobody changes. It is asked for when all was read.
func (d *database) moved() error {
	if !d.frozen {
		return nil
	}
	now, err := os.Stat(d.file)
	if err == nil && os.SameFile(now, d.before) && now.Size() == d.before.Size() && now.ModTime().Equal(d.before.ModTime()) &&
		d.mayFreeze(d.headerAgain()) {
		return nil
	}
	return fmt.Errorf("another program began to write %s while it was read, so the answer may be wrong; run the command again", d.path)
}

// headerAgain is the header as it is now; nil when it cannot be read.
func (d *database) headerAgain() []byte {
	again := database{path: d.path}
	head, err := again.header()
	if err != nil {
		return nil
	}
	return head
}
