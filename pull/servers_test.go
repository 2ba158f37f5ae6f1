package pull_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
)

// declared are types of servers with defaults that fit them.
var declared = map[catalog.Dialect][]struct {
	decl     string
	defaults []string
}{
	catalog.Postgres: {
		{"integer", []string{"0", "-7"}},
		{"smallint", []string{"1"}},
		{"bigint", []string{"9223372036854775807"}},
		{"numeric(10,2)", []string{"0", "1.50", "0.999"}},
		{"numeric(18,6)", []string{"-0.000001"}},
		{"numeric(40,2)", []string{"5"}},
		{"numeric", []string{"1.25"}},
		{"double precision", []string{"0", "1.5e300", "-0.25"}},
		{"real", []string{"1.5"}},
		{"boolean", []string{"true", "false"}},
		{"text", []string{"''", "'it''s'", "'NULL'", "'now'", `'a\b'`, "lower('A')", "'weft:0:'"}},
		{"varchar(40)", []string{"''", "'x'", "'X'"}},
		{"varchar(255)", []string{"'é'"}},
		{"varchar", []string{"'x'"}},
		{`varchar(10) COLLATE "C"`, []string{"'x'"}},
		{"char(3)", []string{"'ab'"}},
		{"date", []string{"CURRENT_DATE", "'2024-02-29'"}},
		{"timestamp", []string{"now()", "'2024-02-29 01:02:03'", "(now() AT TIME ZONE 'UTC')", "clock_timestamp()"}},
		{"timestamp(0)", []string{"CURRENT_TIMESTAMP"}},
		{"timestamptz", []string{"now()", "'2024-02-29 01:02:03+00'"}},
		{"time", []string{"CURRENT_TIME", "'12:30:00'"}},
		{"timetz", nil},
		{"interval", []string{"'1 day'"}},
		{"bytea", []string{"''", `'\x00ff'`}},
		{"uuid", []string{"'0190a8f2-0000-7000-8000-000000000001'", "gen_random_uuid()"}},
		{"json", []string{"'{}'", "'[1, 2]'"}},
		{"jsonb", []string{`'{"b":1, "a":null}'`}},
		{"text[]", []string{"'{}'"}},
		{"inet", []string{"'10.0.0.1'"}},
		{"mood", []string{"'sad'"}},
		{"pos", []string{"5"}},
		{`"Odd Type"`, nil},
		{"money", nil},
	},
	catalog.MySQL: {
		{"int", []string{"0", "-7"}},
		{"int unsigned", []string{"4294967295"}},
		{"tinyint", []string{"1"}},
		{"smallint unsigned", []string{"1"}},
		{"mediumint", nil},
		{"bigint", []string{"9223372036854775807"}},
		{"bigint unsigned", []string{"1"}},
		{"tinyint(1)", []string{"0", "1", "TRUE"}},
		{"decimal(10,2)", []string{"0", "1.50"}},
		{"decimal(18,6)", []string{"-0.000001"}},
		{"decimal(40,2)", []string{"5"}},
		{"double", []string{"0", "1.5e300", "-0.25"}},
		{"float", []string{"1.5"}},
		{"varchar(40)", []string{"''", "'x'", "'X'", "'it''s'", `'a\\b'`, "(lower('A'))", "'NULL'", "'now()'"}},
		{"varchar(255)", []string{"'é'"}},
		{"varchar(40) COLLATE utf8mb4_bin", []string{"'x'"}},
		{"char(3)", []string{"'ab'"}},
		{"text", []string{"('x')"}},
		{"tinytext", nil},
		{"longtext", []string{"('it''s')"}},
		{"date", []string{"'2024-02-29'", "(CURRENT_DATE)"}},
		{"datetime", []string{"CURRENT_TIMESTAMP", "'2024-02-29 01:02:03'"}},
		{"datetime(6)", []string{"CURRENT_TIMESTAMP(6)", "CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"}},
		{"timestamp(3)", []string{"CURRENT_TIMESTAMP(3)", "'2024-02-29 01:02:03'"}},
		{"time", []string{"'12:30:00'", "(CURRENT_TIME)"}},
		{"year", []string{"2024"}},
		{"json", []string{"'{}'", "'[1, 2]'"}},
		{"blob", []string{"(x'00ff')"}},
		{"varbinary(16)", []string{"'abc'"}},
		{"binary(3)", nil},
		{"enum('a','b')", []string{"'a'"}},
		{"enum('b','A')", []string{"'b'"}},
		{"set('x','y')", []string{"'x'"}},
		{"bit(3)", []string{"b'101'"}},
		{"uuid", nil},
		{"inet6", nil},
		{"point", nil},
	},
}

