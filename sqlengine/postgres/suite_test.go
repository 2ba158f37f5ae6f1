package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// server is a database of the test's own, in which each engine has a schema.
// Tables are made once for a set of models and emptied for the next engine.
type server struct {
	url string

	mu    sync.Mutex
	made  int
	free  map[*schema.Set][]string
	where map[op.Engine]string
}

func newServer(t testing.TB) *server {
	return &server{url: services.Postgres(t), free: map[*schema.Set][]string{}, where: map[op.Engine]string{}}
}

// at is the address of a schema.
func (s *server) at(t testing.TB, name string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	q.Set("synchronous_commit", "off") // nothing here has to outlive the server
	q.Set("deadlock_timeout", "20ms")  // the suite makes deadlocks by the hundred
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// run runs SQL beside the engine.
func (s *server) run(t testing.TB, sql string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// take gives the name of a schema with empty tables, or of a new one.
func (s *server) take(t testing.TB, models *schema.Set) (name string, made bool) {
	s.mu.Lock()
	if list := s.free[models]; len(list) > 0 {
		s.free[models] = list[:len(list)-1]
		s.mu.Unlock()
		return list[len(list)-1], true
	}
	s.made++
	name = fmt.Sprint("s", s.made)
	s.mu.Unlock()
	s.run(t, "CREATE SCHEMA "+name)
	return name, false
}

// give empties the tables of a schema and keeps it for the next.
func (s *server) give(t testing.TB, models *schema.Set, name string) {
	if t.Failed() {
		return
	}
	var b strings.Builder
	b.WriteString("SET search_path = " + name + "; SET session_replication_role = replica;")
	for _, m := range models.Models {
		b.WriteString(`DELETE FROM "` + m.Table + `";`)
	}
	s.run(t, b.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free[models] = append(s.free[models], name)
}

func connect(t testing.TB, dsn string, opts ...postgres.Option) *postgres.Engine {
	t.Helper()
	e := postgres.Open(dsn, append([]postgres.Option{postgres.MaxConns(12)}, opts...)...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// migrated is an engine that has made its tables.
func migrated(t testing.TB, dsn string, models *schema.Set, opts ...postgres.Option) *postgres.Engine {
	t.Helper()
	e := connect(t, dsn, opts...)
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return e
}

// open gives an engine with empty tables.
func (s *server) open(t testing.TB, models *schema.Set, opts ...postgres.Option) op.Engine {
	t.Helper()
	name, made := s.take(t, models)
	t.Cleanup(func() { s.give(t, models, name) })
	var e *postgres.Engine
	if made {
		e = connect(t, s.at(t, name), opts...)
	} else {
		e = migrated(t, s.at(t, name), models, opts...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.where[e] = name
	return e
}

func (s *server) factory() optest.Factory {
	return optest.Factory{
		Name: "postgres",
		Caps: op.CapTransactions | op.CapNestedTransactions | op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapSQL,
		Open: func(t testing.TB, models *schema.Set) op.Engine { return s.open(t, models) },
		Reopen: func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine {
			return migrated(t, s.at(t, s.where[closed]), models)
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
	optest.Run(t, newServer(t).factory())
}

func TestDifferential(t *testing.T) {
	verified(t)
	optest.Differential(t, newServer(t).factory(), 0)
}
