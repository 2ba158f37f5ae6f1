package mysql_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/mysql"
)

func TestLargeAndOddValues(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	large := strings.Repeat("é😀x", 10<<20/7)
	data := bytes.Repeat([]byte{0, 255, 254, '\'', '\\', 10, 195}, 10<<20/7)
	insert := func(id, text string, data []byte) error {
		_, err := run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{id, int64(1), text, data}}})
		return err
	}
	for id, v := range map[string]struct {
		text string
		data []byte
	}{
		"large": {large, []byte{}}, "data": {"", data}, "empty": {"", []byte{}}, "odd": {" a\\'\"`%_\t\n\r\x01 ", []byte("\xff\xfe\x00")},
	} {
		if err := insert(id, v.text, v.data); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, c := range []op.Cond{op.Cmp("id", op.Eq, id), op.AllOf(op.Cmp("text", op.Eq, v.text), op.Cmp("data", op.Eq, v.data))} {
			rows := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: c})
			if len(rows) != 1 || rows[0][0] != id || rows[0][2] != v.text || !bytes.Equal(rows[0][3].([]byte), v.data) {
				t.Fatalf("%s comes back otherwise (%d rows)", id, len(rows))
			}
		}
	}
	// More than the server takes at once; the connection stays.
	says(t, insert("too large", strings.Repeat("x", 20<<20), nil), op.CodeValidation, "max_allowed_packet")
	says(t, insert("bad", "a\xffb", nil), op.CodeValidation, "UTF-8")
	if n := len(must(t, e, op.Op{Kind: op.Find, Model: m, Fields: []string{"id"}})); n != 4 {
		t.Errorf("%d rows are there", n)
	}
}

// Texts that are alike for long are sorted and grouped by all of it, up to what
// the session says.
func TestLongTextsSort(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	var rows [][]any
	var want []string
	for i := range 200 {
		text := strings.Repeat("x", 5000) + fmt.Sprintf("%03d", (i*37)%200/2)
		rows = append(rows, []any{fmt.Sprint(i), int64(i), text, []byte{}})
		want = append(want, text)
	}
	slices.Sort(want)
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	for i, row := range must(t, e, op.Op{Kind: op.Find, Model: m, Fields: []string{"text"}, Sort: []op.Sort{{Field: "text"}}}) {
		if row[0] != want[i] {
			t.Fatalf("row %d of the order is …%s, want …%s", i, row[0].(string)[5000:], want[i][5000:])
		}
	}
	if n := len(must(t, e, op.Op{Kind: op.Find, Model: m, Fields: []string{"text"}, Distinct: true})); n != 100 {
		t.Errorf("%d texts are different, want 100", n)
	}
	groups := must(t, e, op.Op{Kind: op.Aggregate, Model: m, GroupBy: []string{"text"}, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}})
	for _, g := range groups {
		if g[1] != int64(2) {
			t.Errorf("a group of %v", g[1])
		}
	}
	if len(groups) != 100 {
		t.Errorf("%d groups, want 100", len(groups))
	}
}

type odd struct {
	ID     int64  `weft:"primary,auto,column=select"`
	Order  string "weft:\"column=`order` by;--\""
	Long   *int64 `weft:"unique,column=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"`
	Parent *int64 `weft:"column='quoted'"`
}

func (odd) Weft() schema.Options { return schema.Options{Table: "from `group` where"} }

func TestOddNames(t *testing.T) {
	set := build(t, odd{})
	m := set.Model("odd")
	e := open(t, services.MySQL(t), set)
	row := func(n any) []any { return []any{op.Unset{}, "a", n, nil} }
	got := must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(int64(1)), row(int64(2)), row(nil), row(nil)}, Returning: true})
	for i, r := range got {
		if r[0] != int64(i+1) {
			t.Errorf("row %d has key %v", i, r[0])
		}
	}
	_, err := run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(int64(1))}})
	says(t, err, op.CodeConflict, "same long")
	must(t, e, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("order", op.Like, "A"), Set: []op.Assign{{Field: "parent", Value: int64(7)}}, Returning: true})
	if n := len(must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("parent", op.Eq, int64(7)), Sort: []op.Sort{{Field: "order"}}})); n != 4 {
		t.Errorf("%d rows were changed", n)
	}
	must(t, e, op.Op{Kind: op.Delete, Model: m, Filter: op.Cmp("id", op.Gt, int64(1))})
}

