package raftgroup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft/op"
)

// idKey stands for the ID of a change: the bytes of a UUID, or of another text
// the first half of its SHA-256.
type idKey [16]byte

// newID makes an ID for a change whose caller gave none. It carries no time: who
// makes it repeats the change for seconds, so that it cannot grow old, and a
// clock that is off does no harm.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	u := uuid.UUID(b)
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u.String()
}

// keyOfID is an ID's key, and the milliseconds since 1970 at which it was made
// when it says so (UUID version 7).
func keyOfID(id string) (key idKey, born int64) {
	if len(id) == 36 {
		if u, err := uuid.Parse(id); err == nil {
			if u.Version() == 7 {
				born = int64(binary.BigEndian.Uint64(u[:8]) >> 16)
			}
			return idKey(u), born
		}
	}
	sum := sha256.Sum256([]byte(id))
	copy(key[:], sum[:])
	return key, 0
}

// idRef is where an ID's outcome is: the sequence of its entry and its place
// among the entry's IDs.
type idRef struct {
	seq   int64
	place int32
}

// window is which IDs are known, in memory, as weft_group_ids holds them. It is
// kept in generations, so that IDs which have grown old go at once and no
// pointers are in the way of the garbage collector.
type window struct {
	gens  []generation // oldest first
	rows  []idRow      // oldest first
	floor int64        // sequences up to this are forgotten
}

type generation struct {
	last int64 // sequence of the last entry in it
	ids  map[idKey]idRef
}

// idRow is a row of weft_group_ids: its entry and how old the group was then.
type idRow struct {
	seq  int64
	age  int64 // microseconds; the column is named stamp
	born int64 // the latest that an ID in it carries, milliseconds
}

// The least IDs that a generation holds before the next is begun, and the least
// share of all: so IDs that have grown old take little memory, and there are few
// generations to look through however many IDs are known.
const leastPerGeneration, generationShare = 1 << 12, 8

// find tells whether an ID is known.
func (w *window) find(id idKey) (idRef, bool) {
	for i := len(w.gens) - 1; i >= 0; i-- {
		if ref, ok := w.gens[i].ids[id]; ok {
			return ref, ref.seq > w.floor
		}
	}
	return idRef{}, false
}

// add makes an ID known. Sequences never go down.
func (w *window) add(id idKey, ref idRef) {
	n := len(w.gens)
	if n == 0 || w.gens[n-1].last != ref.seq && w.gens[n-1].full(w) {
		w.gens = append(w.gens, generation{ids: map[idKey]idRef{}})
		n++
	}
	g := &w.gens[n-1]
	g.ids[id], g.last = ref, ref.seq
}

// full reports whether IDs of another entry go into the next generation.
func (g *generation) full(w *window) bool {
	if len(g.ids) < leastPerGeneration {
		return false
	}
	all := 0
	for i := range w.gens {
		all += len(w.gens[i].ids)
	}
	return len(g.ids) >= all/generationShare
}

// addRow says that an entry's IDs are complete.
func (w *window) addRow(row idRow) { w.rows = append(w.rows, row) }

// due gives the last row that has to go at an age, if any have to: they go
// together when the oldest is a sixteenth older than the window, so that not
// every entry has one to take away. What it says depends on the rows and the
// age alone.
func (w *window) due(age int64, length time.Duration) (last idRow, born int64, ok bool) {
	limit := age - length.Microseconds()
	if len(w.rows) == 0 || w.rows[0].age >= limit-length.Microseconds()/16 {
		return idRow{}, 0, false
	}
	for _, r := range w.rows {
		if r.age >= limit {
			break
		}
		last, born = r, max(born, r.born)
	}
	return last, born, true
}

// drop forgets the rows up to a sequence.
func (w *window) drop(seq int64) {
	n := 0
	for n < len(w.rows) && w.rows[n].seq <= seq {
		n++
	}
	w.rows = append(w.rows[:0:0], w.rows[n:]...)
	w.floor = seq
	for len(w.gens) > 0 && w.gens[0].last <= seq {
		w.gens = w.gens[1:]
	}
}

// tooOld refuses an ID that may have been forgotten, because the time that it
// carries is too far from that of the leader, or not after that of IDs which
// were. forgot is the latest that a forgotten ID carried.
func tooOld(born, stamp, forgot int64, length time.Duration) error {
	now, made := time.UnixMicro(stamp).UTC(), time.UnixMilli(born).UTC()
	off := now.Sub(made)
	switch {
	case off > length/2:
		return op.Errorf(op.CodeValidation, "the ID of this change was made at %s by its maker's clock, %s before the leader's time %s: IDs are remembered for %s, so it may be a repetition of a change that was done and forgotten, or one of the two clocks is wrong; read what is there, set the clock, and repeat with a new ID",
			made.Format(time.RFC3339), off.Round(time.Second), now.Format(time.RFC3339), length)
	case off < -length/2:
		return op.Errorf(op.CodeValidation, "the ID of this change was made at %s by its maker's clock, %s after the leader's time %s: one of the two clocks is wrong; set it, and repeat with a new ID",
			made.Format(time.RFC3339), (-off).Round(time.Second), now.Format(time.RFC3339))
	case born <= forgot:
		return op.Errorf(op.CodeValidation, "the ID of this change was made at %s, and IDs from then are forgotten: it may be a repetition of a change that was done; read what is there and repeat with a new ID",
			made.Format(time.RFC3339))
	}
	return nil
}
