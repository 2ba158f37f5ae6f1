package schema_test

import (
	"os"
	"testing"

	"github.com/weftdb/weft/schema"
)

func TestYAMLFaults(t *testing.T) {
	text, err := os.ReadFile("testdata/bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.ParseYAML("bad.yaml", text)
	golden(t, "bad.golden", faults(t, err)+"\n")
}

// TestBuildFaultLines finds the line in the file also when only Build sees the
// fault.
func TestBuildFaultLines(t *testing.T) {
	text, err := os.ReadFile("testdata/late.yaml")
	if err != nil {
		t.Fatal(err)
	}
	models, err := schema.ParseYAML("late.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.Build(models...)
	has(t, faults(t, err),
		"late.yaml:4: Late.num: search is for string and text",
		"late.yaml:9: Late.up: the foreign key parent is bigInteger",
		"late.yaml:10: Late.other: the relation leads to model \"Nobody\"",
	)
}

func TestJoinFaults(t *testing.T) {
	if err := schema.JoinFaults(nil, nil); err != nil {
		t.Error(err)
	}
	_, a := schema.FromStruct(1)
	_, b := schema.ParseYAML("x.yaml", []byte("5"))
	err := schema.JoinFaults(a, nil, b, os.ErrNotExist)
	has(t, faults(t, err), "3 faults", "int is no model", "x.yaml:1: a model must be a mapping", os.ErrNotExist.Error())
}

func TestYAMLForms(t *testing.T) {
	models, err := schema.ParseYAML("forms.yaml", []byte(`
# block style, the other names of things
model: Thing
renamed_from: Object
fields:
  no:
    type: bigIncrements
  n: number
  title: string(80)
  price: {type: "decimal(18,6)", default: 1.50}
  state: {type: "enum(a, b)", default: b}
  code: {type: specificType(citext), renamed_from: key}
  at: {type: timestamp, default: now()}
  day: {type: date, default: 2024-02-29}
  clock: {type: time, default: 12:30:00}
  doc: {type: json, default: {z: [1, 2.50, x, null], a: true}}
  blob: {type: binary, default: !!binary AAE=}
  off: {type: boolean, default: false}
  zero: {type: integer, default: 0}
  empty: {type: string, default: ""}
  none: {type: string, default: null}
  v: {type: bigInteger, version: true}
relations:
  same: {belongsTo: Thing, fk: [no], lk: no, onDelete: NO ACTION}
indexes:
  - fields: n
    where: n > 1
cache: {ttl: 1h30m}
sharding: {strategy: range, key: no, splits: [100, 200]}
seed:
  key: title
  rows:
    - {title: a, price: 3, doc: [1], off: true, none: null}
`))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, models[0])
	set, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "forms.golden.yaml", string(text))
	sameSet(t, set)
}

func FuzzParseYAML(f *testing.F) {
	for _, name := range []string{"post.yaml", "bad.yaml", "late.yaml", "forms.golden.yaml", "set.golden.yaml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range []string{"", "a: &a [*a]", "model: !!binary x", "? [a]\n: b", "model: A\nfields: {a: {type: decimal, default: 1e999999999}}", "\xff\xfe", "--- !!set {a}\n...\n%YAML 9"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		models, err := schema.ParseYAML("fuzz.yaml", data)
		if err != nil {
			faults(t, err)
			return
		}
		for _, m := range models {
			if _, err := m.YAML(); err == nil {
				roundTrip(t, m)
			}
		}
		if set, err := schema.Build(models...); err == nil {
			sameSet(t, set)
		} else {
			faults(t, err)
		}
	})
}