// Keys that do not follow each other are told all the same.
func TestKeysWithSteps(t *testing.T) {
	set := build(t, group{}, person{}, membership{})
	m := set.Model("group")
	dsn := services.MySQL(t)
	open(t, dsn, set)
	stepped := with(t, dsn, func(c *driver.Config) {
		c.Params = map[string]string{"auto_increment_increment": "5", "auto_increment_offset": "3"}
	})
	e := open(t, stepped, set)
	var rows [][]any
	for i := range 10 {
		rows = append(rows, []any{op.Unset{}, fmt.Sprint("t", i)})
	}
	for _, row := range must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows, Returning: true}) {
		found := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, row[0])})
		if len(found) != 1 || found[0][1] != row[1] || row[0].(int64)%5 != 3 {
			t.Errorf("the row with key %v is %v, want %v", row[0], found, row)
		}
	}
}

type found struct {
	ID     int64     `weft:"primary,auto"`
	Flag   bool      `weft:"column=flag"`
	Bit    bool      `weft:"column=bit1"`
	Bits   int64     `weft:"column=bit20"`
	Kind   string    `weft:"column=kind"`
	Marks  *string   `weft:"column=marks"`
	Year   int64     `weft:"column=y"`
	Small  *int64    `weft:"column=small"`
	Price  float64   `weft:"column=price"`
	Exact  float64   `weft:"column=exact"`
	Amount string    `weft:"column=code"`
	Stamp  time.Time `weft:"column=stamp"`
	Day    *time.Time
	Never  *time.Time     `weft:"column=never"`
	Name   string         `weft:"column=name"`
	Doc    map[string]any `weft:"type=json,column=doc"`
	Sum    decimal.Decimal
	Clock  *string `weft:"type=time,column=clock"`
}

func (found) Weft() schema.Options { return schema.Options{Table: "found"} }

