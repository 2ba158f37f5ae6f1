package weft_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

// The typed columns of Book and Author, as weft generate writes them.
var (
	bookTitle   = weft.ColumnOf[weft.Text[string]]("Book", "title")
	bookPages   = weft.ColumnOf[weft.Number[int64]]("Book", "pages")
	bookPrice   = weft.ColumnOf[weft.Number[decimal.Decimal]]("Book", "price")
	bookInPrint = weft.ColumnOf[weft.Value[bool]]("Book", "inPrint")
	bookLang    = weft.ColumnOf[weft.Text[string]]("Book", "lang")
	bookOut     = weft.ColumnOf[weft.NullOrdered[time.Time]]("Book", "out")
	bookData    = weft.ColumnOf[weft.Doc[map[string]any]]("Book", "data")
	bookNotes   = weft.ColumnOf[weft.NullText[string]]("Book", "notes")
	authorName  = weft.ColumnOf[weft.Text[string]]("Author", "name")
	authorAge   = weft.ColumnOf[weft.NullNumber[int64]]("Author", "age")
)

const bookAuthor = "author"

// typedShelf is four books and a loose one.
func typedShelf(t *testing.T, db *weft.DB) *weft.Repository[Book] {
	t.Helper()
	books := shelf(t, db)
	must(t, weft.Repo[Author](db).Create(t.Context(), &Author{Name: "Ann"}))
	ann, err := weft.Repo[Author](db).First(t.Context())
	must(t, err)
	out := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	b := books.New()
	b.Title, b.Pages, b.InPrint, b.Out, b.AuthorID = "100% Ümlaut", 7, false, &out, ann.ID
	b.Notes = sql.NullString{String: "x", Valid: true}
	b.Data = map[string]any{"n": "deep", "at": map[string]any{"city": "Oslo"}}
	must(t, books.Create(t.Context(), b))
	return books
}

// Every typed comparison finds what the same one by name finds, and something.
func TestTypedConditions(t *testing.T) {
	day := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		books := typedShelf(t, db)
		for i, c := range []struct{ typed, named weft.Cond }{
			{bookTitle.Eq("T1"), weft.If("title", "=", "T1")},
			{bookTitle.Ne("T1"), weft.If("title", "!=", "T1")},
			{bookTitle.In("T1", "T2"), weft.If("title", "in", []string{"T1", "T2"})},
			{bookTitle.NotIn("T1", "T2"), weft.If("title", "not in", []string{"T1", "T2"})},
			{bookTitle.NotIn(), weft.If("title", "not in", []string{})},
			{bookTitle.Like("% ÜM"), weft.If("title", "like", "% üm")},
			{bookTitle.StartsWith("100%"), weft.If("title", "starts with", "100%")},
			{bookTitle.EndsWith("laut"), weft.If("title", "ends with", "laut")},
			{bookPages.Lt(4), weft.If("pages", "<", 4)},
			{bookPages.Le(4), weft.If("pages", "<=", 4)},
			{bookPages.Gt(4), weft.If("pages", ">", 4)},
			{bookPages.Ge(4), weft.If("pages", ">=", 4)},
			{bookPages.Between(2, 7), weft.If("pages", "between", []int{2, 7})},
			{bookPrice.Ge(decimal.RequireFromString("0.30")), weft.If("price", ">=", "0.3")},
			{bookInPrint.Eq(false), weft.If("inPrint", "=", false)},
			{bookOut.Eq(day), weft.If("out", "=", day)},
			{bookOut.Ne(day), weft.If("out", "!=", day)},
			{bookOut.IsNull(), weft.If("out", "is null", nil)},
			{bookOut.NotNull(), weft.If("out", "not null", nil)},
			{bookNotes.In("x", "y"), weft.If("notes", "in", []string{"x", "y"})},
			{bookData.At("at.city").Eq("Oslo"), weft.If("data.at.city", "=", "Oslo")},
			{bookData.At("n").Gt(1), weft.If("data.n", ">", 1)},
			{weft.And(bookPages.Gt(1), weft.Or(bookTitle.Eq("T2"), weft.Not(bookInPrint.Eq(true)))), weft.If("pages", "in", []int{4, 7})},
			{weft.Has(bookAuthor, authorName.Eq("Ann")), weft.Has("author", weft.If("name", "=", "Ann"))},
			{weft.Has(bookAuthor, weft.Has("books", bookPages.Eq(7))), weft.Has("author")},
			{weft.HasCount("genres", "=", 0, weft.If("name", "=", "x")), weft.Everything()},
		} {
			find := func(c weft.Cond) []string {
				list, err := weft.Pluck(t.Context(), books.Filter(c).Sort(bookPages.Desc()), bookTitle)
				must(t, err)
				return list
			}
			got, want := find(c.typed), find(c.named)
			if !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("condition %d: got %v, want %v", i, got, want)
			}
		}
		n, err := books.Filter(bookTitle.In()).Count(t.Context())
		must(t, err)
		equal(t, n, 0)
	})
}

