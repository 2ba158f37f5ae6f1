package encrypt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// rotate rotates to the ring of these keys.
func (p *people) rotate(how encrypt.Rotation, ids ...string) error {
	p.Helper()
	return encrypt.Rotate(ctx(p), p.below, p.models, encrypt.Options{Ring: ring(p, ids...)}, how)
}

// uses tells what is under which key: "Person.ssn new=3 old=0; …", fields
// without values left out.
func (p *people) uses(ids ...string) string {
	p.Helper()
	list, err := encrypt.Uses(ctx(p), p.below, p.models, encrypt.Options{Ring: ring(p, ids...)})
	if err != nil {
		p.Fatal(err)
	}
	return usesText(list)
}

func usesText(list []encrypt.KeyUse) string {
	var out []string
	of := map[string][]string{}
	some := map[string]bool{}
	for _, u := range list {
		name := u.Model + "." + u.Field
		if of[name] == nil {
			out = append(out, name)
		}
		of[name] = append(of[name], fmt.Sprintf("%s=%d", u.Key, u.Rows))
		some[name] = some[name] || u.Rows > 0
	}
	var text []string
	for _, name := range out {
		if some[name] {
			text = append(text, name+" "+strings.Join(of[name], " "))
		}
	}
	return strings.Join(text, "; ")
}

func TestRotate(t *testing.T) {
	p := onFile(t, "old")
	for i := range 25 {
		p.insert(p.person, map[string]any{"id": fmt.Sprintf("%02d", i), "ssn": fmt.Sprint("s", i), "photo": []byte{byte(i)}})
	}
	p.do(op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "03"), Set: []op.Assign{{Field: "pay", Value: 1}, {Field: "photo", Value: nil}}})
	p.insert(p.visit, map[string]any{"personId": "00", "finding": "f"})
	p.open("new", "old")
	p.insert(p.person, map[string]any{"id": "99", "ssn": "already"})
	p.do(op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, "04"), Set: []op.Assign{{Field: "pay", Value: 2}}})
	if got, want := p.uses("new", "old"), "Person.ssn new=1 old=25; Person.pay new=1 old=1; Person.photo new=0 old=24; Visit.finding new=0 old=1"; got != want {
		t.Fatalf("before: %s", got)
	}
	was := p.stored("99", "ssn")
	versions := p.raw("SELECT id, ver FROM people ORDER BY id")
	var told []string
	err := p.rotate(encrypt.Rotation{Batch: 10, Progress: func(m string, done, total int64) {
		told = append(told, fmt.Sprint(m, " ", done, "/", total))
	}}, "new", "old")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(told, ", "), "Person 0/25, Person 10/25, Person 20/25, Person 25/25, Visit 0/1, Visit 1/1"; got != want {
		t.Errorf("progress %s", got)
	}
	if got, want := p.uses("new", "old"), "Person.ssn new=26 old=0; Person.pay new=2 old=0; Person.photo new=24 old=0; Visit.finding new=1 old=0"; got != want {
		t.Errorf("after: %s", got)
	}
	if p.stored("99", "ssn") != was {
		t.Error("a value under the current key was written again")
	}
	if now := p.raw("SELECT id, ver FROM people ORDER BY id"); fmt.Sprint(now) != fmt.Sprint(versions) {
		t.Error("versions changed")
	}
	p.open("new") // the old key is dropped
	for i := range 25 {
		p.is(fmt.Sprintf("%02d", i), "ssn", fmt.Sprint("s", i))
	}
	p.is("24", "photo", []byte{24})
	p.is("03", "pay", int64(1))
	told = nil
	if err := p.rotate(encrypt.Rotation{Progress: func(m string, done, total int64) { told = append(told, fmt.Sprint(m, done, total)) }}, "new"); err != nil || len(told) != 2 {
		t.Errorf("a second time: %v, %v", err, told)
	}
}

