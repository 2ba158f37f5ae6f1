package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// Whoever reads results row by row and asks for more in between does not wait
// for himself, however small the pool is.
func TestSmallPool(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, n := range []int{1, 2, 3} {
		e := migrated(t, s.at(t, "one"), set, postgres.MaxConns(n))
		must(t, e, op.Op{Kind: op.Delete, Model: m})
		must(t, e, insert(m, 0, 1200))
		var walk sync.WaitGroup
		for range 4 {
			walk.Go(func() {
				var open []op.Rows
				for range 5 {
					res, err := e.Do(ctx, op.Op{Kind: op.Find, Model: m})
					if err != nil {
						t.Error(err)
						return
					}
					if !res.Rows.Next() {
						t.Errorf("no row: %v", res.Rows.Err())
					}
					open = append(open, res.Rows)
				}
				for _, rows := range open {
					left := 0
					for rows.Next() {
						left++
					}
					if left != 1199 || rows.Err() != nil {
						t.Errorf("%d more rows, want 1199 (%v)", left, rows.Err())
					}
				}
			})
		}
		walk.Wait()
	}
}

// Operations that PostgreSQL cannot serialize at once are run again by the
// engine: their callers see nothing of it.
func TestSerializedByItself(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	e := migrated(t, s.at(t, "one"), set, postgres.MaxConns(6))
	must(t, e, insert(m, 0, 3))
	const writers, each = 5, 15
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				_, _, err := run(e, op.Op{Kind: op.Increment, Model: m, Filter: op.Cmp("n", op.Ge, int64(0)), Set: []op.Assign{{Field: "n", Inc: true, Value: int64(1)}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	_, rows := must(t, e, op.Op{Kind: op.Find, Model: m, Fields: []string{"n"}, Sort: []op.Sort{{Field: "id"}}})
	for i, r := range rows {
		if r[0] != int64(i+writers*each) {
			t.Errorf("row %d has %v, want %d", i, r[0], i+writers*each)
		}
	}
}

// What an address says holds where no option says otherwise.
func TestOptionsInAddress(t *testing.T) {
	s := newServer(t)
	dsn := with(t, s.url, func(u *url.URL) {
		u.RawQuery += "&pool_max_conns=3&statement_timeout=1234&application_name=shop&default_transaction_read_only=on"
	})
	show := op.Op{Kind: op.SQL, Returning: true, SQL: "SELECT current_setting('statement_timeout'), current_setting('application_name'), current_setting('TimeZone'), current_setting('default_transaction_isolation')"}
	e := connect(t, dsn)
	if _, rows := must(t, e, show); rows[0][0] != "1234ms" || rows[0][1] != "shop" || rows[0][2] != "UTC" || rows[0][3] != "read committed" {
		t.Errorf("the settings are %v", rows[0])
	}
	_, _, err := run(e, op.Op{Kind: op.SQL, SQL: "CREATE TABLE x (n int)"})
	wants(t, err, op.CodeDatabase, "reading only")
	e = connect(t, dsn, postgres.QueryTimeout(2*time.Second))
	if _, rows := must(t, e, show); rows[0][0] != "2s" {
		t.Errorf("the settings are %v", rows[0])
	}
	e = connect(t, s.url)
	if _, rows := must(t, e, show); rows[0][0] != "1min" || rows[0][1] != "weft" {
		t.Errorf("the settings are %v", rows[0])
	}
	if _, err := postgres.Scheme.Open("postgres://u:sesame@h:port/d"); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a faulty address gives %v", err)
	}
}

// A transaction that only reads says so also to raw SQL, nested or not.
func TestReadOnlyTransaction(t *testing.T) {
	s := newServer(t)
	e := connect(t, s.url, postgres.MaxConns(2))
	must(t, e, op.Op{Kind: op.SQL, SQL: "CREATE TABLE x (n int)"})
	ctx := context.Background()
	for _, nested := range []bool{false, true} {
		tx, err := e.Begin(ctx, op.TxOptions{ReadOnly: !nested})
		if err != nil {
			t.Fatal(err)
		}
		in := tx
		if nested {
			if in, err = tx.Begin(ctx, op.TxOptions{ReadOnly: true}); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = run(in, op.Op{Kind: op.SQL, SQL: "INSERT INTO x VALUES (1)"})
		wants(t, err, op.CodeValidation, "read only")
		must(t, in, op.Op{Kind: op.SQL, SQL: "SELECT * FROM x", Returning: true})
		if err := tx.Rollback(ctx); err != nil {
			t.Error(err)
		}
	}
}

// A find in a transaction that fails between its rows, or whose context ends
// there, leaves the transaction usable.
func TestFailsBetweenRows(t *testing.T) {
	s := newServer(t)
	e := connect(t, s.url, postgres.MaxConns(2))
	must(t, e, op.Op{Kind: op.SQL, SQL: "CREATE TABLE x (n int)"})
	ctx := context.Background()
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, op.Op{Kind: op.SQL, SQL: "INSERT INTO x VALUES (1)"})
	_, _, err = run(tx, op.Op{Kind: op.SQL, SQL: "SELECT 1 / (5000 - n) FROM generate_series(1, 10000) AS s(n)", Returning: true})
	wants(t, err, op.CodeValidation, "division by zero")
	must(t, tx, op.Op{Kind: op.SQL, SQL: "INSERT INTO x VALUES (2)"})
	short, cancel := context.WithCancel(ctx)
	res, err := tx.Do(short, op.Op{Kind: op.SQL, SQL: "SELECT n, repeat('x', 1000) FROM generate_series(1, 1000000) AS s(n)", Returning: true})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; res.Rows.Next(); n++ {
		if n == 10 {
			cancel()
		}
	}
	cancel()
	wants(t, res.Rows.Err(), op.CodeCancelled)
	res.Rows.Close()
	must(t, tx, op.Op{Kind: op.SQL, SQL: "INSERT INTO x VALUES (3)"})
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, rows := must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT count(*) FROM x", Returning: true}); rows[0][0] != int64(3) {
		t.Errorf("%v rows were kept, want 3", rows[0][0])
	}
}

// Close cuts off what does not end.
func TestCloseCutsOff(t *testing.T) {
	s := newServer(t)
	e := postgres.Open(s.url, postgres.MaxConns(4), postgres.CloseTimeout(50*time.Millisecond))
	ctx := context.Background()
	res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT n, repeat('x', 1000) FROM generate_series(1, 1000000) AS s(n)", Returning: true})
	if err != nil || !res.Rows.Next() {
		t.Fatal(err)
	}
	slept := make(chan error)
	go func() {
		_, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT pg_sleep(60)"})
		slept <- err
	}()
	c := connect(t, s.url, postgres.MaxConns(1))
	deadline := time.Now().Add(time.Minute)
	for {
		_, rows := must(t, c, op.Op{Kind: op.SQL, SQL: "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active' AND datname = current_database()", Returning: true})
		if rows[0][0] == int64(1) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement does not begin")
		}
	}
	wants(t, e.Close(), op.CodeDatabase, "under way", "close their Rows")
	wants(t, <-slept, op.CodeDatabase, "closed")
	for res.Rows.Next() {
	}
	wants(t, res.Rows.Err(), op.CodeDatabase, "closed")
	res.Rows.Close()
}
