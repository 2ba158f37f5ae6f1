package raftgroup

import (
	"context"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// session is a connection that a Core runs on and that can be asked.
type session interface {
	sqlengine.Session
	lite.Asker
}

// newCore is a Core that knows no tables yet.
func newCore() *sqlengine.Core {
	return sqlengine.New(lite.Dialect, func(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
		return lite.Inspect(ctx, s.(session), m)
	})
}

// environmental reports whether a failure tells of where SQLite runs: another
// replica may not have it.
func environmental(err error) bool { return err != nil && lite.OfEnvironment(err) }

// rawGave is what a statement that somebody else wrote gave.
type rawGave struct {
	info    conn.Info
	rows    [][]sqlengine.Value
	changed int64
	lastID  int64
}

// maxGiven bounds the memory that the rows of one list of statements take, in
// bytes: they are all held until they are sent, and one statement without LIMIT
// could fill the memory of a node. All replicas count alike.
var maxGiven = 256 << 20

// cellSize is what a value costs beside its bytes, here and in the answer.
const cellSize = 48

// raw runs one statement that somebody else wrote to its end. Arguments with
// names are the last ones. When expired is closed it makes room. room is what is
// left of maxGiven.
func raw(ctx context.Context, c *conn.Conn, text string, args []any, names []string, expired <-chan struct{}, room *int) (g rawGave, err error) {
	vals, err := arguments(ctx, c, text, args, names)
	if err != nil {
		return g, err
	}
	cur, info, err := c.Raw(ctx, text, vals)
	g.info = info
	if err != nil {
		return g, sqlengine.Explain(err, "sql", nil)
	}
	for {
		ok, err := cur.Next()
		if err != nil {
			_ = cur.Close()
			return g, sqlengine.Explain(err, "sql", nil)
		}
		if !ok {
			break
		}
		row := make([]sqlengine.Value, len(info.Columns))
		for i := range row {
			row[i] = sqlengine.Cell(cur, i)
			*room -= cellSize + len(row[i].Bytes())
		}
		if *room < 0 {
			_ = cur.Close() // the error is the one to tell
			return g, op.Errorf(op.CodeValidation, "the rows take more than %d MiB of memory: ask for fewer at a time, with LIMIT or by key, or read a backup", maxGiven>>20)
		}
		g.rows = append(g.rows, row)
		if len(g.rows)&63 == 0 {
			select {
			case <-expired:
				_ = cur.Close()
				return g, errExpired
			default:
			}
		}
	}
	if err := cur.Close(); err != nil {
		return g, sqlengine.Explain(err, "sql", nil)
	}
	if !info.ReadOnly {
		defer func() {
			if err == nil && changesPlans(text, &info) {
				err = sqlengine.Explain(c.Replan(ctx), "sql", nil)
			}
		}()
		// After other statements SQLite tells what one before them changed, which a
		// copy that was started anew has not run.
		switch lite.FirstWord(text) {
		case "INSERT", "REPLACE", "WITH":
			g.changed, g.lastID = c.Changed(), c.LastKey()
		case "UPDATE", "DELETE":
			g.changed = c.Changed()
		}
	}
	return g, nil
}

// changesPlans reports whether a statement that has run changed the statistics by
// which SQLite chooses how to run others.
func changesPlans(text string, info *conn.Info) bool {
	return lite.FirstWord(text) == "ANALYZE" || slices.ContainsFunc(info.Writes, func(table string) bool {
		return strings.HasPrefix(strings.ToLower(table), "sqlite_stat")
	})
}

// arguments puts the arguments of a statement in the order of its parameters.
func arguments(ctx context.Context, c *conn.Conn, text string, args []any, names []string) ([]sqlengine.Value, error) {
	vals := make([]sqlengine.Value, len(args))
	for i, v := range args {
		var err error
		if vals[i], err = sqlengine.Argument(v); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return vals, nil
	}
	info, err := c.Check(ctx, text)
	if err != nil {
		return nil, sqlengine.Explain(err, "sql", nil)
	}
	plain, named := vals[:len(vals)-len(names)], vals[len(vals)-len(names):]
	byName := make(map[string]sqlengine.Value, len(names))
	for i, n := range names {
		byName[n] = named[i]
	}
	out := make([]sqlengine.Value, 0, len(info.Params))
	for _, p := range info.Params {
		if p == "" {
			if len(plain) == 0 {
				return nil, op.Errorf(op.CodeValidation, "the statement has more ? than arguments without a name")
			}
			out, plain = append(out, plain[0]), plain[1:]
			continue
		}
		v, ok := byName[p]
		if !ok {
			return nil, op.Errorf(op.CodeValidation, "the statement has a parameter %q and no argument of this name", p)
		}
		out = append(out, v)
	}
	return out, nil
}

// rawCursor is a cursor over values.
type rawCursor struct {
	rows [][]sqlengine.Value
	row  []sqlengine.Value
}

func (k *rawCursor) Next() (bool, error) {
	if len(k.rows) == 0 {
		return false, nil
	}
	k.row, k.rows = k.rows[0], k.rows[1:]
	return true, nil
}

func (k *rawCursor) Kind(col int) sqlengine.Kind { return k.row[col].Kind }
func (k *rawCursor) Int(col int) int64           { return k.row[col].Int() }
func (k *rawCursor) Float(col int) float64       { return k.row[col].Float() }
func (k *rawCursor) View(col int) []byte         { return []byte(k.row[col].Bytes()) }
func (k *rawCursor) Close() error                { return nil }

// result is what an operation of kind SQL gives for it.
func (g *rawGave) result(sink op.Sink) op.Result {
	if len(g.info.Columns) == 0 {
		return op.Result{N: g.changed, LastID: g.lastID}
	}
	return op.Result{
		Rows: sqlengine.Raw(&rawCursor{rows: g.rows}, g.info.Decls, sink), Columns: g.info.Columns, Types: g.info.Decls, LastID: g.lastID,
	}
}

// do runs an operation in the transaction that is open on a connection, and
// reads what it gives into memory. A statement that somebody else wrote runs in
// a savepoint, so that it leaves nothing behind when it fails half-way.
func do(ctx context.Context, core *sqlengine.Core, c *conn.Conn, o *op.Op) (res op.Result, info conn.Info, err error) {
	if o.Kind == op.SQL {
		var g rawGave
		err = c.Atomic(ctx, func() error {
			room := maxGiven
			g, err = raw(ctx, c, o.SQL, o.Args, nil, nil, &room)
			return err
		})
		info = g.info
		if err == nil {
			res = g.result(nil)
		}
	} else {
		res, err = core.Do(ctx, c, o)
	}
	if err == nil {
		err = collect(&res)
	}
	return res, info, err
}

// tablesOf are the tables that an operation can read or change, folded. ok is
// false where that is not known.
func tablesOf(o *op.Op, info *conn.Info) (tables []string, ok bool) {
	if o.Kind == op.SQL {
		tables = append(append(tables, info.Reads...), info.Writes...)
		ok = !info.Schema
	} else {
		tables, ok = op.Tables(o), true
	}
	for i, t := range tables {
		tables[i] = strings.ToLower(t)
	}
	return tables, ok
}
