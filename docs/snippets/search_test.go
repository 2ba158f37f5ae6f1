package snippets

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:search-model
type Product struct {
	weft.Model
	Title string `weft:"search"`
	Text  string `weft:"search,type=text"`
	Price int64
}

// end:search-model

func TestSearch(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "search.db")), weft.Models(Product{}), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	products := weft.Repo[Product](db)
	must(t, products.CreateMany(ctx, []*Product{
		{Title: "Red shoes", Text: "Made of leather.", Price: 90},
		{Title: "Blue shoes", Text: "With red laces.", Price: 40},
		{Title: "Hat", Text: "Red, red, red. To be worn with shoes, or without. To be worn with boots.", Price: 20},
	}))
	input := `red sho*"`

	// snippet:search
	list, err := products.Filter(weft.Match("red shoes")).All(ctx)                        // both words, in any of the two fields
	titled, err := products.Filter(weft.Match("red shoes", "title")).All(ctx)             // in the title
	begun, err := products.Filter(weft.Match("sho*"), weft.If("price", "<", 50)).All(ctx) // words that begin with sho
	phrase, err := products.Filter(weft.Match(`"worn with"`)).All(ctx)                    // side by side, in this order
	others, err := products.Filter(weft.Not(weft.Match(input))).Count(ctx)                // whatever somebody typed
	// end:search
	must(t, err)
	equal(t, names(list), "Red shoes|Blue shoes|Hat")
	equal(t, names(titled), "Red shoes")
	equal(t, names(begun), "Blue shoes|Hat")
	equal(t, names(phrase), "Hat")
	equal(t, others, int64(0))

	// snippet:search-rank
	page, err := products.Filter(weft.Match("red shoes")).Sort(weft.ByRank()).Limit(20).Offset(0).WithTotal().Page(ctx)
	// end:search-rank
	must(t, err)
	equal(t, names(page.Data), "Red shoes|Blue shoes|Hat")
	equal(t, *page.Total, int64(3))

	// snippet:search-plan
	plan, err := products.Filter(weft.Match("red")).Explain(ctx)
	// end:search-plan
	must(t, err)
	if !strings.Contains(plan.String(), "weft_search_products_words") || len(plan.Scan) > 0 {
		t.Errorf("the plan is %s", plan)
	}
}

func names(list []*Product) string {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprint(p.Title))
	}
	return strings.Join(out, "|")
}

func equal[V comparable](t *testing.T, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
