package encrypt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Rotation says how values are brought under the current key.
type Rotation struct {
	// Progress, when it is not nil, is called for each model with encrypted
	// fields: at its beginning with done 0, whenever a batch was written, and in
	// the end with done equal to total. total is the number of rows that had a
	// value not under the current key at the beginning; rows that come to that
	// meanwhile are added to it. Neither ever goes back. It is called by the
	// goroutine that rotates.
	Progress func(model string, done, total int64)
	// Batch is how many rows are read and written at a time; 0 is 500. Other
	// writers wait for one batch at most.
	Batch int
	// Adopt also encrypts values that are not encrypted: of rows from before the
	// field was. Without it they are left as they are, and reported.
	Adopt bool
}

// maxPasses is how often a table is walked through while others go on to write
// values under older keys.
const maxPasses = 20

// Rotate brings all values of encrypted fields under the ring's current key. It
// works on the engine below the layer, next, while the application reads and
// writes. Rows whose values are under the current key are passed over by the
// database; a rotation that was cut off is taken up by calling Rotate again.
//
// A value that is changed meanwhile is never overwritten. Versions and times of
// updates stay, and no hook runs: rows mean what they meant.
//
// Values that do not open, and without Rotation.Adopt those that are not
// encrypted, are left as they are; the error at the end tells how many there are
// and names the first of them. All others have been rotated then.
func Rotate(ctx context.Context, next op.Engine, models *schema.Set, o Options, how Rotation) error {
	r := &rotation{layer: newLayer(o), next: next, Rotation: how}
	if err := r.ready(); err != nil {
		return err
	}
	if r.Batch <= 0 {
		r.Batch = atOnce
	}
	for _, m := range models.Models {
		if !m.Encrypts() {
			continue
		}
		if err := r.model(ctx, r.layer.model(m)); err != nil {
			return err
		}
	}
	return r.left()
}

// rotation is one call of Rotate.
type rotation struct {
	*layer
	Rotation
	next op.Engine

	failed int64
	first  []error // the first values that did not open
}

// pass is one walk through a table.
type pass struct {
	found   int64 // rows that had something to do
	written int64
	missed  int64 // changed meanwhile
	failed  int64
	errs    []error
}

func (r *rotation) model(ctx context.Context, m *model) error {
	filter := r.pending(m)
	res, err := r.next.Do(ctx, op.Op{Kind: op.Count, Model: m.stored, Filter: filter})
	if err != nil {
		return err
	}
	total, done := res.N, int64(-1)
	tell := func(n int64) {
		if n <= done {
			return
		}
		done, total = n, max(total, n)
		if r.Progress != nil {
			r.Progress(m.clear.Name, done, total)
		}
	}
	tell(0)
	for n := 0; ; n++ {
		p := &pass{}
		before := done
		if err := r.walk(ctx, m, filter, p, func() { tell(before + p.written) }); err != nil {
			return err
		}
		if p.written+p.missed == 0 {
			r.failed += p.failed
			r.first = append(r.first, p.errs[:min(len(p.errs), 5-min(5, len(r.first)))]...)
			break
		}
		if n == maxPasses {
			return op.Errorf(op.CodeConflict, "rotate %s: after %d passes there still are new values under older keys; is another process writing with an older key ring?", m.clear.Name, n)
		}
	}
	tell(total)
	return nil
}

// pending is the condition that a row has a value to bring under the current
// key.
func (r *rotation) pending(m *model) op.Cond {
	any := op.Cond{Kind: op.Or}
	for _, c := range m.cells {
		any.Conds = append(any.Conds, c.without(keyPrefix(r.ring.current)))
	}
	return any
}

// without holds for rows that have a value which begins with none of these.
func (c *cell) without(prefixes ...string) op.Cond {
	all := op.Cond{Kind: op.And, Conds: []op.Cond{
		{Kind: op.Compare, Field: c.f.Name, Op: op.NotNull},
		op.Cmp(c.f.Name, op.Ne, c.raw(schema.NoValue)),
	}}
	for _, p := range prefixes {
		all.Conds = append(all.Conds, op.Cond{Kind: op.Not, Conds: []op.Cond{c.begins(p)}})
	}
	return all
}

// begins holds for rows whose value begins so.
func (c *cell) begins(prefix string) op.Cond {
	if !c.binary {
		return op.Cmp(c.f.Name, op.StartsWith, prefix)
	}
	end := []byte(prefix)
	end[len(end)-1]++ // a colon: no carry
	return op.AllOf(op.Cmp(c.f.Name, op.Ge, []byte(prefix)), op.Cmp(c.f.Name, op.Lt, end))
}

