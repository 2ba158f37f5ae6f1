package snippets

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:models
type Author struct {
	weft.Model         // ID, CreatedAt, UpdatedAt, and a hidden version
	Name       string  `weft:"unique" validate:"required,max=100"`
	Email      string  `validate:"omitempty,email"`
	Books      []*Book `weft:"has_many"`
	BooksCount int64   `weft:"count=books"` // no column: With("booksCount") fills it
}

type Book struct {
	weft.Model
	AuthorID string          `weft:"index"`
	Title    string          `validate:"required"`
	Price    decimal.Decimal `weft:"precision=10,scale=2"`
	InPrint  bool            `weft:"default=true"`
	Sold     int64
	Released *time.Time // a pointer may be NULL
	Meta     map[string]any
	Words    []string
	Author   *Author  `weft:"belongs_to,on_delete=cascade"`
	Genres   []*Genre `weft:"many_to_many,through=BookGenre"`
}

type Genre struct {
	ID    int64   `weft:"primary,auto"`
	Name  string  `weft:"unique"`
	Books []*Book `weft:"many_to_many,through=BookGenre"`
}

type BookGenre struct {
	BookID  string `weft:"primary"`
	GenreID int64  `weft:"primary"`
}

// end:models

// snippet:options
type Article struct {
	weft.Model
	UserID string
	Title  string `validate:"required"`
	Slug   string `weft:"unique"`
	State  string `weft:"enum=draft|published,default=draft"`
}

func (Article) Weft() weft.Options {
	return weft.Options{
		Scope:      weft.UserScope, // rows belong to the user in UserID
		Indexes:    []weft.Index{{Fields: []string{"state", "createdAt"}}},
		Transforms: map[string]func(any) any{"title": trim},
		Validators: map[string]func(any) string{"slug": oneWord},
	}
}

func trim(v any) any { return strings.TrimSpace(v.(string)) }

func oneWord(v any) string {
	if strings.Contains(v.(string), " ") {
		return "must be one word"
	}
	return ""
}

// end:options

// snippet:hook
func (a *Article) BeforeCreate(ctx context.Context) error {
	if a.Slug == "" {
		a.Slug = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(a.Title), " ", "-"))
	}
	return nil
}

// end:hook

func register(db *weft.DB) error {
	// snippet:on
	return weft.On(db, weft.OnAfterCreate, func(ctx context.Context, b *Book) error {
		weft.AfterCommit(ctx, func(ctx context.Context) { notify() })
		return nil
	})
	// end:on
}

func openShop(t *testing.T, more ...any) *weft.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	// snippet:open
	db, err := weft.Open(sqlite.Open(path),
		weft.Models(Author{}, Book{}, Genre{}, BookGenre{}, Article{}),
		weft.AutoMigrate())
	// end:open
	if len(more) > 0 {
		must(t, err)
		must(t, db.Close())
		db, err = weft.Open(sqlite.Open(path), weft.Models(Author{}, Book{}, Genre{}, BookGenre{}), weft.Models(more...), weft.AutoMigrate())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, db *weft.DB) (*Author, []*Book) {
	t.Helper()
	ctx := t.Context()
	a := &Author{Name: "Ada"}
	must(t, weft.Repo[Author](db).Create(ctx, a))
	var list []*Book
	for i, title := range []string{"One", "Two", "Three"} {
		list = append(list, &Book{AuthorID: a.ID, Title: title, Sold: int64(10 * i), Price: decimal.NewFromInt(int64(i)), Meta: map[string]any{"lang": "en"}})
	}
	must(t, weft.Repo[Book](db).CreateMany(ctx, list))
	return a, list
}

