package encrypt_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Person and the others are the models of these tests.
type Person struct {
	ID     string `weft:"primary,type=string"`
	Name   string
	SSN    string           `weft:"encrypted" json:"ssn"`
	Pay    *int64           `weft:"encrypted"`
	Rate   *decimal.Decimal `weft:"encrypted"`
	Born   *time.Time       `weft:"encrypted,type=date"`
	Notes  *map[string]any  `weft:"encrypted,type=json"`
	Photo  *[]byte          `weft:"encrypted,type=binary"`
	Ver    int64            `weft:"version"`
	Visits []*Visit         `weft:"has_many,fk=PersonID"`
}

type Visit struct {
	ID       int64   `weft:"primary,auto"`
	PersonID string  `weft:"type=string"`
	Finding  string  `weft:"encrypted"`
	Person   *Person `weft:"belongs_to,fk=PersonID"`
}

// set builds models from structs.
func set(t testing.TB, structs ...any) *schema.Set {
	t.Helper()
	var list []*schema.Model
	for _, s := range structs {
		m, err := schema.FromStruct(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	out, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// people is an open database of Person and Visit on a file.
type people struct {
	testing.TB
	models        *schema.Set
	person, visit *schema.Model
	path          string
	ring          *encrypt.KeyRing
	below, eng    op.Engine
}

func onFile(t testing.TB, ids ...string) *people {
	t.Helper()
	models := set(t, Person{}, Visit{})
	p := &people{TB: t, models: models, path: filepath.Join(t.TempDir(), "people.db")}
	p.person, p.visit = models.Model("Person"), models.Model("Visit")
	p.open(ids...)
	return p
}

// open opens the file with these keys, the current one first.
func (p *people) open(ids ...string) {
	p.Helper()
	if p.eng != nil {
		if err := p.eng.Close(); err != nil {
			p.Fatal(err)
		}
	}
	p.ring = ring(p, ids...)
	p.below = sqlite.Open(p.path)
	p.eng = opened(p, encrypt.New(encrypt.Options{Ring: p.ring})(p.below), p.models)
}

func ctx(t testing.TB) context.Context { return t.(interface{ Context() context.Context }).Context() }

func (p *people) do(o op.Op) op.Result {
	p.Helper()
	res, err := p.try(o)
	if err != nil {
		p.Fatal(err)
	}
	return res
}

func (p *people) try(o op.Op) (op.Result, error) {
	if err := op.Normalize(&o); err != nil {
		return op.Result{}, err
	}
	return p.eng.Do(ctx(p), o)
}

// row is a row of full width with the values given by name and NULL elsewhere.
func row(t testing.TB, m *schema.Model, vals map[string]any) []any {
	t.Helper()
	out := make([]any, len(m.Fields))
	for i, f := range m.Fields {
		switch {
		case f.Auto:
			out[i] = op.Unset{}
		case f == m.VersionF:
			out[i] = int64(1)
		case f.Nullable:
		case f.Type.Kind() == schema.KindString:
			out[i] = ""
		}
	}
	for n, v := range vals {
		f := m.Field(n)
		if f == nil {
			t.Fatalf("no field %s", n)
			return nil
		}
		c, err := op.CanonField(f, v)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Pos] = c
	}
	return out
}

func (p *people) insert(m *schema.Model, vals map[string]any) {
	p.Helper()
	p.do(op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(p, m, vals)}})
}

// get reads fields of one person.
func (p *people) get(id string, fields ...string) ([]any, error) {
	p.Helper()
	list, err := read(p.try(op.Op{Kind: op.Find, Model: p.person, Filter: op.Cmp("id", op.Eq, id), Fields: fields}))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// is asserts a field of one person.
func (p *people) is(id, field string, want any) {
	p.Helper()
	got, err := p.get(id, field)
	if err != nil {
		p.Fatal(err)
	}
	if len(got) != 1 || op.CompareValues(got[0], want) != 0 {
		p.Errorf("%s of %s is %v, want %v", field, id, got, want)
	}
}

// read reads the rows of a result.
func read(res op.Result, err error) ([][]any, error) {
	if err != nil || res.Rows == nil {
		return nil, err
	}
	defer res.Rows.Close()
	var out [][]any
	for res.Rows.Next() {
		out = append(out, append([]any(nil), res.Rows.Row()...))
	}
	return out, res.Rows.Err()
}

// raw runs SQL on the file.
func (p *people) raw(sql string, args ...any) [][]any {
	p.Helper()
	list, err := read(p.below.Do(ctx(p), op.Op{Kind: op.SQL, SQL: sql, Args: args, Returning: sql[:6] == "SELECT"}))
	if err != nil {
		p.Fatal(err)
	}
	return list
}

// stored is what the file holds in one place.
func (p *people) stored(id, column string) any {
	p.Helper()
	list := p.raw(fmt.Sprintf("SELECT %s FROM people WHERE id = ?", column), id)
	if len(list) != 1 {
		p.Fatalf("there are %d rows of %s", len(list), id)
	}
	return list[0][0]
}

// store changes it.
func (p *people) store(id, column string, v any) {
	p.Helper()
	p.raw(fmt.Sprintf("UPDATE people SET %s = ? WHERE id = ?", column), v, id)
}

// inMemory is the layer over the oracle, and the oracle.
func inMemory(t testing.TB, models *schema.Set, ids ...string) (eng, below op.Engine) {
	t.Helper()
	below = mem.Open()
	return opened(t, encrypt.New(encrypt.Options{Ring: ring(t, ids...)})(below), models), below
}
