package snippets

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

func TestNumbers(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	a, _ := fill(t, db)
	books := weft.Repo[Book](db)
	// snippet:numbers
	sum, err := books.Sum(ctx, "price")                        // weft.Num
	avg, err := books.Where("sold", ">", 0).Avg(ctx, "sold")   // NULL when there is nothing to average
	most, err := books.Max(ctx, "sold")                        // and Min
	total := sum.Decimal().Add(decimal.RequireFromString("1")) // also Int64, Float64, String, IsNull
	// end:numbers
	must(t, err)
	same(t, total.String(), "4")
	same(t, avg.Int64(), 15)
	same(t, most.Int64(), 20)

	// snippet:one-group
	type totals struct {
		Books int64
		Sold  int64
		Least int64
	}
	all, err := weft.Into[totals](ctx, books.GroupBy().
		Agg(weft.Count("books"), weft.Sum("sold", "sold"), weft.Min("sold", "least"))) // one row
	// end:one-group
	must(t, err)
	same(t, all[0], totals{3, 30, 0})

	// snippet:group-maps
	rows, err := weft.Into[map[string]any](ctx, books.GroupBy("inPrint", "authorId").Agg(weft.CountDistinct("title", "titles")))
	// rows[0]["titles"] is an int64
	// end:group-maps
	must(t, err)
	same(t, rows[0]["titles"].(int64), 3)

	// snippet:group-columns
	type revenue struct {
		AuthorName   string
		ReleasedYear *int
		Sold         int64
	}
	list, err := weft.Into[revenue](ctx, books.GroupBy("author.name", "released.year").Agg(weft.Sum("sold", "sold")).
		OrderBy("sold", weft.Desc).Limit(3)) // one query
	// end:group-columns
	must(t, err)
	same(t, list[0].AuthorName, a.Name)

	// snippet:row-columns
	type shelved struct {
		Title  string
		Author string `weft:"column=author.name"`
	}
	shelf, err := weft.Into[shelved](ctx, books.OrderBy("author.name", weft.Asc).OrderBy("title", weft.Asc))
	// end:row-columns
	must(t, err)
	same(t, shelf[0].Author, a.Name)

	// snippet:parts
	raw, err := weft.Into[map[string]any](ctx, books.Select("title", "price").OrderBy("title", weft.Asc))
	years, err := weft.Into[string](ctx, books.Select("title").Distinct().OrderBy("title", weft.Asc)) // of one field
	// end:parts
	must(t, err)
	same(t, len(raw), 3)
	same(t, years[0], "One")
}
