package encrypt_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

const ssn = "078-05-1120 Plaintext"

func TestTheFileHoldsCiphertexts(t *testing.T) {
	p := onFile(t, "k1")
	for _, id := range []string{"a", "b"} {
		p.insert(p.person, map[string]any{"id": id, "name": "Plain Name", "ssn": ssn, "pay": 4711, "notes": op.JSON(`{"k":"Plaintext"}`), "photo": []byte("Plaintext"), "born": "1990-01-02", "rate": "1.50"})
	}
	p.do(op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("name", op.Eq, "Plain Name"), Set: []op.Assign{{Field: "ssn", Value: ssn}}})
	p.insert(p.visit, map[string]any{"personId": "a", "finding": "Plaintext"})
	for _, column := range []string{"ssn", "pay", "rate", "born", "notes"} {
		a, b := p.stored("a", column), p.stored("b", column)
		for _, v := range []any{a, b} {
			if s, ok := v.(string); !ok || !strings.HasPrefix(s, "weft:1:k1:") {
				t.Errorf("%s is stored as %v", column, v)
			}
		}
		if a == b {
			t.Errorf("equal values of %s are stored alike", column)
		}
	}
	if v, ok := p.stored("a", "photo").([]byte); !ok || !bytes.HasPrefix(v, []byte("weft:1:k1:")) {
		t.Errorf("photo is stored as %v", v)
	}
	p.is("a", "ssn", ssn)
	p.is("b", "photo", []byte("Plaintext"))
	if err := p.eng.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{p.path, p.path + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("Plaintext")) || bytes.Contains(data, []byte("078-05")) {
			t.Errorf("%s has a clear value in it", name)
		}
	}
}

// A ciphertext opens where it belongs and nowhere else.
func TestCiphertextsStayWhereTheyAre(t *testing.T) {
	p := onFile(t, "k1")
	for _, id := range []string{"a", "b"} {
		p.insert(p.person, map[string]any{"id": id, "ssn": "of " + id, "notes": op.JSON(`"of ` + id + `"`)})
	}
	p.insert(p.visit, map[string]any{"id": 1, "personId": "a", "finding": "of 1"})
	was := p.stored("b", "ssn")

	p.store("b", "ssn", p.stored("a", "ssn"))
	_, err := p.get("b")
	says(t, err, `Person.ssn of "b"`, `does not open with key "k1"`, "comes from another row or field")
	p.store("b", "ssn", p.stored("b", "notes"))
	_, err = p.get("b", "ssn")
	says(t, err, `Person.ssn of "b"`, "does not open")
	p.store("b", "ssn", p.raw("SELECT finding FROM visits")[0][0])
	if _, err = p.get("b", "ssn"); op.CodeOf(err) != op.CodeDatabase {
		t.Errorf("got %v", err)
	}
	p.raw("UPDATE people SET id = 'c' WHERE id = 'a'")
	_, err = p.get("c", "ssn")
	says(t, err, `Person.ssn of "c"`, "does not open")
	p.store("b", "ssn", was)
	p.is("b", "ssn", "of b")
}

