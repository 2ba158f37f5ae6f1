package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// examine runs the doctor and gives its report.
func examine(t *testing.T, d *doctor, path string) (*report, error) {
	t.Helper()
	if d.disk == nil {
		d.disk = func(string) (space, error) { return space{free: 1 << 40, total: 2 << 40}, nil }
	}
	d.format = formatJSON
	var out bytes.Buffer
	err := d.run(t.Context(), &out, path)
	var r report
	if jerr := json.Unmarshal(out.Bytes(), &r); jerr != nil {
		t.Fatalf("%v: %q, %v", jerr, out.String(), err)
	}
	if (err == nil) != (r.Status != statusFail) || (err != nil && !errors.Is(err, errUnwell)) {
		t.Errorf("the status is %s and the error %v", r.Status, err)
	}
	return &r, err
}

// named are the checks of a name that are not well.
func (r *report) unwell(name string) (out []check) {
	for _, c := range r.Checks {
		if c.Name == name && c.Status != statusOK {
			out = append(out, c)
		}
	}
	return out
}

// expect makes sure that one check of a name came out so, and that nothing else
// is unwell.
func (r *report) expect(t *testing.T, s status, name, message, hint string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Status != statusOK && c.Name != name {
			t.Errorf("%s %s: %s", c.Status, c.Name, c.Message)
		}
	}
	list := r.unwell(name)
	if len(list) != 1 || list[0].Status != s || !strings.Contains(list[0].Message, message) || !strings.Contains(list[0].Hint, hint) {
		t.Errorf("%s is %+v, want %s %q with the hint %q", name, list, s, message, hint)
	}
}

// unchanged makes sure that a folder is afterwards as it was.
func unchanged(t *testing.T, dir string) {
	t.Helper()
	look := func() map[string]string {
		out := map[string]string{}
		for _, name := range fileNames(t, dir) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(data)
		}
		return out
	}
	before := look()
	t.Cleanup(func() {
		after := look()
		for name, data := range before {
			if strings.HasSuffix(name, "-shm") {
				continue // what readers agree by, not data
			}
			if after[name] != data {
				t.Errorf("%s was changed", name)
			}
		}
		for name := range after {
			if _, ok := before[name]; !ok {
				t.Errorf("%s was made", name)
			}
		}
	})
}

func TestDoctorOfAHealthyDatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	makeDatabase(t, path, wal, "CREATE TABLE t (a INTEGER PRIMARY KEY, b REFERENCES t)", "CREATE INDEX t_b ON t (b)")
	unchanged(t, dir)
	r, err := examine(t, &doctor{}, path)
	if err != nil || r.Status != statusOK {
		t.Errorf("%v, %+v", err, r)
	}
	var names []string
	for _, c := range r.Checks {
		names = append(names, c.Name)
	}
	want := []string{
		"weft", "file", "permissions", "journal", "disk", "sqlite", "format", "schema", "integrity", "references",
		"journal_mode", "synchronous", "foreign_keys", "page_size", "freelist", "indexes",
	}
	if !slices.Equal(names, want) {
		t.Errorf("checked were %q", names)
	}
}

