package door

import (
	"errors"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// rows are those of an answer, as they arrive.
type rows struct {
	c  *call
	p  *reply
	rd *wire.RowReader
	in *txLine // the transaction that the line belongs to, if any

	ahead [][]any // read already, because the line was needed
	row   []any
	over  bool // the line is not used any more
	err   error
}

// How long closing waits for the rows that are on their way, so that the line
// can be used again.
const (
	closeWait   = 300 * time.Millisecond
	closeWaitTx = 10 * time.Second // where the transaction hangs on it
)

// Next goes to the next row.
func (r *rows) Next() bool {
	if len(r.ahead) > 0 {
		r.row, r.ahead = r.ahead[0], r.ahead[1:]
		return true
	}
	r.row = nil
	if r.over {
		return false
	}
	if r.rd.Next() {
		r.row = r.rd.Row()
		return true
	}
	r.end()
	return false
}

// Row is the row that Next went to.
func (r *rows) Row() []any { return r.row }

// Err is what ended the rows before their end.
func (r *rows) Err() error {
	if len(r.ahead) > 0 {
		return nil
	}
	return r.err
}

// end is called when the reader has come to its end.
func (r *rows) end() {
	err := r.rd.Err()
	clean := r.p.l.in.err == nil && !errors.Is(err, wire.ErrMalformed)
	if !clean && r.c.ctx.Err() != nil {
		err = ended(r.c.ctx)
	}
	r.leave(err, clean)
}

func (r *rows) leave(err error, clean bool) {
	r.over = true
	if r.err == nil {
		r.err = err
	}
	if r.in != nil && r.in.rows == r {
		r.in.rows = nil
	}
	r.p.rest(r.in, clean)
	r.c.free()
}

// Close ends the rows; the server stops sending them.
func (r *rows) Close() error {
	r.ahead, r.row = nil, nil
	if r.over {
		return nil
	}
	wait := closeWait
	if r.in != nil {
		wait = closeWaitTx
	}
	l := r.p.l
	err := writeFrame(l.w, frameStop)
	if err == nil {
		err = l.w.Flush()
	}
	if err == nil {
		err = l.st.SetReadDeadline(time.Now().Add(wait))
	}
	for err == nil && r.rd.Next() {
	}
	clean := err == nil && l.in.err == nil && !errors.Is(r.rd.Err(), wire.ErrMalformed)
	if clean {
		clean = l.st.SetReadDeadline(time.Time{}) == nil
	}
	r.leave(nil, clean)
	return nil
}

// fetch reads the remaining rows into memory, because the line is needed.
func (r *rows) fetch() {
	for !r.over {
		if !r.rd.Next() {
			r.end()
			return
		}
		r.ahead = append(r.ahead, append([]any(nil), r.rd.Row()...))
	}
}

// abandon ends the rows because their transaction has ended.
func (r *rows) abandon() {
	_ = r.Close() // it returns nil
	r.err = op.ErrTxDone()
}