func TestCreate(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	ada := &Author{Name: "Ada"}
	must(t, weft.Repo[Author](db).Create(ctx, ada))
	// snippet:create
	books := weft.Repo[Book](db)

	b := &Book{AuthorID: ada.ID, Title: "Go by night", Price: decimal.RequireFromString("12.50")}
	err := books.Create(ctx, b) // b.ID, b.CreatedAt and defaults are filled in
	// end:create
	must(t, err)
	// snippet:new
	b = books.New() // InPrint is true, as its default says
	b.AuthorID, b.Title = ada.ID, "Gone"
	b.InPrint = false // an explicit false stays false
	err = books.Create(ctx, b)
	// end:new
	must(t, err)
	if b.InPrint {
		t.Fatal("in print")
	}
	// snippet:save
	b.Sold = 3
	err = books.Save(ctx, b) // UPDATE of sold and updatedAt, if nobody was faster
	// end:save
	must(t, err)
	// snippet:update
	b, err = books.Update(ctx, b.ID, weft.Set{
		"title":     "Gone again",
		"sold":      weft.Inc(1),
		"meta.lang": "en", // one place in a JSON field
	})
	// end:update
	must(t, err)
	if b.Sold != 4 || b.Meta["lang"] != "en" {
		t.Fatalf("%+v", b)
	}
	// snippet:increment
	sold, err := books.Increment(ctx, b.ID, "sold", 10)
	// end:increment
	must(t, err)
	if sold.Int64() != 14 {
		t.Fatal(sold)
	}
	// snippet:onconflict
	authors := weft.Repo[Author](db)
	created, err := authors.OnConflict("name").Create(ctx, &Author{Name: "Ada"}) // the row that exists stays
	again := &Author{Name: "Ada", Email: "ada@example.org"}
	created, err = authors.OnConflict("name").Update("email").Create(ctx, again) // takes its email from the new one
	n, err := authors.OnConflict("name").Update("email").CreateMany(ctx, []*Author{{Name: "Ada"}, {Name: "Ben"}})
	// end:onconflict
	must(t, err)
	if created || again.ID != ada.ID || n != 2 {
		t.Fatal(created, again, n)
	}
	// snippet:delete
	existed, err := books.Delete(ctx, b.ID)
	n, err2 := books.Where("sold", "=", 0).Delete(ctx)
	// end:delete
	must(t, err)
	must(t, err2)
	if !existed || n != 1 {
		t.Fatal(existed, n)
	}
}

