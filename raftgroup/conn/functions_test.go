package conn_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// someValue is one that functions may meet.
func someValue(r *rand.Rand) sqlengine.Value {
	texts := []string{
		"", "a", "ABC", "already small", "MiXeD 123 [\\]^_`{|}~@", "ÄÖÜ straße İ ǅ", "\x00A\x00", "ß\xff\xfe", "[1, \"a\"]", `{"a": {"b": [1, 2]}}`, "null", "true", "-1.5e3",
		"2020-02-03T04:05:06Z", "2020-02-03 04:05:06.5", "nonsense", "12", " 12 ", "1e400", "-9223372036854775808", "9223372036854775808", strings.Repeat("LONG ", 200), "0x10", "1_0", "+5",
	}
	switch r.IntN(8) {
	case 0:
		return sqlengine.Value{}
	case 1:
		return sqlengine.IntValue(int64(r.Uint64()))
	case 2:
		return sqlengine.IntValue([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 40, 1500000000}[r.IntN(7)])
	case 3:
		return sqlengine.FloatValue([]float64{0, -1.5, 1e300, -1e300, math.Inf(1), math.Inf(-1), 1e15, 123456789.125, 0.1, 5e-324}[r.IntN(10)])
	case 4:
		return sqlengine.BlobValue(texts[r.IntN(len(texts))])
	}
	return sqlengine.TextValue(texts[r.IntN(len(texts))])
}

// The functions give what those of package lite give, for any values.
func TestFunctionsAreThoseOfLite(t *testing.T) {
	ctx := context.Background()
	c := open(t, file(t), conn.Options{})
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	same := func(v, w sqlengine.Value) bool {
		if v.Kind == sqlengine.Float && w.Kind == sqlengine.Float {
			return math.Float64bits(v.Float()) == math.Float64bits(w.Float())
		}
		return v == w
	}
	for _, f := range lite.Functions {
		fails := 0
		for range 1500 {
			n := f.Args
			if n < 0 {
				n = r.IntN(5)
			}
			if f.Call == nil {
				n = r.IntN(5)
			}
			args := make([]sqlengine.Value, n)
			for i := range args {
				args[i] = someValue(r)
				if strings.HasPrefix(f.Name, "weft_add") && i < 2 && r.IntN(2) == 0 {
					args[i] = sqlengine.IntValue(r.Int64N(100) << r.IntN(57))
				}
				if f.Name == "weft_json_set" && r.IntN(2) == 0 {
					args[i] = sqlengine.TextValue([]string{`{"a": 1}`, `["a"]`, `[1]`}[i])
				}
			}
			var want sqlengine.Value
			var werr error
			text := "SELECT " + f.Name + "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
			if f.Call != nil {
				want, werr = f.Call(args)
			} else {
				g := f.Aggregate()
				for _, v := range args {
					g.Step([]sqlengine.Value{v})
				}
				want, werr = g.Final()
				text = "SELECT " + f.Name + "(column1) FROM (SELECT 1 AS column1 WHERE 0 UNION ALL " + strings.TrimSuffix(strings.Repeat("SELECT ? UNION ALL ", n), " UNION ALL ") + ")"
				if n == 0 {
					text = "SELECT " + f.Name + "(column1) FROM (SELECT 1 AS column1 WHERE 0)"
				}
			}
			rows, err := c.Ask(ctx, text, args...)
			if werr != nil {
				fails++
				why, _, _ := strings.Cut(strings.TrimPrefix(werr.Error(), lite.Refused), "\x00")
				if err == nil || !strings.Contains(err.Error(), why[:min(len(why), 900)]) { // long ones are cut

					t.Errorf("%s%v: %v, want %v (seed %d)", f.Name, args, err, werr, seed)
				}
				continue
			}
			if err != nil || !same(rows[0][0], want) {
				t.Errorf("%s%v: %v %v, want %v (seed %d)", f.Name, args, rows, err, want, seed)
			}
		}
		t.Logf("%s: %d failed alike", f.Name, fails)
	}
}

func TestFunctionsInIndexes(t *testing.T) {
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (a TEXT)")
	must(t, c, "CREATE INDEX i ON t (weft_fold(a))")
	must(t, c, "INSERT INTO t VALUES ('ÄB'), ('c')")
	plan := must(t, c, "EXPLAIN QUERY PLAN SELECT a FROM t WHERE weft_fold(a) = 'äb'")
	if !strings.Contains(plan[0][3].Bytes(), "USING INDEX i") {
		t.Error(plan)
	}
	if rows := must(t, c, "SELECT a FROM t WHERE weft_fold(a) = 'äb'"); len(rows) != 1 {
		t.Error(rows)
	}
}

// What the schema of others uses is no less trusted than it has to be.
func TestFunctionsInSchemas(t *testing.T) {
	c := open(t, file(t), conn.Options{})
	for _, text := range []string{
		"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT (hex(randomblob(4))), b INTEGER DEFAULT (random()))",
		"CREATE VIRTUAL TABLE words USING fts5 (a)",
		"CREATE TRIGGER kept AFTER INSERT ON t BEGIN INSERT INTO words (rowid, a) VALUES (NEW.id, weft_fold(NEW.a)); END",
		"CREATE VIEW found AS SELECT rowid, a, changes() AS c FROM words",
		"INSERT INTO t DEFAULT VALUES",
	} {
		must(t, c, text)
	}
	if rows := must(t, c, "SELECT count(*), length(max(a)) FROM found"); rows[0][0].Int() != 1 || rows[0][1].Int() != 8 {
		t.Error(rows)
	}
}