func TestRotateLeavesWhatDoesNotOpen(t *testing.T) {
	p := onFile(t, "old")
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		p.insert(p.person, map[string]any{"id": id, "ssn": "of " + id, "pay": 1})
	}
	p.store("b", "ssn", p.stored("a", "ssn")) // moved
	p.store("c", "ssn", "Plaintext")
	p.store("d", "ssn", "weft:1:lost:AAAA")
	p.store("e", "ssn", "weft:2:x")
	p.store("f", "ssn", schema.NoValue)
	err := p.rotate(encrypt.Rotation{Batch: 2}, "new", "old")
	if op.CodeOf(err) != op.CodeDatabase {
		t.Fatalf("got %v", err)
	}
	says(t, err, "4 rows have values", `under key "new"`, "all others are done", `Person.ssn of "b"`, `Person.ssn of "c": what is stored is not encrypted`, `under key "lost"`, "format 2")
	if strings.Contains(err.Error(), "Plaintext") {
		t.Errorf("the value is in the error: %v", err)
	}
	if got, want := p.uses("new", "old"), "Person.ssn new=1 old=1 lost=1 =2; Person.pay new=6 old=0 =0"; got != strings.ReplaceAll(want, " =0", "") {
		t.Errorf("after: %s", got)
	}
	p.open("new")
	p.is("a", "ssn", "of a")
	p.is("f", "ssn", "")
	p.is("b", "pay", int64(1))
}

