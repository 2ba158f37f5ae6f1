package wire

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

var (
	_ op.Engine = (*loopback)(nil)
	_ op.Tx     = (*loopbackTx)(nil)
)

// Loopback is an engine for tests: it runs every operation on next as if next
// were behind a network. Each operation is encoded and decoded before it runs,
// each result, row and error on the way back, the same in transactions. Rows
// stay a stream. An operation with a Sink runs without it on the other side,
// and the decoded rows are delivered to it here; Instances do not reach next.
//
// models gives the models that decoding resolves names with. It may be nil:
// then, and for names it does not know, the models of the migrations that ran
// through this engine are taken, the latest first.
func Loopback(next op.Engine, models func() *schema.Set) op.Engine {
	return &loopback{next: next, known: &modelsSeen{given: models}}
}

// modelsSeen resolves names for an engine and its transactions.
type modelsSeen struct {
	given func() *schema.Set
	mu    sync.RWMutex
	sets  []*schema.Set
}

func (m *modelsSeen) model(name string) *schema.Model {
	if m.given != nil {
		if s := m.given(); s != nil {
			if found := s.Model(name); found != nil {
				return found
			}
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := len(m.sets) - 1; i >= 0; i-- {
		if found := m.sets[i].Model(name); found != nil {
			return found
		}
	}
	return nil
}

func (m *modelsSeen) migrated(s *schema.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.sets); n == 0 || m.sets[n-1] != s {
		m.sets = append(m.sets, s)
	}
}

type loopback struct {
	next  op.Engine
	known *modelsSeen
}

// overWire is an error as it arrives on the other side.
func overWire(err error) error {
	if err == nil {
		return nil
	}
	return DecodeError(EncodeError(err))
}

func (l *loopback) Do(ctx context.Context, o op.Op) (op.Result, error) {
	data, err := EncodeOp(&o)
	if err != nil {
		return op.Result{}, err
	}
	there, err := DecodeOp(data, l.known.model)
	if err != nil {
		return op.Result{}, overWire(err)
	}
	res, err := l.next.Do(ctx, there)
	if err != nil {
		return op.Result{}, overWire(err)
	}
	if o.Kind == op.Migrate && o.Migration != nil && o.Migration.Models != nil {
		l.known.migrated(o.Migration.Models)
	}
	return l.back(&o, res)
}

// back brings a result home.
func (l *loopback) back(o *op.Op, res op.Result) (op.Result, error) {
	cols := NoRows
	if res.Rows != nil {
		cols = Columns(o)
	}
	p := &pump{rows: res.Rows}
	p.w = NewRowWriter(&p.buf, cols)
	if err := p.w.WriteHead(res); err != nil {
		if res.Rows != nil {
			_ = res.Rows.Close() // the first error is the one to tell
		}
		return op.Result{}, overWire(err)
	}
	r := NewRowReader(p, l.known.model)
	if res.Rows != nil {
		r.closer = func() error { return overWire(res.Rows.Close()) }
	}
	home, err := r.Head()
	if err != nil {
		_ = r.Close() // the first error is the one to tell
		return op.Result{}, err
	}
	Deliver(&home, o)
	return home, nil
}

func (l *loopback) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	there, err := DecodeTxOptions(EncodeTxOptions(opts))
	if err != nil {
		return nil, overWire(err)
	}
	tx, err := l.next.Begin(ctx, there)
	if err != nil {
		return nil, overWire(err)
	}
	return &loopbackTx{loopback: loopback{next: tx, known: l.known}, tx: tx}, nil
}

// Caps are those of the engine behind; they are none when they cannot be sent.
func (l *loopback) Caps() op.Caps {
	c, err := DecodeCaps(EncodeCaps(l.next.Caps()))
	if err != nil {
		return op.Caps{}
	}
	return c
}

func (l *loopback) Close() error { return overWire(l.next.Close()) }

type loopbackTx struct {
	loopback
	tx op.Tx
}

func (t *loopbackTx) Commit(ctx context.Context) error   { return overWire(t.tx.Commit(ctx)) }
func (t *loopbackTx) Rollback(ctx context.Context) error { return overWire(t.tx.Rollback(ctx)) }

// pump is the stream between the two sides: asked for bytes, it encodes the
// next row. So nothing runs beside the reader.
type pump struct {
	rows op.Rows
	w    *RowWriter
	buf  bytes.Buffer
	done bool
}

func (p *pump) Read(b []byte) (int, error) {
	for p.buf.Len() == 0 {
		if p.done {
			return 0, io.EOF
		}
		if err := p.step(); err != nil {
			return 0, err
		}
	}
	return p.buf.Read(b)
}

func (p *pump) step() error {
	if p.rows != nil && p.rows.Next() {
		if err := p.w.WriteRow(p.rows.Row()); err != nil {
			p.done = true
			return p.w.Fail(err)
		}
		return p.w.Flush()
	}
	p.done = true
	if p.rows != nil {
		if err := p.rows.Err(); err != nil {
			return p.w.Fail(err)
		}
	}
	return p.w.End()
}
