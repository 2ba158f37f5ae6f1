package endure

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// refused opens a file in the ways there are and expects the same of each.
func refused(t *testing.T, path string, code error, parts ...string) {
	t.Helper()
	before, _ := os.ReadFile(path)
	for _, opts := range [][]weft.Option{{allModels()}, {allModels(), weft.AutoMigrate()}} {
		db, err := weft.Open(sqlite.Open(path), opts...)
		if err == nil {
			_ = db.Close()
		}
		fails(t, err, code, parts...)
	}
	after, _ := os.ReadFile(path)
	if !bytes.Equal(before, after) {
		t.Errorf("%s was changed by being opened", path)
	}
	if _, err := os.Stat(path + "-journal"); err == nil {
		t.Errorf("%s-journal was left behind", path)
	}
}

// filled makes a database with rows and closes it.
func filled(t *testing.T, rows int) string {
	t.Helper()
	path := file(t)
	db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
	must(t, err)
	list := make([]*Entry, rows)
	for i := range list {
		list[i] = &Entry{Kind: "many", Body: strings.Repeat("y", 300)}
	}
	must(t, weft.Repo[Entry](db).CreateMany(t.Context(), list))
	must(t, weft.Repo[Tally](db).Create(t.Context(), &Tally{Name: "beside"}))
	must(t, db.Close())
	return path
}

func TestOpenGarbage(t *testing.T) {
	r := random(t)
	noise := make([]byte, 20_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	good, err := os.ReadFile(filled(t, 500))
	must(t, err)
	for name, data := range map[string][]byte{
		"noise":           noise,
		"a few bytes":     []byte("hello"),
		"text":            []byte(strings.Repeat("This is no database.\n", 500)),
		"name only":       append([]byte("SQLite format 3\x00"), noise...),
		"first page gone": append(make([]byte, 4096), good[4096:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			must(t, os.WriteFile(path, data, 0o600))
			refused(t, path, weft.ErrDatabase, path, "no SQLite database")
		})
	}
	t.Run("empty", func(t *testing.T) { // as SQLite has it, an empty file is a new database
		path := file(t)
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, weft.Repo[Entry](open(t, path)).Create(t.Context(), &Entry{Kind: "single"}))
	})
}

// A page in the middle is damaged: what needs it fails and says so, the rest
// works.
func TestDamagedPage(t *testing.T) {
	r := random(t)
	ctx := t.Context()
	for name, hurt := range map[string]func(data []byte) []byte{
		"page overwritten": func(data []byte) []byte {
			for at := len(data) / 8192 * 4096; at < len(data)*9/10; at += 4096 { // from the middle on
				for i := range 64 {
					data[at+i] = byte(r.Uint32()) | 0x40
				}
			}
			return data
		},
		"cut off": func(data []byte) []byte { return data[:len(data)/8192*4096] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 3000)
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, hurt(data), 0o600))
			db, err := weft.Open(sqlite.Open(path), allModels())
			if err != nil { // it may be found out at once
				fails(t, err, weft.ErrDatabase, path, "damaged", "backup")
				return
			}
			defer func() { must(t, db.Close()) }()
			entries := weft.Repo[Entry](db)
			_, err = entries.All(ctx)
			fails(t, err, weft.ErrDatabase, path, "damaged", "backup")
			err = nil
			for _, e := range entries.Iter(ctx) {
				err = e
			}
			fails(t, err, weft.ErrDatabase, path, "damaged")
			_, err = entries.Where("body", "like", "y").Update(ctx, weft.Set{"kind": "other"})
			fails(t, err, weft.ErrDatabase, path, "damaged")
			err = db.InTx(ctx, func(ctx context.Context) error {
				if _, err := weft.Repo[Tally](db).Filter(weft.Everything()).Update(ctx, weft.Set{"n": 1}); err != nil {
					return err
				}
				_, err := entries.All(ctx)
				return err
			})
			fails(t, err, weft.ErrDatabase, path, "damaged")
			rows, err := weft.SQL[string](ctx, db, "PRAGMA integrity_check")
			if err == nil && len(rows) == 1 && rows[0] == "ok" {
				t.Error("integrity_check finds nothing")
			}
			if beside, err := weft.Repo[Tally](db).First(ctx); err == nil {
				equal(t, "of the transaction that failed", beside.N, int64(0))
			}
		})
	}
}