func TestWhatDoesNotOpen(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": ssn, "photo": []byte(ssn)})
	good, photo := p.stored("a", "ssn").(string), p.stored("a", "photo").([]byte)
	head := "weft:1:k1:"
	for name, c := range map[string]struct {
		stored any
		code   op.Code
		says   []string
	}{
		"plaintext":       {ssn, op.CodeDatabase, []string{"is not encrypted", "Rotation.Adopt"}},
		"empty":           {"", op.CodeDatabase, []string{"is not encrypted"}},
		"nearly ours":     {"weft:hello", op.CodeDatabase, []string{"is not encrypted"}},
		"number":          {int64(5), op.CodeDatabase, []string{"is not encrypted"}},
		"newer":           {"weft:2:k1:AAAA", op.CodeUnsupported, []string{"format 2, this version knows format 1"}},
		"no key":          {"weft:1:", op.CodeDatabase, []string{"damaged"}},
		"bad key ID":      {"weft:1:k 1:AAAA", op.CodeDatabase, []string{"damaged"}},
		"unknown key":     {strings.Replace(good, "k1", "k0", 1), op.CodeDatabase, []string{`encrypted under key "k0"`, "not in the key ring (k1)"}},
		"no base64":       {head + "!!!!", op.CodeDatabase, []string{`under key "k1"`, "no base64"}},
		"nothing behind":  {head, op.CodeDatabase, []string{"cut off"}},
		"cut":             {good[:len(good)-4], op.CodeDatabase, []string{`does not open with key "k1"`}},
		"cut to the head": {good[:len(head)+20], op.CodeDatabase, []string{"cut off"}},
		"longer":          {good + "AAAA", op.CodeDatabase, []string{"does not open"}},
		"placeholder":     {schema.NoValue + "0011:3", op.CodeDatabase, []string{"damaged"}},
	} {
		p.store("a", "ssn", c.stored)
		_, err := p.get("a")
		if op.CodeOf(err) != c.code {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		says(t, err, append(c.says, `Person.ssn of "a"`)...)
		if strings.Contains(err.Error(), "078-05") || strings.Contains(err.Error(), good[len(head)+2:len(head)+12]) {
			t.Errorf("%s: the error shows what is stored: %v", name, err)
		}
		// The same through a sink, and what is not asked for does no harm.
		rec := &keeper{}
		res, err := p.try(op.Op{Kind: op.Find, Model: p.person, Sink: rec})
		if _, err = read(res, err); op.CodeOf(err) != c.code || rec.rows != 0 {
			t.Errorf("%s: a sink got %d rows and %v", name, rec.rows, err)
		}
		if _, err := p.get("a", "name", "photo"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every byte counts.
	p.store("a", "ssn", good)
	body, err := base64.RawURLEncoding.DecodeString(good[len(head):])
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		bad := bytes.Clone(body)
		bad[i] ^= 1
		p.store("a", "ssn", head+base64.RawURLEncoding.EncodeToString(bad))
		if _, err := p.get("a", "ssn"); err == nil {
			t.Fatalf("a change of byte %d is not noticed", i)
		}
	}
	p.store("a", "ssn", good)
	for i := range photo {
		p.store("a", "photo", photo[:i])
		if _, err := p.get("a", "photo"); err == nil {
			t.Fatalf("%d bytes of %d open", i, len(photo))
		}
	}
	p.store("a", "photo", photo)
	p.is("a", "photo", []byte(ssn))
	// Another secret under the same ID.
	other, err := encrypt.NewKey("k1", bytes.Repeat([]byte("x"), 32))
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := encrypt.NewKeyRing(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(encrypt.New(encrypt.Options{Ring: wrong})(p.below).Do(t.Context(), op.Op{Kind: op.Find, Model: p.person}))
	says(t, err, `does not open with key "k1"`, "or the key is another one")
}

// keeper is a sink that only counts.
type keeper struct {
	op.Sink
	rows int
}

func (k *keeper) Begin()            {}
func (k *keeper) Null(int)          {}
func (k *keeper) Int(int, int64)    {}
func (k *keeper) Text(int, string)  {}
func (k *keeper) Bytes(int, []byte) {}
func (k *keeper) Value(int, any)    {}
func (k *keeper) End() error        { k.rows++; return nil }

func TestOlderKeysOnlyRead(t *testing.T) {
	p := onFile(t, "old")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1"})
	p.open("new", "old")
	p.is("a", "ssn", "1")
	p.insert(p.person, map[string]any{"id": "b", "ssn": "2"})
	p.do(op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "a"), Set: []op.Assign{{Field: "pay", Value: 3}}})
	for place, key := range map[string]string{"a ssn": "old", "a pay": "new", "b ssn": "new"} {
		id, column, _ := strings.Cut(place, " ")
		if v := p.stored(id, column); !strings.HasPrefix(v.(string), "weft:1:"+key+":") {
			t.Errorf("%s is stored as %v", place, v)
		}
	}
	p.open("new")
	_, err := p.get("a")
	says(t, err, `Person.ssn of "a"`, `under key "old"`, "(new)")
	p.is("b", "ssn", "2")
	p.is("a", "pay", int64(3))
}

// The key of a row is taken from the row, also where the database takes
// another spelling for the same.
func TestKeysInOtherLetters(t *testing.T) {
	p := onFile(t, "k1")
	p.raw("DROP TABLE people")
	p.raw("CREATE TABLE people (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, name TEXT NOT NULL, ssn TEXT NOT NULL, pay TEXT, rate TEXT, born TEXT, notes TEXT, photo BLOB, ver INTEGER NOT NULL)")
	p.open("k1")
	p.insert(p.person, map[string]any{"id": "abc", "ssn": "1"})
	set := func(v string) []op.Assign { return []op.Assign{{Field: "ssn", Value: v}} }
	o := op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "ABC"), Set: set("2"), Returning: true, Fields: []string{"ssn", "ver"}}
	got, err := read(p.try(o))
	if err != nil || len(got) != 1 || got[0][0] != "2" || got[0][1] != int64(2) {
		t.Fatalf("got %v, %v", got, err)
	}
	p.is("abc", "ssn", "2")
	if res := p.do(op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "aBC"), Set: set("3")}}}); res.Batch[0].N != 1 {
		t.Errorf("%d rows", res.Batch[0].N)
	}
	p.is("abc", "ssn", "3")
	up := op.Op{Kind: op.Upsert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "AbC", "ssn": "4"})}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"ssn"}}}
	p.do(up)
	p.is("abc", "ssn", "4")
	o.Filter = op.Cmp("id", op.Eq, "abcd")
	if got, err := read(p.try(o)); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFieldsThatCameLater(t *testing.T) {
	type Old struct {
		ID string `weft:"primary,type=string"`
	}
	type New struct {
		ID    string          `weft:"primary,type=string"`
		Text  string          `weft:"encrypted"`
		Lang  string          `weft:"encrypted,default=en"`
		Level int64           `weft:"encrypted,default=3"`
		Raw   []byte          `weft:"encrypted"`
		Doc   *map[string]any `weft:"encrypted,type=json"`
		Tags  []string        `weft:"encrypted"`
		Kind  string          `weft:"encrypted,enum=a|b"`
	}
	path := t.TempDir() + "/later.db"
	table := func(v any, name string) *schema.Set {
		m, err := schema.FromStruct(v)
		if err != nil {
			t.Fatal(err)
		}
		m.Table = "things"
		s, err := schema.Build(m)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := opened(t, sqlite.Open(path), table(Old{}, "Old"))
	m := table(Old{}, "Old").Model("Old")
	if _, err := old.Do(t.Context(), op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"a"}}}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	models := table(New{}, "New")
	eng := opened(t, encrypt.New(encrypt.Options{Ring: ring(t, "k1")})(sqlite.Open(path)), models)
	got, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: models.Model("New")}))
	want := "[[a  en 3 [] <nil> [] a]]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
}

