package migrate_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

// searchable is a model of posts with these search fields beside others.
func searchable(fields ...string) *schema.Model {
	m := &schema.Model{Name: "Post", Fields: []*schema.Field{{Name: "id", Type: schema.String, Primary: true}}}
	for _, name := range []string{"title", "body", "note"} {
		m.Fields = append(m.Fields, &schema.Field{Name: name, Type: schema.Text, Nullable: true, Search: slices.Contains(fields, name)})
	}
	return m
}

// follow migrates and gives the kinds of the steps.
func follow(t testing.TB, c *sql.Conn, models ...*schema.Model) string {
	t.Helper()
	p, err := migrate.Auto(context.Background(), c, build(t, models...))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range p.Steps {
		kinds = append(kinds, string(s.Kind)+" "+s.Table)
	}
	for _, s := range p.Steps {
		if s.Destructive {
			t.Errorf("%s is destructive", s.Kind)
		}
	}
	return strings.Join(kinds, ", ")
}

// finds gives the keys of the rows that a search of FTS5 finds, and checks the
// index against the rows.
func finds(t testing.TB, c *sql.Conn, table, words string) string {
	t.Helper()
	s := migrate.SearchOf(table)
	q := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	execSQL(t, c, "INSERT INTO "+q(s.Words)+" ("+q(s.Words)+", rank) VALUES ('integrity-check', 1)")
	list := query(t, c, `SELECT d.k0 FROM `+q(s.Words)+` AS w JOIN `+q(s.Docs)+` AS d ON d.doc = w.rowid WHERE w.`+q(s.Words)+` MATCH ? ORDER BY d.k0`, words)
	return strings.Join(list, " ")
}

