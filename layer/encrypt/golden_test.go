package encrypt

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write the golden files of the current format anew")

// sample is one value in one place.
type sample struct {
	key    []schema.Type // types of the key
	id     []any         // the row's key
	typ    schema.Type   // of the encrypted field
	v      any
	column string
}

func samples() []sample {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	text := []schema.Type{schema.String}
	return []sample{
		{text, []any{"a"}, schema.Text, "", "v"},
		{text, []any{"a"}, schema.Text, "naïve ☃\x00", "v"},
		{text, []any{"a,b\\"}, schema.String, "x", "v"},
		{text, []any{""}, schema.UUID, "01890a5d-ac96-774b-bcce-b302099a8057", "v"},
		{text, []any{"a"}, schema.Enum, "red", "v"},
		{text, []any{"a"}, schema.Time, "12:30:00.5", "v"},
		{text, []any{"a"}, schema.Integer, int64(-1), "v"},
		{text, []any{"a"}, schema.BigInteger, int64(-1 << 63), "v"},
		{text, []any{"a"}, schema.Float, 0.1, "v"},
		{text, []any{"a"}, schema.Decimal, decimal.RequireFromString("-12.30"), "v"},
		{text, []any{"a"}, schema.Boolean, true, "v"},
		{text, []any{"a"}, schema.Boolean, false, "v"},
		{text, []any{"a"}, schema.Date, day, "v"},
		{text, []any{"a"}, schema.DateTime, day.Add(86399999999 * time.Microsecond), "v"},
		{text, []any{"a"}, schema.DateTime, time.Time{}, "v"},
		{text, []any{"a"}, schema.Binary, []byte{0, 255}, "v"},
		{text, []any{"a"}, schema.Binary, []byte{}, "v"},
		{text, []any{"a"}, schema.JSON, op.JSON(`{"a":[1,null]}`), "v"},
		{text, []any{"a"}, schema.Array, op.JSON(`[]`), "another column"},
		{[]schema.Type{schema.BigInteger}, []any{int64(-7)}, schema.Text, "x", "v"},
		{[]schema.Type{schema.Boolean}, []any{true}, schema.Text, "x", "v"},
		{[]schema.Type{schema.DateTime}, []any{day.Add(time.Microsecond)}, schema.Text, "x", "v"},
		{[]schema.Type{schema.Binary}, []any{[]byte{1, 255}}, schema.Text, "x", "v"},
		{[]schema.Type{schema.Decimal}, []any{decimal.RequireFromString("100.50")}, schema.Text, "x", "v"},
		{[]schema.Type{schema.String, schema.Integer}, []any{"a,b", int64(2)}, schema.Text, "x", "v"},
	}
}

// cell makes the place of a sample.
func (s sample) cell(t testing.TB) *cell {
	t.Helper()
	m := &schema.Model{Name: "Thing", Table: "things", Fields: []*schema.Field{{Name: "v", Column: s.column, Type: s.typ, Encrypted: true}}}
	if s.typ == schema.Enum {
		m.Fields[0].Enum = []string{"red"}
	}
	for i, k := range s.key {
		m.Fields = append(m.Fields, &schema.Field{Name: fmt.Sprint("k", i), Type: k, Primary: true})
	}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	l := testLayer(t, nil)
	return l.model(set.Models[0]).cells[0]
}

// counter gives the bytes 0, 1, 2, …: no nonces for anything but tests.
type counter byte

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(*c)
		*c++
	}
	return len(b), nil
}

