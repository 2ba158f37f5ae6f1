package conn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
)

var moment = time.Date(2001, 2, 3, 4, 5, 6, 789_012_000, time.UTC)

// clocks are all ways in which SQL can ask for the time, by what they say then.
var clocks = map[string]string{
	"SELECT CURRENT_TIMESTAMP":                                "2001-02-03 04:05:06",
	"SELECT CURRENT_DATE":                                     "2001-02-03",
	"SELECT CURRENT_TIME":                                     "04:05:06",
	"SELECT datetime('now')":                                  "2001-02-03 04:05:06",
	"SELECT datetime('NOW')":                                  "2001-02-03 04:05:06",
	"SELECT datetime()":                                       "2001-02-03 04:05:06",
	"SELECT date()":                                           "2001-02-03",
	"SELECT time()":                                           "04:05:06",
	"SELECT datetime('now', 'subsec')":                        "2001-02-03 04:05:06.789",
	"SELECT datetime('now', '+1 day')":                        "2001-02-04 04:05:06",
	"SELECT datetime('now', 'localtime')":                     "2001-02-03 04:05:06",
	"SELECT datetime('now', 'utc')":                           "2001-02-03 04:05:06",
	"SELECT datetime('2020-07-01 12:00:00', 'localtime')":     "2020-07-01 12:00:00",
	"SELECT strftime('%s')":                                   "981173106",
	"SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')":             "2001-02-03 04:05:06.789",
	"SELECT unixepoch()":                                      "981173106",
	"SELECT unixepoch('now')":                                 "981173106",
	"SELECT printf('%.3f', unixepoch('now', 'subsec'))":       "981173106.789",
	"SELECT printf('%.4f', julianday())":                      "2451943.6702",
	"SELECT printf('%.4f', julianday('now'))":                 "2451943.6702",
	"SELECT timediff('now', '2001-02-03')":                    "+0000-00-00 04:05:06.789",
	"SELECT datetime(julianday())":                            "2001-02-03 04:05:06",
	"SELECT (SELECT max(datetime('now')) FROM fired_at)":      "2001-02-03 04:05:06",
	"INSERT INTO stamped (id) VALUES (NULL) RETURNING at":     "2001-02-03 04:05:06",
	"INSERT INTO fired VALUES (1) RETURNING a":                "1",
	"SELECT at FROM fired_at ORDER BY rowid DESC LIMIT 1":     "2001-02-03 04:05:06",
	"SELECT instant FROM instants":                            "2001-02-03 04:05:06",
	"WITH t AS (SELECT datetime('now') AS n) SELECT n FROM t": "2001-02-03 04:05:06",
}

func ask1(t testing.TB, c *conn.Conn, text string) string {
	t.Helper()
	rows := must(t, c, text)
	if len(rows) == 0 {
		return ""
	}
	return fmt.Sprint(rows[0][0].Any())
}

func stampedTables(t testing.TB, c *conn.Conn) {
	for _, text := range []string{
		"CREATE TABLE stamped (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, r INTEGER DEFAULT (random()))",
		"CREATE TABLE fired (a)",
		"CREATE TABLE fired_at (at TEXT)",
		"CREATE TRIGGER fire AFTER INSERT ON fired BEGIN INSERT INTO fired_at VALUES (datetime('now')); END",
		"CREATE VIEW instants AS SELECT datetime('now') AS instant",
		"INSERT INTO fired_at VALUES ('2001-02-03 04:05:06')",
	} {
		must(t, c, text)
	}
}

