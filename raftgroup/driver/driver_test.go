package driver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

var ctx = context.Background()

// must runs statements.
func must(t *testing.T, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string, args ...any,
) sql.Result {
	t.Helper()
	r, err := on.ExecContext(ctx, text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// number asks for one.
func number(t *testing.T, on interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, text string, args ...any,
) (n int64) {
	t.Helper()
	if err := on.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

func fails(t *testing.T, err error, code op.Code, part string) {
	t.Helper()
	var e *op.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(err.Error(), part) {
		t.Errorf("the error is %v; want %s and %q", err, code, part)
	}
}

const notes = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, n REAL, raw BLOB, done BOOLEAN, made DATETIME, price INTEGER DECIMAL(10,2), CHECK (body <> 'bad'))"

func TestExecAndQuery(t *testing.T) {
	db, _ := opened(t)
	if err := db.PingContext(ctx); err != nil {
		t.Fatal(err)
	}
	must(t, db, notes)
	at := time.Date(2026, 1, 2, 3, 4, 5, 600700800, time.FixedZone("here", 3600))
	r := must(t, db, "INSERT INTO notes (body, n, raw, done, made, price) VALUES (?, ?, ?, ?, ?, ?)", "a", 1.5, []byte{0, 1}, true, at, 12345)
	if id, err := r.LastInsertId(); id != 1 || err != nil {
		t.Errorf("the last ID is %d, %v", id, err)
	}
	if n, err := r.RowsAffected(); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	must(t, db, "INSERT INTO notes (body) VALUES (?)", nil)
	var (
		body, stored, price string
		n                   float64
		raw                 []byte
		done                bool
		made                time.Time
	)
	err := db.QueryRowContext(ctx, "SELECT body, n, raw, done, made, made || '', price FROM notes WHERE id = ?", 1).Scan(&body, &n, &raw, &done, &made, &stored, &price)
	if err != nil {
		t.Fatal(err)
	}
	if want := at.UTC().Truncate(time.Microsecond); body != "a" || n != 1.5 || !slices.Equal(raw, []byte{0, 1}) || !done || !made.Equal(want) || made.Location() != time.UTC {
		t.Errorf("got %q %v %v %v %v; the time should be %v", body, n, raw, done, made, want)
	}
	if stored != "2026-01-02 02:04:05.6007" || price != "123.45" {
		t.Errorf("stored as %q and %q", stored, price)
	}
	rows, err := db.QueryContext(ctx, "SELECT id, body, n, raw, done, made, price, 1+1 FROM notes ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range types {
		names = append(names, c.DatabaseTypeName()+" "+c.ScanType().String())
	}
	if want := []string{
		"INTEGER sql.NullInt64", "TEXT sql.NullString", "REAL sql.NullFloat64", "BLOB []uint8", "BOOLEAN sql.NullBool", "DATETIME sql.NullTime",
		"INTEGER DECIMAL sql.NullString", " interface {}",
	}; !slices.Equal(names, want) {
		t.Errorf("types %q, want %q", names, want)
	}
	for rows.Next() { // each into what its column says, NULL too
		into := make([]any, len(types))
		for i, c := range types {
			into[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			t.Error(err)
		}
	}
	if rows.Err() != nil {
		t.Error(rows.Err())
	}
	if n := number(t, db, "INSERT INTO notes (body) VALUES ('r') RETURNING id"); n != 3 {
		t.Errorf("RETURNING gave %d", n)
	}
	var version string
	if err := db.QueryRowContext(ctx, "select sqlite_version();").Scan(&version); err != nil || version != speaks {
		t.Errorf("the version is %q, %v", version, err)
	}
	var none string
	if err := db.QueryRowContext(ctx, "SELECT body FROM notes WHERE id = 77").Scan(&none); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row is %v", err)
	}
}

func TestArguments(t *testing.T) {
	db, _ := opened(t)
	type scan = []any
	for _, c := range []struct {
		sql  string
		args []any
		want string
	}{
		{"SELECT ? || ?", scan{"a", "b"}, "ab"},
		{"SELECT ?2 || ?1", scan{"a", "b"}, "ba"},
		{"SELECT :x || @y || $z || :x", scan{sql.Named("z", "c"), sql.Named("x", "a"), sql.Named("y", "b")}, "abca"},
		{"SELECT ':no' || /* :no */ :x || \":no\" -- :no\n FROM (SELECT '!' AS \":no\")", scan{sql.Named("x", "a")}, ":noa!"},
		{"SELECT [:no] || ? || :x FROM (SELECT '!' AS [:no])", scan{"p", sql.Named("x", "a")}, "!pa"},
		{"SELECT 'it''s ?' || ?", scan{"a"}, "it's ?a"},
		{"SELECT :a || :b", scan{"1", "2"}, "12"},
	} {
		for _, inTx := range []bool{false, true} {
			var got string
			var err error
			if inTx {
				tx, terr := db.BeginTx(ctx, nil)
				if terr != nil {
					t.Fatal(terr)
				}
				err = tx.QueryRowContext(ctx, c.sql, c.args...).Scan(&got)
				_ = tx.Rollback()
			} else {
				err = db.QueryRowContext(ctx, c.sql, c.args...).Scan(&got)
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %q, %v; want %q", c.sql, got, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		sql  string
		args []any
		part string
	}{
		{"SELECT :x", []any{sql.Named("y", 1)}, "parameter :x"},
		{"SELECT :x", []any{sql.Named("x", 1), sql.Named("y", 1)}, "no parameter :y"},
		{"SELECT :x", []any{sql.Named("x", 1), 7}, "given 2 values"},
		{"SELECT :x, ?", []any{sql.Named("x", 1)}, "parameter number 2"},
		{"SELECT ?0, :x", []any{sql.Named("x", 1)}, "?1 to ?32766"},
		{"SELECT ?", nil, "1 places"},
		{"BEGIN", []any{1}, "takes no arguments"},
		{"SELECT ?", []any{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "four digits"},
	} {
		var x any
		err := db.QueryRowContext(ctx, c.sql, c.args...).Scan(&x)
		fails(t, err, op.CodeValidation, c.part)
	}
	if err := db.QueryRowContext(ctx, "SELECT ?", struct{}{}).Scan(new(any)); err == nil {
		t.Error("a struct was taken for a value")
	}
}

func TestPrepared(t *testing.T) {
	db, _ := opened(t)
	must(t, db, notes)
	ins, err := db.PrepareContext(ctx, "INSERT INTO notes (body) VALUES (?)")
	if err != nil {
		t.Fatal(err)
	}
	defer ins.Close()
	for _, b := range []string{"a", "b"} {
		if _, err := ins.ExecContext(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tx.StmtContext(ctx, ins).ExecContext(ctx, "c")
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := r.LastInsertId(); id != 3 {
		t.Errorf("the last ID is %d", id)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	q, err := db.PrepareContext(ctx, "SELECT count(*) FROM notes WHERE body >= :from")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var n int
	if err := q.QueryRowContext(ctx, sql.Named("from", "b")).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestTransactions(t *testing.T) {
	db, g := opened(t)
	must(t, db, notes)
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	r := must(t, tx, "INSERT INTO notes (body) VALUES ('a'), ('b')")
	if id, _ := r.LastInsertId(); id != 2 {
		t.Errorf("the last ID is %d", id)
	}
	if n, _ := r.RowsAffected(); n != 2 {
		t.Errorf("%d rows", n)
	}
	if r = must(t, tx, "DELETE FROM notes WHERE body = 'b' RETURNING id"); r != nil {
		if n, _ := r.RowsAffected(); n != 1 {
			t.Errorf("%d rows", n)
		}
	}
	if n := number(t, tx, "SELECT last_insert_rowid()"); n != 2 {
		t.Errorf("last_insert_rowid is %d", n)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO notes (body) VALUES ('bad')"); err == nil {
		t.Error("a check let a row pass")
	}
	// Rows that are being read do not keep the transaction from other work.
	rows, err := tx.QueryContext(ctx, "SELECT 1 UNION SELECT 2")
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO notes (body) VALUES ('c')")
	rows.Close()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT count(*) FROM notes"); n != 2 {
		t.Errorf("%d rows", n)
	}

	if tx, err = db.BeginTx(ctx, nil); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "DELETE FROM notes")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT count(*) FROM notes"); n != 2 {
		t.Errorf("%d rows after a roll back", n)
	}

	if tx, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM notes")
	fails(t, err, op.CodeValidation, "read only")
	_ = tx.Rollback()

	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelSnapshot, sql.LevelReadUncommitted} {
		_, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
		fails(t, err, op.CodeUnsupported, level.String())
	}

	if tx, err = db.BeginTx(ctx, nil); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "DELETE FROM notes")
	g.mu.Lock()
	g.commit = &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}
	g.mu.Unlock()
	if err := tx.Commit(); !errors.Is(err, op.ErrConflict) || !op.Retryable(err) {
		t.Errorf("a conflict is %v", err)
	}
	if n := number(t, db, "SELECT count(*) FROM notes"); n != 2 {
		t.Errorf("%d rows after a conflict", n)
	}

	// A context that ends rolls back. database/sql does that beside the caller:
	// a Commit that comes after it is told that the transaction is over.
	ended, cancel := context.WithCancel(ctx)
	if tx, err = db.BeginTx(ended, nil); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "DELETE FROM notes")
	cancel()
	if err := tx.Commit(); !errors.Is(err, context.Canceled) && !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("a commit after the end of its context is %v", err)
	}
	if _, err := db.ExecContext(ended, "DELETE FROM notes"); !errors.Is(err, context.Canceled) {
		t.Errorf("a statement of a context that has ended is %v", err)
	}
	if n := number(t, db, "SELECT count(*) FROM notes"); n != 2 {
		t.Errorf("%d rows after a cancel", n)
	}
}

func TestTextualTransactions(t *testing.T) {
	db, g := opened(t)
	must(t, db, notes)
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	count := func() int64 { t.Helper(); return number(t, c, "SELECT count(*) FROM notes") }
	add := func() { t.Helper(); must(t, c, "INSERT INTO notes (body) VALUES ('x')") }
	for _, begin := range []string{"BEGIN", "begin deferred;", " BEGIN IMMEDIATE TRANSACTION ; -- now", "/* x */ BEGIN EXCLUSIVE", ";BEGIN"} {
		must(t, c, begin)
		add()
		must(t, c, "ROLLBACK TRANSACTION")
	}
	must(t, c, "BEGIN")
	add()
	must(t, c, "END")
	if count() != 1 {
		t.Errorf("%d rows", count())
	}
	must(t, c, "BEGIN")
	must(t, c, "SAVEPOINT a")
	add()
	must(t, c, `SAVEPOINT "B b"`)
	add()
	must(t, c, `ROLLBACK TO "b B"`)
	add()
	add()
	if count() != 4 {
		t.Errorf("%d rows", count())
	}
	must(t, c, "ROLLBACK TRANSACTION TO SAVEPOINT a")
	if count() != 1 {
		t.Errorf("%d rows", count())
	}
	add()
	must(t, c, "RELEASE a")
	_, err = c.ExecContext(ctx, "RELEASE SAVEPOINT a")
	fails(t, err, op.CodeValidation, "no such savepoint")
	must(t, c, "SAVEPOINT left")
	add()
	must(t, c, "COMMIT TRANSACTION")
	if count() != 3 {
		t.Errorf("%d rows", count())
	}
	// Outside of a transaction a savepoint is one.
	must(t, c, "SAVEPOINT s")
	add()
	must(t, c, "ROLLBACK TO s")
	add()
	must(t, c, "RELEASE s")
	if count() != 4 {
		t.Errorf("%d rows", count())
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	fails(t, err, op.CodeValidation, "no transaction")
	_, err = c.ExecContext(ctx, "ROLLBACK")
	fails(t, err, op.CodeValidation, "no transaction")
	must(t, c, "BEGIN")
	_, err = c.ExecContext(ctx, "BEGIN")
	fails(t, err, op.CodeValidation, "SAVEPOINT")
	g.mu.Lock()
	g.commit = &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}
	g.mu.Unlock()
	if _, err := c.ExecContext(ctx, "COMMIT"); !errors.Is(err, op.ErrConflict) {
		t.Errorf("a conflict is %v", err)
	}
	for _, bad := range []string{"BEGIN; DELETE FROM notes", "BEGIN SLOWLY", "COMMIT IMMEDIATE", "SAVEPOINT", "SAVEPOINT a b", "ROLLBACK TO", "RELEASE;"} {
		_, err := c.ExecContext(ctx, bad)
		fails(t, err, op.CodeValidation, "by themselves")
	}
	must(t, c, "BEGIN")
	if _, err := c.BeginTx(ctx, nil); err == nil {
		t.Error("a transaction began inside another")
	}
}

// A connection that is given back in a transaction, or changed, is not used
// again.
func TestLeftBehind(t *testing.T) {
	db, _ := opened(t)
	db.SetMaxOpenConns(1)
	must(t, db, notes)
	for _, leave := range []string{"BEGIN", "PRAGMA foreign_keys = OFF", "PRAGMA legacy_alter_table(1)", "PRAGMA busy_timeout = 7"} {
		c, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		must(t, c, leave)
		must(t, c, "INSERT INTO notes (body) VALUES ('x')")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int64{"foreign_keys": 1, "legacy_alter_table": 0, "busy_timeout": 5000} {
			if n := number(t, db, "PRAGMA "+name); n != want {
				t.Errorf("after %s PRAGMA %s is %d", leave, name, n)
			}
		}
	}
	if n := number(t, db, "SELECT count(*) FROM notes"); n != 3 {
		t.Errorf("%d rows; a transaction that was left open should be rolled back", n)
	}
}

func TestPragmas(t *testing.T) {
	db, g := opened(t)
	must(t, db, notes)
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := number(t, c, "PRAGMA busy_timeout = 100"); n != 100 {
		t.Errorf("busy_timeout is %d", n)
	}
	must(t, c, "PRAGMA main.foreign_keys = off")
	if number(t, c, "PRAGMA foreign_keys") != 0 {
		t.Error("foreign keys are on")
	}
	sent := func() string {
		g.mu.Lock()
		defer g.mu.Unlock()
		s := strings.Join(g.sent, "; ")
		g.sent = nil
		return s
	}
	sent()
	must(t, c, "BEGIN")
	must(t, c, "PRAGMA legacy_alter_table = ON")
	_, err = c.ExecContext(ctx, "PRAGMA foreign_keys = ON")
	fails(t, err, op.CodeValidation, "inside a transaction")
	must(t, c, "ROLLBACK")
	if got := sent(); got != "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON" {
		t.Errorf("the transaction was told %s", got)
	}
	// A statement of its own runs in a transaction that knows of them.
	must(t, c, "DELETE FROM notes")
	if got := sent(); got != "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; DELETE FROM notes" {
		t.Errorf("the transaction was told %s", got)
	}
	_, err = c.ExecContext(ctx, "INSERT INTO notes (body) VALUES ('bad')")
	if err == nil {
		t.Error("a check let a row pass")
	}
	must(t, c, "PRAGMA legacy_alter_table = 0")
	must(t, c, "PRAGMA foreign_keys = yes")
	sent()
	must(t, c, "DELETE FROM notes")
	if got := sent(); got != "" {
		t.Errorf("a transaction was told %s", got)
	}
	if n := number(t, c, "SELECT count(*) FROM pragma_table_info('notes')"); n != 7 {
		t.Errorf("%d columns", n)
	}
	var name string
	if err := c.QueryRowContext(ctx, "PRAGMA table_info(notes)").Scan(new(int), &name, new(string), new(int), new(any), new(int)); err != nil || name != "id" {
		t.Errorf("table_info: %q, %v", name, err)
	}
	_, err = c.ExecContext(ctx, "PRAGMA foreign_keys = maybe")
	fails(t, err, op.CodeValidation, "ON or OFF")
	_, err = c.ExecContext(ctx, "PRAGMA busy_timeout = soon")
	fails(t, err, op.CodeValidation, "milliseconds")
}

// registered is the group that Register's test dials.
type registered struct {
	*double
}

func (r registered) Close() error {
	closings.Add(1)
	return r.double.Close()
}

// closings counts how often one was closed. What is registered is so for the
// whole process.
var closings atomic.Int32

func TestRegister(t *testing.T) {
	closings.Store(0)
	Register(func(dsn string) (door.Group, error) {
		if dsn != ":memory:" {
			return nil, op.Errorf(op.CodeValidation, "%q is no address", dsn)
		}
		return registered{&double{Engine: sqlite.Open(dsn)}}, nil
	})
	Register(nil) // only the first counts
	db, err := sql.Open("weft", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT 1"); n != 1 {
		t.Error(n)
	}
	if _, ok := db.Driver().(driver.DriverContext); !ok {
		t.Error("the driver makes no connectors")
	}
	if err := db.Close(); err != nil || closings.Load() != 1 {
		t.Errorf("%v; closed %d times", err, closings.Load())
	}
	_, err = sql.Open("weft", "nowhere")
	fails(t, err, op.CodeValidation, "no address")
	g := registered{&double{Engine: sqlite.Open(":memory:")}}
	if err := Open(g).Close(); err != nil || closings.Load() != 1 {
		t.Error("a group that was handed in was closed")
	}
	_ = g.double.Close()
}

// Times as others write them are read, and what is no time stays what it is.
func TestTimes(t *testing.T) {
	db, _ := opened(t)
	must(t, db, "CREATE TABLE w (at TIMESTAMP(6), d DATE, b BOOL)")
	for _, c := range []struct {
		in   any
		want any
	}{
		{"2024-05-06 07:08:09.5", time.Date(2024, 5, 6, 7, 8, 9, 5e8, time.UTC)},
		{"2024-05-06T07:08:09+02:00", time.Date(2024, 5, 6, 5, 8, 9, 0, time.UTC)},
		{"2024-05-06 07:08:09.123456789-01:00", time.Date(2024, 5, 6, 8, 8, 9, 123456789, time.UTC)},
		{"2024-05-06", time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)},
		{"2024-05-06 07:08", time.Date(2024, 5, 6, 7, 8, 0, 0, time.UTC)},
		{int64(1700000000), time.Unix(1700000000, 0).UTC()},
		{int64(1700000000123), time.UnixMilli(1700000000123).UTC()},
		{"soon", "soon"},
		{nil, nil},
	} {
		must(t, db, "DELETE FROM w")
		must(t, db, "INSERT INTO w (at) VALUES (?)", c.in)
		var got any
		if err := db.QueryRowContext(ctx, "SELECT at FROM w").Scan(&got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v is %v, %v; want %v", c.in, got, err, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0.00", 5: "0.05", -5: "-0.05", -12345: "-123.45", 100: "1.00"} {
		if got := scaled(n, 2); got != want {
			t.Errorf("%d hundredths are %s", n, got)
		}
	}
}
