package pull_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
)

// oddTables are what databases of others have that a tidy one has not.
var oddTables = []string{
	// What gets no model.
	`CREATE TABLE log (at TEXT, line TEXT)`,
	`CREATE VIEW recent AS SELECT * FROM log`,
	`CREATE VIRTUAL TABLE words USING fts5(text)`,
	`CREATE TABLE measured (at REAL PRIMARY KEY, x)`,
	"CREATE TABLE `two\nlines` (id INTEGER PRIMARY KEY)",
	`CREATE TABLE weft_of_a_later_day (id INTEGER PRIMARY KEY)`,

	// Keys.
	`CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT '')`,
	`CREATE TABLE settings ("key" TEXT PRIMARY KEY, "value" TEXT NOT NULL)`,
	`CREATE TABLE cells (y INT, x INT, v REAL, PRIMARY KEY (x, y)) WITHOUT ROWID`,
	`CREATE TABLE counters (id INTEGER PRIMARY KEY, view_count INTEGER NOT NULL DEFAULT 0)`,
	`CREATE TABLE oracle (id NUMBER PRIMARY KEY, parent NUMBER REFERENCES oracle)`,
	`CREATE TABLE tokens (id BLOB PRIMARY KEY, gone DATETIME, made DATETIME DEFAULT CURRENT_TIMESTAMP, day DATE DEFAULT '2024-02-29')`,
	`CREATE TABLE backwards (id INTEGER PRIMARY KEY DESC, v TEXT)`,

	// Names.
	`CREATE TABLE "order details" ("order" INTEGER, "unit price" NUMERIC(12,4) NOT NULL DEFAULT 0.5, "Größe" TEXT, "2nd line" TEXT, "数据" INT,
		"user_id" INT, "userId" INT, "user id" INT, "select" TEXT, "type" TEXT, "weft" TEXT, "tracked" TEXT, "BeforeCreate" TEXT,
		"it's ""quoted""" TEXT, "a` + "`" + `b" TEXT, "[c]" TEXT, "!!!" TEXT, "" TEXT, PRIMARY KEY ("order"))`,
	`CREATE INDEX "odd ""index""" ON "order details" ("it's ""quoted""", "a` + "`" + `b")`,
	`CREATE TABLE 商品 (番号 INTEGER PRIMARY KEY)`,
	`CREATE TABLE "2020 sales" (id INTEGER PRIMARY KEY)`,
	`CREATE TABLE user (id INTEGER PRIMARY KEY)`,
	`CREATE TABLE users (id INTEGER PRIMARY KEY)`,
	`CREATE TABLE "Users!" (id INTEGER PRIMARY KEY)`,
	`CREATE TABLE api_keys (id INTEGER PRIMARY KEY, url TEXT, owner_ids JSON NOT NULL DEFAULT '[]')`,

	// Columns.
	`CREATE TABLE kinds (id INTEGER PRIMARY KEY, plain, money NUMERIC, wide DECIMAL(30,10), place GEOMETRY, s STRING DEFAULT 'x', flag BOOL NOT NULL DEFAULT TRUE,
		small TINYINT(1), big UNSIGNED BIG INT, total AS (big * 2), kept TEXT AS (s || '!') STORED, code TEXT DEFAULT (lower(hex(randomblob(4)))),
		u UUID, n NVARCHAR(20) COLLATE NOCASE, fixed CHAR(255), raw VARBINARY(16), at TIMESTAMP DEFAULT (datetime('now')), clock TIME)`,

	// Indexes.
	`CREATE TABLE indexed (id INTEGER PRIMARY KEY, a INT UNIQUE, b INT, c TEXT, d JSON, e INT, UNIQUE (b, c), UNIQUE (id))`,
	`CREATE INDEX indexed_b_idx ON indexed (b)`,
	`CREATE INDEX by_c ON indexed (c)`,
	`CREATE UNIQUE INDEX live_c ON indexed (c, b) /* only */ WHERE a > 0 -- the live ones`,
	`CREATE INDEX lower_c ON indexed (lower(c))`,
	`CREATE INDEX newest ON indexed (a DESC)`,
	`CREATE INDEX in_json ON indexed (d)`,
	`CREATE UNIQUE INDEX indexed_e_key ON indexed (b)`,
	`CREATE TABLE taken (e INTEGER PRIMARY KEY, f INT UNIQUE)`,
	`CREATE INDEX taken_f_key ON taken (e, f)`,

	// Foreign keys.
	`CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id INT NOT NULL REFERENCES people ON DELETE CASCADE, recipient_id INT REFERENCES people (id) ON DELETE SET NULL ON UPDATE CASCADE,
		person_id INT REFERENCES people, reply_to INT REFERENCES messages, parent_id INT REFERENCES messages, created_by INT REFERENCES people, people INT REFERENCES people)`,
	`CREATE TABLE country (code CHAR(2) PRIMARY KEY, name TEXT UNIQUE)`,
	`CREATE TABLE city (id INTEGER PRIMARY KEY, country CHAR(2) REFERENCES country, country_code CHAR(2) REFERENCES country (code), country_name TEXT REFERENCES country (name))`,
	`CREATE TABLE profile (id INTEGER PRIMARY KEY REFERENCES people ON DELETE CASCADE, bio TEXT)`,
	`CREATE TABLE badge (id INTEGER PRIMARY KEY, person_id INT NOT NULL UNIQUE REFERENCES people)`,
	`CREATE TABLE untyped (id INTEGER PRIMARY KEY, of REFERENCES people, "at" REFERENCES country)`,
	`CREATE TABLE lines (id INTEGER PRIMARY KEY, cx INT, cy INT, FOREIGN KEY (cx, cy) REFERENCES cells (x, y), FOREIGN KEY (cy, cx) REFERENCES cells (y, x))`,
	`CREATE TABLE dangling (id INTEGER PRIMARY KEY, a INT REFERENCES nowhere, b TEXT REFERENCES log (line), c INT REFERENCES counters (view_count),
		d INT NOT NULL REFERENCES people ON DELETE SET NULL, e BLOB REFERENCES people, f INT REFERENCES people (nowt))`,

	// Joins.
	`CREATE TABLE post (id INTEGER PRIMARY KEY, tags TEXT)`,
	`CREATE TABLE tag (id INTEGER PRIMARY KEY)`,
	`CREATE TABLE post_tag (post_id INT REFERENCES post, tag_id INT REFERENCES tag, PRIMARY KEY (post_id, tag_id))`,
	`CREATE TABLE post_vote (tag_id INT REFERENCES tag, post_id INT REFERENCES post, weight INT NOT NULL, by INT REFERENCES people, PRIMARY KEY (post_id, tag_id))`,
	`CREATE TABLE follows (follower_id INT REFERENCES people, followee_id INT REFERENCES people, PRIMARY KEY (follower_id, followee_id))`,
	`CREATE TABLE three (a INT REFERENCES post, b INT REFERENCES tag, c INT REFERENCES people, PRIMARY KEY (a, b, c))`,
	`CREATE TABLE not_join (post_id INT PRIMARY KEY REFERENCES post, tag_id INT REFERENCES tag)`,
}

