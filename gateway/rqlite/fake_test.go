package rqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

// solo is a door.Group on one SQLite file, for what needs no cluster: the form
// of answers, and faults that a real group does not produce on demand.
type solo struct {
	path string
	conn *sql.Conn
	db   *sql.DB
	info door.Info

	last    door.Request // the last one
	reading op.Reading
	fail    error // of the next Run
}

func newSolo(t testing.TB) *solo {
	t.Helper()
	g := &solo{path: filepath.Join(t.TempDir(), "solo.db")}
	g.info = door.Info{
		Group: "ns/default", Server: "peer1.1", State: "leader", Leader: "peer1", Term: 2, Commit: 9, Applied: 9,
		Members: []door.Member{{Server: "peer1.1", Peer: "peer1", Voter: true, Leader: true}},
	}
	g.open(t)
	t.Cleanup(func() { g.db.Close() })
	return g
}

func (g *solo) open(t testing.TB) {
	db, err := sql.Open("sqlite", g.path)
	if err != nil {
		t.Fatal(err)
	}
	g.db = db
	if g.conn, err = db.Conn(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (g *solo) Do(context.Context, op.Op) (op.Result, error) {
	return op.Result{}, errors.New("not needed")
}

func (g *solo) Begin(context.Context, op.TxOptions) (op.Tx, error) {
	return nil, errors.New("not needed")
}

func (g *solo) Models(context.Context, string) (*schema.Set, error) { return nil, nil }

func (g *solo) Resolve(context.Context, string) (bool, error) {
	return false, errors.New("not needed")
}

func (g *solo) Leader() (host.ID, bool) { return host.ID(g.info.Leader), true }

func (g *solo) Info(context.Context) (door.Info, error) { return g.info, nil }

func (g *solo) Run(ctx context.Context, r door.Request) ([]door.Answer, error) {
	g.last, g.reading = r, op.ReadingOf(ctx)
	if err := g.fail; err != nil {
		g.fail = nil
		return nil, err
	}
	if r.ReadOnly {
		g.conn.ExecContext(ctx, "PRAGMA query_only=1")
		defer g.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only=0")
	}
	if r.Atomic {
		if _, err := g.conn.ExecContext(ctx, "BEGIN"); err != nil {
			return nil, err
		}
	}
	var out []door.Answer
	failed := false
	for _, s := range r.Statements {
		a := g.one(ctx, s)
		out = append(out, a)
		if a.Err != nil && r.Atomic && !r.ReadOnly {
			failed = true
			break
		}
	}
	if r.Atomic {
		end := "COMMIT"
		if failed {
			end = "ROLLBACK"
		}
		if _, err := g.conn.ExecContext(ctx, end); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (g *solo) one(ctx context.Context, s door.Statement) (a door.Answer) {
	start := time.Now()
	args := append([]any{}, s.Args...)
	for n, v := range s.Named {
		args = append(args, sql.Named(n, v))
	}
	rows, err := g.conn.QueryContext(ctx, s.SQL, args...)
	if err != nil {
		// The driver adds the class of the error, and its number.
		text, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "SQL logic error: "), "constraint failed: "), " (")
		return door.Answer{Err: errors.New(text)}
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return door.Answer{Err: err}
	}
	for _, c := range types {
		a.Query = true
		a.Columns = append(a.Columns, c.Name())
		a.Types = append(a.Types, strings.ToLower(c.DatabaseTypeName()))
	}
	for rows.Next() {
		row := make([]any, len(types))
		to := make([]any, len(types))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return door.Answer{Err: err}
		}
		for i, v := range row {
			if at, ok := v.(time.Time); ok {
				row[i] = at.Format("2006-01-02 15:04:05")
			}
		}
		a.Rows = append(a.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return door.Answer{Err: err}
	}
	rows.Close()
	if !a.Query {
		a.Err = g.conn.QueryRowContext(ctx, "SELECT last_insert_rowid(), changes()").Scan(&a.LastID, &a.Changed)
		if f := strings.Fields(strings.ToUpper(s.SQL)); len(f) > 0 && f[0] == "CREATE" {
			a.LastID, a.Changed = 0, 0
		}
	}
	a.Elapsed = time.Since(start)
	return a
}

func (g *solo) Backup(ctx context.Context, w io.Writer) error {
	to := g.path + ".copy"
	defer os.Remove(to)
	if _, err := g.conn.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return err
	}
	f, err := os.Open(to)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func (g *solo) Restore(ctx context.Context, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	g.conn.Close()
	g.db.Close()
	if err := os.WriteFile(g.path, b, 0o600); err != nil {
		return err
	}
	if g.db, err = sql.Open("sqlite", g.path); err != nil {
		return err
	}
	g.conn, err = g.db.Conn(ctx)
	return err
}

// server is a Handler at the root of a listener.
func server(t testing.TB, g door.Group, o rqlite.Options) *httptest.Server {
	t.Helper()
	if o.Self == "" {
		o.Self = "peer1"
	}
	h := rqlite.New(o)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Serve(w, r, g, "default", "", r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s
}

// ask sends a request and gives status and body.
func ask(t testing.TB, url, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(header) > 0 {
		r.Header.Set(header[0], header[1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}
