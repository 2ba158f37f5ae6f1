package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/mysql"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

type person struct {
	ID        int64 `weft:"primary,auto"`
	Name      string
	Email     *string `weft:"unique"`
	Age       *int64  `weft:"index"`
	Balance   decimal.Decimal
	Active    bool
	Born      *time.Time     `weft:"type=date"`
	Wakes     *string        `weft:"type=time"`
	Profile   map[string]any `weft:"type=object"`
	Tags      []string
	Avatar    []byte
	Version   int64     `weft:"version"`
	ManagerID *int64    `weft:"index"`
	Manager   *person   `weft:"belongs_to,fk=ManagerID"`
	Reports   []*person `weft:"has_many,fk=ManagerID"`
	Groups    []*group  `weft:"many_to_many,through=membership"`
}

type group struct {
	ID      int64 `weft:"primary,auto"`
	Title   string
	Members []*person `weft:"many_to_many,through=membership"`
}

type membership struct {
	PersonID int64 `weft:"primary"`
	GroupID  int64 `weft:"primary"`
}

// note is a row of little.
type note struct {
	ID   string `weft:"primary,type=string"`
	N    int64
	Text string `weft:"type=text"`
	Data []byte
}

func build(t testing.TB, structs ...any) *schema.Set {
	t.Helper()
	var list []*schema.Model
	for _, s := range structs {
		m, err := schema.FromStruct(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func notes(t testing.TB) *schema.Set { return build(t, note{}) }

// run runs an operation and reads its rows.
func run(e op.Engine, o op.Op) ([][]any, error) { return runCtx(context.Background(), e, o) }

func runCtx(ctx context.Context, e op.Engine, o op.Op) ([][]any, error) {
	if err := op.Normalize(&o); err != nil {
		return nil, err
	}
	res, err := e.Do(ctx, o)
	if err != nil || res.Rows == nil {
		return nil, err
	}
	var out [][]any
	for res.Rows.Next() {
		out = append(out, append([]any(nil), res.Rows.Row()...))
	}
	return out, errors.Join(res.Rows.Err(), res.Rows.Close())
}

func must(t testing.TB, e op.Engine, o op.Op) [][]any {
	t.Helper()
	rows, err := run(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// raw runs SQL.
func raw(t testing.TB, e op.Engine, text string, args ...any) [][]any {
	t.Helper()
	word := strings.ToUpper(strings.Fields(text)[0])
	return must(t, e, op.Op{Kind: op.SQL, SQL: text, Args: args, Returning: word == "SELECT" || word == "SHOW" || word == "EXPLAIN"})
}

// says checks the code of an error and that it has all of the words.
func says(t testing.TB, err error, code op.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	if got := op.CodeOf(err); got != code {
		t.Errorf("the code is %s, want %s: %v", got, code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

// admin is a connection beside the engine.
func admin(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// eventually polls.
func eventually(t testing.TB, what string, fn func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for !fn() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// running counts the statements on the server that contain a text.
func running(t testing.TB, db *sql.DB, part string) int {
	t.Helper()
	var n int
	err := db.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE ? AND id <> CONNECTION_ID()", "%"+part+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// with is a DSN changed.
func with(t testing.TB, dsn string, change func(c *driver.Config)) string {
	t.Helper()
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	change(cfg)
	return cfg.FormatDSN()
}

// proxy stands between an engine and the server.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    []net.Conn
	wg       sync.WaitGroup
	silent   bool // nothing from the server goes through
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			p.wg.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			p.wg.Go(func() { p.back(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.drop()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) back(in, out net.Conn) {
	defer in.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := out.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		open := !p.silent
		p.mu.Unlock()
		if !open {
			return
		}
		if _, err := in.Write(buf[:n]); err != nil {
			return
		}
	}
}

// let says whether what the server says goes through.
func (p *proxy) let(through bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = !through
}

// drop cuts all connections.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) dsn(t testing.TB, dsn string) string {
	return with(t, dsn, func(c *driver.Config) { c.Addr = p.listener.Addr().String() })
}

func host(t testing.TB, dsn string) string {
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Addr
}

var _ op.Engine = (*mysql.Engine)(nil)
