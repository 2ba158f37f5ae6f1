package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
)

func ExampleDB_User() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	ada := weft.Repo[Playlist](db.User("ada"))
	ben := weft.Repo[Playlist](db.User("ben"))

	p := &Playlist{Title: "Morning"}
	check(ada.Create(ctx, p))
	fmt.Println(p.UserID) // filled in
	fmt.Println(ben.Count(ctx))
	fmt.Println(ben.Delete(ctx, p.ID)) // not seen, not touched
	// Output:
	// ada
	// 0 <nil>
	// false <nil>
}

// audit prints who deletes.
type audit struct{ weft.Engine }

func (a audit) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if p := op.PrincipalOf(ctx); o.Kind == op.Delete {
		fmt.Printf("%s (system: %t) deletes\n", p.ID, p.System)
	}
	return a.Engine.Do(ctx, o)
}

func withAudit() *weft.DB {
	return music(weft.With(func(next weft.Engine) weft.Engine { return audit{next} }))
}

func ExampleAs() {
	db := withAudit() // a layer of the application
	defer db.Close()

	ctx := weft.As(context.Background(), weft.Principal{ID: "ada", Role: "editor"})
	fmt.Println(weft.Repo[Track](db).Where("title", "=", "Warp").Delete(ctx))
	// Output:
	// ada (system: false) deletes
	// 1 <nil>
}

func ExampleAsSystem() {
	db := withAudit()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Where("title", "=", "Warp").Delete(weft.AsSystem(context.Background())))
	// Output:
	// system (system: true) deletes
	// 1 <nil>
}

func ExamplePrincipal() {
	ctx := weft.As(context.Background(), weft.Principal{ID: "ada", Role: "editor", Tenant: "studio"})
	p := op.PrincipalOf(ctx) // what a layer sees
	fmt.Println(p.ID, p.Role, p.Tenant, p.System)
	// Output: ada editor studio false
}