func TestOpenNoFile(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	must(t, os.WriteFile(plain, []byte("x"), 0o600))
	for name, path := range map[string]string{
		"folder":           dir,
		"no folder":        filepath.Join(dir, "none", "test.db"),
		"folder is a file": filepath.Join(plain, "test.db"),
		"name too long":    filepath.Join(dir, strings.Repeat("n", 300)),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, path, weft.ErrDatabase, path, "cannot be opened")
		})
	}
	t.Run("zero byte in name", func(t *testing.T) {
		for _, path := range []string{filepath.Join(dir, "a\x00b"), "file:" + dir + "/a%00b"} {
			_, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
			fails(t, err, weft.ErrDatabase, "cannot be opened", "zero byte")
		}
		if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
			t.Error("another file was opened")
		}
	})
	t.Run("read-only and absent", func(t *testing.T) {
		path := filepath.Join(dir, "absent.db")
		_, err := weft.Open(sqlite.Open(path, sqlite.ReadOnly()), allModels())
		fails(t, err, weft.ErrDatabase, path, "cannot be opened")
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file was made: %v", err)
		}
	})
	for _, name := range []string{"with space.db", "per%20cent.db", "question?.db", "hash#.db", "ünïcode 日本.db", "semi;colon&mode=memory.db", "//slashes.db"} {
		t.Run("odd name "+name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if strings.HasPrefix(name, "//") {
				path = "/" + path
			}
			must(t, weft.Repo[Entry](open(t, path)).Create(t.Context(), &Entry{Kind: "single"}))
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("no such file: %v", err)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	ctx := t.Context()
	path := filled(t, 10)
	before, err := os.ReadFile(path)
	must(t, err)
	for name, e := range map[string]weft.Engine{
		"option":    sqlite.Open(path, sqlite.ReadOnly()),
		"mode=ro":   sqlite.Open("file:" + path + "?mode=ro"),
		"immutable": sqlite.Open("file:" + path + "?immutable=1"),
	} {
		t.Run(name, func(t *testing.T) {
			db, err := weft.Open(e, allModels())
			must(t, err)
			readOnly(t, db, path)
			must(t, db.Close())
		})
	}
	_, err = weft.Open(sqlite.Open(path, sqlite.ReadOnly()), allModels(), weft.AutoMigrate())
	fails(t, err, weft.ErrDatabase, path, "reading only")
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	db := open(t, path)
	n, err := weft.Repo[Entry](db).Count(ctx)
	must(t, err)
	equal(t, "rows in the end", n, int64(10))
}

// readOnly checks a database of ten entries that cannot be written.
func readOnly(t *testing.T, db *weft.DB, path string) {
	t.Helper()
	ctx := t.Context()
	entries := weft.Repo[Entry](db)
	list, err := entries.All(ctx)
	must(t, err)
	equal(t, "rows", len(list), 10)
	list[0].Body = "changed"
	for name, fn := range map[string]func() error{
		"Create":     func() error { return entries.Create(ctx, &Entry{Kind: "single"}) },
		"CreateMany": func() error { return entries.CreateMany(ctx, []*Entry{{Kind: "single"}, {Kind: "single"}}) },
		"Save":       func() error { return entries.Save(ctx, list[0]) },
		"Update":     func() error { _, err := entries.Update(ctx, list[0].ID, weft.Set{"body": "x"}); return err },
		"Delete":     func() error { _, err := entries.Delete(ctx, list[0].ID); return err },
		"Tx": func() error {
			return db.Tx(ctx, func(tx *weft.DB) error { return entries.In(tx).Create(ctx, &Entry{Kind: "single"}) })
		},
		"hook": func() error { return weft.Repo[Hooked](db).Create(ctx, &Hooked{Name: "x"}) },
		"Exec": func() error { _, err := db.Exec(ctx, "DELETE FROM entries"); return err },
	} {
		t.Run(name, func(t *testing.T) { fails(t, fn(), weft.ErrDatabase, path, "written") })
	}
	must(t, db.Tx(ctx, func(tx *weft.DB) error {
		_, err := entries.In(tx).Count(ctx)
		return err
	}, weft.ReadOnly()))
	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows after the writes", n, int64(10))
}

// hand runs statements on the file with nothing of Weft between.
func hand(t *testing.T, path string, list ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, q := range list {
		_, err := db.Exec(q)
		must(t, err)
	}
}

func TestNewerFormat(t *testing.T) {
	path := filled(t, 3)
	hand(t, path, "UPDATE weft_meta SET value = '99' WHERE key = 'format'")
	for _, opts := range [][]weft.Option{{allModels()}, {allModels(), weft.AutoMigrate()}} {
		_, err := weft.Open(sqlite.Open(path), opts...)
		if c := weft.CodeOf(err); c != weft.CodeDatabase && c != weft.CodeUnsupported {
			t.Fatalf("%v (%s)", err, c)
		}
		fails(t, err, nil, path, "newer", "99", "update")
	}
	hand(t, path, "UPDATE weft_meta SET value = 'soon' WHERE key = 'format'")
	refused(t, path, weft.ErrDatabase, path, "format", "soon")
	hand(t, path, "UPDATE weft_meta SET value = '1' WHERE key = 'format'")
	n, err := weft.Repo[Entry](open(t, path)).Count(t.Context())
	must(t, err)
	equal(t, "rows", n, int64(3))
}

func TestMissingTable(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	db, err := weft.Open(sqlite.Open(path), allModels())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	entries := weft.Repo[Entry](db)
	_, err = entries.All(ctx)
	fails(t, err, weft.ErrDatabase, "entries", "AutoMigrate")
	fails(t, entries.Create(ctx, &Entry{Kind: "single"}), weft.ErrDatabase, "entries", "AutoMigrate")
	_, err = entries.Where("kind", "=", "x").Count(ctx)
	fails(t, err, weft.ErrDatabase, "entries", "AutoMigrate")
	_, err = entries.Explain(ctx)
	fails(t, err, weft.ErrDatabase, "entries", "AutoMigrate")

	// Made meanwhile by somebody else, it is found.
	other := open(t, path)
	must(t, weft.Repo[Entry](other).Create(ctx, &Entry{Kind: "single"}))
	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(1))
}

