package weft_test

import (
	"testing"

	"github.com/weftdb/weft"
)

// Course and Room are linked by keys of several parts and by fields that are no
// key.
type Course struct {
	weft.Tracked
	Dept  string  `weft:"primary"`
	No    int     `weft:"primary"`
	Code  string  `weft:"unique"`
	Rooms []*Room `weft:"many_to_many,through=CourseRoom"`
	Tools []*Tool `weft:"many_to_many,through=CourseTool,fk=CourseCode,lk=Code"`
}

type Room struct {
	weft.Tracked
	House   string    `weft:"primary"`
	Door    int       `weft:"primary"`
	Courses []*Course `weft:"many_to_many,through=CourseRoom"`
}

type CourseRoom struct {
	CourseDept string `weft:"primary"`
	CourseNo   int    `weft:"primary"`
	RoomHouse  string `weft:"primary"`
	RoomDoor   int    `weft:"primary"`
}

type Tool struct {
	ID   int64  `weft:"primary,auto"`
	Name string `weft:"unique"`
}

type CourseTool struct {
	ID         int64 `weft:"primary,auto"`
	CourseCode string
	ToolID     int64
}

func TestLinksByKeysOfSeveralParts(t *testing.T) {
	on(t, []any{Course{}, Room{}, CourseRoom{}, Tool{}, CourseTool{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		courses, rooms := weft.Repo[Course](db), weft.Repo[Room](db)
		c := &Course{Dept: "cs", No: 1, Code: "CS1"}
		must(t, courses.Create(ctx, c))
		must(t, rooms.CreateMany(ctx, []*Room{{House: "a", Door: 1}, {House: "a", Door: 2}, {House: "b", Door: 1}}))
		linked := func() (out string) {
			t.Helper()
			got, err := courses.WithQuery("rooms", func(r *weft.Rel) { r.OrderBy("house", weft.Asc).OrderBy("door", weft.Asc) }).
				Where("code", "=", "CS1").First(ctx)
			must(t, err)
			for _, r := range got.Rooms {
				out += weft.Key(r.House, r.Door) + " "
			}
			return out
		}
		must(t, courses.Link(ctx, c, "rooms", weft.Key("a", 1), weft.Key("b", 1), weft.Key("a", 1)))
		equal(t, linked(), "a,1 b,1 ")
		must(t, courses.Relink(ctx, c, "rooms", weft.Key("a", 2), weft.Key("b", 1)))
		equal(t, linked(), "a,2 b,1 ")
		must(t, courses.Unlink(ctx, c, "rooms", weft.Key("a", 2), weft.Key("a", 1)))
		equal(t, linked(), "b,1 ")
		is(t, courses.Link(ctx, c, "rooms", "b"), weft.ErrValidation) // half a key
		is(t, courses.Link(ctx, c, "nothing", "b"), weft.ErrValidation)
		equal(t, linked(), "b,1 ")
		must(t, courses.Relink(ctx, c, "rooms"))
		equal(t, linked(), "")

		part, err := courses.Select("code").Where("code", "=", "CS1").First(ctx)
		must(t, err)
		must(t, courses.Link(ctx, part, "rooms", weft.Key("a", 1))) // the key is always there
		equal(t, linked(), "a,1 ")
	})
}

func TestLinksByOtherFields(t *testing.T) {
	on(t, []any{Course{}, Room{}, CourseRoom{}, Tool{}, CourseTool{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		courses, tools := weft.Repo[Course](db), weft.Repo[Tool](db)
		c := &Course{Dept: "cs", No: 1, Code: "CS1"}
		must(t, courses.Create(ctx, c))
		loom, card := &Tool{Name: "loom"}, &Tool{Name: "card"}
		must(t, tools.CreateMany(ctx, []*Tool{loom, card}))
		must(t, courses.Link(ctx, c, "tools", weft.Key(loom.ID), weft.Key(card.ID)))
		must(t, courses.Link(ctx, c, "tools", weft.Key(loom.ID)))
		must(t, courses.Load(ctx, c, "tools"))
		equal(t, len(c.Tools), 2)
		must(t, courses.Unlink(ctx, c, "tools", weft.Key(loom.ID)))
		must(t, courses.Load(ctx, c, "tools"))
		equal(t, c.Tools[0].Name, "card")

		must(t, courses.Relink(ctx, c, "tools", weft.Key(loom.ID)))
		must(t, courses.Load(ctx, c, "tools"))
		equal(t, c.Tools[0].Name, "loom")
		part, err := courses.Select("dept").First(ctx)
		must(t, err)
		err = courses.Link(ctx, part, "tools", weft.Key(loom.ID))
		is(t, err, weft.ErrValidation)
		says(t, err, "select it too")
	})
}