func TestQueries(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	a, made := fill(t, db)
	books := weft.Repo[Book](db)
	// snippet:read
	b, err := books.Get(ctx, made[0].ID) // nil, nil when there is none
	b, err = books.Find(ctx, made[0].ID) // weft.ErrNotFound when there is none
	b, err = books.Where("title", "=", "One").First(ctx)
	list, err := books.Where("sold", ">", 5).OrderBy("sold", weft.Desc).Limit(20).All(ctx)
	n, err := books.Where("authorId", "=", a.ID).Count(ctx)
	// end:read
	must(t, err)
	if b == nil || len(list) != 2 || n != 3 {
		t.Fatal(b, list, n)
	}
	// snippet:conditions
	q := books.Filter(
		weft.If("sold", "between", []int{1, 100}),
		weft.Or(
			weft.If("title", "like", "TWO"),       // contains, whatever the case
			weft.If("title", "starts with", "Th"), // case counts
			weft.If("released", "=", nil),         // NULL
		),
		weft.Not(weft.If("title", "in", []string{"A", "B"})),
		weft.If("meta.lang", "=", "en"), // a place in a JSON field
	)
	// end:conditions
	k, err := q.Count(ctx)
	must(t, err)
	if k != 2 {
		t.Fatal(k)
	}
	// snippet:has
	authors := weft.Repo[Author](db)
	selling, err := authors.Filter(weft.Has("books", weft.If("sold", ">", 5))).All(ctx)
	busy, err := authors.Filter(weft.HasCount("books", ">=", 3)).All(ctx)
	idle, err := authors.Filter(weft.Not(weft.Has("books"))).Count(ctx)
	// end:has
	must(t, err)
	if len(selling) != 1 || len(busy) != 1 || idle != 0 {
		t.Fatal(selling, busy, idle)
	}
	// snippet:value
	inPrint := books.Where("inPrint", "=", true)
	best := inPrint.OrderBy("sold", weft.Desc).Limit(10) // inPrint stays as it was
	unsold := inPrint.Where("sold", "=", 0)
	// end:value
	_, err = best.All(ctx)
	must(t, err)
	_, err = unsold.All(ctx)
	must(t, err)
	// snippet:order
	byPrice, err := books.OrderBy("price", weft.Desc).OrderBy("title", weft.Asc).All(ctx)
	keys := []weft.SortKey{weft.By("sold", weft.Desc)} // made at run time
	bySold, err := books.Sort(keys...).Limit(10).Offset(20).All(ctx)
	// end:order
	must(t, err)
	same(t, byPrice[0].Title, "Three")
	same(t, len(bySold), 0)
	// snippet:apply
	liked, err := books.Where("inPrint", "=", true).Apply(popular).All(ctx)
	// end:apply
	must(t, err)
	same(t, len(liked), 1)
	// snippet:page
	page, err := books.OrderBy("createdAt", weft.Desc).Limit(2).WithTotal().Page(ctx)
	next, err := books.OrderBy("createdAt", weft.Desc).Limit(2).After(page.Cursor).Page(ctx)
	// end:page
	must(t, err)
	if *page.Total != 3 || !page.HasMore || len(next.Data) != 1 {
		t.Fatal(page, next)
	}
	total := int64(0)
	each := func() error {
		// snippet:iter
		for b, err := range books.OrderBy("title", weft.Asc).Iter(ctx) {
			if err != nil {
				return err
			}
			total += b.Sold
		}
		// end:iter
		return nil
	}
	must(t, each())
	// snippet:sums
	sum, err := books.Sum(ctx, "price") // exact: sum.Decimal()
	avg, err := books.Where("sold", ">", 0).Avg(ctx, "sold")
	// end:sums
	must(t, err)
	if total != 30 || sum.String() != "3" || avg.Int64() != 15 {
		t.Fatal(total, sum, avg)
	}
	// snippet:bulk
	n, err = books.Where("sold", "<", 10).Update(ctx, weft.Set{"inPrint": false})
	changed, err := books.Where("inPrint", "=", false).UpdateAll(ctx, weft.Set{"sold": weft.Inc(1)})
	_, err = books.Filter(weft.Everything()).Update(ctx, weft.Set{"released": time.Now()}) // all rows, on purpose
	// end:bulk
	must(t, err)
	if n != 1 || len(changed) != 1 {
		t.Fatal(n, changed)
	}
	// snippet:explain
	plan, err := books.Where("authorId", "=", a.ID).Explain(ctx)
	// plan.SQL, plan.Index: [books_author_id_idx], plan.Scan: tables read whole
	// end:explain
	must(t, err)
	if len(plan.Index) == 0 {
		t.Fatal(plan)
	}
}

func TestOtherShapes(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	a, made := fill(t, db)
	books := weft.Repo[Book](db)
	// snippet:groups
	type sales struct {
		AuthorID string
		Books    int64
		Sold     int64
		Price    decimal.Decimal
	}
	best, err := weft.Into[sales](ctx, books.Where("inPrint", "=", true).GroupBy("authorId").
		Agg(weft.Count("books"), weft.Sum("sold", "sold"), weft.Avg("price", "price")).
		Having(weft.If("sold", ">", 10)).OrderBy("sold", weft.Desc).Limit(10))
	// end:groups
	must(t, err)
	if len(best) != 1 || best[0].AuthorID != a.ID || best[0].Books != 3 || best[0].Sold != 30 || best[0].Price.String() != "1" {
		t.Fatal(best)
	}
	// snippet:into
	type line struct {
		Title string
		Sold  int64
	}
	lines, err := weft.Into[line](ctx, books.OrderBy("sold", weft.Desc)) // loads title and sold only
	titles, err := weft.Pluck(ctx, books.Where("sold", ">", 0), weft.Col[string]("title"))
	// end:into
	must(t, err)
	if len(lines) != 3 || lines[0].Sold != 20 || len(titles) != 2 {
		t.Fatal(lines, titles)
	}
	id, body := made[0].ID, strings.NewReader(`{"title": "New", "price": 12.30}`)
	patch := func() (*Book, error) {
		// snippet:patch
		set, err := books.Patch(body, "title", "price", "released") // body: {"title": "New", "price": 12.30}
		if err != nil {
			return nil, err // a ValidationError that names everything that is wrong
		}
		return books.Update(ctx, id, set)
		// end:patch
	}
	b, err := patch()
	must(t, err)
	if b.Title != "New" || b.Price.String() != "12.3" || b.Sold != made[0].Sold {
		t.Fatal(b)
	}
}