// testLayer has the keys k2 and k1, whose secrets are their IDs and dots.
func testLayer(t testing.TB, rand *counter) *layer {
	t.Helper()
	var keys []Key
	for _, id := range []string{"k2", "k1"} {
		k, err := NewKey(id, []byte(id+strings.Repeat(".", 30)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	ring, err := NewKeyRing(keys[0], keys[1])
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Ring: ring}
	if rand != nil {
		o.Rand = rand
	}
	return newLayer(o)
}

const goldenFile = "testdata/stored-v1.txt"

// TestStoredForm holds what format 1 is, byte by byte. The file is that of the
// version that wrote it first: every later version must open it.
func TestStoredForm(t *testing.T) {
	var n counter
	l := testLayer(t, &n)
	var lines []string
	for _, s := range samples() {
		stored, err := s.cell(t).seal(l, s.id, s.v)
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := stored.([]byte); ok {
			stored = "bytes " + base64.StdEncoding.EncodeToString(b)
		}
		lines = append(lines, fmt.Sprintf("%s of key %q: %v", s.typ, op.Key(s.id...), stored))
	}
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(goldenFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the stored form has changed; give it a new number and keep reading this one:\n%s", got)
	}
}

func TestStoredFormIsReadForEver(t *testing.T) {
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	list := samples()
	if len(lines) != len(list) {
		t.Fatalf("there are %d lines for %d samples", len(lines), len(list))
	}
	l := testLayer(t, nil)
	for i, s := range list {
		_, text, _ := strings.Cut(lines[i], `": `)
		var stored any = text
		if b64, ok := strings.CutPrefix(text, "bytes "); ok {
			b, err := base64.StdEncoding.DecodeString(b64)
			if err != nil {
				t.Fatal(err)
			}
			stored = b
		}
		got, err := s.cell(t).open(l, s.id, stored)
		if err != nil {
			t.Error(err)
			continue
		}
		if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", s.v) || op.CompareValues(got, s.v) != 0 {
			t.Errorf("%s: got %v (%T), want %v", lines[i], got, got, s.v)
		}
		other := append(append([]any(nil), s.id[:len(s.id)-1]...), "other")
		if _, err := s.cell(t).open(l, other, stored); err == nil {
			t.Errorf("%s opens in another row", lines[i])
		}
	}
}

// FuzzOpen gives the decoder anything: it must refuse it, not panic, and never
// show what it was given. Only what was sealed opens.
func FuzzOpen(f *testing.F) {
	var n counter
	l := testLayer(f, &n)
	all := samples()
	good := map[string]bool{}
	for i, s := range all {
		stored, err := s.cell(f).seal(l, s.id, s.v)
		if err != nil {
			f.Fatal(err)
		}
		text, _ := storedText(stored)
		good[text] = true
		f.Add(uint8(i), []byte(text))
		f.Add(uint8(i), []byte(text[:len(text)-1]))
	}
	for _, s := range []string{"", "weft:", "weft:0:", "weft:0:1", "weft:1:", "weft:1:k1", "weft:1:k1:", "weft:1::AAAA", "weft:99999:k1:", "weft:2:x", "plain", "\xff\xfe"} {
		f.Add(uint8(1), []byte(s))
		f.Add(uint8(15), []byte(s))
	}
	cells := make([]*cell, len(all))
	for i, s := range all {
		cells[i] = s.cell(f)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		i := int(which) % len(all)
		c, s := cells[i], all[i]
		var stored any = string(data)
		if c.binary {
			stored = data
		}
		p := split(string(data))
		_, err := c.open(l, s.id, stored)
		switch {
		case err == nil && p.state == isNone:
		case err == nil:
			// Base64 has spellings of its own; what was encrypted is the same.
			if clear, derr := c.decrypt(l, s.id, p); derr != nil || len(clear) == 0 || p.state != isSealed {
				t.Fatalf("%q opens", data)
			}
		case op.CodeOf(err) != op.CodeDatabase && op.CodeOf(err) != op.CodeUnsupported:
			t.Fatalf("%q: %v", data, err)
		}
		_, _ = adopted(c.f, stored)
	})
}

// FuzzReadValue reads anything as the bytes that were encrypted.
func FuzzReadValue(f *testing.F) {
	for _, s := range samples() {
		b, err := appendValue(nil, s.v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := readValue(b)
		if !ok {
			return
		}
		again, err := appendValue(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if w, ok := readValue(again); !ok || op.KeyString([]any{v}) != op.KeyString([]any{w}) {
			t.Fatalf("%v comes back as %v", v, w)
		}
	})
}
