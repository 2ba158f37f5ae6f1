package raftgroup

import (
	"slices"
	"strings"
	"sync"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/schema"
)

// touched is which entry changed each table last, as far as this process has
// seen. It lets what a transaction read be known to hold still without reading
// it again, and may always say that it does not know.
type touched struct {
	mu     sync.RWMutex
	from   int64 // entries up to this one were not seen
	to     int64 // the last that was
	all    int64 // the last that may have changed any table
	tables map[string]int64
}

// reset forgets everything up to a sequence.
func (t *touched) reset(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from, t.to, t.all, t.tables = seq, seq, seq, map[string]int64{}
}

// set says what an entry changed.
func (t *touched) set(seq int64, names map[string]bool, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables == nil || seq != t.to+1 {
		t.from, t.all, t.tables = seq-1, seq-1, map[string]int64{}
	}
	t.to = seq
	if all {
		t.all = seq
		return
	}
	for n := range names {
		t.tables[n] = seq
	}
}

// still reports whether it is certain that no entry after seq and up to now
// changed one of the tables.
func (t *touched) still(tables []string, seq, now int64) bool {
	if seq == now {
		return true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.tables == nil || seq < t.from || now > t.to || t.all > seq {
		return false
	}
	for _, n := range tables {
		if t.tables[n] > seq {
			return false
		}
	}
	return true
}

// changes gathers what one entry changes.
type changes struct {
	names  map[string]bool
	all    bool
	models map[*schema.Model][]string // what a write on a model can change, kept from entry to entry
	carry  map[string][]string        // what foreign keys carry changes to
}

// write notes an operation that changes something.
func (c *changes) write(o *op.Op) {
	for i := range o.Batch {
		c.write(&o.Batch[i])
	}
	if o.Model == nil {
		return
	}
	names, ok := c.models[o.Model]
	if !ok {
		names = op.Tables(&op.Op{Kind: op.Delete, Model: o.Model}) // and what foreign keys carry it to
		for i, n := range names {
			names[i] = strings.ToLower(n)
		}
		for i := 0; i < len(names); i++ {
			for _, n := range c.carry[names[i]] {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
		c.models[o.Model] = names
	}
	for _, n := range names {
		c.names[n] = true
	}
}

// oddSchema reports whether the schema has triggers that Weft did not make.
// Those of Weft keep the full-text index of their table.
func oddSchema(c *conn.Conn) (bool, error) {
	rows, err := c.Ask(background, "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		own := migrate.SearchOf(r[1].Bytes()).Triggers
		if !slices.ContainsFunc(own[:], func(name string) bool { return strings.EqualFold(name, r[0].Bytes()) }) {
			return true, nil
		}
	}
	return false, nil
}

// carried reads which tables the foreign keys of the schema carry changes to:
// models need not tell of all, for tables may be made by SQL, or be of another
// program's models.
func carried(c *conn.Conn) (map[string][]string, error) {
	rows, err := c.Ask(background, `SELECT DISTINCT k."table", t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) k
		WHERE t.type = 'table' AND (k.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR k.on_update IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))`)
	if err != nil {
		return nil, err
	}
	carry := map[string][]string{}
	for _, r := range rows {
		from := strings.ToLower(r[0].Bytes())
		carry[from] = append(carry[from], strings.ToLower(r[1].Bytes()))
	}
	return carry, nil
}