func TestDoctorOfFiles(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	statements := []string{wal, "CREATE TABLE t (a, b)", "CREATE INDEX t_a ON t (a)"}
	for range 12 {
		statements = append(statements, "INSERT INTO t SELECT hex(randomblob(300)), 1 FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3)")
	}
	makeDatabase(t, good, statements...)
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	damaged := slices.Clone(content)
	for i := 4096 + 8; i < 3*4096; i++ {
		damaged[i] ^= 0x5a
	}
	beheaded := append(bytes.Repeat([]byte{0xa7, 0x13}, 50), content[100:]...)
	for _, c := range []struct {
		name, path, check, message string
	}{
		{"absent", filepath.Join(dir, "absent.db"), "file", "there is no database"},
		{"text", write("text.db", []byte("this is no database")), "file", "is no SQLite database, or it is encrypted"},
		{"encrypted", write("encrypted.db", beheaded), "file", "is no SQLite database, or it is encrypted"},
		{"a folder", dir, "file", "is a folder"},
		{"damaged", write("damaged.db", damaged), "integrity", ""},
		{"cut off", write("short.db", content[:len(content)-4096]), "open", "malformed"},
		{"cut off in the first page", write("stub.db", content[:200]), "open", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			unchanged(t, dir)
			r, err := examine(t, &doctor{}, c.path)
			list := r.unwell(c.check)
			if !errors.Is(err, errUnwell) || len(list) != 1 || list[0].Status != statusFail || !strings.Contains(list[0].Message, c.message) || list[0].Message == "" {
				t.Errorf("%v, %+v", err, r.Checks)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		if r, err := examine(t, &doctor{}, write("empty.db", nil)); err != nil || r.Status == statusFail {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

func TestDoctorOfTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	makeDatabase(t, path, wal, "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(40000000))")
	for _, c := range []struct {
		free    int64
		status  status
		message string
	}{{1 << 20, statusFail, "writes will fail soon"}, {50 << 20, statusWarn, "too little for VACUUM"}} {
		r, _ := examine(t, &doctor{disk: func(string) (space, error) { return space{c.free, 1 << 40}, nil }}, path)
		r.expect(t, c.status, "disk", c.message, "")
	}
	r, _ := examine(t, &doctor{disk: func(string) (space, error) { return space{}, errors.New("no idea") }}, path)
	r.expect(t, statusWarn, "disk", "no idea", "")
	if s, err := diskSpace(path); err != nil || s.free <= 0 || s.total < s.free {
		t.Errorf("the disk here has %+v, %v", s, err)
	}
}

func TestDoctorOfReferencesAndSettings(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "orphans.db")
	makeDatabase(t, path, wal, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p)", "CREATE INDEX c_p ON c (p)",
		"INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1, 1), (2, 7), (3, 8)")
	r, _ := examine(t, &doctor{}, path)
	r.expect(t, statusFail, "references", "rows of c that point at no row of p: 2, the first with rowid 2", "PRAGMA foreign_key_check")

	for name, c := range map[string]struct {
		statements           []string
		check, message, hint string
	}{
		"rollback journal": {[]string{"CREATE TABLE t (a)"}, "journal_mode", "delete: reads and writes wait", "Weft switches"},
		"small pages":      {[]string{"PRAGMA page_size=512", wal, "CREATE TABLE t (a)"}, "page_size", "512 bytes", "VACUUM"},
		"empty pages":      {[]string{wal, "CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(3000000))", "DELETE FROM t"}, "freelist", "2.9 MiB of the file", "VACUUM"},
		"UTF-16":           {[]string{"PRAGMA encoding='UTF-16le'", wal, "CREATE TABLE t (a)"}, "encoding", "UTF-16le", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			makeDatabase(t, path, c.statements...)
			r, _ := examine(t, &doctor{}, path)
			r.expect(t, statusWarn, c.check, c.message, c.hint)
		})
	}
}

func TestDoctorOfANewerFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	if err := makeShop(path); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := weftCommand(t, "query", path, "--write", "UPDATE weft_meta SET value = '999' WHERE key = 'format'"); status != exitOK {
		t.Fatal(stderr)
	}
	r, _ := examine(t, &doctor{}, path)
	if list := r.unwell("format"); len(list) != 1 || list[0].Status != statusFail || !strings.Contains(list[0].Message, "newer version of Weft") {
		t.Errorf("%+v", r.Checks)
	}
	if len(r.unwell("integrity")) != 0 {
		t.Errorf("integrity: %+v", r.unwell("integrity"))
	}
}