func TestAdopt(t *testing.T) {
	fields := func(encrypted bool) []*schema.Field {
		f := func(name string, typ schema.Type) *schema.Field {
			return &schema.Field{Name: name, Type: typ, Encrypted: encrypted, Nullable: name == "note"}
		}
		return []*schema.Field{
			{Name: "id", Type: schema.String, Primary: true},
			f("text", schema.String), f("note", schema.Text), f("day", schema.Date), f("when", schema.DateTime),
			f("doc", schema.JSON), f("raw", schema.Binary), f("uid", schema.UUID),
			{Name: "ver", Type: schema.BigInteger, Role: schema.RoleVersion},
		}
	}
	models := func(encrypted bool) *schema.Set {
		s, err := schema.Build(&schema.Model{Name: "Thing", Fields: fields(encrypted)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	p := onFile(t, "k1")
	clear, sealed := models(false), models(true)
	want := [][]any{}
	for i, text := range []string{"plain", "", "weft: a text", "weft:1:", "ünï\u2603"} {
		r := []any{fmt.Sprint(i), text, nil, "2024-02-29", "2024-02-29 12:00:00.5", op.JSON(`{"a":1}`), []byte{0, 255}, "01890a5d-ac96-774b-bcce-b302099a8057", int64(7)}
		if i > 0 {
			r[2] = text
		}
		for j, f := range clear.Model("Thing").Fields {
			v, err := op.CanonField(f, r[j])
			if err != nil {
				t.Fatal(err)
			}
			r[j] = v
		}
		want = append(want, r)
	}
	plain := opened(t, keptOpen{p.below}, clear)
	if _, err := plain.Do(t.Context(), op.Op{Kind: op.Insert, Model: clear.Model("Thing"), Rows: want}); err != nil {
		t.Fatal(err)
	}
	// What begins as a ciphertext of ours is taken for one.
	if _, err := plain.Do(t.Context(), op.Op{Kind: op.Delete, Model: clear.Model("Thing"), Filter: op.Cmp("id", op.Eq, "3")}); err != nil {
		t.Fatal(err)
	}
	want = append(want[:3], want[4])
	p.models = sealed
	eng := opened(t, keptOpen{encrypt.New(encrypt.Options{Ring: p.ring})(p.below)}, sealed)
	_, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: sealed.Model("Thing")}))
	says(t, err, `Thing.text of "0"`, "is not encrypted")
	if err := p.rotate(encrypt.Rotation{}, "k1"); err == nil || !strings.Contains(err.Error(), "4 rows") {
		t.Errorf("without being asked to: %v", err)
	}
	if err := p.rotate(encrypt.Rotation{Adopt: true, Batch: 2}, "k1"); err != nil {
		t.Fatal(err)
	}
	got, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: sealed.Model("Thing"), Sort: []op.Sort{{Field: "id"}}}))
	if err != nil || op.KeyString(got[0]) != op.KeyString(want[0]) || len(got) != len(want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	for i := range got {
		if op.KeyString(got[i]) != op.KeyString(want[i]) {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	if s := p.uses("k1"); strings.Contains(s, " =") {
		t.Errorf("there are clear values: %s", s)
	}
	if err := p.rotate(encrypt.Rotation{Adopt: true}, "k1"); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// keptOpen is an engine that others go on to use.
type keptOpen struct{ op.Engine }

func (keptOpen) Close() error { return nil }

func TestAdoptRefusesWhatIsNoValue(t *testing.T) {
	for typ, bad := range map[schema.Type][]string{
		schema.Integer: {"x", "1.5", "99999999999"}, schema.Decimal: {"1230", "x"}, schema.Boolean: {"2", ""},
		schema.DateTime: {"1700000000"}, schema.JSON: {"{"}, schema.Enum: {"z"}, schema.Text: {"a\x00b"},
	} {
		for _, text := range bad {
			m := &schema.Model{Name: "M", Fields: []*schema.Field{{Name: "id", Type: schema.String, Primary: true}, {Name: "v", Type: typ, Encrypted: true}}}
			if typ == schema.Enum {
				m.Fields[1].Enum = []string{"a"}
			}
			models, err := schema.Build(m)
			if err != nil {
				t.Fatal(err)
			}
			_, below := inMemory(t, models, "k1")
			store(t, below, models, "a", text)
			err = encrypt.Rotate(t.Context(), below, models, encrypt.Options{Ring: ring(t, "k1")}, encrypt.Rotation{Adopt: true})
			says(t, err, `M.v of "a"`, "is no "+string(typ)+" either")
			if len(text) > 1 && strings.Contains(err.Error(), text) {
				t.Errorf("the value is in the error: %v", err)
			}
		}
	}
	for typ, good := range map[schema.Type]map[string]any{
		schema.Integer: {"5": int64(5)}, schema.Float: {"1.5": 1.5, "2": 2.0}, schema.Boolean: {"1": true, "0": false, "true": true},
		schema.Decimal: {"12.30": "12.3"}, schema.Time: {"12:00:00": "12:00:00"},
	} {
		for text, want := range good {
			models, err := schema.Build(&schema.Model{Name: "M", Fields: []*schema.Field{{Name: "id", Type: schema.String, Primary: true}, {Name: "v", Type: typ, Encrypted: true}}})
			if err != nil {
				t.Fatal(err)
			}
			eng, below := inMemory(t, models, "k1")
			store(t, below, models, "a", text)
			if err := encrypt.Rotate(t.Context(), below, models, encrypt.Options{Ring: ring(t, "k1")}, encrypt.Rotation{Adopt: true}); err != nil {
				t.Fatal(err)
			}
			got, err := read(eng.Do(t.Context(), op.Op{Kind: op.Find, Model: models.Model("M")}))
			if err != nil || fmt.Sprint(got[0][1]) != fmt.Sprint(want) {
				t.Errorf("%s %q: got %v, %v", typ, text, got, err)
			}
		}
	}
}

// store puts a row as it would be stored past the layer.
func store(t *testing.T, below op.Engine, models *schema.Set, id, v string) {
	t.Helper()
	m := models.Stored().Models[0]
	if _, err := below.Do(t.Context(), op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{id, v}}}); err != nil {
		t.Fatal(err)
	}
}

// meddler changes a row right before a batch of the rotation is written.
type meddler struct {
	op.Engine
	before func()
}

func (m *meddler) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Kind == op.Batch && m.before != nil {
		fn := m.before
		m.before = nil
		fn()
	}
	return m.Engine.Do(ctx, o)
}

