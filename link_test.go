package weft_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

func TestLink(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		books, genres := weft.Repo[Book](db), weft.Repo[Genre](db)
		gs := []*Genre{{Name: "a"}, {Name: "b"}, {Name: "c"}}
		must(t, genres.CreateMany(ctx, gs))
		id := func(i int) string { return weft.Key(gs[i].ID) }
		b, other := &Book{Title: "one"}, &Book{Title: "two"}
		must(t, books.CreateMany(ctx, []*Book{b, other}))
		must(t, books.Link(ctx, other, "genres", id(0), id(1)))
		has := func(want string) {
			t.Helper()
			if weft.Loaded(b, "genres") || b.Genres != nil {
				t.Fatal("still loaded")
			}
			must(t, books.Load(ctx, b, "genres"))
			got := []string{}
			for _, g := range b.Genres {
				got = append(got, g.Name)
			}
			if fmt.Sprint(got) != want {
				t.Fatalf("linked with %v, want %s", got, want)
			}
			if weft.Changed(b) != nil {
				t.Fatal(weft.Changed(b))
			}
		}
		has("[]")
		must(t, books.Link(ctx, b, "genres", id(0)))
		has("[a]")
		must(t, books.Link(ctx, b, "Genres", id(0), id(1), id(1)))
		has("[a b]")
		must(t, books.Unlink(ctx, b, "genres", id(0), id(2)))
		has("[b]")
		must(t, books.Relink(ctx, b, "genres", id(2), id(1)))
		has("[b c]")
		sw.Reset()
		must(t, books.Link(ctx, b, "genres"))
		must(t, books.Unlink(ctx, b, "genres"))
		equal(t, sw.Count(op.Delete), 0)
		equal(t, weft.Loaded(b, "genres"), true)
		must(t, books.Relink(ctx, b, "genres"))
		has("[]")
		must(t, books.Load(ctx, other, "genres"))
		equal(t, len(other.Genres), 2)

		// From the other side, by a key that is text; the model is not tracked.
		must(t, genres.Link(ctx, gs[2], "books", b.ID))
		var err error
		b, err = books.Find(ctx, b.ID)
		must(t, err)
		has("[c]")
		must(t, genres.Load(ctx, gs[2], "books"))
		must(t, genres.Unlink(ctx, gs[2], "books", b.ID))
		equal(t, weft.Loaded(gs[2], "books"), false)

		// A transaction that fails takes everything back.
		must(t, books.Load(ctx, b, "genres"))
		is(t, db.InTx(ctx, func(ctx context.Context) error {
			must(t, books.Relink(ctx, b, "genres", id(0)))
			equal(t, weft.Loaded(b, "genres"), false)
			return errStop
		}), errStop)
		if !weft.Loaded(b, "genres") || b.Genres == nil {
			t.Fatal("not put back")
		}
		sw.Add(fault.Rule{At: fault.Do, Kind: op.Upsert, Err: errStop})
		is(t, books.Relink(ctx, other, "genres", id(2)), errStop)
		sw.Clear()
		equal(t, weft.Loaded(other, "genres"), true)
		must(t, books.Load(ctx, other, "genres"))
		equal(t, len(other.Genres), 2)
	})
}

func TestLinkRefusals(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := &Book{Title: "one"}
		must(t, books.Create(ctx, b))
		for _, fn := range []func(context.Context, *Book, string, ...string) error{books.Link, books.Unlink, books.Relink} {
			says(t, fn(ctx, b, "genrs", "1"), "genrs", "genres", "author")
			says(t, fn(ctx, b, "author", "1"), "author", "not many-to-many")
			says(t, fn(ctx, b, "genres", "x"), "x", "integer")
			says(t, fn(ctx, &Book{Title: "new"}, "genres", "1"), "id", "create")
			says(t, fn(ctx, nil, "genres", "1"), "nil")
			is(t, fn(ctx, &Book{}, "genres"), weft.ErrValidation)
		}
	})
}

// Team and the others have a join model with a key of its own, a hook and
// foreign keys.
type Team struct {
	weft.Model
	Code    string    `weft:"unique"`
	Members []*Member `weft:"many_to_many,through=Membership"`
}

type Member struct {
	weft.Model
	Name string
}

type Membership struct {
	weft.Model
	TeamID   string
	MemberID string
	Since    string  `weft:"default=now"`
	Team     *Team   `weft:"belongs_to,on_delete=cascade"`
	Member   *Member `weft:"belongs_to,on_delete=cascade"`
}

func (m *Membership) AfterCreate(context.Context) error {
	if m.Since == "never" {
		return errHook
	}
	return nil
}

func TestLinkThroughDeclaredModel(t *testing.T) {
	on(t, []any{Team{}, Member{}, Membership{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		teams, members, joins := weft.Repo[Team](db), weft.Repo[Member](db), weft.Repo[Membership](db)
		team, a, b := &Team{Code: "x"}, &Member{Name: "a"}, &Member{Name: "b"}
		must(t, teams.Create(ctx, team))
		must(t, members.CreateMany(ctx, []*Member{a, b}))
		must(t, teams.Link(ctx, team, "members", a.ID))
		j, err := joins.First(ctx)
		must(t, err)
		j.Since = "long ago"
		must(t, joins.Save(ctx, j))
		must(t, teams.Link(ctx, team, "members", a.ID, b.ID))
		must(t, teams.Relink(ctx, team, "members", b.ID, a.ID))
		n, err := joins.Count(ctx)
		must(t, err)
		equal(t, n, 2)
		same, err := joins.Find(ctx, j.ID)
		must(t, err)
		equal(t, same.Since, "long ago")

		must(t, teams.Load(ctx, team, "members"))
		err = teams.Relink(ctx, team, "members", a.ID, "00000000-0000-7000-8000-000000000000")
		var c *weft.ConflictError
		if !errors.As(err, &c) || c.Reason != op.ReasonReference {
			t.Fatal(err)
		}
		equal(t, weft.Loaded(team, "members"), true)
		n, err = joins.Count(ctx)
		must(t, err)
		equal(t, n, 2)
	})
}
