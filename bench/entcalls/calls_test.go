package entcalls

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	entgo "entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "modernc.org/sqlite"

	ent "github.com/weftdb/weft/bench/entpeer"
	"github.com/weftdb/weft/bench/entpeer/author"
	"github.com/weftdb/weft/bench/entpeer/book"
)

// The calls on the left of the table are ent's own and do what they do there.
func TestCalls(t *testing.T) {
	ctx := context.Background()
	conn, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "ent.db")+"?_time_format=sqlite&_pragma=foreign_keys(1)")
	must(t, err)
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, conn)))
	t.Cleanup(func() { must(t, client.Close()) })
	must(t, client.Schema.Create(ctx))

	a, err := client.Author.Create().SetName("Ada").Save(ctx)
	must(t, err)
	b, err := client.Book.Create().SetTitle("Go by night").SetAuthor(a).SetInPrint(false).Save(ctx)
	must(t, err)
	equal(t, "an explicit false", b.InPrint, false)
	must(t, client.Book.CreateBulk(
		client.Book.Create().SetTitle("One").SetAuthor(a).SetSold(1), client.Book.Create().SetTitle("Two").SetAuthor(a).SetSold(20),
	).Exec(ctx))

	id := b.ID
	_, err = client.Book.Get(ctx, id)
	must(t, err)
	_, err = client.Book.Get(ctx, -1)
	equal(t, "not found", ent.IsNotFound(err), true)
	_, err = client.Author.Create().SetName("Ada").Save(ctx)
	equal(t, "constraint", ent.IsConstraintError(err), true)
	list, err := client.Book.Query().Where(book.SoldGT(5), book.InPrint(true)).All(ctx)
	must(t, err)
	equal(t, "where", len(list), 1)
	list, err = client.Book.Query().Where(book.Or(book.SoldGT(10), book.Title("One"))).All(ctx)
	must(t, err)
	equal(t, "or", len(list), 2)
	list, err = client.Book.Query().Where(book.TitleContainsFold("go")).All(ctx)
	must(t, err)
	equal(t, "contains", len(list), 1)
	list, err = client.Book.Query().Where(book.HasAuthorWith(author.Name("Ada"))).All(ctx)
	must(t, err)
	equal(t, "has", len(list), 3)
	list, err = client.Book.Query().Order(book.BySold(entsql.OrderDesc())).Limit(20).Offset(40).All(ctx)
	must(t, err)
	equal(t, "offset", len(list), 0)
	_, err = client.Book.Query().WithAuthor().WithGenres().All(ctx)
	must(t, err)
	authors, err := client.Author.Query().WithBooks(func(q *ent.BookQuery) { q.Where(book.SoldGT(5)) }).All(ctx)
	must(t, err)
	equal(t, "edges", len(authors[0].Edges.Books), 1)
	var rows []struct {
		AuthorID int   `json:"author_id"`
		Sum      int64 `json:"sum"`
	}
	must(t, client.Book.Query().GroupBy(book.FieldAuthorID).Aggregate(ent.Sum(book.FieldSold)).Scan(ctx, &rows))
	equal(t, "sum", rows[0].Sum, 21)
	n, err := client.Book.Query().Count(ctx)
	must(t, err)
	equal(t, "count", n, 3)
	list, err = client.Book.Query().Where(book.Not(book.ReleasedIsNil())).All(ctx)
	must(t, err)
	equal(t, "nil", len(list), 0)

	g, err := client.Genre.Create().SetName("crime").Save(ctx)
	must(t, err)
	b, err = b.Update().SetTitle("New").AddSold(1).Save(ctx)
	must(t, err)
	equal(t, "updated", b.Sold, 1)
	must(t, b.Update().AddGenres(g).Exec(ctx))
	must(t, b.Update().RemoveGenres(g).Exec(ctx))
	n, err = client.Book.Update().Where(book.Sold(0)).SetInPrint(false).Save(ctx)
	must(t, err)
	equal(t, "bulk", n, 0)

	// Two that read the same row both write it.
	x, err := client.Book.Get(ctx, id)
	must(t, err)
	y, err := client.Book.Get(ctx, id)
	must(t, err)
	must(t, x.Update().SetSold(x.Sold+1).Exec(ctx))
	must(t, y.Update().SetSold(y.Sold+1).Exec(ctx))
	x, err = client.Book.Get(ctx, id)
	must(t, err)
	equal(t, "one update is lost", x.Sold, 2)

	client.Book.Use(func(next entgo.Mutator) entgo.Mutator { return next })
	tx, err := client.Tx(ctx)
	must(t, err)
	must(t, tx.Book.DeleteOneID(id).Exec(ctx))
	must(t, tx.Commit())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