// What somebody changes between the reading and the writing of a batch is not
// overwritten, whether it is right by then or not.
func TestRotateLosesNoUpdate(t *testing.T) {
	p := onFile(t, "old")
	for _, id := range []string{"a", "b", "c", "d"} {
		p.insert(p.person, map[string]any{"id": id, "ssn": "1", "pay": 1})
	}
	set := func(keys []string, id string, assign op.Assign) {
		e := encrypt.New(encrypt.Options{Ring: ring(t, keys...)})(p.below)
		if _, err := e.Do(t.Context(), op.Op{Kind: op.Update, Model: p.person, Filter: op.Cmp("id", op.Eq, id), Set: []op.Assign{assign}}); err != nil {
			t.Error(err)
		}
	}
	m := &meddler{Engine: p.below, before: func() {
		set([]string{"new", "old"}, "a", op.Assign{Field: "ssn", Value: "2"}) // by who has the new ring
		set([]string{"old", "new"}, "b", op.Assign{Field: "ssn", Value: "3"}) // and who has not
		set([]string{"new", "old"}, "c", op.Assign{Field: "name", Value: "x"})
		p.raw("DELETE FROM people WHERE id = 'd'")
	}}
	var last int64
	err := encrypt.Rotate(t.Context(), m, p.models, encrypt.Options{Ring: ring(t, "new", "old")}, encrypt.Rotation{Progress: func(model string, done, total int64) {
		if model == "Person" {
			if done < last || done > total {
				t.Errorf("progress goes from %d to %d of %d", last, done, total)
			}
			last = done
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last != 4 {
		t.Errorf("progress ends at %d", last)
	}
	p.open("new")
	p.is("a", "ssn", "2")
	p.is("b", "ssn", "3")
	p.is("c", "ssn", "1")
	p.is("c", "name", "x")
	if n := p.do(op.Op{Kind: op.Count, Model: p.person}).N; n != 3 {
		t.Errorf("%d rows", n)
	}
}

// stubborn writes a row under the old key before every batch.
type stubborn struct {
	op.Engine
	write func()
}

func (s *stubborn) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Kind == op.Batch {
		s.write()
	}
	return s.Engine.Do(ctx, o)
}

func TestRotateAgainstAnOlderRing(t *testing.T) {
	p := onFile(t, "old")
	p.insert(p.person, map[string]any{"id": "a", "ssn": "1"})
	n := 0
	s := &stubborn{p.below, func() {
		n++
		p.insert(p.person, map[string]any{"id": fmt.Sprint(n), "ssn": "1"})
	}}
	err := encrypt.Rotate(t.Context(), s, p.models, encrypt.Options{Ring: ring(t, "new", "old")}, encrypt.Rotation{})
	if op.CodeOf(err) != op.CodeConflict {
		t.Errorf("got %v", err)
	}
	says(t, err, "another process writing with an older key ring")
}

func TestRotateGoesOn(t *testing.T) {
	p := onFile(t, "old")
	for i := range 50 {
		p.insert(p.person, map[string]any{"id": fmt.Sprintf("%02d", i), "ssn": fmt.Sprint(i)})
	}
	// Cancelled from inside, after each batch.
	for i := range 3 {
		c, cancel := context.WithCancel(t.Context())
		err := encrypt.Rotate(c, p.below, p.models, encrypt.Options{Ring: ring(t, "new", "old")}, encrypt.Rotation{Batch: 10, Progress: func(_ string, done, total int64) {
			if total != int64(50-10*i) {
				t.Errorf("total is %d at attempt %d", total, i)
			}
			if done == 10 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || op.CodeOf(err) != op.CodeCancelled {
			t.Fatalf("got %v", err)
		}
	}
	if got, want := p.uses("new", "old"), "Person.ssn new=30 old=20"; got != want {
		t.Errorf("got %s", got)
	}
	// A conflict of transactions is tried again, another error ends it.
	faults, sw := fault.New(fault.Options{})
	below := faults(p.below)
	sw.Add(fault.Rule{At: fault.Do, Kind: op.Batch, Times: 3, Err: &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}})
	down := op.Errorf(op.CodeDatabase, "the disk is gone")
	sw.Add(fault.Rule{At: fault.Do, Kind: op.Batch, Nth: 5, Err: down})
	o := encrypt.Options{Ring: ring(t, "new", "old")}
	if err := encrypt.Rotate(t.Context(), below, p.models, o, encrypt.Rotation{Batch: 10}); !errors.Is(err, down) {
		t.Fatalf("got %v", err)
	}
	if err := encrypt.Rotate(t.Context(), below, p.models, o, encrypt.Rotation{Batch: 10}); err != nil {
		t.Fatal(err)
	}
	if got, want := p.uses("new", "old"), "Person.ssn new=50 old=0"; got != want {
		t.Errorf("got %s", got)
	}
	sw.Add(fault.Rule{At: fault.Do, Kind: op.Batch, Err: &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}})
	p.store("00", "ssn", "x")
	if err := encrypt.Rotate(t.Context(), below, p.models, o, encrypt.Rotation{Adopt: true}); op.CodeOf(err) != op.CodeConflict {
		t.Errorf("got %v", err)
	}
}

// Locker and Log have other keys; Log is an event log.
type Locker struct {
	Hall string `weft:"primary,type=string"`
	No   int64  `weft:"primary"`
	Code *int64 `weft:"encrypted"`
	Raw  []byte `weft:"encrypted"`
}

type Log struct {
	ID   int64  `weft:"primary,auto"`
	Text string `weft:"encrypted"`
}

// Weft makes Log append-only.
func (Log) Weft() schema.Options { return schema.Options{Kind: schema.EventLog} }

func TestRotateOtherEngines(t *testing.T) {
	for name, below := range map[string]op.Engine{
		"mem": mem.Open(), "wire": wire.Loopback(mem.Open(), nil), "sqlite": onFile(t, "k").below,
	} {
		t.Run(name, func(t *testing.T) {
			models := set(t, Locker{}, Log{})
			locker, log := models.Model("Locker"), models.Model("Log")
			old := opened(t, keptOpen{encrypt.New(encrypt.Options{Ring: ring(t, "old")})(below)}, models)
			t.Cleanup(func() { _ = below.Close() })
			do := func(o op.Op) {
				t.Helper()
				if _, err := old.Do(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 12 {
				do(op.Op{Kind: op.Insert, Model: locker, Rows: [][]any{{fmt.Sprint("h", i%3), int64(i), int64(i), []byte{byte(i)}}}})
				do(op.Op{Kind: op.Insert, Model: log, Rows: [][]any{{op.Unset{}, fmt.Sprint("t", i)}, {op.Unset{}, "x"}}})
			}
			o := encrypt.Options{Ring: ring(t, "new", "old")}
			if err := encrypt.Rotate(t.Context(), below, models, o, encrypt.Rotation{Batch: 5}); err != nil {
				t.Fatal(err)
			}
			list, err := encrypt.Uses(t.Context(), below, models, o)
			if got, want := usesText(list), "Locker.code new=12 old=0; Locker.raw new=12 old=0; Log.text new=24 old=0"; err != nil || got != want {
				t.Errorf("got %s, %v", got, err)
			}
			now := encrypt.New(encrypt.Options{Ring: ring(t, "new")})(below)
			rows, err := read(now.Do(t.Context(), op.Op{Kind: op.Find, Model: locker}))
			if err != nil || len(rows) != 12 {
				t.Fatalf("got %d rows, %v", len(rows), err)
			}
			for _, r := range rows {
				if r[2] != r[1] || int64(r[3].([]byte)[0]) != r[1] {
					t.Errorf("row %v", r)
				}
			}
			rows, err = read(now.Do(t.Context(), op.Op{Kind: op.Find, Model: log, Sort: []op.Sort{{Field: "id"}}}))
			if err != nil || len(rows) != 24 || rows[22][1] != "t11" {
				t.Errorf("got %v, %v", rows, err)
			}
		})
	}
}
