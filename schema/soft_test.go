package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/schema"
)

// Marked is what weft.SoftDelete is.
type Marked struct {
	DeletedAt *time.Time `weft:"deleted" json:"deletedAt"`
}

type Sheet struct {
	Model
	Marked
	Title string `weft:"unique"`
	Lines []*Stave
}

type Stave struct {
	ID   string     `weft:"primary"`
	Gone *time.Time `weft:"deleted,type=timestamp,column=gone_on"`
}

type Kept struct {
	ID   string `weft:"primary"`
	Word string `weft:"encrypted"`
	Marked
}

func TestSoftDelete(t *testing.T) {
	set, err := schema.Build(read(t, Sheet{}, Stave{})...)
	if err != nil {
		t.Fatal(err)
	}
	m := set.Model("Sheet")
	if f := m.DeletedF; f == nil || f.Name != "deletedAt" || f.Column != "deleted_at" || f.Type != schema.DateTime || !f.Nullable {
		t.Errorf("the mark is %+v", m.DeletedF)
	}
	equal(t, set.Model("Stave").DeletedF.Column, "gone_on")
	equal(t, set.SoftDelete(), true)
	sameSet(t, set) // through YAML and back
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "deletedAt: {type: datetime, nullable: true, deleted: true}") {
		t.Errorf("the YAML is\n%s", text)
	}
	models, err := schema.ParseYAML("m.yaml", []byte("model: Memo\nfields:\n  text: string\n  goneAt: {type: datetime, nullable: true, deleted: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if set, err = schema.Build(models...); err != nil {
		t.Fatal(err)
	}
	equal(t, set.SoftDelete(), true)
	equal(t, set.Model("Memo").DeletedF.Name, "goneAt")
	sameSet(t, set)
	if set, err = schema.Build(read(t, Kept{})...); err != nil {
		t.Fatal(err)
	}
	equal(t, set.Stored().SoftDelete(), true)
	if set, err = schema.Build(read(t, Label{}, Article{}, Review{})...); err != nil {
		t.Fatal(err)
	}
	equal(t, set.SoftDelete(), false)
}

func TestSoftDeleteFaults(t *testing.T) {
	for text, want := range map[string]string{
		"a: {type: datetime, deleted: true}":                                                                     "must be nullable",
		"a: {type: date, nullable: true, deleted: true}":                                                         "must be a datetime or timestamp",
		"a: {type: datetime, nullable: true, deleted: true, default: now}":                                       "cannot be required, unique, a key or have a default",
		"a: {type: datetime, nullable: true, deleted: true, unique: true}":                                       "cannot be required, unique",
		"a: {type: datetime, nullable: true, deleted: true, required: true}":                                     "cannot be required, unique",
		"a: {type: datetime, nullable: true, deleted: true, immutable: true}":                                    "cannot be immutable",
		"a: {type: datetime, nullable: true, deleted: true, readonly: true}":                                     "cannot be readonly",
		"a: {type: datetime, nullable: true, deleted: true}, b: {type: datetime, nullable: true, deleted: true}": "two deleted fields",
	} {
		models, err := schema.ParseYAML("m.yaml", []byte("model: Memo\nfields: {"+text+"}\n"))
		if err == nil {
			_, err = schema.Build(models...)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	models, err := schema.ParseYAML("m.yaml", []byte("model: Memo\nfields: {code: string, a: {type: datetime, nullable: true, deleted: true}}\nindexes:\n  - {columns: [code, a], unique: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Build(models...); err == nil || !strings.Contains(err.Error(), "unique index 1 has the deleted field a; leave it out") {
		t.Errorf("an index over the mark: %v", err)
	}
}