func same(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestSearchIndexFollowsTheModels(t *testing.T) {
	c := open(t)
	same(t, follow(t, c, searchable()), "create_table weft_meta, create_table posts")
	execSQL(t, c, "INSERT INTO posts VALUES ('a', 'red shoes', 'leather', NULL), ('b', 'blue shoes', 'red laces', NULL)")
	same(t, follow(t, c, searchable("title")), "add_search posts") // over the rows that are there
	same(t, follow(t, c, searchable("title")), "")
	same(t, finds(t, c, "posts", "red"), "a")
	execSQL(t, c, "INSERT INTO posts VALUES ('c', 'red hat', NULL, NULL)")
	same(t, finds(t, c, "posts", "red"), "a c")

	same(t, follow(t, c, searchable("title", "body")), "add_search posts") // another field
	same(t, finds(t, c, "posts", "red"), "a b c")
	same(t, finds(t, c, "posts", "s_title : red"), "a c")
	same(t, follow(t, c, searchable("body")), "add_search posts") // one less
	same(t, finds(t, c, "posts", "red"), "b")
	same(t, follow(t, c, searchable("body")), "")

	same(t, follow(t, c, searchable()), "drop_search posts")
	same(t, follow(t, c, searchable()), "")
	same(t, strings.Join(query(t, c, "SELECT name FROM sqlite_master WHERE name LIKE 'weft\\_search%' ESCAPE '\\'"), " "), "")
	execSQL(t, c, "UPDATE posts SET body = 'x'", "DELETE FROM posts")

	// A field that is new as well.
	m := searchable("title")
	m.Fields = append(m.Fields, &schema.Field{Name: "extra", Type: schema.Text, Search: true, Default: &schema.Default{Value: "spare"}})
	execSQL(t, c, "INSERT INTO posts VALUES ('d', 'red', NULL, NULL)")
	same(t, follow(t, c, m), "add_column posts, add_search posts")
	same(t, finds(t, c, "posts", "spare red"), "d")
}

func TestSearchIndexOfANewTable(t *testing.T) {
	c := open(t)
	same(t, follow(t, c, searchable("title")), "create_table weft_meta, create_table posts, add_search posts")
	execSQL(t, c, "INSERT INTO posts VALUES ('a', 'red', NULL, NULL)")
	same(t, finds(t, c, "posts", "red"), "a")
}

// TestSearchIndexIsRepaired takes parts of the index away, as other programs can.
func TestSearchIndexIsRepaired(t *testing.T) {
	for _, damage := range []string{
		`DROP TABLE weft_search_posts_words`, `DROP TABLE weft_search_posts_docs`, `DROP VIEW weft_search_posts_rows`,
		`DROP TRIGGER weft_search_posts_insert`, `DROP TRIGGER weft_search_posts_update`, `DROP TRIGGER weft_search_posts_delete`,
		`DROP TABLE posts; CREATE TABLE posts (id TEXT PRIMARY KEY, title TEXT, body TEXT, note TEXT)`,
		`DROP TABLE posts`,
	} {
		c := open(t)
		follow(t, c, searchable("title"))
		execSQL(t, c, "INSERT INTO posts VALUES ('a', 'red', NULL, NULL)", damage)
		if got := follow(t, c, searchable("title")); !strings.HasSuffix(got, "add_search posts") {
			t.Errorf("%s: %s", damage, got)
		}
		execSQL(t, c, "INSERT OR REPLACE INTO posts VALUES ('a', 'red', NULL, NULL), ('b', 'blue', NULL, NULL)")
		same(t, query(t, c, `SELECT group_concat(k0) FROM weft_search_posts_words AS w JOIN weft_search_posts_docs AS d ON d.doc = w.rowid WHERE weft_search_posts_words MATCH 'red OR blue'`)[0], "a,b")
		same(t, follow(t, c, searchable("title")), "")
	}
}

// TestSearchIndexAndRenames renames tables and columns under Weft.
func TestSearchIndexAndRenames(t *testing.T) {
	c := open(t)
	follow(t, c, searchable("title"))
	execSQL(t, c, "INSERT INTO posts VALUES ('a', 'red', NULL, NULL)", "ALTER TABLE posts RENAME TO articles")
	execSQL(t, c, "INSERT INTO articles VALUES ('b', 'red', NULL, NULL)") // still kept right
	same(t, finds(t, c, "posts", "red"), "a b")

	article := searchable("title")
	article.Name = "Article"
	same(t, follow(t, c, article, searchable("title")), "create_table posts, drop_search articles, add_search articles, add_search posts")
	same(t, follow(t, c, article, searchable("title")), "")
	same(t, finds(t, c, "articles", "red"), "a b")
	same(t, finds(t, c, "posts", "red"), "")

	execSQL(t, c, "ALTER TABLE articles RENAME COLUMN title TO headline", "UPDATE articles SET headline = 'green' WHERE id = 'a'")
	same(t, finds(t, c, "articles", "green"), "a")
	article.Fields[1].Column = "headline"
	same(t, follow(t, c, article, searchable("title")), "add_search articles")
	same(t, finds(t, c, "articles", "green"), "a")

	execSQL(t, c, "ALTER TABLE articles RENAME TO Posts2", "ALTER TABLE posts RENAME TO articles", "ALTER TABLE Posts2 RENAME TO posts") // they change places
	article.Table, article.Fields[1].Column = "articles", "title"
	post := searchable("title")
	post.Fields[1].Column = "headline"
	same(t, follow(t, c, article, post), "drop_search articles, drop_search posts, add_search articles, add_search posts")
	same(t, finds(t, c, "posts", "green"), "a")
	same(t, finds(t, c, "articles", "green"), "")
}

func TestSearchIndexNamesThatAreTaken(t *testing.T) {
	c := open(t, `CREATE TABLE weft_search_posts_docs (mine)`, `INSERT INTO weft_search_posts_docs VALUES (1)`)
	_, err := migrate.Auto(context.Background(), c, build(t, searchable("title")))
	if err == nil || !strings.Contains(err.Error(), "posts.weft_search_posts_docs: the name of a part of the full-text index is taken by the table weft_search_posts_docs") {
		t.Fatal(err)
	}
	same(t, query(t, c, "SELECT count(*) FROM weft_search_posts_docs")[0], "1")
	same(t, follow(t, c, searchable()), "create_table weft_meta, create_table posts")

	m := searchable("title")
	m.Table = "weft_search_x"
	if _, err := migrate.SQLite(context.Background(), c, build(t, m)); err == nil || !strings.Contains(err.Error(), "names of tables that begin with weft_search_") {
		t.Fatal(err)
	}
	v := open(t, `CREATE TABLE p (id TEXT PRIMARY KEY, title, body, note)`, `CREATE VIEW posts AS SELECT * FROM p`)
	p, err := migrate.Auto(context.Background(), v, build(t, searchable("title")))
	if err != nil || len(p.Steps) != 0 || !strings.Contains(strings.Join(p.Notes, "\n"), "posts: the view posts cannot have a full-text index") {
		t.Fatal(p, err)
	}
}

// TestSearchIndexOfOddTables makes indexes of tables with odd names and keys.
func TestSearchIndexOfOddTables(t *testing.T) {
	c := open(t,
		`CREATE TABLE "o'r "" der" ("rank" TEXT, "rowid" TEXT, "order" TEXT, "Tábla; --" TEXT, "gro""up" TEXT, PRIMARY KEY ("rank", "gro""up")) WITHOUT ROWID`,
		`INSERT INTO "o'r "" der" VALUES ('k', 'red', 'blue', 'green', 'g')`,
		`CREATE TABLE cased (id TEXT COLLATE NOCASE PRIMARY KEY, text TEXT, upper TEXT GENERATED ALWAYS AS (upper(text)), twice TEXT AS (text || text) STORED)`,
		`INSERT INTO cased VALUES ('Key', 'red')`,
	)
	odd := &schema.Model{Name: "Odd", Table: `o'r " der`, Fields: []*schema.Field{
		{Name: "rank", Column: "rank", Type: schema.Text, Primary: true, Search: true},
		{Name: "rowid", Column: "rowid", Type: schema.Text, Nullable: true, Search: true},
		{Name: "order", Column: "order", Type: schema.Text, Nullable: true, Search: true},
		{Name: "tabla", Column: "Tábla; --", Type: schema.Text, Nullable: true, Search: true},
		{Name: "group", Column: `gro"up`, Type: schema.Text, Primary: true, Search: true},
	}}
	cased := &schema.Model{Name: "Cased", Table: "cased", Fields: []*schema.Field{
		{Name: "id", Type: schema.Text, Primary: true},
		{Name: "upper", Type: schema.Text, Nullable: true, Search: true, ReadOnly: true},
		{Name: "twice", Type: schema.Text, Nullable: true, Search: true, ReadOnly: true},
	}}
	same(t, follow(t, c, odd, cased), `create_table weft_meta, add_search o'r " der, add_search cased`)
	same(t, follow(t, c, odd, cased), "")
	same(t, finds(t, c, odd.Table, "red AND blue AND k AND g"), "k")
	execSQL(t, c, `UPDATE "o'r "" der" SET "order" = 'pink', "gro""up" = 'h'`)
	same(t, finds(t, c, odd.Table, "blue OR g"), "")
	same(t, finds(t, c, odd.Table, "pink AND h"), "k")
	execSQL(t, c, `INSERT OR REPLACE INTO "o'r "" der" VALUES ('k', 'x', 'y', 'z', 'h')`)
	same(t, query(t, c, `SELECT count(*) FROM "weft_search_o'r "" der_docs"`)[0], "1")

	same(t, finds(t, c, "cased", "red"), "Key")
	same(t, finds(t, c, "cased", "redred"), "Key")
	execSQL(t, c, `UPDATE cased SET text = 'blue'`)
	same(t, finds(t, c, "cased", "red OR redred"), "")
	same(t, finds(t, c, "cased", "blue AND blueblue"), "Key")
	execSQL(t, c, `UPDATE cased SET id = 'KEY'`)
	same(t, finds(t, c, "cased", "blue"), "KEY")
	execSQL(t, c, `REPLACE INTO cased VALUES ('keY', 'green')`) // the same key, in another case
	same(t, strings.Join(query(t, c, `SELECT k0 FROM weft_search_cased_docs`), " "), "keY")
	same(t, query(t, c, `SELECT count(*) FROM weft_search_cased_rows`)[0], "1")
}

// TestSearchIndexIsKeptByOthers writes in every way that another program can.
// The reference is a new index over the rows as they are.
func TestSearchIndexIsKeptByOthers(t *testing.T) {
	c := open(t, `CREATE TABLE tags (name TEXT PRIMARY KEY)`,
		`CREATE TABLE posts (id TEXT PRIMARY KEY, title TEXT UNIQUE, body TEXT REFERENCES tags ON UPDATE CASCADE ON DELETE SET NULL, note TEXT)`)
	follow(t, c, searchable("title", "body"))
	for i, s := range []string{
		`INSERT INTO tags VALUES ('tag one'), ('tag two')`,
		`INSERT INTO posts VALUES ('a', 'red one', 'tag one', NULL), ('b', 'red two', 'tag two', NULL), ('c', NULL, NULL, 'n')`,
		`UPDATE posts SET note = 'red'`,
		`UPDATE posts SET title = 'Red One' WHERE id = 'a'`,
		`UPDATE posts SET title = title || ' more'`,
		`UPDATE posts SET id = id || 'x'`,
		`UPDATE posts SET id = 'b', title = 'both' WHERE id = 'bx'`,
		`UPDATE tags SET name = name || ' renamed'`,
		`DELETE FROM tags WHERE name LIKE '%one%'`,
		`INSERT OR IGNORE INTO posts VALUES ('b', 'never', NULL, NULL), ('d', 'new', NULL, NULL)`,
		`UPDATE OR IGNORE posts SET title = 'both' WHERE id <> 'b'`,
		`INSERT INTO posts VALUES ('b', 'upserted', NULL, NULL) ON CONFLICT (id) DO UPDATE SET title = excluded.title`,
		`INSERT INTO posts VALUES ('b', 'left', NULL, NULL) ON CONFLICT DO NOTHING`,
		`REPLACE INTO posts VALUES ('b', 'replaced', NULL, NULL)`,              // by key: no trigger tells of the old row
		`REPLACE INTO posts VALUES ('e', 'replaced', 'tag two renamed', NULL)`, // by another unique value
		`UPDATE OR REPLACE posts SET title = 'replaced' WHERE id = 'd'`,
		`REPLACE INTO posts VALUES ('e', 'back again', NULL, NULL), ('b', 'back too', NULL, NULL)`,
		`SAVEPOINT s; UPDATE posts SET title = 'undone'||id; DELETE FROM posts WHERE id = 'b'; ROLLBACK TO s; RELEASE s`,
		`BEGIN; INSERT INTO posts VALUES ('t', 'in a transaction', NULL, NULL); UPDATE posts SET title = 'changed in it' WHERE id = 't'; COMMIT`,
		`BEGIN; DELETE FROM posts; ROLLBACK`,
		`UPDATE posts SET title = x'726564' WHERE id = 't'`, // no text
		`UPDATE posts SET title = 42 WHERE id = 't'`,
		`PRAGMA recursive_triggers = ON; REPLACE INTO posts VALUES ('t', 'with triggers', NULL, NULL); PRAGMA recursive_triggers = OFF`,
		// Triggers of others change what was just written.
		`CREATE TRIGGER other1 AFTER INSERT ON posts BEGIN UPDATE posts SET title = new.title || ' stamped' WHERE id = new.id; END`,
		`INSERT INTO posts VALUES ('u', 'fresh', NULL, NULL)`,
		`CREATE TRIGGER other2 AFTER UPDATE OF body ON posts WHEN new.note IS NULL BEGIN UPDATE posts SET title = 'touched', note = 'x' WHERE id = new.id; END`,
		`UPDATE posts SET body = 'tag two renamed' WHERE id = 'u'`,
		`VACUUM`,
		`DELETE FROM posts WHERE title LIKE '%a%'`,
		`INSERT INTO posts SELECT 'n' || value, 'number ' || value, NULL, NULL FROM json_each('[1,2,3,4,5]')`,
		`DELETE FROM posts`,
		`INSERT INTO posts VALUES ('a', 'the end', NULL, NULL)`,
	} {
		execSQL(t, c, s)
		got := indexed(t, c, "weft_search_posts_words", "weft_search_posts_docs")
		execSQL(t, c, `DROP TABLE IF EXISTS temp.fresh`, `CREATE VIRTUAL TABLE temp.fresh USING fts5(title, body, content='')`,
			`CREATE TEMP TABLE IF NOT EXISTS keys (k0, doc)`, `DELETE FROM keys`,
			`INSERT INTO keys SELECT id, rowid FROM posts`, `INSERT INTO fresh (rowid, title, body) SELECT rowid, title, body FROM posts`)
		want := indexed(t, c, "fresh", "keys")
		if got != want {
			t.Fatalf("after statement %d, %s:\n%s\nwant\n%s", i, s, got, want)
		}
	}
	same(t, follow(t, c, searchable("title", "body")), "")
}

// indexed lists what an index has for the rows that there are: what a search can
// see. Of a row that REPLACE took away without a trigger something stays behind.
func indexed(t testing.TB, c *sql.Conn, words, docs string) string {
	t.Helper()
	execSQL(t, c, `DROP TABLE IF EXISTS temp.vocab`, `CREATE VIRTUAL TABLE temp.vocab USING fts5vocab(`+schemaOf(words)+`, '`+words+`', instance)`)
	list := query(t, c, `SELECT k0 || ' ' || replace(col, 's_', '') || ' ' || offset || ' ' || term FROM vocab JOIN `+docs+` AS d ON d.doc = vocab.doc JOIN posts ON posts.id = d.k0 ORDER BY 1`)
	return strings.Join(list, "\n")
}

func schemaOf(words string) string {
	if words == "fresh" {
		return "temp"
	}
	return "main"
}