// raw is a text as the column holds it.
func (c *cell) raw(s string) any {
	if c.binary {
		return []byte(s)
	}
	return s
}

// walk goes through the rows by their key.
func (r *rotation) walk(ctx context.Context, m *model, filter op.Cond, p *pass, tell func()) error {
	find := op.Op{Kind: op.Find, Model: m.stored, Filter: filter, Limit: r.Batch}
	for _, f := range m.clear.Fields {
		if f.Primary || f.Encrypted {
			find.Fields = append(find.Fields, f.Name)
		}
	}
	for _, f := range m.clear.Primary {
		find.Sort = append(find.Sort, op.Sort{Field: f.Name})
	}
	v := m.view(find.Fields)
	for attempt := 0; ; {
		if err := ctx.Err(); err != nil {
			return op.FromContext(err)
		}
		res, err := r.next.Do(ctx, find)
		if err != nil {
			return err
		}
		list, err := collect(res.Rows)
		if err != nil {
			return err
		}
		page := *p
		if err := r.page(ctx, v, list, p); err != nil {
			if !op.Retryable(err) || attempt > 10 {
				return err
			}
			*p = page
			attempt++
			if err := pause(ctx, attempt); err != nil {
				return err
			}
			continue
		}
		attempt = 0
		tell()
		if len(list) < r.Batch {
			return nil
		}
		find.After = make([]any, len(v.key))
		for i, at := range v.key {
			find.After[i] = list[len(list)-1][at]
		}
	}
}

// pause waits a random time that doubles with each attempt.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(rand.N(time.Millisecond << attempt))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return op.FromContext(ctx.Err())
	case <-t.C:
		return nil
	}
}

// page brings rows under the current key, all by one batch.
func (r *rotation) page(ctx context.Context, v *view, list [][]any, p *pass) error {
	var batch []op.Op
	for _, row := range list {
		key := make([]any, len(v.key))
		for i, at := range v.key {
			key[i] = row[at]
		}
		o := op.Op{Kind: op.Update, Model: v.m.stored, Quiet: true}
		same := []op.Cond{v.m.keyIs(key)}
		bad := false
		for i, c := range v.cells {
			if c == nil || row[i] == nil {
				continue
			}
			sealed, err := r.again(c, key, row[i])
			switch {
			case err != nil && op.CodeOf(err) == op.CodeInternal:
				return err
			case err != nil:
				bad = true
				if len(p.errs) < 5 {
					p.errs = append(p.errs, err)
				}
			case sealed != nil:
				o.Set = append(o.Set, op.Assign{Field: c.f.Name, Value: sealed})
				same = append(same, op.Cmp(c.f.Name, op.Eq, row[i]))
			}
		}
		p.found++
		if bad {
			p.failed++
		}
		if len(o.Set) > 0 {
			o.Filter = op.AllOf(same...)
			batch = append(batch, o)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	res, err := r.next.Do(ctx, op.Op{Kind: op.Batch, Batch: batch})
	if err != nil {
		return err
	}
	for _, b := range res.Batch {
		if b.N > 0 {
			p.written++
		} else {
			p.missed++
		}
	}
	return nil
}

// again is a stored value under the current key; nil when there is nothing to do.
func (r *rotation) again(c *cell, key []any, stored any) (any, error) {
	text, ok := storedText(stored)
	if !ok {
		return nil, c.fault(key, "its column holds a %T and no ciphertext", stored)
	}
	p := split(text)
	switch {
	case p.state == isNone, p.state == isSealed && p.id == r.ring.current:
		return nil, nil
	case p.state == isPlain && r.Adopt:
		v, err := adopted(c.f, stored)
		if err != nil {
			return nil, c.fault(key, "what is stored is not encrypted, and is no %s either", c.f.Type)
		}
		return c.seal(r.layer, key, v)
	}
	clear, err := c.decrypt(r.layer, key, p)
	if err != nil {
		return nil, err
	}
	return c.encrypt(r.layer, key, clear)
}

// left is the error for values that were left as they are.
func (r *rotation) left() error {
	if r.failed == 0 {
		return nil
	}
	rows := "1 row has a value"
	if r.failed > 1 {
		rows = fmt.Sprintf("%d rows have values", r.failed)
	}
	texts := make([]string, len(r.first))
	for i, err := range r.first {
		texts[i] = err.Error()
	}
	e := op.Errorf(op.CodeDatabase, "rotate: %s that could not be brought under key %q and stay as they are; all others are done: %s", rows, r.ring.current, strings.Join(texts, "; "))
	e.Err = errors.Join(r.first...)
	return e
}