func TestFoundTables(t *testing.T) {
	dsn := services.MySQL(t)
	e := mysql.Open(dsn)
	defer e.Close()
	db := admin(t, dsn)
	execute(t, db, "SET sql_mode = ''")
	execute(t, db, `CREATE TABLE found (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, flag TINYINT(1) NOT NULL, bit1 BIT(1) NOT NULL, bit20 BIT(20) NOT NULL,
		kind ENUM('small', 'large') NOT NULL, marks SET('a', 'b'), y YEAR NOT NULL, small SMALLINT UNSIGNED ZEROFILL, price FLOAT NOT NULL, exact DOUBLE NOT NULL,
		code CHAR(5) NOT NULL, stamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, day DATETIME, never DATE, name VARCHAR(50) NOT NULL, doc JSON NOT NULL,
		sum DECIMAL(12,4) NOT NULL, clock TIME) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci`,
		`SET time_zone = '+00:00'`)
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"SET time_zone = '+05:00', sql_mode = ''",
		`INSERT INTO found VALUES (1, 1, b'1', b'10000000000000000001', 'large', 'a,b', 1999, 42, 1.1, 0.1, 'ab', '2024-03-01 05:00:00', '2024-02-29 12:30:00', '0000-00-00', 'Ärger', '{"b": 1, "a":  [1.50]}', 12.5, '12:30:00')`,
		`INSERT INTO found VALUES (2, 0, b'0', b'0', 'small', NULL, 2020, NULL, 2.5, 1e300, '', '2024-03-01 05:00:00', NULL, NULL, 'arger', '{}', -1, NULL)`,
	} {
		if _, err := conn.ExecContext(context.Background(), text); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close()
	set := build(t, found{})
	m := set.Model("found")
	row := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, int64(1))})[0]
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	want := []any{
		int64(1), true, true, int64(1<<19 + 1), "large", "a,b", int64(1999), int64(42), 1.1, 0.1, "ab", at("2024-03-01 00:00:00"), at("2024-02-29 12:30:00"),
		nil, "Ärger", op.JSON(`{"a":[1.50],"b":1}`), decimal.RequireFromString("12.5"), "12:30:00",
	}
	if got := fmt.Sprint(row); got != fmt.Sprint(want) {
		t.Errorf("the row is\n%v\nwant\n%v", row, want)
	}
	for _, c := range []struct {
		cond op.Cond
		want int
	}{
		{op.Cmp("flag", op.Eq, true), 1},
		{op.Cmp("bit", op.Eq, false), 1},
		{op.Cmp("bits", op.Gt, int64(5)), 1},
		{op.Cmp("kind", op.Eq, "small"), 1},
		{op.Cmp("marks", op.Eq, nil), 1},
		{op.Cmp("year", op.Lt, int64(2000)), 1},
		{op.Cmp("stamp", op.Eq, at("2024-03-01 00:00:00")), 2},
		{op.Cmp("sum", op.Eq, decimal.RequireFromString("12.50000")), 1},
		{op.Cmp("sum", op.Eq, decimal.RequireFromString("12.50001")), 0},
		{op.Cmp("sum", op.Gt, decimal.RequireFromString("12.49999")), 1},
		{op.Cmp("clock", op.StartsWith, "12:30"), 1},
		{op.Cond{Kind: op.Compare, Field: "doc", Path: []string{"a", "0"}, Op: op.Eq, Value: decimal.RequireFromString("1.5")}, 1},
	} {
		if n := len(must(t, e, op.Op{Kind: op.Find, Model: m, Filter: c.cond})); n != c.want {
			t.Errorf("%+v holds for %d rows, want %d", c.cond, n, c.want)
		}
	}
	if _, err := run(e, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{
		{Field: "bit", Value: false},
		{Field: "bits", Value: int64(3)},
		{Field: "kind", Value: "small"},
		{Field: "sum", Inc: true, Value: decimal.RequireFromString("0.25")},
		{Field: "doc", Path: []string{"c"}, Value: op.JSON(`{"d":1}`)},
		{Field: "small", Inc: true, Value: int64(1)},
	}}); err != nil {
		t.Error(err)
	}
	got := must(t, e, op.Op{Kind: op.Find, Model: m, Fields: []string{"bit", "bits", "kind", "sum", "doc", "small"}, Filter: op.Cmp("id", op.Eq, int64(1))})[0]
	if fmt.Sprint(got) != `[false 3 small 12.75 {"a":[1.50],"b":1,"c":{"d":1}} 43]` {
		t.Errorf("after the update: %v", got)
	}
	_, err = run(e, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{{Field: "kind", Value: "huge"}}})
	says(t, err, op.CodeValidation, "kind")
	_, err = run(e, op.Op{Kind: op.Increment, Model: m, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{{Field: "small", Inc: true, Value: int64(70000)}}})
	says(t, err, op.CodeValidation)
	plan, err := e.Do(context.Background(), op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("name", op.Eq, "x"), Explain: true})
	if err != nil || !strings.Contains(plan.Plan.String(), "utf8mb4_general_ci") || !strings.Contains(plan.Plan.String(), "reads all of: found") {
		t.Errorf("the plan is %v (%v)", plan.Plan, err)
	}
}