func TestTimeIsFixed(t *testing.T) {
	c := open(t, file(t), conn.Options{})
	stampedTables(t, c)
	err := c.Fixed(moment, 1, func() error {
		for text, want := range clocks {
			if got := ask1(t, c, text); got != want {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		}
		// Nested, it is another time, and then again the first.
		if err := c.Fixed(moment.Add(time.Hour), 2, func() error {
			if got := ask1(t, c, "SELECT time()"); got != "05:05:06" {
				t.Error(got)
			}
			return nil
		}); err != nil {
			return err
		}
		if got := ask1(t, c, "SELECT time()"); got != "04:05:06" {
			t.Error(got)
		}
		return errors.New("mine")
	})
	if err == nil || err.Error() != "mine" {
		t.Error(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = c.Fixed(moment, 1, func() error { panic("x") })
	}()
	var year string
	for range 50 { // on whatever thread
		if year = ask1(t, c, "SELECT strftime('%Y')"); year != time.Now().UTC().Format("2006") {
			t.Fatalf("the stamped time stayed: %s", year)
		}
	}
}

// All draws of a sequence are the same for the same seed and others for others.
func TestRandomnessIsFixed(t *testing.T) {
	draw := func(seed uint64) string {
		c := open(t, file(t), conn.Options{})
		stampedTables(t, c)
		must(t, c, "CREATE TABLE n AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i FROM n")
		// What happened before does not matter.
		for range seed {
			must(t, c, "SELECT random(), randomblob(7)")
			must(t, c, "INSERT INTO fired VALUES (1), (2)")
		}
		var b strings.Builder
		if err := c.Fixed(moment, seed/10, func() error {
			for _, text := range []string{
				"SELECT changes(), last_insert_rowid()",
				"SELECT random(), random()", "SELECT hex(randomblob(20)), length(randomblob(-1))",
				"SELECT group_concat(i) FROM (SELECT i FROM n ORDER BY random())",
				"INSERT INTO stamped (id) VALUES (1), (2), (3) RETURNING r", "SELECT changes(), last_insert_rowid()",
				"SELECT abs(random()) >= 0 FROM n LIMIT 1",
			} {
				for _, row := range must(t, c, text) {
					for _, v := range row {
						fmt.Fprint(&b, v.Any(), " ")
					}
				}
				b.WriteByte('\n')
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one, same, other := draw(11), draw(12), draw(21)
	if one != same {
		t.Errorf("the same seed gives\n%s\nand\n%s", one, same)
	}
	if one == other {
		t.Error("another seed gives the same")
	}
	if !strings.HasPrefix(one, "0 0 \n") {
		t.Errorf("what was before is seen: %s", one)
	}
	c := open(t, file(t), conn.Options{})
	if a, b := ask1(t, c, "SELECT random()"), ask1(t, c, "SELECT random()"); a == b {
		t.Error("without a seed random() gives the same number twice")
	}
	if _, err := c.Ask(context.Background(), "SELECT randomblob(2000000000)"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
}

func TestHighestKeyIsRefused(t *testing.T) {
	ctx := context.Background()
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
	must(t, c, "CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, a)")
	must(t, c, "INSERT INTO auto (a) VALUES (1)")
	for _, text := range []string{
		"INSERT INTO t (id) VALUES (9223372036854775807)",
		"UPDATE t SET id = 9223372036854775807",
		"INSERT INTO t (rowid) VALUES (9223372036854775807) RETURNING id",
		"INSERT INTO auto (id) VALUES (9223372036854775807)",
		"UPDATE sqlite_sequence SET seq = 9223372036854775807",
		"INSERT INTO sqlite_sequence VALUES ('t', 9223372036854775807)",
		"UPDATE sqlite_sequence SET seq = 1e30",
	} {
		must(t, c, "INSERT OR REPLACE INTO t VALUES (1, 1)")
		for _, run := range []func() error{
			func() error {
				_, _, err := c.Exec(ctx, stmt(text), nil)
				return err
			},
			func() error { _, err := c.Ask(ctx, text); return err },
			func() error {
				k, _, err := c.Raw(ctx, text, nil)
				if err == nil {
					_, err = k.Next()
				}
				return err
			},
		} {
			var e *op.Error
			if err := c.Atomic(ctx, run); !errors.As(err, &e) || e.Code != op.CodeValidation || conn.Environmental(err) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	if n := ask1(t, c, fmt.Sprintf("SELECT count(*) FROM t, auto WHERE t.id = %d OR auto.id = %d", math.MaxInt64, math.MaxInt64)); n != "0" {
		t.Error(n)
	}
	if err := c.Atomic(ctx, func() error { _, err := c.Ask(ctx, "UPDATE sqlite_sequence SET seq = 77"); return err }); err != nil {
		t.Error(err)
	}
}

// Replicas that have lived differently compute the same.
func TestStoreSeesTheStamp(t *testing.T) {
	ctx := context.Background()
	got := ""
	s := single(t, t.TempDir(), func(c *conn.Conn, _ string, entry []byte) error {
		return c.Fixed(moment, 5, func() error {
			return c.Atomic(ctx, func() error {
				if _, err := c.Ask(ctx, "CREATE TABLE IF NOT EXISTS t (a DEFAULT CURRENT_TIMESTAMP, r DEFAULT (random()))"); err != nil {
					return err
				}
				rows, err := c.Ask(ctx, "INSERT INTO t DEFAULT VALUES RETURNING a, r, datetime('now')")
				if err != nil {
					return err
				}
				got = fmt.Sprint(rows)
				return nil
			})
		})
	})
	for range 2 {
		if err := propose(t, s, "x"); err != nil {
			t.Fatal(err)
		}
		own := open(t, file(t), conn.Options{})
		want := ""
		_ = own.Fixed(moment, 5, func() error {
			want = fmt.Sprint(must(t, own, "SELECT datetime('now'), random(), datetime('now')"))
			return nil
		})
		if !strings.HasPrefix(got, "[[{3 0 2001-02-03 04:05:06}") || got != want {
			t.Error(got, want)
		}
	}
	// rqlite's own use of its connections sees the real time.
	rows, err := s.Query(&proto.QueryRequest{Request: &proto.Request{Statements: []*proto.Statement{{Sql: "SELECT date('now') > '2020'"}}}})
	if err != nil || len(rows) != 1 || len(rows[0].Values) != 1 || rows[0].Values[0].Parameters[0].GetI() != 1 {
		t.Error(rows, err)
	}
}

// Connections at work at the same time each see their own time.
func TestTimesDoNotMix(t *testing.T) {
	path := file(t)
	var wg sync.WaitGroup
	for i := range 4 {
		c := open(t, path, conn.Options{ReadOnly: true})
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range 200 {
				now := time.Date(1990+i, 1, 1, 0, 0, n%60, 0, time.UTC)
				ask := func() error {
					rows, err := c.Ask(context.Background(), "SELECT strftime('%Y-%S')")
					want := now.Format("2006-05")
					if i == 0 { // the real time
						want = rows[0][0].Bytes()
						if want < "2020" {
							t.Error(want)
						}
					}
					if err != nil || rows[0][0].Bytes() != want {
						t.Error(rows, want, err)
					}
					return nil
				}
				if i == 0 {
					_ = ask()
					continue
				}
				if err := c.Fixed(now, 1, ask); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
}
