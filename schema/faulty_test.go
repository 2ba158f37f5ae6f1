package schema_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/weftdb/weft/schema"
)

// Fleet has faults of its own in tags, and faults that only show when the set is
// built.
type Fleet struct {
	Model
	Code     string    `weft:"typ=string"`
	Size     int       `weft:"default=big"`
	Flags    chan int  // refers to nothing, but an index refers to it
	Vessels  []*Vessel `weft:"has_many,fk=FleetCode,lk=Code"`
	Harbour  *Harbour  `weft:"belongs_to"`
	VesselsN int       `weft:"count=vesels"`
	Twice    string    `weft:"unique" json:"size"`
}

func (Fleet) Weft() schema.Options {
	return schema.Options{
		Indexes: []schema.Index{{Fields: []string{"flags"}}, {Fields: []string{"nope"}}},
		Seed:    &schema.Seed{Key: "size", Rows: []map[string]any{{"size": "x"}}},
	}
}

// Vessel points at what could not be read of Fleet, and has one fault itself.
type Vessel struct {
	ID        int64
	FleetCode int64
	Fleet     *Fleet  `weft:"belongs_to,fk=FleetCode,lk=Code"`
	Ghost     *Fleet  `weft:"belongs_to"`
	Skipper   *Sailor `weft:"belongs_to,fk=SkipperKey"`
}

// Sailor's key has a tag that reflection does not see, and its hidden field one
// that has no effect.
type Sailor struct {
	Key     string    `weft:"primry"`
	Vessels []*Vessel `weft:"has_many,fk=SkipperKey"`
	rank    int       `weft:"index"`
}

func (Sailor) Weft() schema.Options {
	return schema.Options{Indexes: []schema.Index{{Fields: []string{"rank"}}}}
}

// Every fault is told, and none that is only there because of another.
func TestFirstFaultsOfAllModelsAndNoSecondOnes(t *testing.T) {
	_ = Sailor{rank: 1}
	_, err := schema.BuildFrom(Fleet{}, Vessel{}, Sailor{}, 5)
	var f *schema.Faults
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	var got []string
	for _, x := range f.List {
		got = append(got, x.Model+"."+x.Field)
	}
	want := []string{
		".", // 5 is no model
		"Fleet.code", "Fleet.size", "Fleet.flags", "Fleet.size", "Fleet.harbour", "Fleet.vesselsN", "Fleet.",
		"Vessel.ghost", "Vessel.skipper",
		"Sailor.key", "Sailor.rank", "Sailor.vessels",
	}
	slices.Sort(got)
	slices.Sort(want)
	equal(t, got, want)
	has(t, err.Error(),
		"int is no model",
		`Fleet.code: tag "typ" is unknown`,
		`Fleet.size: tag default "big" is not an integer`,
		"Fleet.flags: a value of type chan int cannot be stored",
		`Fleet.harbour: the relation leads to model "Harbour", which does not exist`,
		`Fleet.vesselsN: counts relation "vesels"`,
		`Fleet: index 2 is on field "nope", which does not exist`,
		"Vessel.ghost: the foreign key Vessel.ghostId does not exist",
		`Sailor.key: tag "primry" is unknown; did you mean "primary"?`,
	)
}

type Harbour struct{ ID int64 }

type Broken struct {
	ID    int64
	Name  string `weft:"default='x"`
	Other string
}

func (Broken) Weft() schema.Options { panic("boom") }

type Pointing struct {
	ID     int64
	Broken string `weft:"references=the_broken.name"`
	Typo   string `weft:"references=brokens.nothing"`
}

func TestFaultsOfOptionsAreToldOnce(t *testing.T) {
	_, err := schema.BuildFrom(Broken{}, Pointing{})
	var f *schema.Faults
	if !errors.As(err, &f) || len(f.List) != 2 {
		t.Fatalf("got %v", err)
	}
	has(t, err.Error(), "Broken.Name: the quote in", "Broken: the method Weft panics: boom")
}

func TestBuildFrom(t *testing.T) {
	set, err := schema.BuildFrom(&Harbour{}, Club{}, Player{})
	if err != nil || len(set.Models) != 3 || set.Model("Harbour") == nil {
		t.Fatalf("%v, %v", set, err)
	}
	m := &schema.Model{Name: "Made", Fields: []*schema.Field{{Name: "id", Type: schema.UUID, Primary: true}}}
	if set, err = schema.BuildFrom(m, Harbour{}); err != nil || set.Model("Made") != m {
		t.Fatalf("%v, %v", set, err)
	}
	if set, err = schema.BuildFrom(); err != nil || len(set.Models) != 0 {
		t.Fatalf("%v, %v", set, err)
	}
	_, err = schema.BuildFrom(nil, struct{}{})
	has(t, faults(t, err), "2 faults", "a nil value is no model", "a model needs a named struct type")
}