func TestTypedSortPluckAndGroups(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := typedShelf(t, db)
		titles, err := weft.Pluck(ctx, books.Sort(bookOut.Desc(), bookPages.Desc()).Limit(2), bookTitle)
		must(t, err)
		equal(t, fmt.Sprint(titles), "[100% Ümlaut T3]")
		titles, err = weft.Pluck(ctx, books.Sort(bookData.At("at.city").Desc(), bookPages.Asc()).Limit(2), bookTitle)
		must(t, err)
		equal(t, fmt.Sprint(titles), "[100% Ümlaut T0]")
		notes, err := weft.Pluck(ctx, books.Sort(bookNotes.Desc()).Limit(2), bookNotes)
		must(t, err)
		equal(t, fmt.Sprint(notes), "[x ]")
		g := books.GroupBy(bookLang.Name()).Agg(weft.Sum(bookPages.Name(), "sum")).
			Having(bookLang.Ne("fr"), weft.If("sum", ">", 0)).Sort(bookLang.Desc())
		langs, err := weft.Pluck(ctx, g, bookLang)
		must(t, err)
		equal(t, fmt.Sprint(langs), "[en de]")
		sums, err := weft.Pluck(ctx, g, weft.Col[int64]("sum"))
		must(t, err)
		equal(t, fmt.Sprint(sums), "[17 7]")

		authors, err := weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) {
			r.Filter(bookPages.Gt(1)).Sort(bookTitle.Asc()).Select(bookTitle.Name()).
				WithQuery(bookAuthor, func(r *weft.Rel) { r.Filter(authorName.Eq("Ann")) })
		}).All(ctx)
		must(t, err)
		if len(authors) != 1 || len(authors[0].Books) != 1 || authors[0].Books[0].Author == nil {
			t.Fatalf("%+v", authors)
		}
	})
}

func TestTypedSet(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := typedShelf(t, db)
		b, err := books.Filter(bookOut.NotNull()).First(ctx)
		must(t, err)
		b, err = books.Update(ctx, b.ID, weft.Sets(
			bookTitle.Set("New"), bookPages.Inc(3), bookPrice.Set(decimal.New(5, 0)), bookOut.SetNull(), bookData.At("at.city").Set("Rome"),
		))
		must(t, err)
		city, _ := b.Data["at"].(map[string]any)
		if b.Title != "New" || b.Pages != 10 || b.Price.String() != "5" || b.Out != nil || city["city"] != "Rome" || b.Data["n"] != "deep" {
			t.Fatalf("%+v", b)
		}
		n, err := books.Filter(bookTitle.Eq("New")).Update(ctx, weft.Sets(
			bookPages.Dec(4), bookPrice.Dec(decimal.New(1, -1)), bookNotes.SetNull(), bookData.Set(nil),
		))
		must(t, err)
		equal(t, n, 1)
		list, err := books.Filter(bookTitle.Eq("New")).UpdateAll(ctx, weft.Sets(bookInPrint.Set(true)))
		must(t, err)
		if b := list[0]; b.Pages != 6 || b.Price.String() != "4.9" || b.Notes.Valid || !b.InPrint || len(b.Data) != 0 {
			t.Fatalf("%+v", b)
		}
		authors := weft.Repo[Author](db)
		a, err := authors.First(ctx)
		must(t, err)
		a, err = authors.Update(ctx, a.ID, weft.Sets(authorAge.Dec(2)).IfVersion(weft.VersionOf(a)))
		must(t, err)
		equal(t, *a.Age, -2)

		set := weft.Sets(bookTitle.Set("Other"))
		set["lang"] = "fr" // a Set like any other
		b, err = books.Update(ctx, b.ID, set)
		must(t, err)
		equal(t, b.Title+b.Lang, "Otherfr")
	})
}

