package raftgroup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Hash is a hash of the content of this node's copy, and the sequence number at
// which it was taken. Two copies at one number have one hash. What the group and
// full-text indexes keep for themselves is not part of it.
func (g *Group) Hash(ctx context.Context) (text string, sequence int64, err error) {
	if err := g.enter(ctx); err != nil {
		return "", 0, err
	}
	defer g.leave()
	err = g.view(ctx, func(v *viewer) error {
		return v.Atomic(ctx, func() error {
			st, err := readState(ctx, v.Conn)
			if err == errNoState {
				err = nil
			}
			if err != nil {
				return err
			}
			sum, err := v.hash(ctx)
			text, sequence = sum, st.sequence
			return err
		})
	})
	return text, sequence, err
}

// hash is that of all tables, in the snapshot that is open.
func (v *viewer) hash(ctx context.Context) (string, error) {
	h := sha256.New()
	objects, err := v.Ask(ctx, `SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'weft\_group\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_autoindex\_%' ESCAPE '\' ORDER BY type, name`)
	if err != nil {
		return "", err
	}
	var b []byte
	for _, row := range objects {
		for _, c := range row {
			b = appendBlock(b, c.Bytes())
		}
	}
	h.Write(b)
	tables, err := v.Ask(ctx, `SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'weft\_group\_%' ESCAPE '\' AND name <> 'sqlite_schema' ORDER BY name`)
	if err != nil {
		return "", err
	}
	for _, t := range tables {
		name := t[0].Bytes()
		h.Write(appendBlock(nil, name))
		order, width, err := v.order(ctx, name, t[1].Int() != 0)
		if err != nil {
			return "", err
		}
		cur, err := v.Conn.Query(ctx, &sqlengine.Statement{SQL: "SELECT * FROM " + lite.Quote(name) + order}, nil)
		if err != nil {
			return "", err
		}
		for n := 0; ; n++ {
			ok, err := cur.Next()
			if err != nil {
				_ = cur.Close()
				return "", err
			}
			if !ok {
				break
			}
			b = b[:0]
			for i := range width {
				b = appendCell(b, cur, i)
			}
			h.Write(b)
			if n&1023 == 1023 {
				select {
				case <-v.expired:
					_ = cur.Close()
					return "", errExpired
				default:
				}
			}
		}
		if err := cur.Close(); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// order is the ORDER BY of a table's key, and how many columns SELECT * gives.
func (v *viewer) order(ctx context.Context, table string, withoutRowid bool) (string, int, error) {
	cols, err := v.Ask(ctx, "SELECT name, pk, hidden FROM pragma_table_xinfo(?)", sqlengine.TextValue(table))
	if err != nil {
		return "", 0, err
	}
	names := map[string]bool{}
	width := 0
	key := make([]string, len(cols)+1)
	for _, c := range cols {
		names[strings.ToLower(c[0].Bytes())] = true
		if c[2].Int() != 1 {
			width++
		}
		if n := c[1].Int(); n > 0 && int(n) < len(key) {
			key[n] = lite.Quote(c[0].Bytes())
		}
	}
	if !withoutRowid {
		for _, n := range []string{"rowid", "_rowid_", "oid"} {
			if !names[n] {
				return " ORDER BY " + n, width, nil
			}
		}
	}
	var list []string
	for _, k := range key {
		if k != "" {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		return "", 0, op.Errorf(op.CodeUnsupported, "the table %s cannot be put in order: its columns hide the rowid and it has no key", table)
	}
	return " ORDER BY " + strings.Join(list, ", "), width, nil
}
