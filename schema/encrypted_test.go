package schema_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

type Patient struct {
	ID       string `weft:"primary"`
	DoctorID string
	Name     string            `weft:"encrypted,size=40,default=nobody" validate:"required,max=40"`
	Weight   *int32            `weft:"encrypted"`
	Born     time.Time         `weft:"encrypted,type=date"`
	Notes    map[string]string `weft:"encrypted"`
	Scan     []byte            `weft:"encrypted"`
	ScanN    *[]byte           `weft:"encrypted"`
	Bill     decimal.Decimal   `weft:"encrypted,precision=12,scale=3"`
	State    string            `weft:"encrypted,enum=ill|well"`
	Token    string            `weft:"encrypted,nanoid"`
	Ward     string            `weft:"index"`
	Ver      int64             `weft:"version"`
	Doctor   *Doctor           `weft:"belongs_to"`
}

type Doctor struct {
	ID       string     `weft:"primary"`
	Patients []*Patient `weft:"has_many"`
	Load     int64      `weft:"count=patients"`
	Wards    []*Ward    `weft:"many_to_many,through=DoctorWard"`
}

type Ward struct {
	ID string `weft:"primary"`
}

func (Patient) Weft() schema.Options {
	return schema.Options{
		Transforms: map[string]func(any) any{"Name": func(v any) any { return v }},
		Validators: map[string]func(any) string{"Name": func(any) string { return "" }},
	}
}

func TestStored(t *testing.T) {
	set := build(t, Patient{}, Doctor{}, Ward{})
	stored := set.Stored()
	if stored == set || stored.Stored() != stored {
		t.Fatal("the stored form is not a set of its own, or has another one")
	}
	if other := build(t, Ward{}); other.Stored() != other {
		t.Error("a set without encrypted fields is not its own stored form")
	}
	clear, m := set.Model("Patient"), stored.Model("Patient")
	if !clear.Encrypts() || m.Encrypts() || stored.Model("Doctor").Encrypts() {
		t.Error("Encrypts is wrong")
	}
	if m.Set() != stored || m.Relation("doctor").Target != stored.Model("Doctor") || m.VersionF != m.Field("ver") || m.Primary[0] != m.Field("ID") {
		t.Error("the stored model is not resolved in its own set")
	}
	for i, f := range m.Fields {
		was := clear.Fields[i]
		if f.Name != was.Name || f.Column != was.Column || f.Pos != i || f.Nullable != was.Nullable {
			t.Errorf("field %s is stored as %s", was.Name, f.Name)
		}
		if !was.Encrypted {
			if !reflect.DeepEqual(f.Type, was.Type) || f.Index != was.Index {
				t.Errorf("field %s is changed", f.Name)
			}
			continue
		}
		want := schema.Text
		if was.Type == schema.Binary {
			want = schema.Binary
		}
		if f.Type != want || f.Encrypted || f.Size != 0 || f.Precision != 0 || f.Enum != nil || f.Validate != "" ||
			f.Validator != "" || f.Transform != "" || f.Required || f.NanoID {
			t.Errorf("field %s is stored as %+v", f.Name, *f)
		}
		def := "<nil>"
		if f.Default != nil {
			def = fmt.Sprintf("%s", f.Default.Value)
		}
		if want := map[bool]string{true: "<nil>", false: schema.NoValue}[f.Nullable]; def != want {
			t.Errorf("field %s has the stored default %s, want %s", f.Name, def, want)
		}
	}
	// It goes through YAML, as migrations do.
	text, err := schema.SetYAML(stored)
	if err != nil {
		t.Fatal(err)
	}
	models, err := schema.ParseYAML("stored", text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Build(models...); err != nil {
		t.Error(err)
	}
}

// TestStoredIsApart walks through everything that can be reached from a stored
// set: nothing of the clear one may be there.
func TestStoredIsApart(t *testing.T) {
	set := build(t, Patient{}, Doctor{}, Ward{})
	ours := map[any]bool{set: true}
	for _, m := range set.Models {
		ours[m] = true
		for _, f := range m.Fields {
			ours[f] = true
		}
		for _, r := range m.Relations {
			ours[r] = true
		}
	}
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			for x := range ours {
				if reflect.ValueOf(x).Pointer() == v.Pointer() {
					t.Errorf("%s is %T of the clear set", path, x)
					return
				}
			}
			walk(v.Elem(), path)
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(v.MapIndex(k), fmt.Sprintf("%s[%v]", path, k))
			}
		}
	}
	walk(reflect.ValueOf(set.Stored()), "stored")
	if len(seen) < 10 {
		t.Fatalf("only %d places were looked at", len(seen))
	}
}

func TestEncryptedFaults(t *testing.T) {
	enc := func(name string, typ schema.Type, set func(f *schema.Field)) *schema.Field {
		f := &schema.Field{Name: name, Type: typ, Encrypted: true}
		if set != nil {
			set(f)
		}
		return f
	}
	other := &schema.Model{Name: "Other", Fields: []*schema.Field{key()}}
	bad := &schema.Model{
		Name: "Bad", Scope: schema.UserScope,
		Fields: []*schema.Field{
			enc("id", schema.BigInteger, func(f *schema.Field) { f.Primary, f.Auto = true, true }),
			enc("ro", schema.Text, func(f *schema.Field) { f.ReadOnly = true }),
			enc("uniq", schema.Text, func(f *schema.Field) { f.Unique = true }),
			enc("ix", schema.Text, func(f *schema.Field) { f.Index = true }),
			enc("glob", schema.Text, func(f *schema.Field) { f.IndexGlobal = true }),
			enc("find", schema.Text, func(f *schema.Field) { f.Search = true }),
			enc("ref", schema.String, func(f *schema.Field) { f.References = &schema.Reference{Table: "others", Column: "id"} }),
			enc("made", schema.DateTime, func(f *schema.Field) { f.Role = schema.RoleCreated }),
			enc("userId", schema.String, nil),
			enc("own", schema.Specific, func(f *schema.Field) { f.DBType = "citext" }),
			enc("a", schema.Text, nil),
			enc("otherId", schema.String, nil),
		},
		Relations: []*schema.Relation{{Name: "other", Kind: schema.BelongsTo, Model: "Other"}},
		Indexes:   []schema.Index{{Fields: []string{"a"}}},
		Sharding:  &schema.Sharding{Strategy: "hash", Count: 2, Key: "a"},
		Events:    schema.Events{On: schema.Created, Channels: []string{"x/{a}"}},
	}
	moved := &schema.Model{Name: "Moved", Fields: []*schema.Field{
		{Name: "otherId", Type: schema.String, Primary: true, References: &schema.Reference{Table: "others", Column: "id", OnUpdate: schema.Cascade}},
		enc("secret", schema.Text, nil),
	}}
	_, err := schema.Build(bad, other, moved)
	golden(t, "encrypted.golden", faults(t, err)+"\n")
	if n := strings.Count(err.Error(), "encrypted"); n < 15 {
		t.Errorf("only %d faults", n)
	}
}
