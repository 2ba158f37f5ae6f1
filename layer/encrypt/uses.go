package encrypt

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// KeyUse tells how many rows have a value of a field under a key.
type KeyUse struct {
	Model, Field string
	Key          string // its ID; empty for values that are under no key
	Rows         int64
}

// Uses counts the values of encrypted fields by key, on the engine below the
// layer: first for the keys of the ring, in its order, also where there are
// none, then for other keys that are found, then, where there are any, values
// that are not encrypted. NULL is not counted. Each count reads the table.
func Uses(ctx context.Context, next op.Engine, models *schema.Set, o Options) ([]KeyUse, error) {
	l := newLayer(o)
	if err := l.ready(); err != nil {
		return nil, err
	}
	var out []KeyUse
	for _, sm := range models.Models {
		if !sm.Encrypts() {
			continue
		}
		m := l.model(sm)
		for _, c := range m.cells {
			list, err := c.uses(ctx, next, l.ring.ids)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
	}
	return out, nil
}

func (c *cell) uses(ctx context.Context, next op.Engine, ids []string) ([]KeyUse, error) {
	var out []KeyUse
	count := func(cond op.Cond) (int64, error) {
		res, err := next.Do(ctx, op.Op{Kind: op.Count, Model: c.m.stored, Filter: cond})
		return res.N, err
	}
	add := func(id string, n int64) {
		out = append(out, KeyUse{Model: c.m.clear.Name, Field: c.f.Name, Key: id, Rows: n})
	}
	var known []string
	ids = slices.Clone(ids)
	for i := 0; i < len(ids); i++ {
		n, err := count(c.begins(keyPrefix(ids[i])))
		if err != nil {
			return nil, err
		}
		add(ids[i], n)
		known = append(known, keyPrefix(ids[i]))
		if i < len(ids)-1 {
			continue
		}
		other, err := c.otherKey(ctx, next, known)
		if err != nil {
			return nil, err
		}
		if other != "" {
			ids = append(ids, other)
		}
	}
	n, err := count(c.without(known...))
	if err == nil && n > 0 {
		add("", n)
	}
	return out, err
}

// otherKey is the ID of a key that values are under beside those known; "" for
// none.
func (c *cell) otherKey(ctx context.Context, next op.Engine, known []string) (string, error) {
	list, err := func() ([][]any, error) {
		res, err := next.Do(ctx, op.Op{
			Kind: op.Find, Model: c.m.stored, Fields: []string{c.f.Name}, Limit: 1,
			Filter: op.AllOf(c.begins(thisFormat), c.without(known...)),
		})
		if err != nil {
			return nil, err
		}
		return collect(res.Rows)
	}()
	if err != nil || len(list) == 0 {
		return "", err
	}
	text, _ := storedText(list[0][0])
	return split(text).id, nil
}