func TestRawSQL(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	raw(t, e, "CREATE TABLE wide (id INT PRIMARY KEY, d DECIMAL(20,5), at DATETIME(6), day DATE, clock TIME(6), b BIT(9), data VARBINARY(20), y YEAR, f FLOAT, t TINYINT(1))")
	raw(t, e, "INSERT INTO wide VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", int64(1), decimal.RequireFromString("123456789012345.67891"),
		time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC), "2024-02-29", "23:59:59.5", int64(300), []byte{1, 0xff}, int64(1999), 1.1, true)
	row := raw(t, e, "SELECT * FROM wide")[0]
	want := []any{
		int64(1), decimal.RequireFromString("123456789012345.67891"), time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC),
		time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), "23:59:59.5", int64(300),
		[]byte{1, 0xff},
		int64(1999), 1.1, int64(1),
	}
	if fmt.Sprint(row) != fmt.Sprint(want) {
		t.Errorf("the row is\n%v\nwant\n%v", row, want)
	}
	raw(t, e, "INSERT INTO notes VALUES ('a;', 1, 'it''s; \\'', ''); -- one;\nUPDATE notes SET n = n + 1; /* ; */")
	if got := raw(t, e, "SELECT n, text FROM notes WHERE id = ?", "a;"); fmt.Sprint(got) != "[[2 it's; ']]" {
		t.Errorf("the row is %v", got)
	}
	// One of several fails: nothing of them stays.
	_, err := run(e, op.Op{Kind: op.SQL, SQL: "UPDATE notes SET n = 100; INSERT INTO notes VALUES ('a;', 1, '', '')"})
	says(t, err, op.CodeConflict)
	if got := raw(t, e, "SELECT n FROM notes"); fmt.Sprint(got) != "[[2]]" {
		t.Errorf("the rows are %v", got)
	}
	for text, words := range map[string]string{
		"BEGIN": "db.Tx", " -- x\nstart transaction": "db.Tx", "COMMIT": "db.Tx", "SET autocommit = 0": "one of several connections",
		"LOCK TABLES notes READ": "one of several", "USE mysql": "one of several", "/*!40101 SET x = 1 */": "write the statement itself",
		"": "empty", "  ; -- nothing": "empty", "SELECT ?": "1 places", "SELECT 1; SELECT ?": "", "CREATE TEMPORARY TABLE x (a INT)": "temporary",
	} {
		_, err := run(e, op.Op{Kind: op.SQL, SQL: text})
		if text == "SELECT 1; SELECT ?" {
			if err == nil {
				t.Error("a place without an argument is taken")
			}
			continue
		}
		says(t, err, op.CodeValidation, words)
	}
	_, err = run(e, op.Op{Kind: op.SQL, SQL: "SELECT 1; SELECT 2", Returning: true})
	says(t, err, op.CodeValidation, "one by one")
	_, err = run(e, op.Op{Kind: op.SQL, SQL: "CREATE TABLE x1 (a INT); INSERT INTO x1 VALUES ('no number')"})
	says(t, err, op.CodeValidation, "statement 2 of 2", "stay")

	// What commits by itself is refused in a transaction.
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	raw(t, tx, "UPDATE notes SET n = 7")
	for _, text := range []string{"CREATE TABLE x2 (a INT)", "TRUNCATE notes", "ALTER TABLE notes ADD x INT", "ANALYZE TABLE notes"} {
		_, err = run(tx, op.Op{Kind: op.SQL, SQL: text})
		says(t, err, op.CodeValidation, "inside a transaction")
	}
	if err := tx.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := raw(t, e, "SELECT n FROM notes"); fmt.Sprint(got) != "[[2]]" {
		t.Errorf("the rows are %v", got)
	}
	// A column that is added is seen.
	raw(t, e, "ALTER TABLE notes DROP COLUMN data")
	_, err = run(e, op.Op{Kind: op.Find, Model: m})
	says(t, err, op.CodeDatabase, "migrate first")
	// Procedures and triggers have statements inside.
	raw(t, e, "CREATE TRIGGER counted BEFORE INSERT ON notes FOR EACH ROW BEGIN SET NEW.n = 5; SET NEW.text = 'by trigger'; END;")
	raw(t, e, "INSERT INTO notes (id, n, text) VALUES ('t', 1, '')")
	if got := raw(t, e, "SELECT n, text FROM notes WHERE id = 't'"); fmt.Sprint(got) != "[[5 by trigger]]" {
		t.Errorf("the row is %v", got)
	}
	ro := mysql.Open(services.MySQL(t), mysql.ReadOnly())
	defer ro.Close()
	_, err = run(ro, op.Op{Kind: op.SQL, SQL: "CREATE TABLE x3 (a INT)"})
	says(t, err, op.CodeDatabase, "mysql.ReadOnly")
}

