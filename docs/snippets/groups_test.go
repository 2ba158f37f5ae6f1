package snippets

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

func TestNumbers(t *testing.T) {
	db, ctx := open(t), t.Context()
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

	// snippet:group-names
	type best struct {
		AuthorID string
		Sold     int64
	}
	list, err := weft.Into[best](ctx, books.GroupBy("authorId").Agg(weft.Sum("sold", "sold")).OrderBy("sold", weft.Desc).Limit(3))
	ids := make([]string, len(list))
	for i, b := range list {
		ids[i] = b.AuthorID
	}
	named, err := weft.Repo[Author](db).WhereIn("id", ids).All(ctx) // two queries, however many groups
	// end:group-names
	must(t, err)
	same(t, named[0].ID, a.ID)

	// snippet:parts
	raw, err := weft.Into[map[string]any](ctx, books.Select("title", "price").OrderBy("title", weft.Asc))
	years, err := weft.Into[string](ctx, books.Select("title").Distinct().OrderBy("title", weft.Asc)) // of one field
	// end:parts
	must(t, err)
	same(t, len(raw), 3)
	same(t, years[0], "One")
}
