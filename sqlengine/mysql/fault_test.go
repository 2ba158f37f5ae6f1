package mysql_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// connect fails, or not, as the first operation does.
func connect(dsn string, opts ...mysql.Option) error {
	e := mysql.Open(dsn, opts...)
	defer e.Close()
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{}})
	return err
}

func TestAddresses(t *testing.T) {
	const secret = "geh:eim@1"
	for _, c := range []struct {
		dsn   string
		words []string
	}{
		{"nonsense", []string{"mysql://user:password@host:3306/database"}},
		{"root:" + secret + "@tcp(127.0.0.1:3306)", []string{"mysql://user"}},
		{"root:" + secret + "@tcp(127.0.0.1:3306)/", []string{"names no database"}},
		{"mysql://root:geh/eim@127.0.0.1:3306/x", []string{"%40"}},
		{"mysql://127.0.0.1", []string{"names no database"}},
		{"mysql://root@127.0.0.1/x?nonsense=1", []string{`"nonsense"`, "max_conns"}},
		{"mysql://root@127.0.0.1/x?tls=nonsense", []string{"tls"}},
	} {
		err := connect(c.dsn)
		says(t, err, op.CodeValidation, c.words...)
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "geh") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	dsn := services.MySQL(t)
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"mysql://root@" + cfg.Addr + "/" + cfg.DBName,
		"mariadb://root:@" + cfg.Addr + "/" + cfg.DBName + "?max_conns=2&query_timeout=5s&tls=false",
	} {
		if err := connect(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestNoConnection(t *testing.T) {
	dsn := services.MySQL(t)
	db := admin(t, dsn)
	var b [4]byte
	_, _ = rand.Read(b[:])
	user := "weft_" + hex.EncodeToString(b[:])
	execute(t, db, "CREATE USER "+user+"@'%' IDENTIFIED BY 'right'", "CREATE USER "+user+"@'localhost' IDENTIFIED BY 'right'")
	t.Cleanup(func() { execute(t, db, "DROP USER "+user+"@'%'", "DROP USER "+user+"@'localhost'") })
	as := func(pw string) string {
		return with(t, dsn, func(c *driver.Config) { c.User, c.Passwd = user, pw })
	}

	err := connect(as("wrong"))
	says(t, err, op.CodeDatabase, "refuses the user", user, "password")
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error shows the password: %v", err)
	}
	says(t, connect(as("right")), op.CodeDatabase, user, "may not use the database", "GRANT")
	says(t, connect(with(t, dsn, func(c *driver.Config) { c.DBName = "weft_none_here" })), op.CodeDatabase, `has no database "weft_none_here"`, "CREATE DATABASE")
	says(t, connect("root@tcp(127.0.0.1:1)/x"), op.CodeDatabase, "127.0.0.1:1", "cannot be reached", "check that the server runs")

	// A server that takes the connection and says nothing.
	silent := newProxy(t, host(t, dsn))
	silent.let(false)
	says(t, connect(silent.dsn(t, dsn), mysql.ConnectTimeout(500*time.Millisecond)), op.CodeDatabase)

	// A user who may only read.
	set := notes(t)
	open(t, dsn, set)
	execute(t, db, "GRANT SELECT ON `"+database(t, dsn)+"`.* TO "+user+"@'%'", "GRANT SELECT ON `"+database(t, dsn)+"`.* TO "+user+"@'localhost'")
	e := mysql.Open(as("right"))
	defer e.Close()
	m := set.Model("note")
	must(t, e, op.Op{Kind: op.Find, Model: m})
	_, err = run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"a", int64(1), "", []byte{}}}})
	says(t, err, op.CodeDatabase, "may not do that", "GRANT")
}

func database(t testing.TB, dsn string) string {
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.DBName
}

// slow takes long on the server.
const slow = "SELECT SLEEP(300) /* weft slow"

func TestCancelStopsTheStatement(t *testing.T) {
	dsn := services.MySQL(t)
	set := notes(t)
	e := open(t, dsn, set, mysql.MaxConns(1))
	db := admin(t, dsn)
	mark := slow + database(t, dsn) + " */"
	for _, where := range []string{"outside", "transaction"} {
		var on op.Engine = e
		if where == "transaction" {
			tx, err := e.Begin(context.Background(), op.TxOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.Background())
			must(t, tx, op.Op{Kind: op.Insert, Model: set.Model("note"), Rows: [][]any{{"kept", int64(1), "", []byte{}}}})
			on = tx
		}
		ctx, cancel := context.WithCancel(context.Background())
		got := make(chan error, 1)
		start := time.Now()
		go func() {
			_, err := runCtx(ctx, on, op.Op{Kind: op.SQL, SQL: mark, Returning: true})
			got <- err
		}()
		eventually(t, "the statement", func() bool { return running(t, db, mark) > 0 })
		cancel()
		err := <-got
		says(t, err, op.CodeCancelled)
		if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Minute {
			t.Errorf("%s: after %s: %v", where, time.Since(start), err)
		}
		if n := running(t, db, mark); n > 0 {
			t.Errorf("%s: the statement goes on on the server", where)
		}
		// The connection is as good as before; there is only one.
		if rows := must(t, on, op.Op{Kind: op.SQL, SQL: "SELECT 1", Returning: true}); rows[0][0] != int64(1) {
			t.Errorf("%s: %v", where, rows)
		}
		if tx, ok := on.(op.Tx); ok {
			if err := tx.Commit(context.Background()); err != nil {
				t.Errorf("commit: %v", err)
			}
			if rows := must(t, e, op.Op{Kind: op.Find, Model: set.Model("note")}); len(rows) != 1 {
				t.Errorf("%d rows are there", len(rows))
			}
		}
	}
}