var prepared = map[catalog.Dialect][]string{
	catalog.Postgres: {
		`CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE DOMAIN pos AS integer CHECK (VALUE > 0)`, `CREATE TYPE "Odd Type" AS ENUM ('x')`,
	},
}

// serverTables are tables of every declared type × NULL × default.
func serverTables(d catalog.Dialect) (ddl []string, columns int) {
	var cols []string
	flush := func() {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE wide_%d (id int PRIMARY KEY, %s)", len(ddl), strings.Join(cols, ", ")))
		cols = nil
	}
	for _, k := range declared[d] {
		for _, null := range []string{" NULL", " NOT NULL"} {
			for _, def := range append([]string{""}, k.defaults...) {
				if def != "" {
					def = " DEFAULT " + def
				}
				cols = append(cols, fmt.Sprintf("c%d %s%s%s", len(cols), k.decl, null, def))
				columns++
				if len(cols) == 40 {
					flush()
				}
			}
		}
	}
	flush()
	return ddl, columns
}

// serverKeys are tables with every type of key, and foreign keys to each with
// every action, to one with every pair of them.
func serverKeys(d catalog.Dialect) (ddl []string, keys int) {
	actions := []string{"", "CASCADE", "SET NULL", "RESTRICT", "NO ACTION"}
	types := []string{"integer", "bigint", "smallint", "varchar(40)", "decimal(10,0)", "date"}
	if d == catalog.Postgres {
		types = append(types, "uuid", "text", "bytea", "timestamp")
	} else {
		types = append(types, "bigint unsigned", "varbinary(16)", "datetime(6)")
	}
	for i, typ := range types {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE key_%d (k %s PRIMARY KEY, other %s, both_%d int NOT NULL, UNIQUE (k, both_%d))", i, typ, typ, i, i))
		var cols, fks []string
		for _, del := range actions {
			for _, upd := range actions {
				if i > 0 && del != upd {
					continue // the pairs are those of the first type
				}
				c := fmt.Sprintf("c%d", len(cols))
				fk := fmt.Sprintf("FOREIGN KEY (%s) REFERENCES key_%d (k)", c, i)
				if del != "" {
					fk += " ON DELETE " + del
				}
				if upd != "" {
					fk += " ON UPDATE " + upd
				}
				cols, fks = append(cols, c+" "+typ), append(fks, fk)
			}
		}
		cols = append(cols, "x "+typ, "y int")
		fks = append(fks, fmt.Sprintf("FOREIGN KEY (x, y) REFERENCES key_%d (k, both_%d)", i, i))
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE of_%d (id int PRIMARY KEY, %s, %s)", i, strings.Join(cols, ", "), strings.Join(fks, ", ")),
			fmt.Sprintf("CREATE TABLE join_%d (l %s, r int, PRIMARY KEY (r, l), FOREIGN KEY (l) REFERENCES key_%d (k), FOREIGN KEY (r) REFERENCES of_%d (id))", i, typ, i, i))
		keys += len(fks) + 2
	}
	return ddl, keys
}