// Transactions that wait for each other in a circle: one goes on, the other is
// a conflict that may be retried, and has nothing left.
func TestDeadlock(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"a", int64(0), "", []byte{}}, {"b", int64(0), "", []byte{}}}})
	add := func(on op.Engine, id string) error {
		_, err := run(on, op.Op{Kind: op.Increment, Model: m, Filter: op.Cmp("id", op.Eq, id), Set: []op.Assign{{Field: "n", Inc: true, Value: int64(1)}}})
		return err
	}
	ctx := context.Background()
	var txs [2]op.Tx
	for i := range txs {
		tx, err := e.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		txs[i] = tx
		defer tx.Rollback(ctx)
	}
	for i, id := range []string{"a", "b"} {
		if err := add(txs[i], id); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	var errs [2]error
	for i, id := range []string{"b", "a"} {
		wg.Go(func() {
			nested, err := txs[i].Begin(ctx, op.TxOptions{})
			if err == nil {
				err = add(nested, id)
				if cerr := nested.Commit(ctx); err == nil {
					err = cerr
				}
			}
			errs[i] = err
		})
	}
	wg.Wait()
	won := 0
	if errs[0] != nil {
		won = 1
	}
	if errs[won] != nil || !op.Retryable(errs[1-won]) {
		t.Fatalf("one has to win, the other may be retried: %v", errs)
	}
	if err := add(txs[1-won], "a"); !op.Retryable(err) {
		t.Errorf("a transaction that the server ended goes on: %v", err)
	}
	if err := txs[1-won].Commit(ctx); !op.Retryable(err) {
		t.Errorf("it commits: %v", err)
	}
	if err := txs[won].Commit(ctx); err != nil {
		t.Error(err)
	}
	if got := raw(t, e, "SELECT id, n FROM notes ORDER BY id"); fmt.Sprint(got) != "[[a 1] [b 1]]" {
		t.Errorf("the rows are %v", got)
	}
}

func TestLocks(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set, mysql.LockTimeout(time.Second))
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"a", int64(0), "", []byte{}}, {"b", int64(0), "", []byte{}}}})
	ctx := context.Background()
	begin := func() op.Tx {
		t.Helper()
		tx, err := e.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(ctx) })
		return tx
	}
	find := func(on op.Engine, l op.Lock, c op.Cond) ([][]any, error) {
		return run(on, op.Op{Kind: op.Find, Model: m, Lock: l, Filter: c, Fields: []string{"id"}, Sort: []op.Sort{{Field: "id"}}})
	}
	one, two := begin(), begin()
	if _, err := find(one, op.ForUpdate, op.Cmp("id", op.Eq, "a")); err != nil {
		t.Fatal(err)
	}
	if rows, err := find(two, op.ForUpdateSkipLocked, op.Cond{}); err != nil || fmt.Sprint(rows) != "[[b]]" {
		t.Errorf("skipping locked rows gives %v (%v)", rows, err)
	}
	if _, err := find(two, op.ForUpdateNoWait, op.Cmp("id", op.Eq, "a")); !op.Retryable(err) {
		t.Errorf("a locked row is %v", err)
	}
	if rows, err := find(two, op.ForShare, op.Cmp("id", op.Eq, "b")); err != nil || len(rows) != 1 {
		t.Errorf("the transaction goes on after NOWAIT: %v (%v)", rows, err)
	}
	start := time.Now()
	if _, err := find(two, op.ForUpdate, op.Cmp("id", op.Eq, "a")); !op.Retryable(err) {
		t.Errorf("waiting for a locked row gives %v", err)
	}
	if d := time.Since(start); d < 500*time.Millisecond || d > 40*time.Second { // a server waits 50 s of itself
		t.Errorf("it waited %s", d)
	}
	if err := two.Commit(ctx); !op.Retryable(err) {
		t.Errorf("the transaction that waited in vain commits: %v", err)
	}
}
