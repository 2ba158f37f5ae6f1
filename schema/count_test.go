package schema_test

import (
	"testing"

	"github.com/weftdb/weft/schema"
)

type tally uint16

type Club struct {
	Model
	Players  []*Player `weft:"has_many"`
	Captain  *Player   `weft:"has_one,fk=ClubID"`
	PlayersN *tally    `weft:"count=Players" json:"playersCount"`
	Secret   int8      `weft:"count=players" json:"-"`
}

type Player struct {
	ID     int64
	ClubID string
	Club   *Club `weft:"belongs_to"`
}

func TestCounts(t *testing.T) {
	set := build(t, Club{}, Player{})
	m := set.Model("Club")
	c := m.Count("playersCount")
	if c == nil || c != m.Count("PlayersN") || c.Of != m.Relation("players") || c.Hidden {
		t.Fatalf("got %+v", c)
	}
	equal(t, c.Relation, "players") // the Go name was given
	if s := m.Count("secret"); s == nil || !s.Hidden {
		t.Errorf("secret is %+v", s)
	}
	if m.Count("players") != nil || m.Field("playersCount") != nil || m.Relation("playersCount") != nil {
		t.Error("a count is neither a field nor a relation")
	}
	sameSet(t, set)
}

func TestCountsInYAML(t *testing.T) {
	models, err := schema.ParseYAML("c.yaml", []byte(`
model: Club
fields: {name: string}
relations: {players: {hasMany: Player}}
counts:
  playersCount: players
  secret: {relation: players, hidden: true}
---
model: Player
fields: {clubId: uuid}
`))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, models[0])
	set, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	m := set.Model("Club")
	if c := m.Count("secret"); c == nil || !c.Hidden || c.Of != m.Relation("players") {
		t.Errorf("got %+v", c)
	}
	for text, want := range map[string]string{
		"{n: 3}":                          "c.yaml:4: Club.n: the relation counted must be text, not the number 3",
		"{n: {relation: p, hiden: true}}": `c.yaml:4: Club.n: key "hiden" of a count is unknown; did you mean "hidden"?`,
	} {
		_, err := schema.ParseYAML("c.yaml", []byte("\nmodel: Club\nfields: {name: string}\ncounts: "+text))
		has(t, faults(t, err), want)
	}
}

func TestCountFaults(t *testing.T) {
	models, err := schema.ParseYAML("c.yaml", []byte(`
model: Club
fields: {name: string, bossId: uuid}
relations:
  boss: {belongsTo: Club}
  captain: {hasOne: Player}
  players: {hasMany: Player}
counts:
  a: boss
  b: captain
  c: plyers
  name: players
  players: players
  "x y": players
---
model: Player
fields: {clubId: uuid}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.Build(models...)
	has(t, faults(t, err),
		"6 faults",
		"c.yaml:9: Club.a: counts relation boss, which is belongs_to and leads to one row at most; a count is of a has_many or many_to_many relation",
		"c.yaml:10: Club.b: counts relation captain, which is has_one",
		`c.yaml:11: Club.c: counts relation "plyers", which does not exist; did you mean "players"?`,
		"c.yaml:12: Club.name: the name is taken twice: by a field and a count",
		"c.yaml:13: Club.players: the name is taken twice: by a relation and a count",
		`c.yaml:14: Club.x y: "x y" is no name for a count`)
}
