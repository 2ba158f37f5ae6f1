package sqlengine

import (
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// rows are the result of a find: they read from a cursor.
type rows struct {
	cur   Cursor
	out   []outCol
	sink  op.Sink
	row   []any
	err   error
	verb  string
	model *schema.Model
	ended bool
	hold  Releaser
	mu    sync.Locker // nil when nobody else uses the session
}

// Releaser is what a result holds until it is read or closed.
type Releaser interface{ Release() }

// Hold makes the result of a find release r when it has ended. It reports
// false when the result holds nothing, and r may be released at once.
func Hold(res op.Rows, r Releaser) bool {
	list, ok := res.(*rows)
	if !ok || list.ended {
		return false
	}
	list.hold = r
	return true
}

// Guard makes the result of a find lock mu whenever it uses its session, for
// sessions that others may use too.
func Guard(res op.Rows, mu sync.Locker) {
	if list, ok := res.(*rows); ok {
		list.mu = mu
	}
}

// Detach reads what is left of the result of a find into memory.
func Detach(res op.Rows) error {
	if list, ok := res.(*rows); ok {
		return list.detach()
	}
	return nil
}

var _ op.Rows = (*rows)(nil)

// Next goes to the next row and gives it to the sink.
func (r *rows) Next() bool {
	if r.mu != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	if r.ended {
		return false
	}
	ok, err := r.cur.Next()
	if err == nil && ok {
		if err = r.take(); err == nil {
			return true
		}
	}
	r.end(err)
	return false
}

func (r *rows) take() error {
	if s := r.sink; s != nil {
		s.Begin()
		for i := range r.out {
			if err := r.out[i].col.deliver(r.cur, i, s, i); err != nil {
				return err
			}
		}
		return s.End()
	}
	if r.row == nil {
		r.row = make([]any, len(r.out))
	}
	var err error
	for i := range r.out {
		if r.row[i], err = r.out[i].col.value(r.cur, i); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) end(err error) {
	r.ended = true
	r.row = nil
	if cerr := r.cur.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		r.err = explain(err, r.verb, r.model, -1)
	}
	if r.hold != nil {
		r.hold.Release()
		r.hold = nil
	}
}

// detach reads what is left, so that the session is free for other work.
func (r *rows) detach() error {
	if r.ended {
		return r.err
	}
	cur, err := Buffer(r.cur, len(r.out))
	if err != nil {
		r.end(err)
		return r.err
	}
	r.cur = cur
	return nil
}

// Row is the row that Next went to.
func (r *rows) Row() []any { return r.row }

// Err is why Next ended early.
func (r *rows) Err() error {
	if r.mu != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	return r.err
}

// Close frees the connection.
func (r *rows) Close() error {
	if r.mu != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	if !r.ended {
		r.end(nil)
	}
	return nil
}

// given makes Rows of rows that are in memory: what a write gives back.
func given(list [][]any, sink op.Sink) op.Rows {
	if sink == nil {
		return op.NewRows(list)
	}
	return op.NewSinkRows(list, sink)
}