func TestRenamed(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1"})
	p.raw("ALTER TABLE people RENAME TO humans")
	p.raw("ALTER TABLE humans RENAME COLUMN ssn TO number")
	type Human struct {
		ID     string `weft:"primary,type=string"`
		Number string `weft:"encrypted,renamed_from=ssn"`
	}
	m, err := schema.FromStruct(Human{})
	if err != nil {
		t.Fatal(err)
	}
	m.Table, m.RenamedFrom = "humans", "people"
	models, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	eng := encrypt.New(encrypt.Options{Ring: p.ring})(p.below)
	got, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: models.Model("Human")}))
	if err != nil || fmt.Sprint(got) != "[[a 1]]" {
		t.Errorf("got %v, %v", got, err)
	}
	m2, err := schema.FromStruct(Human{})
	if err != nil {
		t.Fatal(err)
	}
	m2.Table = "humans"
	models, err = schema.Build(m2)
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: models.Model("Human")}))
	says(t, err, `Human.number of "a"`, "does not open")
}

func TestChangedTypes(t *testing.T) {
	for _, c := range []struct {
		from, to schema.Type
		v        any
		want     any
	}{
		{schema.Integer, schema.BigInteger, int64(5), int64(5)},
		{schema.BigInteger, schema.Integer, int64(1 << 40), int64(1 << 40)},
		{schema.Integer, schema.Float, int64(5), 5.0},
		{schema.String, schema.Text, strings.Repeat("x", 300), strings.Repeat("x", 300)},
		{schema.Text, schema.String, strings.Repeat("x", 300), strings.Repeat("x", 300)},
		{schema.Text, schema.Enum, "z", "z"},
		{schema.Text, schema.Integer, "5", nil},
		{schema.Boolean, schema.Text, true, nil},
	} {
		models := func(typ schema.Type) *schema.Set {
			s, err := schema.Build(&schema.Model{Name: "M", Fields: []*schema.Field{
				{Name: "id", Type: schema.String, Primary: true}, {Name: "v", Type: typ, Encrypted: true, Enum: map[schema.Type][]string{schema.Enum: {"a"}}[typ]},
			}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		from, to := models(c.from), models(c.to)
		eng, _ := inMemory(t, from, "k1")
		if _, err := eng.Do(t.Context(), op.Op{Kind: op.Insert, Model: from.Model("M"), Rows: [][]any{{"a", c.v}}}); err != nil {
			t.Fatal(err)
		}
		got, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: to.Model("M")}))
		switch {
		case c.want == nil:
			says(t, err, `M.v of "a"`, `under key "k1"`, "the type of the field has changed")
		case err != nil || op.CompareValues(got[0][1], c.want) != 0:
			t.Errorf("%s read as %s: got %v, %v", c.from, c.to, got, err)
		}
	}
}

