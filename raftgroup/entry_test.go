package raftgroup

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

func someEntry() *entry {
	return &entry{
		nonce: newNonce(), stamp: time.UnixMicro(1_700_000_000_123_456).UTC(), seed: 1<<63 + 7, window: 5 * time.Minute, sets: []setHash{{1, 2}, {3}},
		members: []member{
			{kind: memberOp, id: idKey{1, 2, 3}, born: 1_700_000_000_000, set: 1, body: []byte("an operation")},
			{kind: memberNothing, set: -1, body: []byte{}},
			{kind: memberRestore, id: idKey{9}, set: -1, body: bytes.Repeat([]byte("x"), 1000)},
		},
	}
}

func TestEntry(t *testing.T) {
	e := someEntry()
	data := e.append([]byte("before"))
	got, err := decodeEntry(data[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, e) {
		t.Errorf("%+v became %+v", e, got)
	}
	data = e.append(nil)
	for i := range data {
		broken := bytes.Clone(data)
		broken[i] ^= 0x10
		if _, err := decodeEntry(broken); err == nil {
			t.Errorf("byte %d is another one, and nobody notices", i)
		} else if i != 1 && !errors.Is(err, errDamaged) {
			t.Errorf("byte %d is another one: %v", i, err)
		} else if i == 1 && !errors.Is(err, errNewer) {
			t.Errorf("another version: %v", err)
		}
		if _, err := decodeEntry(data[:i]); err == nil {
			t.Errorf("cut at %d, and nobody notices", i)
		}
	}
}

// A kind of a later version must not be passed over.
func TestEntryOfLaterVersion(t *testing.T) {
	e := someEntry()
	e.members[1].kind = memberKindLast + 1
	if _, err := decodeEntry(e.append(nil)); !errors.Is(err, errNewer) {
		t.Errorf("a member of an unknown kind: %v", err)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(someEntry().append(nil))
	f.Add((&entry{}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeEntry(data)
		if err != nil {
			// What is behind a right checksum has to be read safely too.
			var any entry
			any.members = []member{{kind: memberOp, set: -1, body: data}}
			if _, err := decodeEntry(any.append(nil)); err != nil {
				t.Fatal(err)
			}
			return
		}
		if again := e.append(nil); data[1] == entryVersion && !bytes.Equal(again, data) {
			t.Fatalf("%x became %x", data, again)
		}
	})
}

func FuzzParts(f *testing.F) {
	p := program{now: time.UnixMicro(5), sets: []setHash{{1}}, items: []item{{kind: itemBegin}, {kind: itemOp, set: 0, body: []byte("x"), pure: true, seq: 4}, {kind: itemPragma, body: []byte("y")}, {kind: itemRelease}}}
	f.Add(p.append(nil))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodeProgram(data); err == nil {
			if q, err := decodeProgram(p.append(nil)); err != nil || len(q.items) != len(p.items) {
				t.Fatalf("%+v became %+v (%v)", p, q, err)
			}
		}
		_, _ = decodeAnswers(data)
		_ = known(data)
		_ = kept(data, 3)
		s := spool{width: 3}
		_, _ = s.parse(data)
	})
}