// Files that a program left, or has open.
func TestDoctorOfJournals(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	makeDatabase(t, path, wal, "CREATE TABLE t (a)")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	// A copy of what is there while it is in use is what a killed program leaves.
	killed := t.TempDir()
	for _, name := range fileNames(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(killed, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := fileNames(t, killed); !slices.Equal(got, []string{"app.db", "app.db-shm", "app.db-wal"}) {
		t.Fatalf("there are %q", got)
	}
	unchanged(t, killed)
	r, _ := examine(t, &doctor{}, filepath.Join(killed, "app.db"))
	r.expect(t, statusWarn, "journal", "was left by a program that did not close the database", "do not delete it")

	hot := t.TempDir()
	path = filepath.Join(hot, "app.db")
	makeDatabase(t, path, "CREATE TABLE t (a)")
	if err := os.WriteFile(path+"-journal", append([]byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}, make([]byte, 1016)...), 0o600); err != nil {
		t.Fatal(err)
	}
	unchanged(t, hot)
	r, _ = examine(t, &doctor{}, path)
	if list := r.unwell("journal"); len(list) != 1 || !strings.Contains(list[0].Message, "a transaction is under way, or was cut off") {
		t.Errorf("%+v", r.Checks)
	}
}

func TestDoctorOfIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	makeDatabase(t, path, wal,
		`CREATE TABLE p (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b))`,
		`CREATE TABLE "c d" (id INTEGER PRIMARY KEY REFERENCES p, x REFERENCES p, y, z, w, FOREIGN KEY (y, z) REFERENCES p (a, b), FOREIGN KEY (z, w) REFERENCES p (a, b))`,
		`CREATE INDEX both ON "c d" (z, y, w)`,                         // serves y, z
		`CREATE INDEX part ON "c d" (x) WHERE x > 5`,                   // serves nothing
		`CREATE INDEX z_alone ON "c d" (z)`,                            // covered by both
		`CREATE INDEX z_down ON "c d" (z DESC)`,                        // not
		`CREATE INDEX z_fold ON "c d" (z COLLATE NOCASE)`,              // not
		`CREATE UNIQUE INDEX z_one ON "c d" (z, y)`,                    // holds a rule
		`CREATE INDEX w1 ON "c d" (w)`, `CREATE INDEX w2 ON "c d" (w)`, // one of them
		`CREATE INDEX p_a ON p (a)`, // covered by the constraint
		`CREATE INDEX expr ON p (a + b)`, `CREATE INDEX expr2 ON p (a + b)`,
	)
	r, _ := examine(t, &doctor{}, path)
	var got []string
	for _, c := range r.unwell("indexes") {
		message, _, _ := strings.Cut(c.Message, ":")
		message, _, _ = strings.Cut(message, ", and every write")
		got = append(got, message+" | "+c.Hint)
	}
	want := []string{
		`the foreign key c d.z, w has no index | CREATE INDEX "c d_z_w_idx" ON "c d" ("z", "w")`,
		`the foreign key c d.x has no index | CREATE INDEX "c d_x_idx" ON "c d" ("x")`,
		`the index w2 on c d does what w1 does too | DROP INDEX "w2"`,
		`the index z_alone on c d does what both does too | DROP INDEX "z_alone"`,
		`the index p_a on p does what sqlite_autoindex_p_1 does too | DROP INDEX "p_a"`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// slowApp runs an application whose every call is slow and gives its log.
func slowApp(t *testing.T, path string, handler func(io.Writer) slog.Handler) string {
	t.Helper()
	var out bytes.Buffer
	log := slog.New(handler(&out)).With("app", "shop")
	db, err := weft.Open(sqlite.Open(path), weft.Models(Customer{}, Order{}), weft.AutoMigrate(), weft.Log(log, time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	customers, orders := weft.Repo[Customer](db), weft.Repo[Order](db)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := customers.Count(ctx); err == nil && n == 0 {
		for i := range 40 {
			c := &Customer{Name: strings.Repeat("x", i%7), Email: "a" + strings.Repeat("b", i)}
			check(customers.Create(ctx, c))
			check(orders.Create(ctx, &Order{CustomerID: c.ID, State: "open", Total: int64(i)}))
		}
	}
	for range 3 {
		_, err = orders.Where("state", "=", "open").Where("total", ">", 3).All(ctx)
		check(err)
	}
	_, err = orders.Where("state", "=", "open").OrderBy("placed", weft.Desc).Limit(5).All(ctx)
	check(err)
	_, err = customers.Where("name", "like", "x").All(ctx)
	check(err)
	_, err = customers.Filter(weft.Or(weft.If("name", "=", "xx"), weft.If("city", "=", "Oslo"))).All(ctx)
	check(err)
	_, err = customers.Filter(weft.Has("orders", weft.If("total", ">", 5))).Count(ctx)
	check(err)
	_, err = orders.Where("state", "=", "never").Delete(ctx)
	check(err)
	_, err = customers.Where("email", "=", "ab").All(ctx)
	check(err)
	_, err = weft.SQL[int64](ctx, db, "SELECT count(*) FROM orders o JOIN customers AS c ON c.id = o.customer_id WHERE c.city = 'a; b' -- ; nothing\n")
	check(err)
	check(db.Close())
	return out.String()
}

// Customer and Order are the models of an application that is slow.
type Customer struct {
	weft.Model
	Name   string
	City   string
	Email  string   `weft:"unique"`
	Orders []*Order `weft:"has_many"`
}

type Order struct {
	weft.Model
	CustomerID string `weft:"index"`
	State      string
	Total      int64
	Placed     time.Time
	Customer   *Customer `weft:"belongs_to"`
}

// What the doctor says would help does: with the indexes that it names, the
// same statements read no whole table any more, but where none can help.
func TestDoctorOfSlowCalls(t *testing.T) {
	handlers := map[string]func(io.Writer) slog.Handler{
		"json":            func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"text":            func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json in a group": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil).WithGroup("db") },
		"text in a group": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil).WithGroup("db.x") },
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, log := filepath.Join(dir, "app.db"), filepath.Join(dir, "app.log")
			noise := "starting\n{\"level\":\"INFO\"\n{}\n\ntime=x sql=\"unclosed\n"
			if err := os.WriteFile(log, []byte(noise+slowApp(t, path, h)), 0o600); err != nil {
				t.Fatal(err)
			}
			unchanged(t, dir)
			r, _ := examine(t, &doctor{log: log}, path)
			want := map[string]string{ // by a part of the statement
				`t0."state" = ? AND t0."total" > ?`: `CREATE INDEX "orders_state_total_idx" ON "orders" ("state", "total")`,
				`ORDER BY t0."placed" DESC`:         `CREATE INDEX "orders_state_placed_idx" ON "orders" ("state", "placed")`,
				`instr(`:                            "no index on columns would change that",
				`t0."city" = ?`:                     `CREATE INDEX "customers_city_idx" ON "customers" ("city")`,
				`DELETE FROM "orders"`:              `CREATE INDEX "orders_state_idx" ON "orders" ("state")`,
				`a; b`:                              `CREATE INDEX "customers_city_idx" ON "customers" ("city")`,
			}
			slow := r.unwell("slow")
			for part, hint := range want {
				i := slices.IndexFunc(slow, func(c check) bool { return strings.Contains(c.SQL, part) })
				if i < 0 {
					t.Errorf("nothing is said of %s in %+v", part, slow)
					continue
				}
				if c := slow[i]; !strings.Contains(c.Hint, hint) || !strings.Contains(c.Message, "reads all 40 rows") || c.Seconds <= 0 {
					t.Errorf("of %s is said %+v", part, c)
				}
			}
			if i := slices.IndexFunc(slow, func(c check) bool { return strings.Contains(c.SQL, `"total" > ?`) && c.Count == 3 }); i < 0 {
				t.Errorf("a statement that was run three times: %+v", slow)
			}
			for _, c := range slow {
				if strings.Contains(c.SQL, `"email" = ?`) {
					t.Errorf("a statement with an index is %+v", c)
				}
			}
			cured := filepath.Join(t.TempDir(), "app.db")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(cured, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, c := range slow {
				for line := range strings.SplitSeq(c.Hint, "\n") {
					if strings.HasPrefix(line, "CREATE INDEX") {
						line = strings.Replace(line, "CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)
						if status, _, stderr := weftCommand(t, "query", "--write", cured, line); status != exitOK {
							t.Fatal(stderr)
						}
					}
				}
			}
			r, _ = examine(t, &doctor{log: log}, cured)
			for _, c := range r.unwell("slow") {
				if !strings.Contains(c.SQL, "instr(") && strings.Contains(c.Message, "reads all") && !strings.Contains(c.Hint, "no index on columns") {
					t.Errorf("it is still slow: %+v", c)
				}
			}
		})
	}
}

func TestDoctorOfOtherLogs(t *testing.T) {
	dir := t.TempDir()
	path, log := filepath.Join(dir, "app.db"), filepath.Join(dir, "app.log")
	makeDatabase(t, path, wal, "CREATE TABLE t (a)")
	write := func(text string) {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hello\nworld\n")
	if r, err := examine(t, &doctor{log: log}, path); err != nil || r.Status != statusOK || !strings.Contains(r.Checks[len(r.Checks)-1].Message, "2 lines") {
		t.Errorf("%v, %+v", err, r)
	}
	write(`{"msg":"slow call","op":"find Post","duration":5000000,"sql":"SELECT * FROM posts WHERE a = ?"}` + "\n" +
		`{"msg":"call failed","op":"find Post","duration":5,"error":"x","sql":"SELECT 1"}` + "\n" +
		`{"msg":"slow call","duration":7,"sql":"` + strings.Repeat("x", maxLogLine) + `"}` + "\n")
	r, _ := examine(t, &doctor{log: log}, path)
	r.expect(t, statusWarn, "slow", "find Post, once, 5ms in all, 5ms at most: it cannot be explained here", "")
	// A table that only a view names.
	makeDatabase(t, path, wal, "CREATE TABLE t (a, b)", "CREATE VIEW v AS SELECT a FROM t")
	write(`{"msg":"slow call","op":"sql","duration":5000000,"sql":"SELECT a FROM v WHERE a = ?; SELECT 1"}` + "\n")
	r, _ = examine(t, &doctor{log: log}, path)
	r.expect(t, statusWarn, "slow", "it reads all of t", "")
	if err := (&doctor{log: filepath.Join(dir, "none.log")}).run(t.Context(), io.Discard, path); err == nil || !strings.Contains(err.Error(), "there is no log") {
		t.Errorf("no log: %v", err)
	}
}

// Another program that writes while the doctor looks makes it look again.
func TestDoctorLooksAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	makeDatabase(t, path, wal, "CREATE TABLE t (a)")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	looks := 0
	d := &doctor{disk: func(string) (space, error) { // in the middle of it
		looks++
		_, err := other.Exec("INSERT INTO t VALUES (1)")
		return space{1 << 40, 1 << 40}, err
	}}
	if r, err := examine(t, d, path); err != nil || r.Status == statusFail || looks != 2 {
		t.Errorf("%v after %d looks, %+v", err, looks, r)
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{
		`SELECT t0."a" FROM "b" AS t0 WHERE t0."a" = 'x''y' -- c` + "\n", "/* */ [a]]`b``", `x'00' X'`, `1.5e3<=2`, "\"", "'", "--", "/*", "\xff;\x00",
	} {
		f.Add(s)
	}
	tables := []*tableInfo{{name: "b", columns: []string{"a", "c"}}}
	f.Fuzz(func(t *testing.T, text string) {
		last := -1
		for _, tok := range tokens(text) {
			if tok.at <= last || tok.at >= len(text) {
				t.Fatalf("%q: a token at %d after one at %d", text, tok.at, last)
			}
			last = tok.at
		}
		for _, s := range statements(text) {
			if !strings.Contains(text, s) {
				t.Fatalf("%q has no %q", text, s)
			}
		}
		for _, u := range usages(text, tables) {
			u.candidates()
		}
		parsed, err := parseSlowLog(strings.NewReader(text))
		if err != nil || len(parsed.calls) > parsed.lines {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