// A column of another model is refused wherever it can be used, before anything
// runs, with the names of both models.
func TestTypedColumnOfAnotherModel(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books, authors := typedShelf(t, db), weft.Repo[Author](db)
		count := func(conds ...weft.Cond) error {
			_, err := books.Filter(conds...).Count(ctx)
			return err
		}
		rel := func(relation string, fn func(r *weft.Rel)) error {
			_, err := authors.WithQuery(relation, fn).All(ctx)
			return err
		}
		update := func(assigns ...weft.Assign) error {
			_, err := books.Filter(weft.Everything()).Update(ctx, weft.Sets(assigns...))
			return err
		}
		_, sorted := books.Sort(authorName.Asc()).All(ctx)
		_, plucked := weft.Pluck(ctx, books, authorName)
		_, having := weft.Into[map[string]any](ctx, books.GroupBy("lang").Having(authorName.Eq("x")))
		_, groups := weft.Into[map[string]any](ctx, books.GroupBy("lang").Sort(authorName.Asc()))
		_, group := weft.Pluck(ctx, books.GroupBy("lang"), authorName)
		_, one := books.Update(ctx, "x", weft.Sets(authorName.Set("x")))
		_, deleted := books.Filter(authorName.Eq("x")).Delete(ctx)
		for name, err := range map[string]error{
			"filter":           count(authorName.Eq("x")),
			"not":              count(weft.Not(authorName.Eq("x"))),
			"deep":             count(weft.Or(weft.If("pages", "=", 1), weft.And(weft.If("pages", "=", 1), authorName.Eq("x")))),
			"mixed":            count(weft.Or(bookPages.Eq(1), authorName.Eq("x"))),
			"second":           count(bookPages.Eq(1), authorName.Eq("x")),
			"has":              count(weft.Has("author", bookPages.Eq(1))),
			"has in has":       count(weft.Has("author", weft.Has("books", authorName.Eq("x")))),
			"has beside":       count(weft.And(weft.Has("author", authorName.Eq("x")), weft.Has("author", bookPages.Eq(1)))),
			"has mixed":        count(weft.Has("author", authorName.Eq("x"), bookPages.Eq(1))),
			"count":            count(weft.HasCount("author", "=", 1, bookPages.Eq(1))),
			"path":             count(weft.ColumnOf[weft.Doc[any]]("Author", "data").At("x").Eq(1)),
			"relation":         rel("books", func(r *weft.Rel) { r.Filter(authorName.Eq("x")) }),
			"relation sort":    rel("books", func(r *weft.Rel) { r.Sort(authorName.Asc()) }),
			"relation mixed":   rel("books", func(r *weft.Rel) { r.Filter(bookPages.Eq(1)).Sort(authorName.Asc()) }),
			"relation deep":    rel("books", func(r *weft.Rel) { r.WithQuery("author", func(r *weft.Rel) { r.Filter(bookPages.Eq(1)) }) }),
			"relation has":     rel("books", func(r *weft.Rel) { r.Filter(weft.Has("author", bookPages.Eq(1))) }),
			"relation by path": rel("books.author", func(r *weft.Rel) { r.Filter(bookPages.Eq(1)) }),
			"set":              update(authorName.Set("x")),
			"set beside":       update(bookPages.Set(1), authorAge.SetNull()),
			"inc":              update(authorAge.Inc(1)),
			"sort":             sorted, "pluck": plucked, "having": having, "groups": groups, "group": group, "one": one, "delete": deleted,
		} {
			t.Run(name, func(t *testing.T) {
				is(t, err, weft.ErrValidation)
				says(t, err, "Book", "Author")
			})
		}
		says(t, count(authorName.Eq("x")), "Book: name is a column of Author, and these are rows of Book")
		says(t, count(weft.Or(bookPages.Eq(1), authorName.Eq("x"))),
			"pages is a column of Book and name one of Author; a condition is about the rows of one model, and weft.Has about related rows")
		n, err := books.Count(ctx)
		must(t, err)
		equal(t, n, 5)
	})
}

func TestTypedMisuse(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := typedShelf(t, db)
		var zero weft.Text[string]
		_, err := books.Filter(zero.Eq("x")).All(ctx)
		says(t, err, "Book: the empty name is not a field")
		_, err = books.Sort(zero.Asc()).All(ctx)
		says(t, err, "the empty name is not a field")
		_, err = weft.Pluck(ctx, books, zero)
		says(t, err, "the column has no name")
		_, err = weft.Pluck[Book, string](ctx, books, nil)
		says(t, err, "the column has no name")
		_, err = weft.Pluck(ctx, (*weft.Repository[Book])(nil), bookTitle)
		says(t, err, "weft.Repo makes one")
		q := books.Filter(weft.Everything())
		_, err = q.Update(ctx, weft.Sets())
		says(t, err, "nothing is set")
		_, err = q.Update(ctx, weft.Sets(weft.Assign{}))
		says(t, err, "the empty name is not a field")
		_, err = q.Update(ctx, weft.Sets(bookPages.Set(1), bookPages.Set(2)))
		says(t, err, "Book: pages is set twice in one update")
		_, err = q.Update(ctx, weft.Sets(bookTitle.Set("x"), authorName.Set("x"), weft.ColumnOf[weft.Text[string]]("Author", "title").Set("y")))
		says(t, err, "is a column of Author")
		_, err = q.Update(ctx, weft.Sets(weft.ColumnOf[weft.NullText[string]]("Book", "lang").SetNull()))
		says(t, err, "lang must not be null")
		_, err = books.Filter(weft.Has("nope", authorName.Eq("x"))).All(ctx)
		says(t, err, "nope is not a relation")
		_, err = books.Filter(weft.ColumnOf[weft.Text[string]]("Book", "tilte").Eq("x")).All(ctx)
		says(t, err, "did you mean title?")
		var none *weft.Query[Book]
		_, err = none.Filter(bookTitle.Eq("x")).Sort(bookTitle.Asc()).All(ctx)
		says(t, err, "weft.Repo makes one")
	})
}

// Dec of the smallest integer does not wrap around.
func TestTypedDecOfTheSmallest(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		books := typedShelf(t, db)
		_, err := books.Filter(bookTitle.Eq("T1")).Update(t.Context(), weft.Sets(bookPages.Dec(-1<<63)))
		is(t, err, weft.ErrValidation)
		n, err := books.Filter(bookPages.Lt(0)).Count(t.Context())
		must(t, err)
		equal(t, n, 0)
	})
}
