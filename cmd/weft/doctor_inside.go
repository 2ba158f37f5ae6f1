package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/weftdb/weft/op"
)

// inside looks at what the file holds. It reports whether the database can be
// read at all.
func (d *doctor) inside(ctx context.Context, r *report, f *database) bool {
	pool, err := f.pool()
	if err != nil {
		r.fail("open", "", "%s", err)
		return false
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	in := &inspection{ctx: ctx, db: pool, r: r, f: f}
	if !in.open() {
		return false
	}
	known := in.format()
	in.schema()
	in.integrity()
	in.references()
	in.settings()
	in.indexes()
	return known
}

// inspection asks one database.
type inspection struct {
	ctx context.Context
	db  *sql.DB
	r   *report
	f   *database
}

// text asks for one value.
func (in *inspection) text(query string, args ...any) (string, error) {
	var s sql.NullString
	err := in.db.QueryRowContext(in.ctx, query, args...).Scan(&s)
	return s.String, err
}

func (in *inspection) number(query string, args ...any) (n int64, err error) {
	err = in.db.QueryRowContext(in.ctx, query, args...).Scan(&n)
	return n, err
}

// rows asks for rows of text; NULL is empty.
func (in *inspection) rows(query string, args ...any) (list [][]string, err error) {
	rows, err := in.db.QueryContext(in.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells, to := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			to[i] = &cells[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = c.String
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// plain is an error of SQLite without what only its authors know.
func plain(err error) string {
	return resultCode.ReplaceAllString(strings.TrimPrefix(oneLine(err), "sqlite: "), "")
}

// broken says that a question had no answer.
func (in *inspection) broken(name string, err error) {
	hint := ""
	if strings.Contains(err.Error(), "malformed") {
		hint = "restore it from a backup; `sqlite3 " + in.f.path + " .recover` may save what can still be read"
	}
	in.r.fail(name, hint, "%s", plain(err))
}

// open reads the catalogue, which shows whether the file can be read.
func (in *inspection) open() bool {
	_, err := in.number("SELECT count(*) FROM sqlite_schema")
	if err == nil {
		return true
	}
	switch msg := err.Error(); {
	case strings.Contains(msg, "unable to open"), strings.Contains(msg, "readonly"):
		in.r.fail("open", "copy the file and those beside it (-wal, -journal) to a folder that can be written, and open that copy",
			"%s cannot be read without writing beside it: a transaction has to be brought home or undone first", in.f.path)
	case strings.Contains(msg, "locked"):
		in.r.fail("open", "end the program's transaction, or try again", "%s is locked by another program", in.f.path)
	default:
		in.broken("open", err)
	}
	return false
}

// format asks the engine whether it knows what is in the file. It reports
// whether it does.
func (in *inspection) format() bool {
	if version, err := in.text("SELECT sqlite_version()"); err == nil {
		in.r.ok("sqlite", "the library is %s", version)
	}
	e := in.f.engine()
	res, err := e.Do(in.ctx, op.Op{Kind: op.SQL, SQL: "SELECT 1"})
	if err == nil {
		err = res.Rows.Close()
	}
	if err = errors.Join(err, e.Close()); err != nil {
		in.broken("format", err)
		return false
	}
	made, err := in.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'weft_meta'")
	if err == nil && made == 0 {
		in.r.ok("format", "Weft has made no tables here; it can use what is there")
		return true
	}
	found := ""
	if err == nil {
		found, err = in.text("SELECT value FROM weft_meta WHERE key = 'format'")
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		in.broken("format", err)
		return false
	}
	in.r.ok("format", "the file has the format %s, which this version knows", found)
	return true
}

// schema counts what is there.
func (in *inspection) schema() {
	rows, err := in.rows("SELECT type, count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' GROUP BY type")
	if err != nil {
		in.broken("schema", err)
		return
	}
	n := map[string]string{}
	for _, r := range rows {
		n[r[0]] = r[1]
	}
	say := func(kind, plural string) string {
		switch n[kind] {
		case "":
			return "no " + plural
		case "1":
			return "1 " + kind
		}
		return n[kind] + " " + plural
	}
	in.r.ok("schema", "%s, %s, %s, %s", say("table", "tables"), say("index", "indexes"), say("view", "views"), say("trigger", "triggers"))
}

// worst is how many faults are told.
const worst = 10

func (in *inspection) integrity() {
	const name = "integrity"
	rows, err := in.rows(fmt.Sprintf("PRAGMA integrity_check(%d)", worst))
	switch {
	case err != nil:
		in.broken(name, err)
	case len(rows) == 1 && rows[0][0] == "ok":
		in.r.ok(name, "every page, row and index is as it should be")
	default:
		var faults []string
		for _, r := range rows {
			faults = append(faults, strings.ReplaceAll(r[0], "\n", "; "))
		}
		in.r.fail(name, "restore it from a backup; `sqlite3 "+in.f.path+" .recover` may save what can still be read", "%s", strings.Join(faults, "; "))
	}
}

func (in *inspection) references() {
	const name = "references"
	rows, err := in.rows(`SELECT "table", parent, count(*), min(rowid) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY 1, 2`)
	switch {
	case err != nil:
		in.broken(name, err)
	case len(rows) == 0:
		in.r.ok(name, "every foreign key leads to a row")
	}
	for _, r := range rows {
		in.r.fail(name, "weft query "+shellWord(in.f.path)+" 'PRAGMA foreign_key_check("+quoteName(r[0])+")' lists them",
			"rows of %s that point at no row of %s: %s, the first with rowid %s", r[0], r[1], r[2], r[3])
	}
}

// settings looks at what is kept in the file, and says what is not.
func (in *inspection) settings() {
	ask := func(pragma string) string {
		s, err := in.text("PRAGMA " + pragma)
		if err != nil {
			in.broken(pragma, err)
		}
		return s
	}
	switch mode := ask("journal_mode"); {
	case mode == "wal" || in.f.frozen: // without locks there is no mode
		in.r.ok("journal_mode", "wal: reads do not wait for writes")
	case mode != "":
		in.r.warn("journal_mode", "Weft switches a file to wal when it opens it for writing", "%s: reads and writes wait for each other", mode)
	}
	in.r.ok("synchronous", "normal on Weft's connections, full with sqlite.Full(); it is not kept in the file")
	in.r.ok("foreign_keys", "on on Weft's connections; it is not kept in the file")
	size, err := in.number("PRAGMA page_size")
	if err != nil {
		in.broken("page_size", err)
		return
	}
	const usual = 4096
	if size < usual {
		in.r.warn("page_size", "PRAGMA page_size = 4096, then VACUUM with a rollback journal", "%d bytes: pages this small make more work", size)
	} else {
		in.r.ok("page_size", "%d bytes", size)
	}
	pages, err := in.number("PRAGMA page_count")
	free, ferr := in.number("PRAGMA freelist_count")
	switch {
	case err != nil || ferr != nil:
		in.broken("freelist", firstError(err, ferr))
	case free*4 > pages && free*size > 1<<20:
		in.r.warn("freelist", "weft query --write "+shellWord(in.f.path)+" VACUUM gives it back", "%s of the file are empty pages", bytesText(free*size))
	default:
		in.r.ok("freelist", "%d of %s are empty", free, count(pages, "page"))
	}
	if enc := ask("encoding"); enc != "UTF-8" && enc != "" {
		in.r.warn("encoding", "", "the text is %s and sorts by its bytes, not by those of UTF-8", enc)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// shellWord writes a path for a command line.
func shellWord(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
