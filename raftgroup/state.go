package raftgroup

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// stateFormat is the form of the tables that a group keeps for itself. The first
// had no clock and no age in weft_group_state.
const stateFormat = 2

// state is what weft_group_state holds.
type state struct {
	sequence int64
	chain    [sha256.Size]byte
	stamp    int64 // of the last entry, microseconds; it never goes back
	forgot   int64 // the latest time that a forgotten ID carried, milliseconds
	clock    int64 // of the leader when it proposed the last entry, microseconds; it may go back
	age      int64 // how long the group has lived, microseconds from some beginning: see older
	old      bool  // the tables have the form before this one
}

// older is the age after an entry that was proposed at a time of its leader's
// clock. Clocks jump, when they are set and when another node leads; what they
// jump is not time in which somebody could have repeated a change. So an entry
// makes the group older by a part of the window at most, and never younger.
func (st *state) older(clock int64, window time.Duration) int64 {
	return st.age + min(max(clock-st.clock, 0), window.Microseconds()/16)
}

var stateTables = []string{
	`CREATE TABLE weft_group_state (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, sequence INTEGER NOT NULL, chain BLOB NOT NULL, stamp INTEGER NOT NULL, forgot INTEGER NOT NULL, clock INTEGER NOT NULL DEFAULT 0, age INTEGER NOT NULL DEFAULT 0)`,
	`CREATE TABLE weft_group_ids (sequence INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, born INTEGER NOT NULL, outcomes BLOB NOT NULL)`,
	`CREATE TABLE weft_group_models (hash BLOB PRIMARY KEY, yaml TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE weft_group_load (load BLOB NOT NULL, piece INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (load, piece))`,
	`INSERT INTO weft_group_state (id, format, sequence, chain, stamp, forgot) VALUES (1, 2, 0, zeroblob(32), 0, 0)`,
}

// stateUpgrade brings the tables of format 1 to this one.
var stateUpgrade = []string{
	`ALTER TABLE weft_group_state ADD COLUMN clock INTEGER NOT NULL DEFAULT 0`,
	`ALTER TABLE weft_group_state ADD COLUMN age INTEGER NOT NULL DEFAULT 0`,
	`UPDATE weft_group_state SET format = 2, clock = stamp, age = stamp`,
}

var (
	stateSelect = &sqlengine.Statement{SQL: `SELECT format, * FROM weft_group_state WHERE id = 1`}
	stateUpdate = &sqlengine.Statement{SQL: `UPDATE weft_group_state SET sequence = ?, chain = ?, stamp = ?, forgot = ?, clock = ?, age = ? WHERE id = 1`}
	idsInsert   = &sqlengine.Statement{SQL: `INSERT INTO weft_group_ids (sequence, stamp, born, outcomes) VALUES (?, ?, ?, ?)`}
	idsDelete   = &sqlengine.Statement{SQL: `DELETE FROM weft_group_ids WHERE sequence <= ?`}
	idsSelect   = &sqlengine.Statement{SQL: `SELECT outcomes FROM weft_group_ids WHERE sequence = ?`}
	idsAll      = &sqlengine.Statement{SQL: `SELECT sequence, stamp, born, outcomes FROM weft_group_ids ORDER BY sequence`}
	modelInsert = &sqlengine.Statement{SQL: `INSERT OR IGNORE INTO weft_group_models (hash, yaml) VALUES (?, ?)`}
	modelSelect = &sqlengine.Statement{SQL: `SELECT yaml FROM weft_group_models WHERE hash = ?`}
	loadInsert  = &sqlengine.Statement{SQL: `INSERT OR REPLACE INTO weft_group_load (load, piece, data) VALUES (?, ?, ?)`}
	loadSelect  = &sqlengine.Statement{SQL: `SELECT piece, data FROM weft_group_load WHERE load = ? ORDER BY piece`}
	loadDelete  = &sqlengine.Statement{SQL: `DELETE FROM weft_group_load`}
)

var errNoState = errors.New("the database has no weft_group_state yet")