func TestKeysCannotChange(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1"})
	for _, o := range []op.Op{
		{Kind: op.Update, Model: p.person, Set: []op.Assign{{Field: "id", Value: "b"}}},
		{Kind: op.Upsert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a"})}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"id"}}},
		{Kind: op.Upsert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a"})}, Conflict: &op.Conflict{Fields: []string{"id"}, Set: []op.Assign{{Field: "id", Value: "c"}}}},
	} {
		_, err := p.try(o)
		if op.CodeOf(err) != op.CodeUnsupported {
			t.Errorf("%s: %v", o.Kind, err)
		}
		says(t, err, "Person.id cannot be changed", "bound to the key of their row")
	}
	p.is("a", "ssn", "1")
}

func TestExplain(t *testing.T) {
	p := onFile(t, "k1")
	key := op.Cmp("id", op.Eq, "a")
	set := []op.Assign{{Field: "ssn", Value: ssn}}
	guard := []op.Guard{{Kind: op.GuardMust, Model: p.person, Filter: key, Must: op.Cmp("ssn", op.Eq, ssn)}}
	for _, c := range []struct {
		o    op.Op
		note string
	}{
		{op.Op{Kind: op.Insert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a", "ssn": ssn})}}, ""},
		{op.Op{Kind: op.Update, Model: p.person, Filter: key, Set: set}, ""},
		{op.Op{Kind: op.Update, Model: p.person, Set: set}, "row by row"},
		{op.Op{Kind: op.Update, Model: p.person, Filter: key, Set: set, Guards: guard}, "rows are read first"},
		{op.Op{Kind: op.Find, Model: p.person, Fields: []string{"ssn"}}, ""},
	} {
		c.o.Explain = true
		res := p.do(c.o)
		text := fmt.Sprint(res.Plan, res.Plan.Args)
		if len(res.Plan.SQL) == 0 || strings.Contains(text, "078-05") || !strings.Contains(strings.Join(res.Plan.Notes, "; "), c.note) {
			t.Errorf("%s: %s", c.o.Describe(), text)
		}
	}
	if n := p.do(op.Op{Kind: op.Count, Model: p.person}).N; n != 0 {
		t.Errorf("%d rows", n)
	}
}

// An engine that is asked for a model with encrypted fields and no layer above
// it refuses, before anything is stored in the clear.
func TestEnginesRefuseClearModels(t *testing.T) {
	p := onFile(t, "k1")
	_, err := p.below.Do(t.Context(), op.Op{Kind: op.Insert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a"})}})
	if op.CodeOf(err) != op.CodeUnsupported {
		t.Errorf("got %v", err)
	}
	says(t, err, "Person.ssn is encrypted", "weft.Encrypt")
}

func TestColumnsThatCannotHoldCiphertexts(t *testing.T) {
	p := onFile(t, "k1")
	p.raw("DROP TABLE people")
	p.raw("CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, pay INTEGER)")
	_, err := p.eng.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: p.models, Apply: true}})
	says(t, err, "people.pay", "INTEGER", "note that the encrypted fields Person.ssn, Person.pay", "need columns of text")
}

// transactionless is an engine that cannot begin.
type transactionless struct{ op.Engine }

func (e transactionless) Caps() op.Caps {
	c := e.Engine.Caps()
	c.Flags &^= op.CapTransactions | op.CapNestedTransactions
	return c
}

func TestWithoutTransactions(t *testing.T) {
	p := onFile(t, "k1")
	eng := encrypt.New(encrypt.Options{Ring: p.ring})(transactionless{p.below})
	do := func(o op.Op) error { _, err := eng.Do(t.Context(), o); return err }
	rows := [][]any{row(t, p.person, map[string]any{"id": "a", "ssn": "1"})}
	if err := do(op.Op{Kind: op.Insert, Model: p.person, Rows: rows}); err != nil {
		t.Error(err)
	}
	err := do(op.Op{Kind: op.Update, Model: p.person, Set: []op.Assign{{Field: "ssn", Value: "2"}}})
	if op.CodeOf(err) != op.CodeUnsupported {
		t.Errorf("got %v", err)
	}
	says(t, err, "has no transactions")
	p.is("a", "ssn", "1")
}

// An error between the steps of an operation leaves nothing of it.
func TestStepsAreOne(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1"})
	faults, sw := fault.New(fault.Options{})
	eng := encrypt.New(encrypt.Options{Ring: p.ring})(faults(p.below))
	down := op.Errorf(op.CodeDatabase, "the disk is gone")
	writes := []op.Op{
		{Kind: op.Update, Model: p.person, Set: []op.Assign{{Field: "ssn", Value: "2"}, {Field: "name", Value: "changed"}}},
		{Kind: op.Insert, Model: p.visit, Rows: [][]any{row(t, p.visit, map[string]any{"personId": "a", "finding": "x"})}},
		{Kind: op.Upsert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a", "ssn": "3"})}, Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"ssn"}}},
	}
	do := map[string]func(o op.Op) error{
		"alone": func(o op.Op) error { _, err := eng.Do(t.Context(), o); return err },
		"in a transaction": func(o op.Op) error {
			tx, err := eng.Begin(t.Context(), op.TxOptions{})
			if err != nil {
				return err
			}
			_, err = tx.Do(t.Context(), o)
			if cerr := tx.Commit(t.Context()); cerr != nil {
				t.Fatal(cerr)
			}
			return err
		},
	}
	for name, do := range do {
		for _, o := range writes {
			remove := sw.Add(fault.Rule{At: fault.Do, Kind: op.Batch, Err: down})
			if err := do(o); !errors.Is(err, down) {
				t.Errorf("%s %s: %v", o.Describe(), name, err)
			}
			remove()
			if n := p.do(op.Op{Kind: op.Count, Model: p.visit}).N; n != 0 {
				t.Errorf("%s %s: there is a visit", o.Describe(), name)
			}
			p.is("a", "ssn", "1")
			p.is("a", "name", "")
			p.is("a", "ver", int64(1))
		}
	}
}

func TestWithoutKeys(t *testing.T) {
	p := onFile(t, "k1")
	_, err := encrypt.New(encrypt.Options{})(p.below).Do(t.Context(), op.Op{Kind: op.Find, Model: p.person})
	says(t, err, "without a key ring")
	says(t, encrypt.Rotate(t.Context(), p.below, p.models, encrypt.Options{}, encrypt.Rotation{}), "without a key ring")
	_, err = encrypt.Uses(t.Context(), p.below, p.models, encrypt.Options{})
	says(t, err, "without a key ring")
}

func TestNoRandomness(t *testing.T) {
	p := onFile(t, "k1")
	eng := encrypt.New(encrypt.Options{Ring: p.ring, Rand: strings.NewReader("short")})(p.below)
	for _, o := range []op.Op{
		{Kind: op.Insert, Model: p.person, Rows: [][]any{row(t, p.person, map[string]any{"id": "a", "ssn": "1"})}},
		{Kind: op.Update, Model: p.person, Set: []op.Assign{{Field: "ssn", Value: "2"}}},
	} {
		_, err := eng.Do(t.Context(), o)
		if op.CodeOf(err) != op.CodeInternal || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", o.Describe(), err)
		}
	}
	if n := p.do(op.Op{Kind: op.Count, Model: p.person}).N; n != 0 {
		t.Errorf("%d rows", n)
	}
}

// The caller's rows and lists are left as they are.
func TestNothingOfTheCallersIsChanged(t *testing.T) {
	p := onFile(t, "k1")
	r := row(t, p.person, map[string]any{"id": "a", "ssn": "1"})
	was := slices.Clone(r)
	set := []op.Assign{{Field: "ssn", Value: "2"}}
	guards := []op.Guard{{Kind: op.GuardMust, Model: p.person, Filter: op.Cmp("id", op.Eq, "a"), Must: op.Cmp("ssn", op.Eq, "1")}}
	p.do(op.Op{Kind: op.Insert, Model: p.person, Rows: [][]any{r}})
	p.do(op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "a"), Set: set, Guards: guards})
	if !slices.Equal(r, was) || set[0].Value != "2" || guards[0].Model != p.person || guards[0].Must.Value != "1" {
		t.Errorf("changed: %v %v %v", r, set, guards)
	}
}

func TestManyAtOnce(t *testing.T) {
	p := onFile(t, "k1")
	for i := range 4 {
		p.insert(p.person, map[string]any{"id": fmt.Sprint(i), "ssn": "start"})
	}
	errs := make(chan error, 8)
	for g := range 8 {
		go func() {
			errs <- func() error {
				for i := range 30 {
					o := op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, fmt.Sprint(i%4)), Set: []op.Assign{{Field: "ssn", Value: fmt.Sprint(g, i)}}}
					if i%5 == 0 {
						o.Filter = op.Cond{}
					}
					if _, err := p.eng.Do(context.Background(), o); err != nil {
						return err
					}
					if _, err := read(p.eng.Do(context.Background(), op.Op{Kind: op.Find, Model: p.person})); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A table made elsewhere may hold a key in another spelling than the one that
// finds it. Then nothing is written, for its ciphertext could not be.
func TestKeysThatAreNotFoundAgain(t *testing.T) {
	p := onFile(t, "k1")
	p.raw("CREATE TABLE times (at TEXT NOT NULL PRIMARY KEY, n INTEGER, v TEXT NOT NULL)")
	p.raw("INSERT INTO times VALUES ('2024-02-29T12:00:00Z', 1, 'weft:0:')")
	models, err := schema.Build(&schema.Model{Name: "Moment", Table: "times", Fields: []*schema.Field{
		{Name: "at", Type: schema.DateTime, Primary: true}, {Name: "n", Type: schema.Integer, Nullable: true}, {Name: "v", Type: schema.Text, Encrypted: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := models.Model("Moment")
	eng := encrypt.New(encrypt.Options{Ring: p.ring})(p.below)
	_, err = eng.Do(t.Context(), op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("n", op.Eq, int64(1)), Set: []op.Assign{{Field: "v", Value: "x"}, {Field: "n", Value: int64(2)}}})
	says(t, err, "Moment: a row that was written cannot be found again by its key")
	if got := fmt.Sprint(p.raw("SELECT n, v FROM times")); got != "[[1 weft:0:]]" {
		t.Errorf("the row is %s", got)
	}
}

// A conflict does not show a row that the operation may not see.
func TestGuardsShowNothingHidden(t *testing.T) {
	p := onFile(t, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1", "name": "of ann"})
	one := op.Cmp("id", op.Eq, "a")
	for name, shown := range map[string]bool{"of ann": true, "of bob": false} {
		_, err := p.try(op.Op{
			Kind: op.Update, Model: p.person, Filter: one, Using: op.Cmp("name", op.Eq, name), Set: []op.Assign{{Field: "ssn", Value: "2"}},
			Guards: []op.Guard{{Kind: op.GuardMust, Model: p.person, Filter: one, Must: op.Cmp("ssn", op.Eq, "other")}},
		})
		var c *op.ConflictError
		if !errors.As(err, &c) || c.Reason != op.ReasonStale || c.ID != "a" || (c.Current != nil) != shown {
			t.Errorf("%s: %v, the row is %v", name, err, c)
		}
	}
	p.is("a", "ssn", "1")
}