func TestRelations(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	a, made := fill(t, db)
	authors, books := weft.Repo[Author](db), weft.Repo[Book](db)
	g := &Genre{Name: "crime"}
	must(t, weft.Repo[Genre](db).Create(ctx, g))
	// snippet:link
	err := books.Link(ctx, made[0], "genres", weft.Key(g.ID))  // links that exist stay
	err = books.Unlink(ctx, made[1], "genres", weft.Key(g.ID)) // there was none: no error
	err = books.Relink(ctx, made[0], "genres", weft.Key(g.ID)) // exactly these
	// end:link
	must(t, err)
	// snippet:eager
	list, err := authors.With("books.genres").All(ctx) // three queries, however many authors
	// end:eager
	must(t, err)
	if len(list[0].Books) != 3 {
		t.Fatal(list)
	}
	// snippet:withquery
	list, err = authors.WithQuery("books", func(r *weft.Rel) {
		r.Where("inPrint", "=", true).OrderBy("sold", weft.Desc).Limit(2) // two books of each author
	}).All(ctx)
	// end:withquery
	must(t, err)
	if len(list[0].Books) != 2 {
		t.Fatal(list)
	}
	// snippet:counts
	list, err = authors.With("booksCount").All(ctx) // two queries, however many authors
	for _, a := range list {
		t.Log(a.Name, a.BooksCount) // 0 for an author without books
	}
	// end:counts
	must(t, err)
	if list[0].BooksCount != 3 || !weft.Loaded(list[0], "booksCount") {
		t.Fatal(list)
	}
	// snippet:countquery
	list, err = authors.WithQuery("booksCount", func(r *weft.Rel) {
		r.Filter(weft.If("sold", ">", 100)) // how many of them sell well
	}).All(ctx)
	// end:countquery
	must(t, err)
	b, err := books.Find(ctx, made[0].ID)
	must(t, err)
	// snippet:lazy
	err = books.Load(ctx, b, "author", "genres")
	if weft.Loaded(b, "author") {
		_ = b.Author.Name
	}
	// end:lazy
	must(t, err)
	if b.Author.ID != a.ID || b.Genres[0].Name != "crime" {
		t.Fatal(b)
	}
}

func TestTransactions(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	must(t, register(db))
	_, made := fill(t, db)
	if !notified {
		t.Fatal("the hook did not run")
	}
	notified = false
	books := weft.Repo[Book](db)
	from, to := made[1].ID, made[2].ID
	// snippet:tx
	err := db.Tx(ctx, func(tx *weft.DB) error {
		a, err := books.In(tx).Find(ctx, from)
		if err != nil {
			return err
		}
		if a.Sold < 5 {
			return errors.New("not enough") // rolls back
		}
		a.Sold -= 5
		if err := books.In(tx).Save(ctx, a); err != nil {
			return err
		}
		_, err = books.In(tx).Increment(ctx, to, "sold", 5)
		return err
	})
	// end:tx
	must(t, err)
	// snippet:intx
	err = db.InTx(ctx, func(ctx context.Context) error { // ctx carries the transaction
		weft.AfterCommit(ctx, func(ctx context.Context) { notify() })
		_, err := books.Increment(ctx, from, "sold", 1)
		return err
	})
	// end:intx
	must(t, err)
	b, err := books.Find(ctx, from)
	must(t, err)
	if b.Sold != 6 || !notified {
		t.Fatal(b.Sold)
	}
	// snippet:user
	ada := db.User("ada")
	articles := weft.Repo[Article](ada)
	err = articles.Create(ctx, &Article{Title: " A first one "}) // UserID is filled in
	// end:user
	must(t, err)
	x, err := articles.First(ctx)
	must(t, err)
	if x.UserID != "ada" || x.Slug != "a-first-one" || x.Title != "A first one" || x.State != "draft" {
		t.Fatalf("%+v", x)
	}
}

