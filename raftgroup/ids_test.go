package raftgroup

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
)

func TestKeyOfID(t *testing.T) {
	before := time.Now()
	v7, err := uuid.NewV7()
	after := time.Now()
	if err != nil {
		t.Fatal(err)
	}
	key, born := keyOfID(v7.String())
	if key != idKey(v7) {
		t.Errorf("the key of %s is %x", v7, key)
	}
	if at := time.UnixMilli(born); at.Before(before.Add(-time.Second)) || at.After(after.Add(time.Second)) {
		t.Errorf("%s was made at %s, not between %s and %s", v7, at, before, after)
	}
	if _, born := keyOfID(newID()); born != 0 {
		t.Errorf("an ID that is made here says that it was made at %d", born)
	}
	a, _ := keyOfID("order 1")
	b, _ := keyOfID("order 2")
	if a == b || a == (idKey{}) {
		t.Errorf("two texts have the keys %x and %x", a, b)
	}
	if x, y := newID(), newID(); x == y {
		t.Errorf("two IDs are %s", x)
	}
}

func TestWindow(t *testing.T) {
	var w window
	id := func(n int64) idKey { return idKey{byte(n), byte(n >> 8), byte(n >> 16), 1} }
	const length = 160 * time.Microsecond
	for seq := int64(1); seq <= 1000; seq++ {
		w.add(id(seq), idRef{seq, 0})
		if ref, ok := w.find(id(seq)); !ok || ref.seq != seq {
			t.Fatalf("ID %d is not known at once", seq)
		}
		w.addRow(idRow{seq: seq, age: seq, born: seq * 2})
		last, born, ok := w.due(seq, length)
		if !ok {
			continue
		}
		if born != last.seq*2 {
			t.Fatalf("the latest birth of what goes is %d, want %d", born, last.seq*2)
		}
		if last.age >= seq-160 {
			t.Fatalf("at %d the entry of %d goes", seq, last.age)
		}
		w.drop(last.seq)
		if _, ok := w.find(id(last.seq)); ok {
			t.Fatalf("ID %d is known after it went", last.seq)
		}
		if _, ok := w.find(id(last.seq + 1)); !ok {
			t.Fatalf("ID %d is gone with the one before", last.seq+1)
		}
	}
	if n := len(w.rows); n < 160 || n > 171 {
		t.Errorf("%d entries are remembered, want about 160", n)
	}
}

// What is kept of IDs follows how many are in the window, and the places to look
// through stay few.
func TestGenerations(t *testing.T) {
	var w window
	id := func(n int64) idKey { return idKey{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 1} }
	const entries, per, inWindow = 60_000, 5, 16_000
	for seq := int64(1); seq <= entries; seq++ {
		for place := range int32(per) {
			w.add(id(seq*per+int64(place)), idRef{seq, place})
		}
		if seq > inWindow && seq%500 == 0 {
			w.drop(seq - inWindow)
		}
		if seq%1000 != 0 {
			continue
		}
		kept, first := 0, max(1, w.floor+1)
		for i := range w.gens {
			kept += len(w.gens[i].ids)
		}
		known := int(seq-w.floor) * per
		if kept < known || kept > known*13/10+2*leastPerGeneration || len(w.gens) > 3*generationShare {
			t.Fatalf("after entry %d: %d IDs in %d generations, of which %d are in the window", seq, kept, len(w.gens), known)
		}
		for _, at := range []int64{first, (first + seq) / 2, seq} {
			if ref, ok := w.find(id(at*per + per - 1)); !ok || ref != (idRef{at, per - 1}) {
				t.Fatalf("after entry %d: the last ID of entry %d is at %v (%t)", seq, at, ref, ok)
			}
		}
		if _, ok := w.find(id((first - 1) * per)); ok {
			t.Fatalf("after entry %d: an ID of entry %d is known", seq, first-1)
		}
	}
}

func TestTooOld(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const length = 2 * time.Minute
	for _, c := range []struct {
		name   string
		born   time.Time
		forgot time.Time
		says   string
	}{
		{"just now", now, time.Time{}, ""},
		{"half a minute ago", now.Add(-30 * time.Second), time.Time{}, ""},
		{"half a minute ahead", now.Add(30 * time.Second), time.Time{}, ""},
		{"an hour ago", now.Add(-time.Hour), time.Time{}, "1h0m0s before the leader's time"},
		{"an hour ahead", now.Add(time.Hour), time.Time{}, "1h0m0s after the leader's time"},
		{"when others were forgotten", now, now.Add(time.Second), "are forgotten"},
	} {
		forgot := int64(0)
		if !c.forgot.IsZero() {
			forgot = c.forgot.UnixMilli()
		}
		err := tooOld(c.born.UnixMilli(), now.UnixMicro(), forgot, length)
		if (err != nil) != (c.says != "") || err != nil && (!strings.Contains(err.Error(), c.says) || op.CodeOf(err) != op.CodeValidation) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}

// Nodes may be configured to remember IDs for different times, as they are while
// a configuration is rolled out: their copies forget the same.
func TestWindowOfTheLeader(t *testing.T) {
	now := time.Now()
	g, a := single(t, Config{Window: 16 * time.Second, Clock: func() time.Time { return now }})
	_, b := single(t, Config{Window: time.Hour})
	a.before = func(entry []byte) error { return appliers.apply(b.c, b.path, entry) }
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	for range 40 {
		now = now.Add(10 * time.Second)
		run1(t, g, "INSERT INTO t DEFAULT VALUES")
	}
	var states [2]state
	var known [2]window
	for i, c := range []*conn.Conn{a.c, b.c} {
		var err error
		if states[i], err = readState(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if known[i], err = readIDs(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if states[0] != states[1] || !reflect.DeepEqual(known[0].rows, known[1].rows) {
		t.Errorf("copies differ:\n%+v with %d entries of IDs\n%+v with %d", states[0], len(known[0].rows), states[1], len(known[1].rows))
	}
	if n := len(known[0].rows); n == 0 || n > 20 {
		t.Errorf("IDs of %d entries are known, of 41 with a window of 16", n)
	}
}
