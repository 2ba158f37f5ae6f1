package data

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// Batch is a large piece of work, done in the order of a key.
type Batch struct {
	Name  string // tells it from others of the same migration; Table where it is empty
	Table string
	Key   string // a column of whole numbers or text that is unique and not null; it should have an index
	Size  int    // rows of one batch; 1,000 where it is 0

	// Do works on the rows whose key is between from and to, both included. It may
	// be run again after everything it did was rolled back. It must not change keys.
	Do func(ctx context.Context, tx Tx, from, to any) error
}

// batchSize is how many rows a batch has when nobody says otherwise: enough that
// a transaction pays, few enough that nobody waits long for its locks.
const batchSize = 1000

// Batches does the work batch by batch, each in a transaction of its own that
// also records how far it came, and tells of its progress. It is called by the
// Up or Down of a migration with NoTransaction; with Resume as well, a run after
// one that was stopped goes on behind the last batch that was done. Rows that
// are added behind the last key meanwhile are worked on too.
func Batches(ctx context.Context, b Batch) error {
	w, _ := ctx.Value(workerKey{}).(*worker)
	switch {
	case w == nil:
		return op.Errorf(op.CodeValidation, "migrate: Batches works in a migration that is run, with the context that its function was given")
	case !w.outside:
		return op.Errorf(op.CodeValidation, "migrate: Batches in %s: the migration must say NoTransaction, because each batch is a transaction of its own", w.m)
	case b.Table == "" || b.Key == "" || b.Do == nil:
		return op.Errorf(op.CodeValidation, "migrate: Batches in %s: Table, Key and Do must be given", w.m)
	}
	if b.Name == "" {
		b.Name = b.Table
	}
	if b.Size <= 0 {
		b.Size = batchSize
	}
	marks, err := w.marks(ctx)
	if err != nil {
		return err
	}
	mark := marks[b.Name]
	if mark.All {
		return nil
	}
	q := w.l.Conn()
	table, key := catalog.Quote(w.r.d, b.Table), catalog.Quote(w.r.d, b.Key)
	behind := " WHERE " + key + " > " + own.Bind(w.r.d, "?")
	where, args := "", []any(nil)
	if mark.started() {
		where, args = behind, []any{mark.value()}
	}
	now := w.now
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM "+table+where, args...).Scan(&now.Total); err != nil {
		return own.Fail(err, "migrate: count the rows of "+b.Table)
	}
	for {
		w.tell(now)
		keys, err := w.keys(ctx, fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s LIMIT %d", key, table, where, key, b.Size), args)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			mark.All = true
			marks[b.Name] = mark
			return w.l.Tx(ctx, false, func() error { return w.keep(ctx, marks) })
		}
		from, to := keys[0], keys[len(keys)-1]
		if mark, err = markOf(to); err != nil {
			return op.Errorf(op.CodeValidation, "migrate: Batches in %s: %s.%s holds %T; a key must be of whole numbers or text", w.m, b.Table, b.Key, to)
		}
		marks[b.Name] = mark
		for range attempts {
			err = w.l.Tx(ctx, true, func() error {
				if err := b.Do(ctx, q, from, to); err != nil {
					return err
				}
				return w.keep(ctx, marks)
			})
			if err == nil || !own.Transient(w.r.d, err) || ctx.Err() != nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("%s from %v to %v: %w", b.Name, from, to, err)
		}
		where, args = behind, []any{to}
		now.Done += int64(len(keys))
		now.Total = max(now.Total, now.Done)
	}
}

// mark is how far a Batch came, as it is kept.
type mark struct {
	Int  *int64  `json:"int,omitempty"`
	Text *string `json:"text,omitempty"`
	All  bool    `json:"all,omitempty"`
}

func (m mark) started() bool { return m.Int != nil || m.Text != nil }

func (m mark) value() any {
	if m.Int != nil {
		return *m.Int
	}
	return *m.Text
}

func markOf(key any) (mark, error) {
	switch k := key.(type) {
	case int64:
		return mark{Int: &k}, nil
	case string:
		return mark{Text: &k}, nil
	}
	return mark{}, fmt.Errorf("%T", key)
}

func (w *worker) marks(ctx context.Context) (map[string]mark, error) {
	var text string
	err := w.l.Conn().QueryRowContext(ctx, own.Bind(w.r.d, "SELECT progress FROM "+Table+" WHERE version = ?"), w.m.Version).Scan(&text)
	if err != nil {
		return nil, own.Fail(err, "migrate: read how far "+w.m.String()+" came")
	}
	marks := map[string]mark{}
	if text == "" {
		return marks, nil
	}
	if err := json.Unmarshal([]byte(text), &marks); err != nil {
		return nil, op.Errorf(op.CodeDatabase, "migrate: how far %s came cannot be read in %s: %w", w.m, Table, err)
	}
	return marks, nil
}

func (w *worker) keep(ctx context.Context, marks map[string]mark) error {
	text, err := json.Marshal(marks)
	if err != nil {
		return err
	}
	_, err = w.l.Conn().ExecContext(ctx, own.Bind(w.r.d, "UPDATE "+Table+" SET progress = ? WHERE version = ?"), string(text), w.m.Version)
	return own.Fail(err, "migrate: record how far "+w.m.String()+" came")
}

// keys reads one batch of keys. Drivers give whole numbers and text in several
// Go types.
func (w *worker) keys(ctx context.Context, query string, args []any) ([]any, error) {
	const doing = "migrate: read the keys of a batch"
	rows, err := w.l.Conn().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, own.Fail(err, doing)
	}
	defer rows.Close()
	var out []any
	for rows.Next() {
		var k any
		if err := rows.Scan(&k); err != nil {
			return nil, own.Fail(err, doing)
		}
		switch v := k.(type) {
		case []byte:
			k = string(v)
		case uint64:
			if v <= 1<<63-1 {
				k = int64(v)
			}
		case int32:
			k = int64(v)
		}
		out = append(out, k)
	}
	return out, own.Fail(rows.Err(), doing)
}