func TestMissingColumn(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	hand(t, path, "CREATE TABLE entries (id TEXT PRIMARY KEY, kind TEXT)", "INSERT INTO entries VALUES ('a', 'b')")
	db, err := weft.Open(sqlite.Open(path), weft.Models(Entry{}))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	_, err = weft.Repo[Entry](db).All(ctx)
	fails(t, err, weft.ErrDatabase, "entries", "AutoMigrate")
	fails(t, weft.Repo[Entry](db).Create(ctx, &Entry{Kind: "single"}), weft.ErrDatabase, "entries", "AutoMigrate")
}

// A migration that would lose something is refused, with every difference, and
// nothing is done.
func TestMigrationRefused(t *testing.T) {
	path := filled(t, 5)
	schema := func() (all string) {
		db, err := sql.Open("sqlite", path)
		must(t, err)
		defer func() { must(t, db.Close()) }()
		rows, err := db.Query("SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name")
		must(t, err)
		defer func() { must(t, rows.Close()) }()
		for rows.Next() {
			var s string
			must(t, rows.Scan(&s))
			all += s + "\n"
		}
		must(t, rows.Err())
		return all
	}
	before := schema()
	type Brand struct { // a new table, which would be possible
		ID   int64 `weft:"primary,auto"`
		Name string
	}
	type Tally struct {
		weft.Model
		Name int64 // was text
		N    string
	}
	type Entry struct {
		weft.Model
		Kind string `weft:"unique"` // all rows have the same
		Body string `weft:"type=text"`
	}
	_, err := weft.Open(sqlite.Open(path), weft.Models(Brand{}, Tally{}, Entry{}), weft.AutoMigrate())
	fails(t, err, weft.ErrValidation, "nothing was done", "tallies.name", "tallies.n", "entries")
	equal(t, "the schema", schema(), before)
	db := open(t, path)
	n, err := weft.Repo[endureEntry](db).Count(t.Context())
	must(t, err)
	equal(t, "rows", n, int64(5))
	sound(t, db)
}

type endureEntry = Entry

// A migration that adds is done while the old rows stay, also after it had to
// wait for another process; when that does not end it gives up in time.
func TestMigrationLocked(t *testing.T) {
	path := filled(t, 5)
	type Entry struct {
		weft.Model
		Kind  string `weft:"index" validate:"required,max=10"`
		Batch string `weft:"index"`
		Body  string `weft:"type=text"`
		Extra *string
	}
	c := lock(t, path, "write")
	err := within(t, inTime, "the migration of a locked file", func() error {
		db, err := weft.Open(sqlite.Open(path, sqlite.BusyTimeout(busy)), weft.Models(Entry{}), weft.AutoMigrate())
		if err == nil {
			err = errors.Join(errors.New("migrated what is locked"), db.Close())
		}
		return err
	})
	fails(t, err, weft.ErrDatabase, path, "locked")
	c.end(t)
	db, err := weft.Open(sqlite.Open(path), weft.Models(Entry{}), weft.AutoMigrate())
	must(t, err)
	n, err := weft.Repo[Entry](db).Where("extra", "=", nil).Count(t.Context())
	must(t, err)
	equal(t, "rows", n, int64(5))
	must(t, db.Close())
}

// A wrong set of models is refused with every fault at once.
func TestWrongModels(t *testing.T) {
	type Child struct {
		ID     int64 `weft:"primary"`
		Parent *int  `weft:"belongs_to"`
	}
	type Bad struct {
		ID   int64  `weft:"primary"`
		Name string `weft:"uniqe"`
		Kind string `weft:"enum="`
		Ch   chan int
	}
	type NoKey struct{ Name string }
	type Lone struct {
		ID    int64   `weft:"primary"`
		Group []*Item `weft:"has_many,fk=Nothing"`
	}
	path := file(t)
	_, err := weft.Open(sqlite.Open(path), weft.Models(Child{}, Bad{}, NoKey{}, Lone{}, 7, nil, "text", (*Entry)(nil), Entry{}), weft.AutoMigrate())
	fails(t, err, weft.ErrValidation,
		"Child.parent", "uniqe", "Bad.kind", "Bad.ch", "NoKey", "Lone.group", "type int", "given nil", "type string")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	_, err = weft.Open(nil)
	fails(t, err, weft.ErrValidation, "nil", "sqlite.Open")
	_, err = weft.Open((*sqlite.Engine)(nil))
	fails(t, err, weft.ErrValidation, "nil")
	db, err := weft.Open(sqlite.Open(path), weft.Models(Entry{}), weft.AutoMigrate())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	_, err = weft.Repo[Tally](db).All(t.Context())
	fails(t, err, weft.ErrValidation, "Tally", "Models")
	fails(t, weft.Repo[int](db).Create(t.Context(), new(int)), weft.ErrValidation, "int")
}
