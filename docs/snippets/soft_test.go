package snippets

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:soft-model
type Ticket struct {
	weft.Model
	weft.SoftDelete          // DeletedAt, nil for a ticket that lives
	Code            string   `weft:"unique"` // among tickets that live
	Replies         []*Reply `weft:"has_many"`
}

type Reply struct {
	ID       string `weft:"primary,type=uuid"`
	TicketID string
	Text     string
	Hidden   *time.Time `weft:"deleted"` // a field of its own does the same
}

// end:soft-model

func TestSoftDelete(t *testing.T) {
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "t.db")), weft.Models(Ticket{}, Reply{}), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	ctx := t.Context()
	tickets, replies := weft.Repo[Ticket](db), weft.Repo[Reply](db)
	made := []*Ticket{{Code: "A"}, {Code: "B"}}
	must(t, tickets.CreateMany(ctx, made))
	must(t, replies.CreateMany(ctx, []*Reply{{TicketID: made[1].ID, Text: "yes"}, {TicketID: made[1].ID, Text: "no"}}))
	id := made[0].ID

	// snippet:soft-delete
	existed, err := tickets.Delete(ctx, id)       // marks it
	_, err = tickets.Find(ctx, id)                // weft.ErrNotFound
	err = tickets.Create(ctx, &Ticket{Code: "A"}) // its code is free
	// end:soft-delete
	must(t, err)
	if !existed {
		t.Fatal("not there")
	}
	// snippet:soft-show
	all, err := tickets.WithDeleted().All(ctx)                                 // both kinds
	bin, err := tickets.WithDeleted().Where("deletedAt", "!=", nil).Count(ctx) // what was deleted
	// end:soft-show
	must(t, err)
	if len(all) != 3 || bin != 1 {
		t.Fatal(len(all), bin)
	}
	_, err = replies.Where("text", "=", "no").Delete(ctx)
	must(t, err)
	// snippet:soft-rel
	list, err := tickets.WithQuery("replies", func(r *weft.Rel) {
		r.WithDeleted()
	}).Where("code", "=", "B").All(ctx)
	// end:soft-rel
	must(t, err)
	if len(list[0].Replies) != 2 {
		t.Fatal(len(list[0].Replies))
	}
	// snippet:soft-restore
	err = tickets.Restore(ctx, id)
	if errors.Is(err, weft.ErrConflict) { // another ticket has the code now
		n, err := tickets.Where("code", "=", "A").Delete(ctx)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		err = tickets.Restore(ctx, id)
		must(t, err)
	}
	// end:soft-restore
	month := 30 * 24 * time.Hour
	// snippet:soft-purge
	err = tickets.Purge(ctx, id) // for good, deleted before or not
	n, err2 := tickets.WithDeleted().Where("deletedAt", "<", time.Now().Add(-month)).Purge(ctx)
	// end:soft-purge
	must(t, errors.Join(err, err2))
	if n != 0 {
		t.Fatal(n)
	}
	_, err = tickets.Delete(ctx, made[1].ID)
	must(t, err)
	// snippet:soft-taken
	err = tickets.Create(ctx, &Ticket{Model: weft.Model{ID: made[1].ID}, Code: "C"})
	var conflict *weft.ConflictError
	if errors.As(err, &conflict) && conflict.Deleted { // "a row with this key exists and is deleted; …"
		err = tickets.Restore(ctx, conflict.ID)
	}
	// end:soft-taken
	must(t, err)
	got, err := tickets.Find(ctx, made[1].ID)
	must(t, err)
	if got.Code != "B" {
		t.Fatal(got.Code)
	}
}
