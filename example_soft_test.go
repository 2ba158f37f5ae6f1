package weft_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
)

// Letter can be thrown away and found again; so can the notes on it.
type Letter struct {
	weft.Model
	weft.SoftDelete
	Subject string    `weft:"unique"`
	Notes   []*Postit `weft:"has_many"`
}

type Postit struct {
	ID       string `weft:"primary"`
	LetterID string
	Text     string
	weft.SoftDelete
}

// letters is a database with the letters first, second and third, of which the
// third was deleted, and two notes on the first, of which one was.
func letters() (*weft.DB, *weft.Repository[Letter], []*Letter) {
	ctx := context.Background()
	db, err := weft.Open(mem.Open(), weft.Models(Letter{}, Postit{}), weft.AutoMigrate())
	check(err)
	repo, notes := weft.Repo[Letter](db), weft.Repo[Postit](db)
	list := []*Letter{{Subject: "first"}, {Subject: "second"}, {Subject: "third"}}
	check(repo.CreateMany(ctx, list))
	check(notes.CreateMany(ctx, []*Postit{{ID: "1", LetterID: list[0].ID, Text: "kept"}, {ID: "2", LetterID: list[0].ID, Text: "thrown away"}}))
	_, err = repo.Delete(ctx, list[2].ID)
	check(err)
	_, err = notes.Delete(ctx, "2")
	check(err)
	return db, repo, list
}

func ExampleSoftDelete() {
	db, repo, list := letters()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(repo.Count(ctx))
	_, err := repo.Find(ctx, list[2].ID)
	fmt.Println(errors.Is(err, weft.ErrNotFound))
	fmt.Println(repo.Create(ctx, &Letter{Subject: "third"})) // the subject is free again
	// Output:
	// 2 <nil>
	// true
	// <nil>
}

func ExampleQuery_WithDeleted() {
	db, repo, _ := letters()
	defer db.Close()
	ctx := context.Background()

	all, err := repo.WithDeleted().OrderBy("subject", weft.Asc).All(ctx)
	for _, l := range all {
		fmt.Println(l.Subject, l.DeletedAt != nil)
	}
	fmt.Println(err)
	fmt.Println(repo.WithDeleted().Where("deletedAt", "not null", nil).Count(ctx)) // these alone
	// Output:
	// first false
	// second false
	// third true
	// <nil>
	// 1 <nil>
}

func ExampleRel_WithDeleted() {
	db, repo, _ := letters()
	defer db.Close()
	ctx := context.Background()

	l, err := repo.With("notes").OrderBy("subject", weft.Asc).First(ctx)
	fmt.Println(len(l.Notes), err)
	l, err = repo.WithQuery("notes", func(r *weft.Rel) { r.WithDeleted() }).OrderBy("subject", weft.Asc).First(ctx)
	fmt.Println(len(l.Notes), err)
	// Output:
	// 1 <nil>
	// 2 <nil>
}

func ExampleRepository_Restore() {
	db, repo, list := letters()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(repo.Restore(ctx, list[2].ID))
	fmt.Println(repo.Count(ctx))

	_, _ = repo.Delete(ctx, list[2].ID)
	_ = repo.Create(ctx, &Letter{Subject: "third"}) // takes its place
	fmt.Println(errors.Is(repo.Restore(ctx, list[2].ID), weft.ErrConflict))
	// Output:
	// <nil>
	// 3 <nil>
	// true
}

func ExampleRepository_Purge() {
	db, repo, list := letters()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(repo.Purge(ctx, list[2].ID))
	fmt.Println(repo.WithDeleted().Count(ctx))
	fmt.Println(errors.Is(repo.Restore(ctx, list[2].ID), weft.ErrNotFound))
	// Output:
	// <nil>
	// 2 <nil>
	// true
}

func ExampleQuery_Restore() {
	db, repo, _ := letters()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(repo.Where("subject", "starts with", "t").Restore(ctx))
	fmt.Println(repo.Count(ctx))
	// Output:
	// 1 <nil>
	// 3 <nil>
}

func ExampleQuery_Purge() {
	db, repo, _ := letters()
	defer db.Close()
	ctx := context.Background()

	fmt.Println(repo.WithDeleted().Where("deletedAt", "not null", nil).Purge(ctx)) // empties the bin
	fmt.Println(repo.WithDeleted().Count(ctx))
	// Output:
	// 1 <nil>
	// 2 <nil>
}
