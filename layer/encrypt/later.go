package encrypt

import (
	"context"
	"encoding/hex"
	"io"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// later are the values of a write for which its rows have placeholders until
// their keys are known. A placeholder never outlives its transaction.
type later struct {
	prefix string // of the placeholders of this operation
	values []any
}

func newLater(l *layer) (*later, error) {
	b := make([]byte, 12)
	if _, err := io.ReadFull(l.rand, b); err != nil {
		return nil, op.Errorf(op.CodeInternal, "read randomness: %w", err)
	}
	return &later{prefix: schema.NoValue + hex.EncodeToString(b) + ":"}, nil
}

// placeholder is what is stored until the value can be.
func (l *later) placeholder(c *cell, v any) any {
	text := l.prefix + strconv.Itoa(len(l.values))
	l.values = append(l.values, v)
	if c.binary {
		return []byte(text)
	}
	return text
}

// value is the value that a placeholder stands for; false for anything else.
func (l *later) value(stored any) (any, bool) {
	text, ok := storedText(stored)
	if !ok {
		return nil, false
	}
	n, ours := strings.CutPrefix(text, l.prefix)
	if !ours {
		return nil, false
	}
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 || i >= len(l.values) {
		return nil, false
	}
	return l.values[i], true
}

// atOnce is how many rows get their ciphertexts by one batch.
const atOnce = 500

// writeLater runs a write with placeholders and then puts ciphertexts in their
// place, in the transaction that there is.
func (e *engine) writeLater(ctx context.Context, p *prepared) (op.Result, error) {
	m := e.model(p.asked.Model)
	o := p.o
	o.Sink, o.Returning, o.Fields = nil, true, nil
	if !p.asked.Returning {
		for _, f := range m.clear.Fields {
			if f.Primary || f.Encrypted {
				o.Fields = append(o.Fields, f.Name)
			}
		}
	}
	res, err := e.next.Do(ctx, o)
	if err != nil {
		return op.Result{}, e.revealed(err, &p.asked)
	}
	list, err := collect(res.Rows)
	if err != nil {
		return op.Result{}, err
	}
	v := m.view(o.Fields)
	var batch []op.Op
	for i, row := range list {
		key := make([]any, len(v.key))
		for j, at := range v.key {
			key[j] = row[at]
		}
		quiet := op.Op{Kind: op.Update, Model: m.stored, Filter: m.keyIs(key), Quiet: true}
		for col, c := range v.cells {
			if c == nil || row[col] == nil {
				continue
			}
			clear, ours := p.later.value(row[col])
			if ours {
				sealed, err := c.seal(e.layer, key, clear)
				if err != nil {
					return op.Result{}, err
				}
				quiet.Set = append(quiet.Set, op.Assign{Field: c.f.Name, Value: sealed})
			} else if p.asked.Returning {
				if clear, err = c.open(e.layer, key, row[col]); err != nil {
					return op.Result{}, err
				}
			}
			row[col] = clear
		}
		if len(quiet.Set) > 0 {
			batch = append(batch, quiet)
		}
		if len(batch) == atOnce || i == len(list)-1 {
			if err := e.finish(ctx, m, batch); err != nil {
				return op.Result{}, err
			}
			batch = batch[:0]
		}
	}
	out := op.Result{N: res.N}
	if p.asked.Returning {
		out.Rows = given(m.projected(p.asked.Fields, list), p.asked.Sink)
	}
	return out, nil
}

// finish writes ciphertexts to the rows that have placeholders. Each must be
// there: a placeholder that stayed would be a value lost.
func (e *engine) finish(ctx context.Context, m *model, batch []op.Op) error {
	if len(batch) == 0 {
		return nil
	}
	res, err := e.next.Do(ctx, op.Op{Kind: op.Batch, Batch: batch})
	if err != nil {
		return err
	}
	for i := range batch {
		if i >= len(res.Batch) || res.Batch[i].N != 1 {
			return op.Errorf(op.CodeDatabase, "%s: a row that was written cannot be found again by its key, so its encrypted values cannot be stored", m.clear.Name)
		}
	}
	return nil
}

// projected gives the fields asked for of rows of full width.
func (m *model) projected(fields []string, list [][]any) [][]any {
	if fields == nil {
		return list
	}
	for i, row := range list {
		part := make([]any, len(fields))
		for j, n := range fields {
			if f := m.clear.Field(n); f != nil {
				part[j] = row[f.Pos]
			}
		}
		list[i] = part
	}
	return list
}