func TestOdd(t *testing.T) {
	conn := open(t, oddTables...)
	r := models(t, conn)
	golden(t, "odd.yaml", notes(r)+yaml(t, r.Set))
	p, err := migrate.SQLite(t.Context(), conn, r.Set)
	if err != nil || !p.Empty() || len(p.Notes) > 0 {
		t.Errorf("the models would change the database: %v\n%s", err, p)
	}
	_, second := again(t, r.Set)
	// What the tables of Weft do not have (a generated column is an ordinary
	// one there, no table is WITHOUT ROWID) is not compared.
	drop := strings.NewReplacer(", readonly: true", "")
	if a, b := drop.Replace(yaml(t, r.Set)), drop.Replace(yaml(t, second.Set)); a != b {
		t.Errorf("pulled again it is\n%s\nand was\n%s", b, a)
	}
}

func TestNothingToPull(t *testing.T) {
	for want, stmts := range map[string][]string{
		"has no tables": nil,
		"no table that a model can be made of: a: left out: it has no primary key, by which rows are found again; add one, and pull again; v: left out: a view": {
			`CREATE TABLE a (x)`, `CREATE VIEW v AS SELECT 1`,
		},
	} {
		db, err := catalog.Inspect(t.Context(), open(t, stmts...), catalog.SQLite, catalog.InspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = pull.Models(db); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is pulled is what a whole migration wants, not only one that adds.
func TestOddWholePlan(t *testing.T) {
	db := file(t, oddTables...)
	_, r := look(t, db, catalog.SQLite)
	settled(t, db, catalog.SQLite, r.Set)
	db = file(t, "BEGIN;"+chinook.Script(t)+";COMMIT")
	_, r = look(t, db, catalog.SQLite)
	settled(t, db, catalog.SQLite, r.Set)
}

// file gives a new SQLite database in a file, after running statements on it.
func file(t testing.TB, stmts ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	for _, s := range stmts {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%.300s: %v", s, err)
		}
	}
	return db
}
