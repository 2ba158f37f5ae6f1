package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
)

// fileName is <version>_<name>.up.sql or .down.sql, with a dialect before .sql
// where the file is for that one.
var fileName = regexp.MustCompile(`^([0-9]+)_(.+?)\.(up|down)(?:\.(sqlite|postgres|mysql))?\.sql$`)

// noTransaction is a line of a file that must not run in a transaction.
const noTransaction = "-- weft:no-transaction"

// Load reads the SQL files of a directory, not those below it, that are for the
// dialect: <version>_<name>.up.sql and .down.sql, or .up.postgres.sql (sqlite,
// mysql), which comes before the one for all. A version that has files only for
// other dialects is left out. Files that do not end in .sql are nobody's
// business here; one that ends in .sql and has no such name is an error, as are
// two files that claim the same version.
//
// The name under which a migration is kept is that of its file. A line
//
//	-- weft:no-transaction
//
// has the file run outside of a transaction. An up file without a statement
// cannot be applied; a down file without one counts as none.
func Load(fsys fs.FS, d catalog.Dialect) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, op.Errorf(op.CodeValidation, "migrate: read the migrations: %w", err)
	}
	l := loader{fsys: fsys, d: d, byVersion: map[int64]*files{}}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		l.add(e.Name())
	}
	var out []Migration
	for _, f := range l.byVersion {
		m, ok := l.migration(f)
		if ok {
			out = append(out, m)
		}
	}
	if len(l.faults) > 0 {
		slices.Sort(l.faults)
		return nil, op.Errorf(op.CodeValidation, "migrate: %s", strings.Join(l.faults, "; "))
	}
	sortByVersion(out)
	return out, nil
}

// files are those of one version: the best for the dialect, up and down.
type files struct {
	version  int64
	name     string // of the first file, with its digits
	up, down string
	any      string
}

type loader struct {
	fsys      fs.FS
	d         catalog.Dialect
	byVersion map[int64]*files
	faults    []string
}

func (l *loader) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *loader) add(file string) {
	parts := fileName.FindStringSubmatch(file)
	if parts == nil {
		l.fault("%s has no name of a migration: it should be <version>_<name>.up.sql or <version>_<name>.down.sql, with .sqlite, .postgres or .mysql before .sql where it is for one of them", file)
		return
	}
	version, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || version == 0 {
		l.fault("%s: the version %s should be a whole number from 1 to 9223372036854775807", file, parts[1])
		return
	}
	name := parts[1] + "_" + parts[2]
	f := l.byVersion[version]
	if f == nil {
		f = &files{version: version, name: name, any: file}
		l.byVersion[version] = f
	}
	if f.name != name {
		l.fault("%s and %s have the same version %d; were they made on two branches? Give one of them a new version, as weft migrate new does", f.any, file, version)
		return
	}
	dialect := catalog.Dialect(parts[4])
	if dialect != "" && dialect != l.d {
		return
	}
	slot := &f.up
	if parts[3] == "down" {
		slot = &f.down
	}
	if *slot == "" || dialect != "" {
		*slot = file
	}
}

// migration reads the files of a version. It is none when all are for others.
func (l *loader) migration(f *files) (Migration, bool) {
	if f.up == "" {
		if f.down != "" {
			l.fault("%s has no %s.up.sql beside it", f.down, f.name)
		}
		return Migration{}, false
	}
	m := Migration{Version: f.version, Name: f.name, file: f.up}
	m.Up, m.upOutside, m.Checksum = l.read(f.up)
	if m.Up == nil {
		m.Up = func(context.Context, Tx) error {
			return op.Errorf(op.CodeValidation, "migrate: %s has no statement yet: write it, or delete the file", f.up)
		}
	}
	if f.down != "" {
		m.Down, m.downOutside, _ = l.read(f.down)
	}
	return m, true
}

// read makes a function of a file, or nil of one without statements.
func (l *loader) read(file string) (fn Func, outside bool, sum string) {
	text, err := fs.ReadFile(l.fsys, file)
	if err != nil {
		l.fault("%s: %v", file, err)
		return nil, false, ""
	}
	body := strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
	statements, err := Split(l.d, body)
	if err != nil {
		l.fault("%s: %v", file, err)
		return nil, false, ""
	}
	for line := range strings.Lines(body) {
		outside = outside || strings.EqualFold(strings.TrimSpace(line), noTransaction)
	}
	hash := sha256.Sum256([]byte(body))
	sum = hex.EncodeToString(hash[:])
	if len(statements) == 0 {
		return nil, outside, sum
	}
	return func(ctx context.Context, tx Tx) error {
		for i, s := range statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s, statement %d of %d (%s): %w", file, i+1, len(statements), clip(s), err)
			}
		}
		return nil
	}, outside, sum
}

func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + " …"
	}
	return s
}

var badInName = regexp.MustCompile(`[^\pL\pN]+`)

// New makes the files of a migration in a directory, which it makes too if it
// is not there, and gives back their paths: an up and a down file with the time
// of now as their version, later than every version in the directory. It never
// overwrites a file.
func New(dir, name string) (up, down string, err error) {
	word := strings.Trim(strings.ToLower(badInName.ReplaceAllString(name, "_")), "_")
	if word == "" {
		return "", "", op.Errorf(op.CodeValidation, "migrate: %q is no name for a migration: it needs a letter or digit, as in \"fill slugs\"", name)
	}
	if len(word) > 100 {
		return "", "", op.Errorf(op.CodeValidation, "migrate: the name of a migration should have at most 100 bytes; this one has %d", len(word))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", op.Errorf(op.CodeDatabase, "migrate: make the directory of migrations: %w", err)
	}
	version, _ := strconv.ParseInt(time.Now().UTC().Format("20060102150405"), 10, 64)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", "", op.Errorf(op.CodeDatabase, "migrate: read the directory of migrations: %w", err)
	}
	for _, e := range entries {
		if parts := fileName.FindStringSubmatch(e.Name()); parts != nil {
			if v, err := strconv.ParseInt(parts[1], 10, 64); err == nil && v >= version && v+1 > 0 {
				version = v + 1
			}
		}
	}
	base := fmt.Sprintf("%d_%s", version, word)
	up, down = filepath.Join(dir, base+".up.sql"), filepath.Join(dir, base+".down.sql")
	for _, f := range []struct{ path, text string }{
		{up, "-- " + oneLine(name) + "\n-- What this file does is done once, in a transaction where the database has one.\n\n"},
		{down, "-- Undoes " + path.Base(filepath.ToSlash(up)) + ". Without this file it cannot be rolled back.\n\n"},
	} {
		if err := create(f.path, f.text); err != nil {
			return "", "", op.Errorf(op.CodeDatabase, "migrate: make %s: %w", f.path, err)
		}
	}
	return up, down, nil
}

func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// oneLine keeps a name from ending the comment that it stands in.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