// readState reads it in the transaction that is open, or outside one.
func readState(ctx context.Context, s sqlengine.Session) (st state, err error) {
	cur, err := s.Query(ctx, stateSelect, nil)
	if err != nil {
		if strings.Contains(err.Error(), "no such table: weft_group_state") {
			return st, errNoState
		}
		return st, err
	}
	defer cur.Close()
	ok, err := cur.Next()
	switch {
	case err != nil:
		return st, err
	case !ok:
		return st, op.Errorf(op.CodeDatabase, "weft_group_state is empty: the copy is damaged")
	}
	if f := cur.Int(0); f > stateFormat {
		return st, op.Errorf(op.CodeUnsupported, "the group was written by a newer version of Weft (format %d, this one knows up to %d): update this program", f, stateFormat)
	}
	// After the format come all columns: id, format, sequence and so on.
	st.sequence = cur.Int(3)
	copy(st.chain[:], cur.View(4))
	st.stamp, st.forgot = cur.Int(5), cur.Int(6)
	if st.old = cur.Int(0) < 2; st.old {
		st.clock, st.age = st.stamp, st.stamp // IDs were kept by their stamp
		return st, nil
	}
	st.clock, st.age = cur.Int(7), cur.Int(8)
	return st, nil
}

// upgrade brings the tables to the present form.
func (st *state) upgrade(ctx context.Context, c *conn.Conn) error {
	for _, q := range stateUpgrade {
		if _, err := c.Ask(ctx, q); err != nil {
			return err
		}
	}
	st.old = false
	return nil
}

// makeState makes the tables of a new group.
func makeState(ctx context.Context, c *conn.Conn) error {
	for _, q := range stateTables {
		if _, err := c.Ask(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (st *state) write(ctx context.Context, c *conn.Conn) error {
	_, _, err := c.Exec(ctx, stateUpdate, []sqlengine.Value{
		sqlengine.IntValue(st.sequence), sqlengine.BlobValue(string(st.chain[:])), sqlengine.IntValue(st.stamp), sqlengine.IntValue(st.forgot),
		sqlengine.IntValue(st.clock), sqlengine.IntValue(st.age),
	})
	return err
}

// readIDs reads all rows of weft_group_ids.
func readIDs(ctx context.Context, c *conn.Conn) (w window, err error) {
	cur, err := c.Query(ctx, idsAll, nil)
	if err != nil {
		return w, err
	}
	defer cur.Close()
	for {
		ok, err := cur.Next()
		if err != nil || !ok {
			return w, err
		}
		row := idRow{seq: cur.Int(0), age: cur.Int(1), born: cur.Int(2)}
		r := parser{b: cur.View(3)}
		for place := int32(0); len(r.b) > 0; place++ {
			var key idKey
			copy(key[:], r.bytes(16))
			r.block()
			if r.bad {
				return w, op.Errorf(op.CodeDatabase, "weft_group_ids holds what cannot be read in row %d: the copy is damaged", row.seq)
			}
			w.add(key, idRef{row.seq, place})
		}
		w.addRow(row)
	}
}

// outcomeOf finds the outcome of an ID that is known from an earlier entry.
func outcomeOf(ctx context.Context, s sqlengine.Session, ref idRef) (outcome, error) {
	cur, err := s.Query(ctx, idsSelect, []sqlengine.Value{sqlengine.IntValue(ref.seq)})
	if err != nil {
		return outcome{}, err
	}
	defer cur.Close()
	ok, err := cur.Next()
	if err != nil {
		return outcome{}, err
	}
	if ok {
		if body := kept(cur.View(0), ref.place); body != nil {
			return known(body), nil
		}
	}
	return outcome{}, op.Errorf(op.CodeDatabase, "weft_group_ids lacks the outcome of a known ID (row %d): the copy is damaged", ref.seq)
}

// kept finds an outcome among those of an entry.
func kept(outcomes []byte, place int32) []byte {
	r := parser{b: outcomes}
	for i := int32(0); len(r.b) > 0 && !r.bad; i++ {
		r.bytes(16)
		body := r.block()
		if i == place && !r.bad {
			return append([]byte(nil), body...)
		}
	}
	return nil
}
