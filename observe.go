package weft

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// Call is one operation that the engine is asked for, as [Observe] sees it: a
// relation that is loaded and the rows that hooks need are calls of their own.
type Call struct {
	Op    string // what happens: "find Post", "sql", "begin", "commit", "rollback"
	Model string // empty where no model takes part
	User  string // of a user's handle
	InTx  bool

	sql func() string
}

// SQL returns the statements that the engine runs for the call, separated by
// semicolons, with ? for values; "" on engines without SQL. The engine is asked
// for them when SQL is called, which costs about as much as a small query. It
// must be called before the function that Observe was given for the end of the
// call has returned.
func (c Call) SQL() string {
	if c.sql == nil {
		return ""
	}
	return c.sql()
}

// observer is told of each call and returns what is told of its end; spent is
// the time that the engine took.
type observer func(ctx context.Context, c Call) (context.Context, func(err error, spent time.Duration))

// Observe has fn told of every call to the engine, for tracing and metrics. The
// context that fn returns is that of the call, and the function that it returns
// is called when the call is over, for rows after the last one was read. Both
// may be nil. fn may be called from several goroutines at once.
func Observe(fn func(ctx context.Context, c Call) (context.Context, func(error))) Option {
	return func(c *config) {
		if fn == nil {
			return
		}
		c.observers = append(c.observers, func(ctx context.Context, call Call) (context.Context, func(error, time.Duration)) {
			ctx, end := fn(ctx, call)
			return ctx, func(err error, _ time.Duration) {
				if end != nil {
					end(err)
				}
			}
		})
	}
}

// The keys that Log writes.
const (
	logOp       = "op"
	logUser     = "user"
	logDuration = "duration"
	logSQL      = "sql"
	logCode     = "code"
	logError    = "error"
)

// Log writes calls to the engine to l: at level Warn those that took longer than
// slow, with their SQL, at level Error those that failed for a reason that lies
// with the database, all others at level Debug. Without a positive slow no call
// is slow. Values are never written.
func Log(l *slog.Logger, slow time.Duration) Option {
	return func(c *config) {
		if l == nil {
			return
		}
		c.observers = append(c.observers, func(ctx context.Context, call Call) (context.Context, func(error, time.Duration)) {
			return ctx, func(err error, spent time.Duration) { logCall(ctx, l, slow, call, err, spent) }
		})
	}
}

func logCall(ctx context.Context, l *slog.Logger, slow time.Duration, call Call, err error, spent time.Duration) {
	level, text := slog.LevelDebug, "call"
	code := op.CodeOf(err)
	switch {
	case code == op.CodeDatabase || code == op.CodeInternal:
		level, text = slog.LevelError, "call failed"
	case slow > 0 && spent > slow:
		level, text = slog.LevelWarn, "slow call"
	}
	if !l.Enabled(ctx, level) {
		return
	}
	args := []slog.Attr{slog.String(logOp, call.Op), slog.Duration(logDuration, spent)}
	if call.User != "" {
		args = append(args, slog.String(logUser, call.User))
	}
	if err != nil {
		args = append(args, slog.String(logCode, string(code)), slog.String(logError, err.Error()))
	}
	if level > slog.LevelDebug {
		if sql := call.SQL(); sql != "" {
			args = append(args, slog.String(logSQL, sql))
		}
	}
	l.LogAttrs(ctx, level, text, args...)
}

// observed is the layer next to the engine that tells observers.
type observed struct {
	op.Engine
	observers []observer
	inTx      bool
}

func observe(observers []observer) op.Layer {
	return func(next op.Engine) op.Engine { return &observed{Engine: next, observers: observers} }
}

// start tells the observers that a call begins.
func (e *observed) start(ctx context.Context, c Call) (context.Context, func(error, time.Duration)) {
	ends := make([]func(error, time.Duration), len(e.observers))
	for i, fn := range e.observers {
		next, end := fn(ctx, c)
		if next != nil {
			ctx = next
		}
		ends[i] = end
	}
	return ctx, func(err error, spent time.Duration) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](err, spent)
		}
	}
}

func (e *observed) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Explain {
		return e.Engine.Do(ctx, o)
	}
	c := Call{Op: o.Describe(), User: o.User, InTx: e.inTx}
	if o.Model != nil {
		c.Model = o.Model.Name
	}
	c.sql = func() string {
		ask := o
		ask.Explain, ask.Sink = true, nil
		if o.Kind == op.SQL {
			return o.SQL
		}
		res, err := e.Engine.Do(ctx, ask)
		if err != nil || res.Plan == nil {
			return ""
		}
		return strings.Join(res.Plan.SQL, "; ")
	}
	ctx, end := e.start(ctx, c)
	began := time.Now()
	res, err := e.Engine.Do(ctx, o)
	spent := time.Since(began)
	if err != nil || res.Rows == nil {
		end(err, spent)
		return res, err
	}
	res.Rows = &observedRows{Rows: res.Rows, spent: spent, end: end}
	return res, nil
}

func (e *observed) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	var tx op.Tx
	err := e.step(ctx, "begin", func(ctx context.Context) (err error) {
		tx, err = e.Engine.Begin(ctx, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &observedTx{observed{Engine: tx, observers: e.observers, inTx: true}, tx}, nil
}

// step tells of a call that is no operation.
func (e *observed) step(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	ctx, end := e.start(ctx, Call{Op: name, InTx: e.inTx})
	began := time.Now()
	err := fn(ctx)
	end(err, time.Since(began))
	return err
}

type observedTx struct {
	observed
	tx op.Tx
}

func (t *observedTx) Commit(ctx context.Context) error { return t.step(ctx, "commit", t.tx.Commit) }
func (t *observedTx) Rollback(ctx context.Context) error {
	return t.step(ctx, "rollback", t.tx.Rollback)
}

// observedRows are over when they are closed or at their end.
type observedRows struct {
	op.Rows
	spent time.Duration
	end   func(error, time.Duration)
}

func (r *observedRows) Next() bool {
	began := time.Now()
	more := r.Rows.Next()
	r.spent += time.Since(began)
	if !more {
		r.over()
	}
	return more
}

func (r *observedRows) Close() error {
	err := r.Rows.Close()
	r.over()
	return err
}

func (r *observedRows) over() {
	if r.end != nil {
		r.end(r.Rows.Err(), r.spent)
		r.end = nil
	}
}
