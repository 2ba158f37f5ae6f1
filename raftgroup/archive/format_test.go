package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

// records are entries that follow each other, from a sequence on. Those of two
// histories differ.
func records(first, n int64, history string) []Record {
	list := make([]Record, n)
	var before Chain
	copy(before[:], fmt.Sprintf("%s %d", history, first-1))
	for i := range list {
		seq := first + int64(i)
		r := Record{Sequence: seq, Stamp: time.UnixMicro(1_700_000_000_000_000 + seq).UTC(), Before: before, Entry: []byte(strings.Repeat("x", i%7) + history)}
		copy(r.After[:], fmt.Sprintf("%s %d", history, seq))
		list[i], before = r, r.After
	}
	return list
}

var head = Header{Group: "ns/default", Node: "12D3", Made: time.UnixMicro(1_600_000_000_000_000).UTC(), First: 41}

func encoded(list []Record) []byte {
	h := head
	h.First, h.Before = list[0].Sequence, list[0].Before
	b := h.append(nil)
	for i := range list {
		b = list[i].append(b)
	}
	return b
}

// decoded reads a segment to its end, or to where it is torn.
func decoded(b []byte) (h Header, list []Record, err error) {
	d, err := NewDecoder(bytes.NewReader(b))
	if err != nil {
		return h, nil, err
	}
	for {
		r, err := d.Next()
		if err == io.EOF {
			return d.Header(), list, nil
		}
		if err != nil {
			return d.Header(), list, err
		}
		list = append(list, r)
	}
}

func same(a, b []Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Sequence != b[i].Sequence || !a[i].Stamp.Equal(b[i].Stamp) || a[i].Before != b[i].Before || a[i].After != b[i].After || !bytes.Equal(a[i].Entry, b[i].Entry) {
			return false
		}
	}
	return true
}

func TestFormat(t *testing.T) {
	want := records(41, 9, "a")
	b := encoded(want)
	h, got, err := decoded(b)
	if err != nil || !same(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	exp := head
	exp.Before = want[0].Before
	if h != exp {
		t.Errorf("%+v", h)
	}
	// Cut anywhere, it gives what is whole, and says that it ended early unless it
	// was cut between two entries.
	size := len(encoded(want[:1])) - want[0].size()
	for n := range b {
		_, got, err := decoded(b[:n])
		whole, between := 0, n == size
		for end := size; whole < len(want) && end+want[whole].size() <= n; whole++ {
			end += want[whole].size()
			between = end == n
		}
		if !same(got, want[:whole]) || between != (err == nil) || err != nil && !errors.Is(err, ErrTorn) {
			t.Fatalf("cut at %d: %d entries of %d, %v", n, len(got), whole, err)
		}
	}
	// A bit that flips is found, wherever it is.
	for n := range b {
		bad := bytes.Clone(b)
		bad[n] ^= 0x10
		_, got, err := decoded(bad)
		if !errors.Is(err, ErrTorn) && !errors.Is(err, ErrNewer) || !same(got, want[:len(got)]) {
			t.Fatalf("flipped at %d: %v", n, err)
		}
	}
	b[len(magic)]++
	if _, _, err := decoded(b); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "update this program") {
		t.Error(err)
	}
}

// What an earlier version wrote can be read.
func TestFormatOfVersion1(t *testing.T) {
	path := filepath.Join("testdata", "v1"+Suffix)
	want := records(41, 3, "a")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := decoded(b); err != nil || !same(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// Entries that do not follow each other are not of one segment.
func TestOrder(t *testing.T) {
	list := records(41, 3, "a")
	list[2].Sequence++
	if _, got, err := decoded(encoded(list)); !errors.Is(err, ErrTorn) || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	list = records(41, 3, "a")
	list[1].Stamp = list[0].Stamp.Add(-time.Microsecond)
	if _, got, err := decoded(encoded(list)); !errors.Is(err, ErrTorn) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// What the decoder takes is what would have been written.
func FuzzDecoder(f *testing.F) {
	b := encoded(records(41, 4, "a"))
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add(append(bytes.Clone(b), 0, 0, 0, 1, 2))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, list, err := decoded(b)
		if err != nil && list == nil {
			return
		}
		again := h.append(nil)
		for i := range list {
			again = list[i].append(again)
		}
		if err == nil && !bytes.Equal(again, b) || !bytes.HasPrefix(b, again) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