// Whatever is declared on a server: the models want no change, and tables made
// of the models give models that say the same.
func TestServerMatrix(t *testing.T) {
	for d := range declared {
		t.Run(string(d), func(t *testing.T) {
			ddl, columns := serverTables(d)
			roundTrip(t, d, append(prepared[d], ddl...), prepared[d])
			keys, foreign := serverKeys(d)
			roundTrip(t, d, keys, nil)
			t.Logf("%d columns in %d tables, %d foreign keys", columns, len(ddl), foreign)
		})
	}
}

// roundTrip pulls, plans, makes tables of the models in a new database (prepared
// by fresh) and pulls those.
func roundTrip(t *testing.T, d catalog.Dialect, ddl, fresh []string) *pull.Result {
	t.Helper()
	db := server(t, d, ddl...)
	_, r := look(t, db, d)
	settled(t, db, d, r.Set)
	text := yaml(t, r.Set)
	set := parse(t, text)
	settled(t, db, d, set)
	other := server(t, d, fresh...)
	m := migrate.New(other, d, set, migrate.Options{})
	p, err := m.Plan(t.Context())
	if err == nil {
		err = m.Apply(t.Context(), p)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	settled(t, other, d, set)
	_, again := look(t, other, d)
	// A generated column is an ordinary one in tables of models.
	text, got := strings.ReplaceAll(text, ", readonly: true", ""), yaml(t, again.Set)
	if d == catalog.MySQL { // where both are made as datetime
		text = strings.ReplaceAll(text, "{type: timestamp", "{type: datetime")
	}
	if got != text {
		t.Errorf("pulled again it is\n%s", differ(text, got))
	}
	// Tables of models are the same word by word when they are pulled and made again.
	third := server(t, d, fresh...)
	m = migrate.New(third, d, again.Set, migrate.Options{})
	if p, err = m.Plan(t.Context()); err == nil {
		err = m.Apply(t.Context(), p)
	}
	if err != nil {
		t.Fatal(err)
	}
	a, _ := look(t, other, d)
	b, _ := look(t, third, d)
	if x, y := inWords(t, a), inWords(t, b); x != y {
		t.Errorf("made again the tables are\n%s", differ(x, y))
	}
	return r
}

// inWords is all that a catalogue says, but for the name of the database.
func inWords(t *testing.T, db *catalog.Database) string {
	t.Helper()
	c := *db
	c.Schema = ""
	b, err := json.MarshalIndent(&c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// differ shows the lines that two texts do not share.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out strings.Builder
	for i := 0; i < max(len(x), len(y)) && out.Len() < 8000; i++ {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			fmt.Fprintf(&out, "- %s\n+ %s\n", l, r)
		}
	}
	return out.String()
}

// oddServers are what databases of others have that a tidy one has not.
var oddServers = map[catalog.Dialect][]string{
	catalog.Postgres: {
		`CREATE TABLE log (at text, line text)`,
		`CREATE VIEW recent AS SELECT * FROM log`,
		`CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM log`,
		`CREATE TABLE measured (at double precision PRIMARY KEY, x int)`,
		`CREATE TABLE people (id serial PRIMARY KEY, name varchar(255) NOT NULL DEFAULT '', "Name" text, "NAME" text)`,
		`CREATE TABLE counted_always (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int GENERATED BY DEFAULT AS IDENTITY)`,
		`CREATE TABLE settings ("key" text PRIMARY KEY, "value" text NOT NULL)`,
		`CREATE TABLE cells (y int, x int, v double precision, PRIMARY KEY (x, y))`,
		`CREATE TABLE parts (a int NOT NULL, b date, PRIMARY KEY (a)) PARTITION BY RANGE (a)`,
		`CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10)`,
		`CREATE TABLE "order details" ("order" int PRIMARY KEY, "unit price" numeric(12,4) NOT NULL DEFAULT 0.5, "Größe" text, "2nd line" text, "数据" int,
			"user_id" int, "userId" int, "user id" int, "select" text, "type" text, "weft" text, "it's ""quoted""" text, "a` + "`" + `b" text, "!!!" text)`,
		`CREATE INDEX "odd ""index""" ON "order details" ("it's ""quoted""", "a` + "`" + `b")`,
		`CREATE TABLE 商品 (番号 int PRIMARY KEY)`,
		`CREATE TABLE "User" (id int PRIMARY KEY)`, `CREATE TABLE "user" (id int PRIMARY KEY)`, `CREATE TABLE users (id int PRIMARY KEY)`,
		`CREATE TABLE ` + strings.Repeat("n", 63) + ` (id int PRIMARY KEY, ` + strings.Repeat("c", 63) + ` int UNIQUE)`,
		`CREATE TABLE kinds (id int PRIMARY KEY, big bigint, total bigint GENERATED ALWAYS AS (big * 2) STORED, code text DEFAULT md5(random()::text), at timestamp DEFAULT now(),
			state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'it''s done')), one varchar(9) CHECK (one = 'x'), short varchar(3) CHECK (length(short) > 1))`,
		`COMMENT ON TABLE kinds IS 'It''s a table'`, `COMMENT ON COLUMN kinds.big IS 'a "column"'`,
		`CREATE TABLE indexed (id int PRIMARY KEY, a int UNIQUE, b int, c text, d jsonb, e int, UNIQUE (b, c), UNIQUE (id), f text COLLATE "C", EXCLUDE USING btree (e WITH =))`,
		`CREATE INDEX indexed_b_idx ON indexed (b)`, `CREATE INDEX by_c ON indexed (c)`,
		`CREATE UNIQUE INDEX live_c ON indexed (c, b) WHERE a > 0 AND c <> 'It''s'`,
		`CREATE INDEX lower_c ON indexed (lower(c))`, `CREATE INDEX newest ON indexed (a DESC)`, `CREATE INDEX nulls ON indexed (e NULLS FIRST)`, `CREATE INDEX in_json ON indexed USING gin (d)`,
		`CREATE INDEX beside ON indexed (a) INCLUDE (b)`, `CREATE INDEX pattern ON indexed (c text_pattern_ops)`, `CREATE INDEX other_c ON indexed (c COLLATE "POSIX")`,
		`CREATE UNIQUE INDEX equal ON indexed (b) NULLS NOT DISTINCT`, `CREATE TABLE later (id int PRIMARY KEY, a int UNIQUE DEFERRABLE)`,
		`CREATE TABLE messages (id int PRIMARY KEY, sender_id int NOT NULL REFERENCES people ON DELETE CASCADE, recipient_id int REFERENCES people (id) ON DELETE SET NULL ON UPDATE CASCADE,
			person_id int REFERENCES people DEFERRABLE INITIALLY DEFERRED, reply_to int REFERENCES messages, n int REFERENCES indexed (a) ON DELETE RESTRICT)`,
		`CREATE TABLE country (code varchar(2) PRIMARY KEY)`, `CREATE TABLE city (id int PRIMARY KEY, country varchar(2) REFERENCES country)`,
		`CREATE TABLE post (id int PRIMARY KEY)`, `CREATE TABLE tag (id int PRIMARY KEY)`,
		`CREATE TABLE post_tag (post_id int REFERENCES post, tag_id int REFERENCES tag, PRIMARY KEY (post_id, tag_id))`,
		`CREATE SCHEMA elsewhere`, `CREATE TABLE elsewhere.post (other int PRIMARY KEY)`, `CREATE TABLE here (id int PRIMARY KEY, e int REFERENCES elsewhere.post)`,
		`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`, `CREATE TRIGGER tr BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch()`,
	},
	catalog.MySQL: {
		"CREATE TABLE log (at text, line text)",
		"CREATE VIEW recent AS SELECT * FROM log",
		"CREATE TABLE measured (at double PRIMARY KEY, x int)",
		"CREATE TABLE people (id int AUTO_INCREMENT PRIMARY KEY, name varchar(255) NOT NULL DEFAULT '')",
		"CREATE TABLE counters (tenant int, id int NOT NULL AUTO_INCREMENT, PRIMARY KEY (tenant, id), KEY (id))",
		"CREATE TABLE settings (`key` varchar(40) PRIMARY KEY, `value` text NOT NULL)",
		"CREATE TABLE cells (y int, x int, v double, PRIMARY KEY (x, y))",
		"CREATE TABLE parts (a int NOT NULL PRIMARY KEY, b date) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10))",
		"CREATE TABLE `order details` (`order` int PRIMARY KEY, `unit price` decimal(12,4) NOT NULL DEFAULT 0.5, `Größe` text, `2nd line` text, `数据` int," +
			"`user_id` int, `userId` int, `user id` int, `select` text, `type` text, `it's \"quoted\"` varchar(20), `a``b` varchar(20), `!!!` text)",
		"CREATE INDEX `odd \"index\"` ON `order details` (`it's \"quoted\"`, `a``b`)",
		"CREATE TABLE 商品 (番号 int PRIMARY KEY)",
		"CREATE TABLE `User` (id int PRIMARY KEY)", "CREATE TABLE `user` (id int PRIMARY KEY)", "CREATE TABLE users (id int PRIMARY KEY)",
		"CREATE TABLE " + strings.Repeat("n", 64) + " (id int PRIMARY KEY, " + strings.Repeat("c", 64) + " int UNIQUE)",
		"CREATE TABLE kinds (id int PRIMARY KEY, big bigint COMMENT 'a \"column\"', total bigint AS (big * 2) STORED, twice bigint AS (big * 2) VIRTUAL, code varchar(36) DEFAULT (uuid()), hidden int INVISIBLE," +
			"state varchar(20) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'it''s done')), short varchar(3) CHECK (length(short) > 1)) COMMENT 'It''s a table'",
		"CREATE TABLE indexed (id int PRIMARY KEY, a int UNIQUE, b int, c varchar(40), d json, e text, p point NOT NULL, UNIQUE (b, c), UNIQUE (id), KEY by_c (c), KEY newest (a DESC), KEY part (e(20))," +
			" KEY short (c(3)), FULLTEXT words (e), SPATIAL KEY `where` (p))",
		"CREATE TABLE messages (id int PRIMARY KEY, sender_id int NOT NULL, recipient_id int, person_id int, reply_to int, n int, FOREIGN KEY (sender_id) REFERENCES people (id) ON DELETE CASCADE," +
			" CONSTRAINT rcpt FOREIGN KEY (recipient_id) REFERENCES people (id) ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (person_id) REFERENCES people (id)," +
			" FOREIGN KEY (reply_to) REFERENCES messages (id), FOREIGN KEY (n) REFERENCES indexed (a) ON DELETE RESTRICT, KEY plain (sender_id))",
		"CREATE TABLE country (code varchar(2) PRIMARY KEY)", "CREATE TABLE city (id int PRIMARY KEY, country varchar(2), FOREIGN KEY (country) REFERENCES country (code))",
		"CREATE TABLE post (id int PRIMARY KEY)", "CREATE TABLE tag (id int PRIMARY KEY)",
		"CREATE TABLE post_tag (post_id int, tag_id int, PRIMARY KEY (post_id, tag_id), FOREIGN KEY (post_id) REFERENCES post (id), FOREIGN KEY (tag_id) REFERENCES tag (id))",
		"CREATE TRIGGER tr BEFORE UPDATE ON post FOR EACH ROW SET NEW.id = OLD.id",
	},
}

func TestOddServers(t *testing.T) {
	for d, ddl := range oddServers {
		t.Run(string(d), func(t *testing.T) {
			r := roundTrip(t, d, ddl, nil)
			golden(t, "odd_"+string(d)+".yaml", notes(r)+yaml(t, r.Set))
		})
	}
}