var notified bool

func notify() { notified = true }

func TestSQL(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	fill(t, db)
	// snippet:sql
	type best struct {
		Author string
		Sold   int64
	}
	list, err := weft.SQL[best](ctx, db, `SELECT a.name AS author, SUM(b.sold) AS sold
		FROM authors a JOIN books b ON b.author_id = a.id
		WHERE b.sold > ? GROUP BY a.id ORDER BY sold DESC`, 5)
	n, err := db.Exec(ctx, "UPDATE books SET sold = 0 WHERE released IS NULL")
	// end:sql
	must(t, err)
	if len(list) != 1 || list[0].Author != "Ada" || list[0].Sold != 30 || n != 3 {
		t.Fatal(list, n)
	}
	a, err := weft.Repo[Author](db).With("books").First(ctx)
	must(t, err)
	// snippet:json
	data, err := weft.JSON(a) // {"id": "…", "name": "Ada", …, "books": […]}
	// end:json
	must(t, err)
	if !strings.Contains(string(data), `"books":[`) {
		t.Fatal(string(data))
	}
}

func TestObserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	calls := 0
	// snippet:observe
	db, err := weft.Open(sqlite.Open(path), weft.Models(Genre{}, Book{}, Author{}, BookGenre{}), weft.AutoMigrate(),
		weft.Log(logger, 200*time.Millisecond), // slow calls, with their SQL, at level Warn
		weft.Observe(func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
			calls++ // start a span named c.Op
			return ctx, func(err error) { /* end it */ }
		}))
	// end:observe
	must(t, err)
	_, err = weft.Repo[Genre](db).Count(t.Context())
	must(t, err)
	must(t, db.Close())
	if calls == 0 || !strings.Contains(log.String(), "count Genre") {
		t.Fatal(calls, log.String())
	}
}

func TestErrors(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	_, made := fill(t, db)
	books := weft.Repo[Book](db)
	b, err := books.Find(ctx, made[0].ID)
	must(t, err)
	made[0].Title = "Somebody was faster"
	must(t, books.Save(ctx, made[0]))
	// snippet:stale
	b.Title = "Mine"
	err = books.Save(ctx, b)
	if fresh, ok := weft.Fresh[Book](err); ok { // somebody else changed the row
		fresh.Title = "Mine"
		err = books.Save(ctx, fresh)
	}
	// end:stale
	must(t, err)
	// snippet:validation
	err = books.Create(ctx, &Book{Title: ""})
	var invalid *weft.ValidationError
	if errors.As(err, &invalid) {
		_ = invalid.Fields["title"] // the messages of one field
	}
	// end:validation
	if invalid == nil || len(invalid.Fields["title"]) != 1 {
		t.Fatal(err)
	}
	err = weft.Repo[Author](db).Create(ctx, &Author{Name: "Ada"})
	// snippet:conflict
	var conflict *weft.ConflictError
	if errors.As(err, &conflict) && conflict.Reason == "unique" {
		_ = conflict.Fields // ["name"]
	}
	// end:conflict
	if conflict == nil || conflict.Fields[0] != "name" {
		t.Fatal(err)
	}
	_, err = books.Find(ctx, "nope")
	// snippet:codes
	switch {
	case errors.Is(err, weft.ErrNotFound):
	case errors.Is(err, weft.ErrConflict):
	case errors.Is(err, weft.ErrTimeout): // also context.DeadlineExceeded
	}
	status := weft.CodeOf(err).HTTP() // 404
	// end:codes
	if status != 404 {
		t.Fatal(status)
	}
}