func TestQueryTimeout(t *testing.T) {
	e := mysql.Open(services.MySQL(t), mysql.QueryTimeout(300*time.Millisecond), mysql.MaxConns(1))
	defer e.Close()
	_, err := run(e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(20)", Returning: true})
	says(t, err, op.CodeTimeout, "mysql.QueryTimeout")
	// A context with a deadline of its own has the say.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := runCtx(ctx, e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(0.5)", Returning: true}); err != nil {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = runCtx(short, e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(20)", Returning: true})
	says(t, err, op.CodeTimeout)
}

// Many contexts end at random while statements run; none of them hits the
// statement of another.
func TestCancelHitsNobodyElse(t *testing.T) {
	e := mysql.Open(services.MySQL(t), mysql.MaxConns(2))
	defer e.Close()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 60 {
				if i%2 == 0 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j%7)*200*time.Microsecond)
					_, err := runCtx(ctx, e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(0.001), 1", Returning: true})
					if code := op.CodeOf(err); err != nil && code != op.CodeTimeout {
						t.Errorf("a short one: %v", err)
					}
					cancel()
					continue
				}
				if _, err := run(e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(0.001), 2", Returning: true}); err != nil {
					t.Errorf("one without an end: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestLostConnections(t *testing.T) {
	dsn := services.MySQL(t)
	set := notes(t)
	p := newProxy(t, host(t, dsn))
	e := open(t, p.dsn(t, dsn), set)
	m := set.Model("note")
	row := func(id string) op.Op {
		return op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{id, int64(1), "", []byte{}}}}
	}
	must(t, e, row("a"))

	// Connections that died unused are not noticed by anybody.
	p.drop()
	must(t, e, op.Op{Kind: op.Find, Model: m})
	p.drop()
	must(t, e, row("b"))
	p.drop()
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}

	// In a transaction it is gone.
	must(t, tx, row("c"))
	p.drop()
	_, err = run(tx, row("d"))
	says(t, err, op.CodeDatabase, "connection", "lost")
	_, err = run(tx, row("d"))
	says(t, err, op.CodeDatabase, "lost")
	if err := tx.Commit(context.Background()); err == nil {
		t.Error("a transaction on a lost connection commits")
	}
	if err := tx.Rollback(context.Background()); err != nil {
		t.Errorf("rollback: %v", err)
	}
	if rows := must(t, e, op.Op{Kind: op.Find, Model: m}); len(rows) != 2 {
		t.Errorf("%d rows are there, want 2", len(rows))
	}

	// The answer to a write is lost: whether it happened is not known.
	p.let(false)
	_, err = run(e, row("e"))
	says(t, err, op.CodeDatabase, "whether it was made is not known")
	p.let(true)

	// The answer to a commit is lost.
	if tx, err = e.Begin(context.Background(), op.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	must(t, tx, row("f"))
	p.let(false)
	err = tx.Commit(context.Background())
	says(t, err, op.CodeDatabase, "not known")
	p.let(true)

	// The server kills a connection.
	db := admin(t, dsn)
	if tx, err = e.Begin(context.Background(), op.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	id := must(t, tx, op.Op{Kind: op.SQL, SQL: "SELECT CONNECTION_ID()", Returning: true})[0][0]
	execute(t, db, fmt.Sprintf("KILL %d", id))
	_, err = run(tx, row("g"))
	says(t, err, op.CodeDatabase)
	_ = tx.Rollback(context.Background())
	must(t, e, row("g"))
}

func TestServerGoesAway(t *testing.T) {
	dsn := services.MySQL(t)
	p := newProxy(t, host(t, dsn))
	e := mysql.Open(p.dsn(t, dsn))
	defer e.Close()
	must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT 1", Returning: true})
	_ = p.listener.Close()
	p.drop()
	_, err := run(e, op.Op{Kind: op.SQL, SQL: "SELECT 1", Returning: true})
	says(t, err, op.CodeDatabase, "cannot be reached")
}

func TestCloseWithWorkOpen(t *testing.T) {
	dsn := services.MySQL(t)
	set := notes(t)
	e := mysql.Open(dsn, mysql.CloseTimeout(300*time.Millisecond))
	if _, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}}); err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for i := range 3000 {
		rows = append(rows, []any{fmt.Sprintf("%05d", i), int64(i), strings.Repeat("x", 200), []byte{}})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: set.Model("note"), Rows: rows})
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, op.Op{Kind: op.Delete, Model: set.Model("note"), Filter: op.Cmp("n", op.Lt, int64(10))})
	open, err := e.Do(context.Background(), op.Op{Kind: op.Find, Model: set.Model("note")})
	if err != nil || !open.Rows.Next() {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := run(e, op.Op{Kind: op.SQL, SQL: "SELECT SLEEP(300)", Returning: true})
		got <- err
	}()
	db := admin(t, dsn)
	eventually(t, "the statement", func() bool { return running(t, db, "SELECT SLEEP(300)") > 0 })
	start := time.Now()
	err = e.Close()
	says(t, err, op.CodeDatabase, "close")
	if d := time.Since(start); d > 2*time.Minute {
		t.Errorf("closing took %s", d)
	}
	if err := <-got; err == nil {
		t.Error("a statement outlives the engine")
	}
	for open.Rows.Next() {
	}
	if open.Rows.Err() == nil {
		t.Error("the rows of a find outlive the engine")
	}
	_ = open.Rows.Close()
	if _, err := run(tx, op.Op{Kind: op.Find, Model: set.Model("note")}); err == nil {
		t.Error("a transaction outlives the engine")
	}
	again := mysql.Open(dsn)
	defer again.Close()
	if n := len(must(t, again, op.Op{Kind: op.Find, Model: set.Model("note")})); n != 3000 {
		t.Errorf("%d rows are there: the transaction was not rolled back", n)
	}
}
