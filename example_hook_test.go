package weft_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Reel has all the hooks that a model can have.
type Reel struct {
	weft.Model
	Title string
	Slug  string
	Takes int64
	Label string `weft:"-"` // not stored
}

// BeforeCreate may change the instance.
func (r *Reel) BeforeCreate(context.Context) error {
	r.Slug = strings.ToLower(r.Title)
	return nil
}

// AfterCreate runs before the commit; effects outside belong behind it.
func (r *Reel) AfterCreate(ctx context.Context) error {
	weft.AfterCommit(ctx, func(context.Context) { fmt.Println("created", r.Slug) })
	return nil
}

// BeforeUpdate may refuse.
func (r *Reel) BeforeUpdate(context.Context) error {
	if r.Takes > 99 {
		return errors.New("the reel is full")
	}
	return nil
}

// AfterUpdate may write other rows, in the same transaction.
func (r *Reel) AfterUpdate(ctx context.Context) error {
	_, err := weft.Repo[Cut](weft.From(ctx)).OnConflict().Update("takes").Create(ctx, &Cut{ID: r.ID, Takes: r.Takes})
	return err
}

// BeforeDelete sees the row as it is.
func (r *Reel) BeforeDelete(context.Context) error {
	if r.Takes > 0 {
		return errors.New("the reel is in use")
	}
	return nil
}

// AfterDelete runs before the commit.
func (r *Reel) AfterDelete(context.Context) error {
	fmt.Println("deleted", r.Slug)
	return nil
}

// AfterFind runs on each row that was read.
func (r *Reel) AfterFind(context.Context) error {
	r.Label = fmt.Sprintf("%s (%d)", r.Title, r.Takes)
	return nil
}

// Cut is written by a hook.
type Cut struct {
	ID    string
	Takes int64
}

func reels() *weft.DB {
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Reel{}, Cut{}), weft.AutoMigrate())
	check(err)
	return db
}

func ExampleBeforeCreator() {
	db := reels()
	defer db.Close()

	var _ weft.BeforeCreator = (*Reel)(nil)
	r := &Reel{Title: "First"}
	check(weft.Repo[Reel](db).Create(context.Background(), r))
	fmt.Println(r.Slug)
	// Output:
	// created first
	// first
}

func ExampleAfterCreator() {
	db := reels()
	defer db.Close()
	ctx := context.Background()

	var _ weft.AfterCreator = (*Reel)(nil)
	err := db.InTx(ctx, func(ctx context.Context) error {
		err := weft.Repo[Reel](db).Create(ctx, &Reel{Title: "First"})
		fmt.Println("not committed yet")
		return err
	})
	check(err)
	// Output:
	// not committed yet
	// created first
}

func ExampleBeforeUpdater() {
	db := reels()
	defer db.Close()
	ctx := context.Background()
	reels := weft.Repo[Reel](db)

	var _ weft.BeforeUpdater = (*Reel)(nil)
	check(reels.Create(ctx, &Reel{Title: "First", Takes: 99}))
	_, err := reels.Where("title", "=", "First").Update(ctx, weft.Set{"takes": weft.Inc(1)})
	fmt.Println(err)
	fmt.Println(reels.Sum(ctx, "takes")) // nothing was written
	// Output:
	// created first
	// BeforeUpdate Reel: the reel is full
	// 99 <nil>
}

func ExampleAfterUpdater() {
	db := reels()
	defer db.Close()
	ctx := context.Background()
	reels := weft.Repo[Reel](db)

	var _ weft.AfterUpdater = (*Reel)(nil)
	r := &Reel{Title: "First"}
	check(reels.Create(ctx, r))
	r.Takes = 3
	check(reels.Save(ctx, r))
	c, err := weft.Repo[Cut](db).Find(ctx, r.ID)
	fmt.Println(c.Takes, err)
	// Output:
	// created first
	// 3 <nil>
}

func ExampleBeforeDeleter() {
	db := reels()
	defer db.Close()
	ctx := context.Background()
	reels := weft.Repo[Reel](db)

	var _ weft.BeforeDeleter = (*Reel)(nil)
	r := &Reel{Title: "First", Takes: 1}
	check(reels.Create(ctx, r))
	_, err := reels.Delete(ctx, r.ID)
	fmt.Println(err)
	// Output:
	// created first
	// BeforeDelete Reel: the reel is in use
}

func ExampleAfterDeleter() {
	db := reels()
	defer db.Close()
	ctx := context.Background()
	reels := weft.Repo[Reel](db)

	var _ weft.AfterDeleter = (*Reel)(nil)
	check(reels.CreateMany(ctx, []*Reel{{Title: "First"}, {Title: "Second"}}))
	fmt.Println(reels.Where("title", "=", "Second").Delete(ctx)) // loads the rows for their hooks
	// Output:
	// created first
	// created second
	// deleted second
	// 1 <nil>
}

func ExampleAfterFinder() {
	db := reels()
	defer db.Close()
	ctx := context.Background()
	reels := weft.Repo[Reel](db)

	var _ weft.AfterFinder = (*Reel)(nil)
	check(reels.Create(ctx, &Reel{Title: "First", Takes: 2}))
	r, err := reels.First(ctx)
	fmt.Println(r.Label, err)
	// Output:
	// created first
	// First (2) <nil>
}

func ExampleOn() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := weft.On(db, weft.OnBeforeCreate, func(ctx context.Context, a *Artist) error {
		a.Name = strings.TrimSpace(a.Name)
		return nil
	})
	check(err)
	a := &Artist{Name: "  Dora "}
	check(weft.Repo[Artist](db).Create(ctx, a))
	fmt.Printf("%q\n", a.Name)
	// Output: "Dora"
}

func ExampleHookPoint() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	names := map[weft.HookPoint]string{
		weft.OnBeforeCreate: "before create", weft.OnAfterCreate: "after create",
		weft.OnBeforeUpdate: "before update", weft.OnAfterUpdate: "after update",
		weft.OnBeforeDelete: "before delete", weft.OnAfterDelete: "after delete", weft.OnAfterFind: "after find",
	}
	for at, name := range names {
		check(weft.On(db, at, func(_ context.Context, m *Mood) error {
			fmt.Println(name, m.Name)
			return nil
		}))
	}
	moods := weft.Repo[Mood](db)
	m := &Mood{Name: "odd"}
	check(moods.Create(ctx, m))
	_, err := moods.Update(ctx, weft.Key(m.ID), weft.Set{"name": "even"})
	check(err)
	// Output:
	// before create odd
	// after create odd
	// before update even
	// after update even
}
