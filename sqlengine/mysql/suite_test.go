package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// open opens an engine with tables for the models.
func open(t testing.TB, dsn string, models *schema.Set, opts ...mysql.Option) *mysql.Engine {
	t.Helper()
	e := opened(t, dsn, opts...)
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return e
}

// opened opens an engine and closes it with the test.
func opened(t testing.TB, dsn string, opts ...mysql.Option) *mysql.Engine {
	e := mysql.Open(dsn, opts...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// databases are used again by the parts of one test, for making tables takes
// long on a server.
type databases struct {
	t    testing.TB
	mu   sync.Mutex
	free map[*schema.Set][]string
	made map[string]bool // have tables
}

// get gives a database without rows, with tables for the models if it was used
// before. It comes back when t ends.
func (d *databases) get(t testing.TB, models *schema.Set) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var dsn string
	if n := len(d.free[models]); n > 0 {
		dsn = d.free[models][n-1]
		d.free[models] = d.free[models][:n-1]
	} else {
		dsn = services.MySQL(d.t)
	}
	t.Cleanup(func() {
		if err := empty(dsn); err != nil {
			t.Errorf("empty the database: %v", err)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.free[models] = append(d.free[models], dsn)
	})
	return dsn
}

// empty takes all rows out of the tables of a database, and lets keys that it
// hands out begin at 1.
func empty(dsn string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.ExecContext(ctx, "SET SESSION information_schema_stats_expiry = 0")
	_ = err // MariaDB has no such thing
	rows, err := conn.QueryContext(ctx, "SELECT table_name, COALESCE(auto_increment, 0) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT LIKE 'weft\\_%'")
	if err != nil {
		return err
	}
	texts := []string{"SET foreign_key_checks = 0", "BEGIN"}
	var again []string
	for rows.Next() {
		var name string
		var auto int64
		if err := rows.Scan(&name, &auto); err != nil {
			return err
		}
		if auto > 1 {
			again = append(again, "TRUNCATE TABLE `"+name+"`")
		} else {
			texts = append(texts, "DELETE FROM `"+name+"`")
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, text := range append(append(texts, "COMMIT"), again...) {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// open opens the engine that make makes on a database for the models.
func (d *databases) open(t testing.TB, models *schema.Set, make func(e op.Engine) op.Engine) (op.Engine, string) {
	dsn := d.get(t, models)
	e := make(opened(t, dsn))
	if !d.made[dsn] {
		_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
		if err != nil {
			t.Fatalf("migrate: %v", err)
		}
		d.made[dsn] = true
	}
	return e, dsn
}

func newDatabases(t testing.TB) *databases {
	return &databases{t: t, free: map[*schema.Set][]string{}, made: map[string]bool{}}
}

func factory(t testing.TB) optest.Factory {
	dsns := map[op.Engine]string{}
	all := newDatabases(t)
	return optest.Factory{
		Name: "mysql",
		Caps: op.CapTransactions | op.CapNestedTransactions | op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapSQL,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			e, dsn := all.open(t, models, func(e op.Engine) op.Engine { return e })
			dsns[e] = dsn
			return e
		},
		Reopen: func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine {
			return open(t, dsns[closed], models)
		},
	}
}

// verified makes sure that no two operations of different SQL share a shape.
func verified(t *testing.T) {
	sqlengine.Verify(func(cached, written string) {
		if cached != written {
			t.Errorf("two operations of one shape have different SQL:\n%s\n%s", cached, written)
		}
	})
	t.Cleanup(func() { sqlengine.Verify(nil) })
}

func TestSuite(t *testing.T) {
	verified(t)
	optest.Run(t, factory(t))
}

func TestDifferential(t *testing.T) {
	verified(t)
	optest.Differential(t, factory(t), 0)
}
